"""Every route of the application, walked as nobody, as another client and as coaches. One that is not listed fails."""

import re
import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain.notification import kinds
from erp.domain.support import relation as relations
from erp.storage.db import Sessions
from erp.storage.support import Support
from erp.storage.tables import Base
from tests.make.clock import NOW
from tests.make.pages import HTMX, an_exposure
from tests.make.routes import name_of, requests_of
from tests.web.conftest import Phone


def views(line: str) -> list[str]:
    """The routes of a form, which is shown by one view and taken by another."""
    *methods, path = line.split()
    return [f"{method} {path}" for method in methods]


# Open to everybody, signed in or not.
PUBLIC = {
    "GET /",
    "GET /about",
    "GET /healthz",
    "GET /invitations/<token>",
    "GET /manifest.webmanifest",
    "GET /offline",
    "GET /readyz",
    *views("GET POST /recover"),
    *views("GET POST /sign-in"),
    "POST /sign-out",
    *views("GET POST /sign-up"),
    "GET /sw.js",
}
# Only for who is signed in, and about nobody else: the address names nothing that belongs to somebody.
OWN = {
    "GET /account",
    "GET /account/codes",
    "POST /account/codes",
    "POST /account/codes/download",
    "POST /account/codes/saved",
    "GET /account/former-keys",
    "GET /account/leaving",
    "GET /account/sign-ins",
    "POST /account/details",
    "POST /account/password",
    "POST /account/sign-out-everywhere",
    "POST /account/zone",
    "GET /calendar",
    "GET /calendar/<int:year>",
    "GET /calendar/<int:year>/<int:month>",
    "GET /calendar/days/<day>",
    "POST /devices",
    "POST /events",
    "GET /kit",
    "GET /ladder",
    "GET /ladder/archived",
    *views("GET POST /ladder/new"),
    *views("GET POST /notifications"),
    "GET /people",
    "POST /people/invitations",
    "GET /people/invite",
    "GET /people/learn",
    *views("GET POST /plan"),
    "POST /plan/pauses",
    "POST /plan/upcoming/end",
    "GET /practice",
    "GET /today",
    "GET /today/date",
}
# For whoever was given the link and is signed in.
OF_THE_INVITED = {"POST /invitations/<token>"}
# Only for the person whose fear, step, exposure, pause, invitation, supporter, cheer or device the address names; 404
# to everybody else, their coaches included.
OF_ONE_CLIENT = {
    "POST /account/sign-ins/<uuid:sign_in_id>/end",
    "POST /cheers/<uuid:cheer_id>/heart",
    "GET /devices/<uuid:device_id>",
    "POST /devices/<uuid:device_id>/name",
    "POST /devices/<uuid:device_id>/remove",
    "POST /devices/<uuid:device_id>/test",
    "GET /exposures/<uuid:exposure_id>",
    "POST /exposures/<uuid:exposure_id>/away",
    "GET /exposures/<uuid:exposure_id>/record",
    "GET /exposures/<uuid:exposure_id>/summary",
    "GET /ladder/<uuid:fear_id>",
    "POST /ladder/<uuid:fear_id>/archived",
    *views("GET POST /ladder/<uuid:fear_id>/edit"),
    *views("GET POST /ladder/<uuid:fear_id>/list"),
    *views("GET POST /ladder/<uuid:fear_id>/new"),
    *views("GET POST /ladder/<uuid:fear_id>/rate"),
    "POST /people/invitations/<uuid:invitation_id>/withdraw",
    "POST /plan/pauses/<uuid:pause_id>/end",
    "POST /plan/pauses/<uuid:pause_id>/take-back",
    "GET /steps/<uuid:step_id>",
    "POST /steps/<uuid:step_id>/archived",
    *views("GET POST /steps/<uuid:step_id>/edit"),
    "POST /steps/<uuid:step_id>/mastered",
    "GET /steps/<uuid:step_id>/practice",
    "GET /steps/<uuid:step_id>/smaller",
    *views("GET POST /steps/<uuid:step_id>/split"),
    *views("GET POST /supporters/<uuid:support_id>"),
    "POST /supporters/<uuid:support_id>/end",
}
# Only for the supporter in the relation that the address names; 404 to everybody else, the client included.
OF_ONE_SUPPORTER = {
    "GET /people/<uuid:support_id>",
    "GET /people/<uuid:support_id>/card",
    "POST /people/<uuid:support_id>/cheers",
    "POST /people/<uuid:support_id>/leave",
    "POST /people/<uuid:support_id>/pings",
}
# What the client of these tests has: each thing as it would stand on a page, by the switch that shows it.
SHOWN_BY = {
    "titles": ("private step", "private running step"),
    "suds": ("61", "62", "63", "64"),
    "notes": ("private note", "private learning"),
}
# What no switch shows.
NEVER = ("private fear", "private goal", "private prediction", "private response", "private details")
SAFE = {"GET", "HEAD", "OPTIONS"}


