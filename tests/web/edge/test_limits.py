"""Nothing grows for ever: how much of everything there may be, and that saying no holds nobody up."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from erp.domain.exposure import room
from erp.domain.ladder import ladder as ladders
from erp.domain.practice import plan as plans
from erp.services import services_of
from erp.storage.db import Sessions, open_engine
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Fear, Step
from erp.storage.practice import Pause
from tests.make.clock import NOW, ZONE, Clock
from tests.make.pages import HTMX, Ladder, a_ladder, batch, event, page_error, today
from tests.web.conftest import Phone


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    return person("robin", ZONE)


@pytest.fixture
def ladder(sessions: Sessions, client: Phone) -> Ladder:
    return a_ladder(sessions, client)


def count(database: Session, model: type) -> int:
    database.rollback()
    return database.scalar(select(func.count()).select_from(model)) or 0


@contextmanager
def locked(phone: Phone) -> Iterator[None]:
    """Somebody else holds the write lock meanwhile, where there is one for all (SQLite)."""
    if services_of(phone.application).sessions.engine.dialect.name != "sqlite":
        yield
        return
    engine = open_engine(services_of(phone.application).settings.database_url)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("lines", [31, 2_000, 40_000])
def test_a_form_of_too_many_lines_is_refused_without_the_write_lock_and_shown_again(
    client: Phone, ladder: Ladder, database: Session, lines: int, headers: dict[str, str]
):
    with locked(client):
        data = {"title": [f"{number}" for number in range(lines)]}
        answer = client.post(f"/ladder/{ladder.fear}/list", data=data, headers=headers)
    assert answer.status_code == 422
    assert "30 lines at most" in page_error(answer)
    assert 'value="30"' in answer.text
    assert len(answer.text) < 100_000
    assert count(database, Step) == len(ladder.steps)
    data = {"title": [f"{number}" for number in range(30)] + [""] * 5}
    assert client.post(f"/ladder/{ladder.fear}/list", data=data).status_code == 303


@pytest.mark.parametrize("lines", [13, 20_000])
def test_a_split_into_too_many_is_refused_without_the_write_lock(
    client: Phone, ladder: Ladder, database: Session, lines: int
):
    path = f"/steps/{ladder.steps[1]}/split"
    with locked(client):
        answer = client.post(path, data={"title": ["s"] * lines, "suds": ["1"] * lines})
    assert answer.status_code == 422
    assert "12 lines at most" in page_error(answer)
    assert count(database, Step) == len(ladder.steps)
    assert client.post(path, data={"title": ["s"] * 12, "suds": ["1"] * 12}).status_code == 303


def test_nobody_elses_ladder_is_seen_by_a_form_that_is_refused(other: Phone, ladder: Ladder):
    assert other.post(f"/ladder/{ladder.fear}/list", data={"title": ["x"] * 31}).status_code == 404


STEP = {"title": "one", "suds": "10", "planned_minutes": "5", "check_in_minutes": "5", "stopping_rule": "time"}


def test_fears_steps_and_pauses_of_an_account_are_bounded_and_what_was_typed_is_shown_again(
    client: Phone, other: Phone, ladder: Ladder, database: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ladders, "MAX_FEARS", 2)
    monkeypatch.setattr(ladders, "MAX_STEPS", 4)
    monkeypatch.setattr(plans, "MAX_PAUSES", 1)
    days = [str(today() + timedelta(days=number)) for number in range(4)]
    posts = [
        ("/ladder/new", {"name": "cats"}, {"name": "spiders"}, 'value="spiders"'),
        (f"/ladder/{ladder.fear}/new", STEP, None, ""),
        (f"/ladder/{ladder.fear}/list", {"title": ["three"]}, {"title": ["four"]}, 'value="four"'),
        (f"/steps/{ladder.steps[1]}/split", None, {"title": ["five"], "suds": ["5"]}, 'value="five"'),
        (f"/ladder/{ladder.fear}/new", None, STEP | {"title": "six"}, 'value="six"'),
        (
            "/plan/pauses",
            {"first_day": days[0], "last_day": days[1]},
            {"first_day": days[2], "last_day": days[3]},
            f'value="{days[3]}"',
        ),
    ]
    for path, taken, refused, shown in posts:
        if taken:
            assert client.post(path, data=taken).status_code == 303, path
        if refused:
            answer = client.post(path, data=refused)
            assert answer.status_code == 422, path
            assert "as many as Rung can hold" in page_error(answer)
            assert shown in answer.text
    assert (count(database, Fear), count(database, Step), count(database, Pause)) == (2, 4, 1)
    assert client.post("/plan/pauses", data={"first_day": days[1], "last_day": days[3]}).status_code == 303
    assert other.post("/ladder/new", data={"name": "mine"}).status_code == 303


def test_exposures_beyond_a_days_bound_are_refused_one_by_one_and_hold_up_nothing(
    client: Phone, ladder: Ladder, database: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    noon = clock.stand(NOW.replace(hour=12, minute=0))
    monkeypatch.setattr(room, "MAX_EXPOSURES_A_DAY", 3)
    runs = [uuid.uuid4() for _ in range(5)]
    events = []
    for number, run in enumerate(runs):
        begun = noon - timedelta(hours=5 - number, days=number == 4)
        events.append(event("started", run, begun, step=ladder.steps[0]))
        events.append(event("finished", run, begun + timedelta(minutes=5)))
    answer = client.post("/events", json=batch(client, *events)).json
    assert answer
    assert [one["id"] for one in answer["refused"]] == [events[6]["id"], events[7]["id"]]
    assert all("more practice on one day" in one["message"] for one in answer["refused"])
    assert sorted(answer["accepted"]) == sorted({one["id"] for one in events} - {events[6]["id"], events[7]["id"]})
    assert (count(database, Exposure), count(database, EventRow)) == (4, 8)
    again = client.post("/events", json=batch(client, *events)).json
    assert again == answer | {"now": again["now"]} if again else False
    more = [event("checked_in", runs[0], noon - timedelta(hours=4, minutes=58), suds=40)]
    assert client.post("/events", json=batch(client, *more)).json["accepted"] == [more[0]["id"]]
    lost = [event("finished", uuid.uuid4(), noon) for _ in range(5)]
    assert len(client.post("/events", json=batch(client, *lost)).json["refused"]) == 2
    plain = client.post("/events", data={"kind": "started", "step": str(ladder.steps[0]), "planned_minutes": "5"})
    assert plain.status_code == 422
    assert "more practice on one day" in plain.text


def test_notes_and_taps_of_an_exposure_are_bounded_and_keep_no_finish_out(
    client: Phone, ladder: Ladder, database: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(room, "MAX_NOTES_AN_EXPOSURE", 2)
    monkeypatch.setattr(room, "MAX_EVENTS_OF_A_KIND", 3)
    run, begun = uuid.uuid4(), NOW - timedelta(hours=1)
    taps = [event("resisted", run, begun + timedelta(minutes=number)) for number in range(5)]
    notes = [event("noted", run, NOW - timedelta(minutes=30 - number), note="n") for number in range(4)]
    first = batch(client, event("started", run, begun, step=ladder.steps[0]), *taps[:4], *notes[:3])
    refused = [one["id"] for one in client.post("/events", json=first).json["refused"]]
    assert refused == [taps[3]["id"], notes[2]["id"]]
    end = event("finished", run, NOW - timedelta(minutes=20))
    answer = client.post("/events", json=batch(client, taps[4], notes[3], end)).json
    assert answer["accepted"] == [end["id"]]
    assert count(database, EventRow) == 7


def test_all_events_of_an_exposure_are_bounded_and_keep_out_nothing_that_it_needs(
    client: Phone, ladder: Ladder, database: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(room, "MAX_EVENTS_AN_EXPOSURE", 4)
    run, begun = uuid.uuid4(), NOW - timedelta(hours=1)
    taps = [
        event("resisted", run, begun + timedelta(minutes=1)),
        event("ritual", run, begun + timedelta(minutes=2)),
        event("checked_in", run, begun + timedelta(minutes=3), suds=40),
        event("paused", run, begun + timedelta(minutes=4)),
        event("extended", run, begun + timedelta(minutes=5), minutes=5),
    ]
    needed = [
        event("started", run, begun, step=ladder.steps[0]),
        event("resumed", run, begun + timedelta(minutes=6)),
        event("finished", run, begun + timedelta(minutes=7)),
        event("noted", run, begun + timedelta(minutes=8), note="n"),
    ]
    answer = client.post("/events", json=batch(client, *taps, *needed)).json
    assert [one["id"] for one in answer["refused"]] == [taps[4]["id"]]
    assert answer["accepted"] == [one["id"] for one in [*taps[:4], *needed]]
    again = client.post("/events", json=batch(client, *taps[:4], *needed)).json
    assert again["refused"] == []
    assert count(database, EventRow) == 8
