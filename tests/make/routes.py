"""Every address that the application has, to be walked."""

from flask import Flask
from werkzeug.routing import Rule


def name_of(rule: Rule) -> str:
    """A route as the lists above write it: its methods and its address."""
    return " ".join([*sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}), rule.rule])


def requests_of(app: Flask, ids: dict[str, object]) -> list[tuple[Rule, str, str]]:
    """Every (rule, method, path) there is, with the first client's ids."""
    found = []
    for rule in app.url_map.iter_rules():
        built = rule.build({name: ids[name] for name in rule.arguments})
        assert built
        found += [(rule, method, built[1]) for method in name_of(rule).split()[:-1]]
    return found


def found_by_check(app: Flask) -> list[str]:
    """What `flask check` finds wrong in the application's database, a line each."""
    answer = app.test_cli_runner().invoke(args=["check"])
    return [] if answer.exit_code == 0 else answer.output.splitlines()