def everything(database: Session) -> dict[str, list[object]]:
    database.rollback()
    tables = Base.metadata.sorted_tables
    return {table.name: sorted(map(repr, database.execute(select(table)))) for table in tables}


def test_every_route_has_been_thought_about(app: Flask):
    classes = (PUBLIC, OWN, OF_THE_INVITED, OF_ONE_CLIENT, OF_ONE_SUPPORTER)
    listed = set().union(*classes)
    assert sum(map(len, classes)) == len(listed), "a route stands in two lists"
    routes = {name_of(rule) for rule in app.url_map.iter_rules()}
    assert routes - listed == set(), "new routes: say in this file who may use them, and test it"
    assert listed - routes == set(), "these routes are gone"


def test_what_names_somebodys_thing_is_listed_so(app: Flask):
    for rule in app.url_map.iter_rules():
        named = any(argument.endswith("_id") for argument in rule.arguments)
        assert named == (name_of(rule) in OF_ONE_CLIENT | OF_ONE_SUPPORTER), rule


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
        # An invitation may be read by whoever has its link.
        open_to_read = name_of(rule) in OF_THE_INVITED
        assert open_to_read or nobody.open(path, method="HEAD").status_code in (303, 405), path
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
    data |= {"contact": "none", "phrase": "hard"}
    before = everything(database)
    walked = 0
    for rule, method, path in requests_of(app, ids):
        if name_of(rule) not in OF_ONE_CLIENT | OF_ONE_SUPPORTER:
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
            assert "private " not in answer.text, path


def test_no_read_changes_anything(app: Flask, client: Phone, coach: Phone, ids: dict[str, object], database: Session):
    before = everything(database)
    for rule, method, path in requests_of(app, ids):
        if method in SAFE:
            phone = coach if name_of(rule) in OF_ONE_SUPPORTER else client
            answer = phone.get(path)
            assert answer.status_code in (200, 302, 303), path
            assert phone.head(path).status_code == answer.status_code, rule
            assert phone.head(path, data={"name": "x", "minutes": "5"}).status_code == answer.status_code, rule
    assert everything(database) == before


def test_no_address_can_be_guessed(ids: dict[str, object]):
    for name, value in ids.items():
        assert not name.endswith("_id") or getattr(value, "version", None) in (4, 7), name


# Coaches: what each may see of the first client, wherever they look.


def share(sessions: Sessions, ids: dict[str, object], *shared: str) -> None:
    with sessions.writing() as session:
        support = session.get_one(Support, ids["support_id"])
        relations.share(support, {"contact": "every", "told": kinds.PINGS} | dict.fromkeys(shared, "1"))
        session.commit()


def told(html: str) -> str:
    """What a page says to somebody: no addresses, no ids, no drawings, whose numbers mean nothing."""
    left = re.sub(r"<script.*?</script>|<link[^>]*>", " ", html, flags=re.DOTALL)
    left = re.sub(
        r'\b(href|src|action|id|for|hx-[a-z-]+|data-[a-z-]+|d|points|viewBox|c[xy]|[xy]|r)="[^"]*"', " ", left
    )
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", " ", left)


