"""Every route of the application, walked as nobody and as another client. A route that is not listed fails."""

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from erp.storage.db import Base, Sessions
from tests.web.arrange import HTMX, a_ladder, a_pause, a_plan, an_exposure
from tests.web.conftest import Phone

# Open to everybody, signed in or not.
PUBLIC = {
    "GET /",
    "GET /about",
    "GET /healthz",
    "GET /manifest.webmanifest",
    "GET /offline",
    "GET /readyz",
    "GET POST /recover",
    "GET POST /sign-in",
    "POST /sign-out",
    "GET POST /sign-up",
    "GET /sw.js",
}
# Only for who is signed in, and about nobody else: the address names nothing that belongs to somebody.
OWN = {
    "GET /account",
    "GET /account/codes",
    "POST /account/codes",
    "POST /account/codes/download",
    "POST /account/codes/saved",
    "POST /account/details",
    "POST /account/password",
    "POST /account/sign-out-everywhere",
    "POST /account/zone",
    "GET /calendar",
    "GET /calendar/<int:year>",
    "GET /calendar/<int:year>/<int:month>",
    "GET /calendar/days/<day>",
    "POST /events",
    "GET /ladder",
    "GET /ladder/archived",
    "GET POST /ladder/new",
    "GET POST /plan",
    "POST /plan/pauses",
    "POST /plan/upcoming/end",
    "GET /practice",
    "GET /today",
}
# Only for the client whose fear, step, exposure or pause the address names; 404 to everybody else.
OF_ONE_CLIENT = {
    "GET /exposures/<uuid:exposure_id>",
    "GET /exposures/<uuid:exposure_id>/record",
    "GET /exposures/<uuid:exposure_id>/summary",
    "GET /ladder/<uuid:fear_id>",
    "POST /ladder/<uuid:fear_id>/archived",
    "GET POST /ladder/<uuid:fear_id>/edit",
    "GET POST /ladder/<uuid:fear_id>/list",
    "GET POST /ladder/<uuid:fear_id>/new",
    "GET POST /ladder/<uuid:fear_id>/rate",
    "POST /plan/pauses/<uuid:pause_id>/end",
    "GET /steps/<uuid:step_id>",
    "POST /steps/<uuid:step_id>/archived",
    "GET POST /steps/<uuid:step_id>/edit",
    "POST /steps/<uuid:step_id>/mastered",
    "GET /steps/<uuid:step_id>/practice",
    "GET /steps/<uuid:step_id>/smaller",
    "GET POST /steps/<uuid:step_id>/split",
}
SAFE = {"GET", "HEAD", "OPTIONS"}


def name_of(rule: Rule) -> str:
    """A route as the lists above write it: its methods and its address."""
    return " ".join([*sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}), rule.rule])


@pytest.fixture
def ids(sessions: Sessions, client: Phone) -> dict[str, object]:
    """Real ids of the first client for everything that an address can name."""
    ladder = a_ladder(sessions, client, "private fear", [("private step", 40), ("private goal", 90)])
    a_plan(sessions, client)
    return {
        "fear_id": ladder.fear,
        "step_id": ladder.steps[1],
        "exposure_id": an_exposure(sessions, client, ladder.steps[0], noted={"note": "private note"}),
        "pause_id": a_pause(sessions, client, 1, 3),
        "year": 2026,
        "month": 11,
        "day": date(2026, 11, 20).isoformat(),
    }


def requests_of(app: Flask, ids: dict[str, object]) -> list[tuple[Rule, str, str]]:
    """Every (rule, method, path) there is, with the first client's ids."""
    found = []
    for rule in app.url_map.iter_rules():
        built = rule.build({name: ids[name] for name in rule.arguments})
        assert built
        found += [(rule, method, built[1]) for method in name_of(rule).split()[:-1]]
    return found


def everything(database: Session) -> dict[str, list[object]]:
    database.rollback()
    tables = Base.metadata.sorted_tables
    return {table.name: sorted(map(repr, database.execute(select(table)))) for table in tables}


