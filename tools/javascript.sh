#!/bin/sh
# The tools that check the scripts: installed into node_modules once per lock file, run by `make check` and `make test`.
# usage: sh tools/javascript.sh install | check | test | format
# A machine without Node says that they were skipped; where CI=true they must run.
set -eu

say() { printf '%s\n' "$1" >&2; }

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    [ "${CI:-}" != true ] || { say "CI checks the scripts: install Node 18 or newer and npm."; exit 1; }
    [ "$1" = install ] || say "Skipped: the scripts' ${1}, for want of Node 18 or newer and npm."
    exit 0
fi

# The stamp is a copy of the lock file, so a changed one is noticed and a touched one is not.
stamp=node_modules/.installed
if ! cmp -s package-lock.json "$stamp"; then
    say "Installing what package-lock.json lists into node_modules (once)."
    npm ci --silent || { say "Installing failed: npm needs the internet for this one step."; exit 1; }
    cp package-lock.json "$stamp"
fi

biome=node_modules/.bin/biome
case $1 in
install) ;;
format) $biome check --write --log-level=warn ;;
check)
    $biome check --error-on-warnings
    for project in pure pages worker; do node_modules/.bin/tsc --project "tools/types/$project.json"; done
    ;;
test) node --test tests/js/*.test.js ;;
*)
    say "usage: sh tools/javascript.sh install | check | test | format"
    exit 2
    ;;
esac