def seen_by(app: Flask, coach: Phone, ids: dict[str, object]) -> str:
    """All that a coach is told, of every address that there is, with the first client's ids."""
    seen = []
    for _rule, method, path in requests_of(app, ids):
        if method in SAFE:
            seen += [told(coach.get(path, headers=headers).text) for headers in ({}, HTMX)]
    seen.append(told(coach.get(f"/people/{ids['support_id']}/card?alone=1", headers=HTMX).text))
    # What is said after a cheer, and when it is refused.
    path = f"/people/{ids['support_id']}/cheers"
    for place in ("card", "phrases", "own"):
        for text in ("", "hard"):
            for headers in ({}, HTMX):
                data = {"place": place, "phrase": text}
                seen.append(told(coach.post(path, data=data, headers=headers, follow_redirects=True).text))
    return "\n".join(seen)


def stands(word: str, text: str) -> bool:
    return re.search(rf"\b{word}\b", text) is not None


@pytest.mark.parametrize(
    ("shared", "running"),
    [
        ((), False),
        (("titles",), False),
        (("suds",), False),
        (("notes",), False),
        (("titles", "suds", "notes"), False),
        ((), True),
        (("titles", "suds", "notes"), True),
    ],
)
def test_a_coach_sees_what_is_switched_on_and_nothing_else_anywhere(
    app: Flask,
    client: Phone,
    coach: Phone,
    ids: dict[str, object],
    sessions: Sessions,
    shared: tuple[str, ...],
    running: bool,
):
    share(sessions, ids, *shared)
    if running:
        begun = NOW - timedelta(minutes=3)
        step = uuid.UUID(str(ids["step_id"]))
        words = {"prediction": "private prediction", "response": "private response"}
        an_exposure(sessions, client, step, begun, seconds=None, expected_suds=63, **words)
    seen = seen_by(app, coach, ids)
    assert "private cheer" in seen, "what the coach sent"
    for switch, words in SHOWN_BY.items():
        shown = [word for word in words if stands(word, seen)]
        assert bool(shown) == (switch in shared and not (running and switch == "notes")), (switch, shown)
    assert [word for word in NEVER if stands(word, seen)] == []
    assert not stands("77", seen)


def test_a_coach_sees_the_step_that_is_practised_now_only_with_the_titles(
    app: Flask, client: Phone, coach: Phone, ids: dict[str, object], sessions: Sessions
):
    an_exposure(sessions, client, uuid.UUID(str(ids["step_id"])), seconds=None)
    assert "private running step" not in seen_by(app, coach, ids)
    share(sessions, ids, "titles")
    assert "private running step" in seen_by(app, coach, ids)


def test_a_coach_can_do_nothing_on_the_clients_side(
    app: Flask, coach: Phone, ids: dict[str, object], sessions: Sessions, database: Session
):
    share(sessions, ids, "titles", "suds", "notes")
    before = everything(database)
    for rule, method, path in requests_of(app, ids):
        if name_of(rule) in OF_ONE_CLIENT:
            for headers in ({}, HTMX, {"Accept": "application/json"}):
                data = {"name": "x", "title": "x", "suds": "1", "contact": "none"} if method == "POST" else None
                answer = coach.open(path, method=method, headers=headers, data=data)
                assert answer.status_code == 404, (method, path)
                assert "private" not in answer.text
    assert everything(database) == before


@pytest.mark.parametrize("by", ["client", "coach"])
def test_a_coach_whose_time_has_ended_finds_nothing_any_more(
    app: Flask, client: Phone, coach: Phone, ids: dict[str, object], sessions: Sessions, by: str, database: Session
):
    share(sessions, ids, "titles", "suds", "notes")
    if by == "client":
        client.post(f"/supporters/{ids['support_id']}/end")
    else:
        coach.post(f"/people/{ids['support_id']}/leave")
    before = everything(database)
    for rule, method, path in requests_of(app, ids):
        name = name_of(rule)
        if name in OF_ONE_CLIENT | OF_ONE_SUPPORTER:
            for headers in ({}, HTMX, {"Accept": "application/json"}):
                answer = coach.open(path, method=method, headers=headers, data={"phrase": "hard"})
                assert answer.status_code == 404, (method, path)
        elif method in SAFE and name in OWN:
            answer = coach.get(path)
            assert "private " not in answer.text, path
            assert "Robin" not in answer.text, path
    assert everything(database) == before
