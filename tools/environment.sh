#!/bin/sh
# Makes an environment and installs the lock file of one requirements file into it, every file by its hash; does nothing
# when that was done before.
# usage: sh tools/environment.sh requirements.txt [folder]
set -eu

wanted=$1
venv=${2:-.venv}
say() { printf '%s\n' "$1" >&2; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# An environment whose interpreter was upgraded away cannot be mended, only made again.
if [ -e "$venv" ] && ! new_enough "$venv/bin/python"; then
    rm -rf "$venv"
fi

if [ ! -e "$venv" ]; then
    found=
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if new_enough "$python"; then
            found=$python
            break
        fi
    done
    if [ -z "$found" ]; then
        have=$(${PYTHON:-python3} --version 2>/dev/null) || have="no python3"
        say "Rung needs Python 3.11 or newer, and found $have."
        exit 1
    fi
    if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
        say "This Python cannot make virtual environments yet: install its venv package (on Debian and Ubuntu: sudo apt-get install python3-venv) and try again."
        exit 1
    fi
    if ! "$found" -m venv "$venv"; then
        rm -rf "$venv"
        say "The folder $venv could not be made: is this folder writable, and is there space on the disk?"
        exit 1
    fi
fi

# The stamp is a copy of what was installed, so a changed file is noticed and a touched one is not.
lock=${wanted%.txt}.lock
stamp=$venv/.installed-$lock
if cmp -s "$lock" "$stamp"; then
    exit 0
fi
say "Installing what $lock lists into $venv (once; it takes about a minute)."
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock"; then
    say "Installing failed: the lines above say why. Rung needs the internet for this one step."
    exit 1
fi
cp "$lock" "$stamp"
