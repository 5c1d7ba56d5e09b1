"""Every form and every JSON route, with what hypothesis thinks of: no error of ours, and a database that holds."""

import json
import os
import re
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from erp.domain.exposure.event import EventKind
from erp.services import provide, services_of
from tests.make.clock import NOW
from tests.make.examples import examples
from tests.make.pages import HTMX, batch
from tests.make.routes import found_by_check, name_of
from tests.web.conftest import PASSWORD, Phone

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"
# What each field holds where somebody means well; every other field holds a text.
GROUPS: dict[str, list[str]] = {
    "suds expected_suds likelihood tested": ["0", "40", "100"],
    "minutes planned_minutes check_in_minutes days_per_week own_minutes": ["1", "5", "20"],
    # Two ids for all forms: many are sent again, as another form or with other words.
    "form_id": ["01930000-0000-7000-8000-00000000000a", "01930000-0000-7000-8000-00000000000b"],
    "first_day last_day starts_on opened_on": [str(NOW.date()), "2026-11-20", "0001-01-01", "9999-12-31"],
    "quiet_from quiet_until": ["21:00", "00:00", "23:59:59.999999", "24:00"],
    "archived mastered anyway sound vibration discreet away": ["", "1", "0"],
    "titles notes alone welcome saved sent ended withdrawn": ["", "1"],
    "told wanted": ["started", "finished", "goal", "milestone"],
    "contact": ["every", "finished", "weekly", "none"],
    "current": [PASSWORD],
    "email": ["robin@example.org", "new@example.org", "a@b\u3002c", "@", "a@" + "b" * 64 + ".c", "xn--@xn--.xn--"],
    "kind": ["per_week", "weekdays", *EventKind],
    "next": ["/plan", "//x", "/invitations/x", "http://["],
    "outcome": ["no", "partly", "yes"],
    "password": [PASSWORD, "when the rain stops"],
    "phrase": ["hard", "proud"],
    "place": ["card", "phrases", "own"],
    "stopping_rule": ["time", "halved", "tested"],
    "time_zone": ["Europe/Lisbon", "UTC", "Pacific/Kiritimati", "../etc", "localtime", "\x00", "a" * 300],
    "weekdays": ["0", "3", "6", "7", "-1"],
    "zone": ["Europe/Lisbon", "Mars/Base", ""],
    "at": [NOW.isoformat(), "2026-11-18T11:59:00Z", "2026-11-18"],
    "code codes details display_name first learning name note prediction response text title via": ["a dog", "Ann"],
    "title-0 title-1 title-x": ["a small dog"],
    "suds-0 suds-1": ["0", "30"],
}
LIKELY = {name: values for names, values in GROUPS.items() for name in names.split()}
# These name something: the ids of the test stand beside what is none.
NAMING = ("id", "exposure", "step", "replaces", "token", "account", "gave_way", "gave_way_to")
FIELDS = sorted({*LIKELY, *NAMING})
NUMBERS = st.one_of(st.integers(-3, 130), st.integers(-(10**30), 10**30), st.just(10**4000)).map(str)
ODD_TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        ["", " ", "\x00", "\u200b", "\u202eabc", "\ufeff", "a" * 5000, "\n" * 50, "🪜" * 100, "²", "١٢", "None"]
    ),
    NUMBERS,
    st.sampled_from(
        ["2026-02-30", "2026-W47", "20261118", "0000-00-00", "25:00", "1e9", "nan", "-0", "+5", "0x10", "1_0"]
    ),
)
# Requests that leave the phone signed out, or signed in as somebody else.
LEAVING = ("/sign-", "/recover", "/account/")
# Routes after which there is nothing left to try the others at: they are seldom given what is there.
ENDING = ("/end", "/leave", "/remove", "/archived")
KINDS_OF_BODY = [
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=a",
    "application/json",
    "text/plain",
]
EXAMPLES = int(os.environ.get("RUNG_TEST_EXAMPLES", "600"))  # more are for a long look
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inside: st.one_of(st.lists(inside, max_size=4), st.dictionaries(st.text(max_size=8), inside, max_size=4)),
    max_leaves=12,
)


def likely(name: str, ids: dict[str, object]) -> list[str]:
    """What a field holds where somebody means well."""
    if name in NAMING:
        return [str(ids.get(f"{name}_id", ids["step_id"])), str(uuid.uuid4())]
    return LIKELY.get(name, ["0", "30"])