def test_every_route_has_been_thought_about(app: Flask):
    classes = (PUBLIC, OWN, OF_ONE_CLIENT)
    listed = set().union(*classes)
    assert sum(map(len, classes)) == len(listed), "a route stands in two lists"
    routes = {name_of(rule) for rule in app.url_map.iter_rules()}
    assert routes - listed == set(), "new routes: say in this file who may use them, and test it"
    assert listed - routes == set(), "these routes are gone"


def test_what_names_somebodys_thing_is_listed_so(app: Flask):
    for rule in app.url_map.iter_rules():
        named = any(argument.endswith("_id") for argument in rule.arguments)
        assert named == (name_of(rule) in OF_ONE_CLIENT), rule


def test_nobody_gets_in_anywhere_but_where_everybody_may(
    app: Flask, nobody: Phone, ids: dict[str, object], database: Session
):
    before = everything(database)
    for rule, method, path in requests_of(app, ids):
        if name_of(rule) in PUBLIC:
            continue
        plain = nobody.open(path, method=method)
        assert (plain.status_code, (plain.location or "").partition("?")[0]) == (303, "/sign-in"), (method, path)
        by_htmx = nobody.open(path, method=method, headers=HTMX)
        assert (by_htmx.status_code, by_htmx.headers["HX-Redirect"]) == (401, "/sign-in"), (method, path)
        as_json = nobody.open(path, method=method, headers={"Accept": "application/json"})
        assert (as_json.status_code, as_json.data) == (401, b"{}"), (method, path)
        assert nobody.open(path, method="HEAD").status_code in (303, 405), path
        for answer in (plain, by_htmx, as_json):
            assert "private" not in answer.text
    assert everything(database) == before


def test_the_open_routes_tell_nothing_about_anybody(app: Flask, nobody: Phone, other: Phone, ids: dict[str, object]):
    for rule, method, path in requests_of(app, ids):
        if name_of(rule) in PUBLIC:
            for phone in (nobody, other):
                answer = phone.open(path, method=method)
                assert answer.status_code < 500
                assert "private" not in answer.text.replace("nothing private", ""), path


def test_another_client_finds_nothing_behind_the_first_ones_addresses(
    app: Flask, other: Phone, ids: dict[str, object], database: Session
):
    data = {f"suds-{ids['step_id']}": "1", "name": "taken", "title": "taken", "suds": "1", "archived": "1"}
    data |= {"mastered": "1", "planned_minutes": "5", "check_in_minutes": "5", "stopping_rule": "time"}
    before = everything(database)
    walked = 0
    for rule, method, path in requests_of(app, ids):
        if name_of(rule) not in OF_ONE_CLIENT:
            continue
        walked += 1
        for headers in ({}, HTMX):
            answer = other.open(path, method=method, headers=headers, data=data if method == "POST" else None)
            assert answer.status_code == 404, (method, path)
            assert "private" not in answer.text
            assert not answer.headers.get("HX-Redirect")
    assert walked > 20
    assert everything(database) == before


def test_another_client_sees_only_their_own_where_the_address_names_nothing(
    app: Flask, other: Phone, ids: dict[str, object]
):
    for rule, method, path in requests_of(app, ids):
        if name_of(rule) in OWN and method in SAFE:
            answer = other.get(path)
            assert answer.status_code in (200, 302), path
            assert "private step" not in answer.text
            assert "private fear" not in answer.text
            assert "private note" not in answer.text


def test_no_read_changes_anything(app: Flask, client: Phone, ids: dict[str, object], database: Session):
    before = everything(database)
    for rule, method, path in requests_of(app, ids):
        if method in SAFE:
            answer = client.get(path)
            assert answer.status_code in (200, 302), path
            assert client.head(path).status_code == answer.status_code, rule
            assert client.head(path, data={"name": "x", "minutes": "5"}).status_code == answer.status_code, rule
    assert everything(database) == before


def test_no_address_can_be_guessed(ids: dict[str, object]):
    for name in ("fear_id", "step_id", "exposure_id", "pause_id"):
        assert getattr(ids[name], "version", None) in (4, 7), name
