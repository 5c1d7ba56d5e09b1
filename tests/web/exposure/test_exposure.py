import json
import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from erp.domain.support import relation as relations
from erp.storage.box import box
from erp.storage.db import Sessions
from erp.storage.exposure import EventRow, Exposure
from erp.storage.notification import Notification
from erp.storage.support import Support
from tests.make.clock import NOW, ZONE
from tests.make.pages import (
    HTMX,
    Ladder,
    a_cheer,
    a_coach,
    a_ladder,
    an_exposure,
    batch,
    event,
    is_page,
    page_error,
)
from tests.web.conftest import Phone
from tests.web.edge.test_sql import statements


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    """A client who lives in ZONE."""
    return person("robin", ZONE)


@pytest.fixture
def ladder(sessions: Sessions, client: Phone) -> Ladder:
    return a_ladder(sessions, client, response="looking away")


def record_in(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="record">(.*?)</script>', html, re.DOTALL)
    assert found
    record: dict[str, Any] = json.loads(found[1])
    return record


def phase_in(html: str) -> str:
    found = re.search(r'data-phase="(\w+)"', html)
    assert found
    return found[1]


def exposures_in(database: Session) -> list[Exposure]:
    database.rollback()
    database.expire_all()
    return list(database.scalars(select(Exposure).order_by(Exposure.started_at)))


def test_the_practice_page_stands_ready_before_the_start(client: Phone, ladder: Ladder):
    answer = client.get(f"/steps/{ladder.steps[0]}/practice")
    assert answer.status_code == 200
    assert phase_in(answer.text) == "before"
    assert "looking away" in answer.text
    record = record_in(answer.text)
    assert (record["exposure"], record["step"], record["events"]) == (None, str(ladder.steps[0]), [])
    assert (record["account"], record["zone"]) == (client.account_id, ZONE)
    assert abs(datetime.fromisoformat(record["now"]) - NOW) < timedelta(seconds=30)


def test_two_minutes_may_be_asked_for_and_nonsense_is_ignored(client: Phone, ladder: Ladder):
    path = f"/steps/{ladder.steps[0]}/practice"
    checked = r'name="planned_minutes" value="(\d+)" checked'
    assert re.findall(checked, client.get(f"{path}?minutes=2").text) == ["2"]
    for nonsense in ("0", "241", "-1", "many", ""):
        assert re.findall(checked, client.get(f"{path}?minutes={nonsense}").text) == ["20"]


def test_the_shortcut_leads_to_what_runs_else_to_the_next_step_else_to_today(client: Phone, sessions: Sessions):
    assert client.get("/practice").location == "/today"
    ladder = a_ladder(sessions, client)
    assert client.get("/practice").location == f"/steps/{ladder.steps[0]}/practice"
    running = an_exposure(sessions, client, ladder.steps[1], seconds=None)
    assert client.get("/practice").location == f"/exposures/{running}"


def test_the_page_of_an_exposure_is_where_the_exposure_is(client: Phone, sessions: Sessions, ladder: Ladder):
    running = an_exposure(sessions, client, ladder.steps[0], NOW - timedelta(seconds=90), seconds=None)
    html = client.get(f"/exposures/{running}").text
    assert phase_in(html) == "running"
    record = record_in(html)
    assert (record["exposure"], [each["kind"] for each in record["events"]]) == (str(running), ["started"])
    assert re.search(r"18:[23]\d", html)
    finished = an_exposure(sessions, client, ladder.steps[0])
    assert phase_in(client.get(f"/exposures/{finished}").text) == "after"
    noted = an_exposure(sessions, client, ladder.steps[0], noted={"learning": "it slept", "suds": 10})
    html = client.get(f"/exposures/{noted}").text
    assert phase_in(html) == "done"
    assert "it slept" in html


def test_an_exposure_that_still_waits_on_the_phone_is_shown_by_its_step(client: Phone, other: Phone, ladder: Ladder):
    unknown = uuid.uuid4()
    answer = client.get(f"/exposures/{unknown}?step={ladder.steps[0]}")
    assert phase_in(answer.text) == "before"
    assert record_in(answer.text)["exposure"] == str(unknown)
    for query in ("", "?step=", "?step=soon", f"?step={uuid.uuid4()}"):
        assert client.get(f"/exposures/{unknown}{query}").status_code == 404
    assert other.get(f"/exposures/{unknown}?step={ladder.steps[0]}").status_code == 404


def test_while_another_runs_the_page_offers_to_go_to_it(client: Phone, sessions: Sessions, ladder: Ladder):
    running = an_exposure(sessions, client, ladder.steps[1], seconds=None)
    html = client.get(f"/steps/{ladder.steps[0]}/practice").text
    assert f'href="/exposures/{running}"' in html
    assert "stand beside a dog" in html
    assert "still running" in html
    assert "is still running." not in client.get(f"/exposures/{running}").text.replace("practice is still running.", "")


@pytest.mark.parametrize("path", ["/exposures/{}", "/exposures/{}/record", "/exposures/{}/summary"])
def test_an_exposure_is_there_for_its_client_only(
    client: Phone, other: Phone, nobody: Phone, sessions: Sessions, ladder: Ladder, path: str
):
    mine = an_exposure(sessions, client, ladder.steps[0], noted={"note": "private words"}, prediction="private words")
    theirs = a_ladder(sessions, other).steps[0]
    assert client.get(path.format(mine)).status_code == 200
    for query in ("", f"?step={ladder.steps[0]}", f"?step={theirs}"):
        answer = other.get(path.format(mine) + query)
        assert answer.status_code == 404
        assert "private words" not in answer.text
    assert client.get(path.format(uuid.uuid4())).status_code == 404
    assert nobody.get(path.format(mine)).status_code == 303
    assert nobody.get("/practice").status_code == 303
    assert nobody.get(f"/steps/{ladder.steps[0]}/practice").status_code == 303
    assert other.get(f"/steps/{ladder.steps[0]}/practice").status_code == 404


def test_the_record_tells_every_event_and_answers_304_while_nothing_is_new(client: Phone, ladder: Ladder):
    exposure, start = uuid.uuid4(), NOW - timedelta(minutes=5)
    told = [
        event("started", exposure, start, step=ladder.steps[0], prediction="it bites", expected_suds=50),
        event("checked_in", exposure, start + timedelta(minutes=1), suds=60),
        event("extended", exposure, start + timedelta(minutes=2), minutes=5),
    ]
    client.post("/events", json=batch(client, *told))
    first = client.get(f"/exposures/{exposure}/record")
    assert first.mimetype == "application/json"
    assert first.json
    assert [(each["id"], each["kind"]) for each in first.json["events"]] == [
        (each["id"], each["kind"]) for each in told
    ]
    assert first.json["events"][0]["prediction"] == "it bites"
    assert first.json["events"][1]["suds"] == 60
    assert first.json["events"][2]["minutes"] == 5
    assert first.json["events"][0]["at"].endswith("Z")
    same = client.get(f"/exposures/{exposure}/record", headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    client.post("/events", json=batch(client, event("resisted", exposure, start + timedelta(minutes=3))))
    new = client.get(f"/exposures/{exposure}/record", headers={"If-None-Match": first.headers["ETag"]})
    assert new.status_code == 200
    assert new.headers["ETag"] != first.headers["ETag"]


def test_the_record_tells_the_cheers_of_this_exposure(client: Phone, other: Phone, sessions: Sessions, ladder: Ladder):
    coach = a_coach(sessions, client, other)
    earlier = an_exposure(sessions, client, ladder.steps[0], NOW - timedelta(hours=3))
    running = an_exposure(sessions, client, ladder.steps[1], seconds=None)
    first = client.get(f"/exposures/{running}/record")
    assert first.json
    assert first.json["cheers"] == []
    cheer = a_cheer(sessions, coach, "Still with you.")
    new = client.get(f"/exposures/{running}/record", headers={"If-None-Match": first.headers["ETag"]})
    assert new.status_code == 200
    assert new.json
    (told,) = new.json["cheers"]
    assert (told["id"], told["name"], told["text"], told["hearted"]) == (str(cheer), "Kim", "Still with you.", False)
    assert told["at"].endswith("Z")
    assert record_in(client.get(f"/exposures/{running}").text)["cheers"] == new.json["cheers"]
    same = client.get(f"/exposures/{running}/record", headers={"If-None-Match": new.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    client.post(f"/cheers/{cheer}/heart")
    answered = client.get(f"/exposures/{running}/record", headers={"If-None-Match": new.headers["ETag"]})
    assert answered.json
    assert answered.json["cheers"][0]["hearted"] is True
    beside = client.get(f"/exposures/{earlier}/record").json
    assert beside
    assert beside["cheers"] == []


def test_the_page_says_whether_somebody_may_cheer(client: Phone, other: Phone, sessions: Sessions, ladder: Ladder):
    path = f"/steps/{ladder.steps[0]}/practice"
    assert "data-supporters" not in client.get(path).text
    coach = a_coach(sessions, client, other)
    assert "data-supporters" in client.get(path).text
    assert "data-supporters" not in other.get(f"/steps/{a_ladder(sessions, other).steps[0]}/practice").text
    with sessions.writing() as session:
        relations.end(session, session.get_one(Support, coach), NOW)
        session.commit()
    assert "data-supporters" not in client.get(path).text


def test_a_phone_that_is_put_away_gets_its_next_signal_at_its_time(
    client: Phone, sessions: Sessions, ladder: Ladder, database: Session, woken: list[datetime | None]
):
    running = an_exposure(sessions, client, ladder.steps[0], seconds=None, check_in_minutes=5)
    answer = client.post(f"/exposures/{running}/away", data={"away": "1"})
    assert (answer.status_code, answer.data) == (204, b"")
    (told,) = database.scalars(select(Notification))
    assert (told.kind, str(told.account_id)) == ("check_in", client.account_id)
    assert woken == [told.due_at]
    assert timedelta(minutes=3) < told.due_at - NOW < timedelta(minutes=4, seconds=5)
    assert client.post(f"/exposures/{running}/away", data={"away": "0"}).status_code == 204
    database.rollback()
    assert list(database.scalars(select(Notification))) == []
    assert len(woken) == 1


def test_only_a_running_exposure_of_ones_own_can_be_put_away(
    client: Phone,
    other: Phone,
    nobody: Phone,
    sessions: Sessions,
    ladder: Ladder,
    database: Session,
    woken: list[datetime | None],
):
    running = an_exposure(sessions, client, ladder.steps[0], seconds=None)
    done = an_exposure(sessions, client, ladder.steps[1], noted={})
    assert other.post(f"/exposures/{running}/away", data={"away": "1"}).status_code == 404
    assert nobody.post(f"/exposures/{running}/away", data={"away": "1"}).status_code == 303
    assert client.post(f"/exposures/{uuid.uuid4()}/away", data={"away": "1"}).status_code == 404
    assert client.post(f"/exposures/{done}/away", data={"away": "1"}).status_code == 204
    for nonsense in ({}, {"away": "perhaps"}):
        assert client.post(f"/exposures/{running}/away", data=nonsense).status_code == 204
    assert list(database.scalars(select(Notification))) == []
    assert woken == []


def test_before_its_start_has_come_an_exposure_has_no_page(client: Phone):
    exposure = uuid.uuid4()
    client.post("/events", json=batch(client, event("checked_in", exposure, NOW, suds=5)))
    for path in ("", "/record", "/summary"):
        assert client.get(f"/exposures/{exposure}{path}").status_code == 404


def test_the_summary_is_a_fragment_with_the_day_and_the_curve(client: Phone, sessions: Sessions, ladder: Ladder):
    done = an_exposure(
        sessions,
        client,
        ladder.steps[0],
        seconds=720,
        expected_suds=50,
        prediction="it bites",
        noted={"suds": 20, "outcome": "no", "learning": "it slept", "note": "phew"},
    )
    answer = client.get(f"/exposures/{done}/summary")
    assert not is_page(answer)
    assert 'id="summary"' in answer.text
    assert "<polyline" in answer.text
    for text in ("12 min practised", "it bites", "It did not come true.", "it slept", "phew", "12 min on this day"):
        assert text in unescape(answer.text), text


def test_a_first_try_of_less_than_a_minute_ends_on_no_zeros_and_offers_another(
    client: Phone, sessions: Sessions, ladder: Ladder
):
    done = an_exposure(sessions, client, ladder.steps[0], seconds=47, noted={"suds": 20})
    html = client.get(f"/exposures/{done}/summary").text
    assert "You began, and that is the hard part." in html
    assert f'href="/steps/{ladder.steps[0]}/practice?minutes=1"' in html
    assert "0 practice days" not in html


def form(kind: str, **data: Any) -> dict[str, str]:
    return {"kind": kind} | {name: str(value) for name, value in data.items()}


def test_without_javascript_a_whole_exposure_runs_by_plain_forms(client: Phone, ladder: Ladder, database: Session):
    begun = form("started", step=ladder.steps[0], planned_minutes=10, expected_suds=40, zone=ZONE, prediction="")
    answer = client.post("/events", data=begun)
    assert answer.status_code == 303
    exposure = answer.location.rpartition("/")[2]
    assert phase_in(client.get(answer.location).text) == "running"
    for kind, data in (
        ("checked_in", {"suds": 60}),
        ("resisted", {}),
        ("ritual", {}),
        ("paused", {}),
        ("resumed", {}),
        ("extended", {"minutes": 5}),
        ("finished", {}),
        ("noted", {"suds": 20, "outcome": "", "learning": "it slept"}),
    ):
        answer = client.post("/events", data=form(kind, exposure=exposure, **data))
        assert (answer.status_code, answer.location) == (303, f"/exposures/{exposure}"), kind
    (row,) = exposures_in(database)
    assert (row.phase, row.resisted, row.rituals, row.peak_suds, row.last_suds) == ("done", 1, 1, 60, 20)
    assert (row.planned_seconds, row.learning) == (900, "it slept")
    assert phase_in(client.get(f"/exposures/{exposure}").text) == "done"


def test_a_plain_form_sent_twice_with_its_id_counts_once(client: Phone, ladder: Ladder, database: Session):
    exposure = uuid.uuid4()
    client.post("/events", data=form("started", exposure=exposure, step=ladder.steps[0], planned_minutes=10))
    data = form("resisted", exposure=exposure, id=uuid.uuid4())
    locations = {client.post("/events", data=data).location for _ in range(2)}
    assert locations == {f"/exposures/{exposure}"}
    assert exposures_in(database)[0].resisted == 1


@pytest.mark.parametrize(
    "data",
    [
        {"planned_minutes": "0"},
        {"planned_minutes": ""},
        {"expected_suds": "101"},
        {"likelihood": "most"},
        {"stopping_rule": "never"},
        {"prediction": "x" * 2001},
    ],
)
def test_a_plain_start_that_cannot_be_comes_back_with_a_sentence(
    client: Phone, ladder: Ladder, database: Session, data: dict[str, str]
):
    sent = form("started", step=ladder.steps[0], planned_minutes=10) | data
    answer = client.post("/events", data=sent)
    assert answer.status_code == 422
    assert phase_in(answer.text) == "before"
    assert page_error(answer)
    assert exposures_in(database) == []


def test_a_plain_check_in_that_cannot_be_comes_back_to_the_running_page(
    client: Phone, sessions: Sessions, ladder: Ladder, database: Session
):
    running = an_exposure(sessions, client, ladder.steps[0], seconds=None)
    answer = client.post("/events", data=form("checked_in", exposure=running, suds=500))
    assert answer.status_code == 422
    assert phase_in(answer.text) == "running"
    assert page_error(answer)
    assert database.scalar(select(func.count()).select_from(EventRow)) == 1


def test_a_plain_form_about_nothing_of_mine_is_not_found(
    client: Phone, other: Phone, nobody: Phone, sessions: Sessions, ladder: Ladder, database: Session
):
    mine = an_exposure(sessions, client, ladder.steps[0], seconds=None)
    assert other.post("/events", data=form("finished", exposure=mine)).status_code == 404
    assert other.post("/events", data=form("started", step=ladder.steps[0], planned_minutes=5)).status_code == 404
    assert client.post("/events", data=form("resisted", exposure=uuid.uuid4())).status_code == 404
    assert client.post("/events", data=form("resisted", exposure="soon")).status_code == 404
    assert client.post("/events", data={}).status_code == 404
    assert nobody.post("/events", data=form("finished", exposure=mine)).status_code == 303
    (row,) = exposures_in(database)
    assert row.phase == "running"


def test_a_plain_form_by_htmx_sends_the_page_on(client: Phone, ladder: Ladder):
    data = form("started", step=ladder.steps[0], planned_minutes=10)
    answer = client.post("/events", data=data, headers=HTMX)
    assert answer.status_code == 200
    assert re.fullmatch(r"/exposures/[0-9a-f-]{36}", answer.headers["HX-Redirect"])


@pytest.mark.parametrize("encoding", ["br", "gzip", "identity"])
def test_a_look_at_a_record_without_news_costs_one_count_and_opens_nothing(
    app: Flask, client: Phone, sessions: Sessions, ladder: Ladder, encoding: str, monkeypatch: pytest.MonkeyPatch
):
    exposure = an_exposure(sessions, client, ladder.steps[0], seconds=None, prediction="it bites " * 200)
    path, headers = f"/exposures/{exposure}/record", {"Accept-Encoding": encoding}
    first = client.get(path, headers=headers)
    assert first.headers.get("Content-Encoding", "identity") == encoding
    opened: list[bytes] = []
    real = box.open
    monkeypatch.setattr(box, "open", lambda token, place: opened.append(token) or real(token, place))
    with statements(app) as sent:
        same = client.get(path, headers=headers | {"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.data, opened) == (304, b"", [])
    # Who is signed in, and the count.
    assert len(sent) == 2, sent
    # Of the strong one that a page of the version before may hold, HTTP compares what is in the quotes.
    strong = first.headers["ETag"].removeprefix("W/")
    assert client.get(path, headers=headers | {"If-None-Match": strong}).status_code == 304
    client.post("/events", json=batch(client, event("resisted", exposure, NOW)))
    assert client.get(path, headers=headers | {"If-None-Match": first.headers["ETag"]}).status_code == 200
    assert opened