@st.composite
def forms(draw: st.DrawFn, ids: dict[str, object]) -> dict[str, list[str]]:
    """Most fields as meant, some missing, odd or many."""
    form = {}
    for name in [*FIELDS, f"suds-{ids['step_id']}"]:
        kind = draw(st.integers(0, 15))
        if kind > 5:
            form[name] = [draw(st.sampled_from(likely(name, ids)))]
        elif kind > 1:
            form[name] = [draw(ODD_TEXTS)]
        elif kind == 1:
            form[name] = draw(st.lists(ODD_TEXTS, max_size=4)) * draw(st.sampled_from([1, 1, 30]))
    return form


def address(draw: st.DrawFn, rule: Rule, ids: dict[str, object]) -> str:
    """An address of a route: with what is there, or with what is not."""

    def part(found: re.Match[str]) -> str:
        odd = draw(st.integers(0, 29))
        there = odd == 1 if rule.rule.endswith(ENDING) else odd > 3
        return str(ids[found[1]]) if there else quote(draw(ODD_TEXTS), safe="")

    return re.sub(r"<(?:\w+:)?(\w+)>", part, rule.rule)


@st.composite
def json_bodies(draw: st.DrawFn, phone: Phone, ids: dict[str, object]) -> Any:
    """A batch of events, a subscription, or anything, with any part of it odd."""
    anything = draw(json_values)
    if draw(st.integers(0, 5)) == 0:
        return anything
    events = []
    for _ in range(draw(st.integers(0, 4))):
        form = draw(forms(ids))
        event: dict[str, Any] = {name: values[0] for name, values in form.items() if values}
        event |= {"id": str(uuid.uuid4()), "exposure": str(ids["exposure_id"]), "step": str(ids["step_id"])}
        events.append({name: _number(value) for name, value in event.items()})
        if draw(st.integers(0, 3)) == 0:
            events[-1][draw(st.sampled_from(sorted(events[-1])))] = anything
    keys = {"p256dh": anything, "auth": "x" * 22}
    whole = batch(phone, *events) | {"subscription": {"endpoint": "https://fcm.googleapis.com/x", "keys": keys}}
    if draw(st.integers(0, 3)) == 0:
        whole[draw(st.sampled_from(sorted(whole)))] = anything
    return whole


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value


def send(data: st.DataObject, phone: Phone, method: str, rule: Rule, ids: dict[str, object]) -> TestResponse:
    """One request to a route: a form by hand or by htmx, JSON, or bytes of any kind."""
    path, headers = address(data.draw, rule, ids), data.draw(st.sampled_from([{}, HTMX]))
    if method == "GET":
        return phone.get(path, query_string=data.draw(forms(ids)), headers=headers)
    way = data.draw(st.integers(0, 9))
    if way == 0:
        kind = data.draw(st.sampled_from(KINDS_OF_BODY))
        return phone.post(path, data=data.draw(st.binary(max_size=80)), content_type=kind)
    if way < 8 and rule.rule in ("/events", "/devices"):
        body = json.dumps(data.draw(json_bodies(phone, ids)))
        return phone.post(path, data=body, content_type="application/json")
    return phone.post(path, data=data.draw(forms(ids)), headers=headers)


@pytest.mark.long
@pytest.mark.parametrize(("method", "count"), [("POST", EXAMPLES), ("GET", EXAMPLES // 3)])
def test_no_form_and_no_address_makes_an_error_and_the_database_holds(
    app: Flask,
    client: Phone,
    coach: Phone,
    other: Phone,
    nobody: Phone,
    ids: dict[str, object],
    method: str,
    count: int,
):
    provide(app, replace(services_of(app), settings=replace(services_of(app).settings, attempts=100_000)))
    rules = [rule for rule in app.url_map.iter_rules() if method in name_of(rule).split()]

    # What was sent before is in the database, so one example alone is not what failed: there is nothing to shrink.
    @settings(
        max_examples=examples(count), phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.data())
    def walk(data: st.DataObject) -> None:
        rule = data.draw(st.sampled_from(rules))
        phone = data.draw(st.sampled_from([client, client, client, coach, other, nobody]))
        answer = send(data, phone, method, rule, ids)
        assert answer.status_code < 500, (answer.request.path, answer.status_code)
        if phone.account_id and rule.rule.startswith(LEAVING):
            phone.sign_in_as(phone.account_id, phone.email)

    walk()
    assert found_by_check(app) == []


def test_the_fields_of_every_form_are_tried():
    text = "".join(path.read_text("utf-8") for path in TEMPLATES.rglob("*.html"))
    named = set(re.findall(r'\bname="([a-z_]+)"', text)) - {"viewport", "description", "color-scheme", "theme-color"}
    named |= set(re.findall(r'forms\.(?:field|area|slider|choice|toggle)\("([a-z_]+)"', text))
    assert named - set(FIELDS) == set()
