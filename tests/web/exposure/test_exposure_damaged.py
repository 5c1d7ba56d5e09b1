"""One exposure that cannot be read holds back nothing else: not its batch, not Today, not the person's other pages."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from erp.storage.box import box
from erp.storage.db import Sessions, table_of
from erp.storage.exposure import EventRow, Exposure
from erp.storage.practice import PracticeTotals
from tests.make.clock import NOON, ZONE
from tests.make.pages import Ladder, a_ladder, an_exposure, batch, event, today
from tests.web.conftest import Phone

BEGUN = NOON - timedelta(minutes=12)
_event, _exposure = table_of(EventRow), table_of(Exposure)


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    return person("robin", ZONE)


@pytest.fixture
def ladder(sessions: Sessions, client: Phone) -> Ladder:
    return a_ladder(sessions, client)


@pytest.fixture
def exposure(client: Phone, ladder: Ladder) -> uuid.UUID:
    """One that runs: a start, a check-in, five minutes more and a note."""
    exposure = uuid.uuid4()
    told = [
        event("started", exposure, BEGUN, step=ladder.steps[0], expected_suds=40, prediction="it bites"),
        event("checked_in", exposure, BEGUN + timedelta(minutes=2), suds=50),
        event("extended", exposure, BEGUN + timedelta(minutes=3), minutes=5),
        event("noted", exposure, BEGUN + timedelta(minutes=4), note="so far"),
    ]
    assert len(client.post("/events", json=batch(client, *told)).json["accepted"]) == 4
    return exposure


def sealed(written: str) -> bytes:
    """What the data keys open, and no event says."""
    return box.seal(written, "event.data")


def of(kind: str) -> Any:
    return update(_event).where(_event.c.kind == kind)


def raw(statement: str, **values: Any) -> Any:
    """A statement that goes by no column type, as a careless hand's would."""
    return text(statement).bindparams(**values)


# What can befall the stored events of an exposure so that they cannot be understood, or have lost what the row says.
DAMAGE: dict[str, Callable[[], Any]] = {
    "a ciphertext that no key opens": lambda: raw("update event set data=:data where kind='started'", data=b"\x12\x34"),
    "no data": lambda: raw("update event set data=null where kind='started'"),
    "no JSON": lambda: raw("update event set data=:data where kind='started'", data=sealed("{")),
    "a list": lambda: raw("update event set data=:data where kind='started'", data=sealed("[1]")),
    "nothing in it": lambda: raw("update event set data=:data where kind='started'", data=sealed("{}")),
    "null": lambda: raw("update event set data=:data where kind='started'", data=sealed("null")),
    "a note that is none": lambda: raw("update event set data=:data where kind='noted'", data=sealed('{"suds":"x"}')),
    "a note without data": lambda: raw("update event set data=null where kind='noted'"),
    "minutes that are none": lambda: raw(
        "update event set data=:data where kind='started'",
        data=sealed('{"step":"0190f3c0-0000-7000-8000-000000000001","planned_minutes":"ten"}'),
    ),
    "a rating of 9999": lambda: of("checked_in").values(value=9999),
    "a rating below nought": lambda: of("checked_in").values(value=-1),
    "no rating": lambda: of("checked_in").values(value=None),
    "no minutes": lambda: of("extended").values(value=None),
    "30,000 minutes": lambda: of("extended").values(value=30_000),
    "a start of another kind": lambda: of("started").values(kind="resisted"),
    "a start of no known kind": lambda: of("started").values(kind="garbage"),
    "a start that is gone": lambda: delete(_event).where(_event.c.kind == "started"),
    "no event at all": lambda: delete(_event),
    "a shift beyond all time": lambda: of("started").values(shift_ms=2**62),
}


@pytest.fixture(params=DAMAGE)
def damaged(request: pytest.FixtureRequest, exposure: uuid.UUID, sessions: Sessions) -> uuid.UUID:
    with sessions.writing() as session:
        session.execute(DAMAGE[request.param]())
        session.commit()
    return exposure


def row_of(database: Session, exposure: uuid.UUID) -> Any:
    database.rollback()
    plain = [column for column in _exposure.columns if column.name not in ("prediction", "note", "learning")]
    return database.execute(select(*plain).where(_exposure.c.id == exposure)).one()


def test_the_healthy_one_is_taken_and_the_other_set_aside_and_named(
    client: Phone, ladder: Ladder, damaged: uuid.UUID, database: Session
):
    before = row_of(database, damaged)
    healthy = uuid.uuid4()
    told = [
        event("finished", damaged, NOON - timedelta(minutes=1)),
        event("started", healthy, BEGUN, step=ladder.steps[0]),
        event("finished", healthy, BEGUN + timedelta(minutes=7)),
    ]
    answer = client.post("/events", json=batch(client, *told))
    assert answer.status_code == 200
    assert answer.json["accepted"] == [each["id"] for each in told]
    assert [each["exposure"] for each in answer.json["set_aside"]] == [str(damaged)]
    assert "damaged" in answer.json["set_aside"][0]["message"]
    assert row_of(database, damaged) == before
    assert row_of(database, healthy).seconds == 420
    assert database.scalar(select(PracticeTotals.seconds)) == 420
    kept = select(_event.c.kind).where(_event.c.exposure_id == damaged, _event.c.id == uuid.UUID(told[0]["id"]))
    assert database.scalars(kept).all() == ["finished"]
    again = client.post("/events", json=batch(client, *told))
    assert (again.status_code, again.json["accepted"]) == (200, answer.json["accepted"])


