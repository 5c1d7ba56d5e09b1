"""What a request's line in the log says of safety: who signs in, what fails, what is refused, and nobody's name."""

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from erp.storage.db import Sessions
from erp.web.edge.log import Event
from tests.make.pages import a_ladder
from tests.web.account.test_sign_ins import CODE, former_cookie
from tests.web.conftest import PASSWORD, Phone

ANOTHER = "under seven blue doors"
WRONG = {"password": "not the right password", "current": "not the right password"}
ROOT = Path(__file__).resolve().parents[3]
Told = Callable[[], list[tuple[str, list[str]]]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    """What the lines since the last call say: route and events of each that says any."""

    def events() -> list[tuple[str, list[str]]]:
        lines = [json.loads(entry.message) for entry in caplog.records if entry.name == "rung.request"]
        caplog.clear()
        return [(line["route"], line["events"]) for line in lines if "events" in line]

    return events


def test_every_way_in_and_out_is_told(nobody: Phone, phone: Callable[[], Phone], told: Told):
    form = {"email": "zed@x.example", "password": PASSWORD, "display_name": "Zed", "time_zone": "Europe/Paris"}
    nobody.post("/sign-up", data=form)
    codes = CODE.findall(nobody.get("/account/codes").text)
    nobody.post("/account/codes/saved")
    nobody.post("/sign-out")
    nobody.post("/sign-in", data=form)
    nobody.post("/recover", data=form | {"code": codes[0], "password": ANOTHER})
    assert told() == [
        ("/sign-up", ["signed_up", "signed_in"]),
        ("/account/codes/saved", ["codes_confirmed"]),
        ("/sign-out", ["signed_out"]),
        ("/sign-in", ["signed_in"]),
        ("/recover", ["password_changed", "signed_in"]),
    ]


def test_a_cookie_of_before_that_signs_in_is_told(client: Phone, nobody: Phone, app: Flask, told: Told):
    nobody.set_cookie("rung", former_cookie(app, client.account_id))
    assert nobody.get("/account").status_code == 200
    assert told() == [("/account", ["signed_in"])]


def test_every_change_of_what_lets_somebody_in_is_told(client: Phone, phone: Callable[[], Phone], told: Told):
    elsewhere = phone()
    elsewhere.sign_in_as(client.account_id, client.email)
    listed = client.get("/account/sign-ins").text
    ending = re.findall(r"/account/sign-ins/[0-9a-f-]+/end", listed)
    told()
    client.post(ending[0])
    client.post("/account/codes", data={"current": PASSWORD})
    client.post("/account/password", data={"current": PASSWORD, "password": ANOTHER})
    client.post("/account/sign-out-everywhere")
    assert told() == [
        ("/account/sign-ins/<uuid:sign_in_id>/end", ["sign_in_ended"]),
        ("/account/codes", ["codes_made"]),
        ("/account/password", ["password_changed", "signed_in"]),
        ("/account/sign-out-everywhere", ["signed_out_everywhere", "signed_out"]),
    ]


def test_codes_made_anew_at_a_sign_in_are_told(nobody: Phone, phone: Callable[[], Phone], told: Told):
    form = {"email": "zed@x.example", "password": PASSWORD, "display_name": "Zed", "time_zone": "Europe/Paris"}
    nobody.post("/sign-up", data=form)
    told()
    phone().post("/sign-in", data=form)
    assert told() == [("/sign-in", ["signed_in", "codes_made"])]


def test_what_does_not_fit_and_who_is_held_up_is_told(client: Phone, nobody: Phone, told: Told):
    for _ in range(11):
        nobody.post("/sign-in", data={"email": "zed@x.example"} | WRONG)
    nobody.post("/recover", data={"email": "a@x.example", "code": "aaaa", "password": ANOTHER})
    nobody.get(f"/invitations/{'a' * 22}")
    client.post("/account/password", data=WRONG | {"password": ANOTHER})
    client.post("/account/codes", data=WRONG)
    assert told() == [
        *[("/sign-in", ["failed"])] * 10,
        ("/sign-in", ["held_up"]),
        ("/recover", ["failed"]),
        ("/invitations/<token>", ["failed"]),
        ("/account/password", ["failed"]),
        ("/account/codes", ["failed"]),
    ]


def test_what_is_refused_is_told(client: Phone, other: Phone, nobody: Phone, sessions: Sessions, told: Told):
    step = a_ladder(sessions, client).steps[0]
    other.get(f"/steps/{step}/edit")
    other.post(f"/account/sign-ins/{uuid.uuid4()}/end")
    client.post("/ladder/new", data={"name": "dogs"}, headers={"Sec-Fetch-Site": "cross-site"})
    nobody.get("/today")
    nobody.post("/events", json={})
    assert told() == [
        ("/steps/<uuid:step_id>/edit", ["not_found"]),
        ("/account/sign-ins/<uuid:sign_in_id>/end", ["not_found"]),
        ("/ladder/new", ["foreign"]),
        ("/today", ["not_signed_in"]),
        ("/events", ["not_signed_in"]),
    ]


def test_an_ordinary_request_tells_nothing_of_the_kind(client: Phone, nobody: Phone, told: Told):
    client.get("/today")
    client.post("/ladder/new", data={"name": ""})
    nobody.get("/sign-in")
    nobody.get("/nowhere")
    assert told() == []


def test_the_page_on_safety_names_every_event():
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    assert [event for event in Event if f"`{event}`" not in page] == []