def test_it_does_not_run_and_its_page_says_why(client: Phone, ladder: Ladder, damaged: uuid.UUID):
    assert str(damaged) not in client.get("/today").text
    assert str(damaged) not in client.get(f"/steps/{ladder.steps[0]}/practice").text
    assert str(damaged) not in client.get("/practice").headers.get("Location", "")
    page = client.get(f"/exposures/{damaged}")
    assert (page.status_code, "cannot be read" in page.text) == (200, True)
    assert client.get(f"/exposures/{damaged}/record").status_code < 500
    assert client.post(f"/exposures/{damaged}/away", data={"away": "1"}).status_code < 500


def test_a_plain_form_for_it_is_kept_as_well(client: Phone, damaged: uuid.UUID, database: Session):
    answer = client.post("/events", data={"kind": "finished", "exposure": str(damaged)})
    assert answer.status_code == 303
    assert "cannot be read" in client.get(answer.headers["Location"]).text
    database.rollback()
    assert "finished" in database.scalars(select(_event.c.kind).where(_event.c.exposure_id == damaged)).all()


def test_an_older_one_that_runs_is_the_one_that_is_shown(
    client: Phone, ladder: Ladder, sessions: Sessions, damaged: uuid.UUID
):
    with sessions.writing() as session:
        session.execute(update(_exposure).where(_exposure.c.id == damaged).values(started_at=NOON))
        session.commit()
    older = an_exposure(sessions, client, ladder.steps[0], NOON - timedelta(minutes=5), seconds=None)
    assert str(older) in client.get("/today").text


ROW_DAMAGE = {
    "a text": "update exposure set prediction=:value",
    "a note": "update exposure set note=:value",
}


@pytest.mark.parametrize("statement", ROW_DAMAGE.values(), ids=ROW_DAMAGE)
def test_a_row_with_a_text_that_cannot_be_read_has_the_page_too_and_somebody_else_has_none(
    client: Phone, other: Phone, sessions: Sessions, ladder: Ladder, exposure: uuid.UUID, statement: str
):
    with sessions.writing() as session:
        session.execute(raw(statement, value=b"\x12"))
        session.commit()
    page = client.get(f"/exposures/{exposure}")
    assert (page.status_code, "cannot be read" in page.text) == (200, True)
    well = an_exposure(sessions, client, ladder.steps[0], NOON - timedelta(minutes=3), seconds=120, noted={})
    for path in ("/today", f"/steps/{ladder.steps[0]}", f"/calendar/days/{today()}", "/calendar", "/ladder"):
        assert client.get(path).status_code == 200, path
    assert f"/exposures/{well}" in client.get(f"/calendar/days/{today()}").text
    assert other.get(f"/exposures/{exposure}").status_code == 404
    answer = client.post("/events", json=batch(client, event("finished", exposure, NOON)))
    assert (answer.status_code, len(answer.json["accepted"])) == (200, 1)


def test_totals_that_are_gone_keep_no_event_on_the_phone(client: Phone, ladder: Ladder, sessions: Sessions):
    with sessions.writing() as session:
        session.execute(delete(PracticeTotals))
        session.commit()
    exposure = uuid.uuid4()
    told = [event("started", exposure, BEGUN, step=ladder.steps[0]), event("finished", exposure, NOON)]
    answer = client.post("/events", json=batch(client, *told))
    assert answer.json["accepted"] == [each["id"] for each in told]
    assert [each["exposure"] for each in answer.json["set_aside"]] == [str(exposure)]


def test_an_exposure_of_another_client_is_refused_also_beside_a_damaged_one(
    client: Phone, other: Phone, damaged: uuid.UUID
):
    told = event("finished", damaged, NOON)
    answer = other.post("/events", json=batch(other, told))
    assert [each["id"] for each in answer.json["refused"]] == [told["id"]]
    assert answer.json["set_aside"] == []


def test_the_commands_name_what_is_lost_end_with_1_and_take_no_minute(
    app: Flask, client: Phone, other: Phone, sessions: Sessions, ladder: Ladder, database: Session
):
    done = [an_exposure(sessions, client, ladder.steps[0], NOON - timedelta(hours=2 + n)) for n in range(3)]
    with sessions.writing() as session:
        session.execute(delete(_event).where(_event.c.exposure_id == done[0], _event.c.kind == "started"))
        session.execute(raw("update account set time_zone='Mars/Base' where email='robin@example.org'"))
        session.execute(raw("update tally set exposures=7 where days=0"))
        session.commit()
    with app.app_context():
        checked, repaired = (app.test_cli_runner().invoke(args=[name]) for name in ("check", "repair"))
    for result in (checked, repaired):
        assert result.exit_code == 1, result.output
        assert f"exposure {done[0]}: its events have lost some of what it says" in result.output
        assert "time_zone is no time zone" in result.output
        assert f"tally {other.account_id}" in result.output
    assert "1 rebuilt." in repaired.output
    assert "2 cannot be rebuilt." in repaired.output
    assert database.scalar(select(PracticeTotals.seconds).order_by(PracticeTotals.seconds.desc())) == 1800
    assert client.get("/today").status_code == 200
