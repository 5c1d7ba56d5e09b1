import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from erp.domain.dates import local_day
from erp.domain.exposure.known import KNOWN
from erp.storage.db import Sessions
from erp.storage.exposure import EventRow, Exposure
from tests.make.clock import NOW, ZONE, Clock
from tests.make.pages import Ladder, a_coach, a_ladder, a_plan, an_exposure, batch, event, today
from tests.web.conftest import Phone


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    """A client who lives in ZONE."""
    return person("robin", ZONE)


@pytest.fixture
def ladder(sessions: Sessions, client: Phone) -> Ladder:
    return a_ladder(sessions, client)


def count(database: Session) -> int:
    database.rollback()
    return database.scalar(select(func.count()).select_from(EventRow)) or 0


def send(phone: Phone, body: Any, status: int = 200) -> Any:
    answer = phone.post("/events", json=body)
    assert answer.status_code == status
    assert answer.mimetype == "application/json"
    return answer.json


def a_run(ladder: Ladder, exposure: uuid.UUID | None = None, begun: datetime | None = None) -> list[dict[str, Any]]:
    exposure, begun = exposure or uuid.uuid4(), begun or NOW - timedelta(minutes=12)
    return [
        event("started", exposure, begun, step=ladder.steps[0], expected_suds=40),
        event("checked_in", exposure, begun + timedelta(minutes=5), suds=60),
        event("finished", exposure, begun + timedelta(minutes=11)),
    ]


def test_a_batch_is_taken_whole_and_the_day_filled(noon: datetime, client: Phone, sessions: Sessions, ladder: Ladder):
    a_plan(sessions, client, minutes=10)
    sent = a_run(ladder, begun=noon - timedelta(minutes=12))
    answer = send(client, batch(client, *sent))
    assert answer["account"] == client.account_id
    assert answer["accepted"] == [each["id"] for each in sent]
    assert (answer["refused"], answer["also_running"]) == ([], None)
    assert abs(datetime.fromisoformat(answer["now"]) - noon) < timedelta(seconds=30)
    assert "11 min of 10 min" in client.get(f"/calendar/days/{today()}").text
    assert "practice is done" in client.get("/today").text


@pytest.mark.parametrize("plain", [False, True])
def test_the_worker_is_woken_when_somebody_should_hear_of_it_and_only_then(
    client: Phone, other: Phone, sessions: Sessions, ladder: Ladder, woken: list[datetime | None], plain: bool
):

    def tell(kind: str, exposure: uuid.UUID, **data: Any) -> None:
        told = event(kind, exposure, NOW, **data)
        if plain:
            assert client.post("/events", data=told).status_code == 303
        else:
            send(client, batch(client, told))

    alone, cheered = uuid.uuid4(), uuid.uuid4()
    tell("started", alone, step=ladder.steps[0])
    tell("finished", alone)
    assert woken == []
    a_coach(sessions, client, other)
    tell("started", cheered, step=ladder.steps[0])
    assert woken == [None]
    tell("resisted", cheered)
    assert woken == [None]
    tell("finished", cheered)
    assert woken == [None, None]


def test_a_batch_sent_again_answers_like_the_first_time_and_changes_nothing(
    client: Phone, ladder: Ladder, database: Session
):
    sent = batch(client, *a_run(ladder))
    first, second = send(client, sent), send(client, sent)
    assert {name: first[name] for name in ("account", "accepted", "refused")} == {
        name: second[name] for name in ("account", "accepted", "refused")
    }
    assert count(database) == 3
    assert database.scalars(select(Exposure.seconds)).all() == [660]


def test_what_cannot_be_taken_is_refused_with_a_sentence_and_the_rest_is_taken(
    client: Phone, other: Phone, sessions: Sessions, ladder: Ladder, database: Session
):
    theirs = a_ladder(sessions, other).steps[0]
    good = a_run(ladder)
    foreign = event("started", uuid.uuid4(), NOW, step=theirs)
    wrong = event("checked_in", good[0]["exposure"], NOW, suds=101)
    odd = {"id": "no id"}
    answer = send(client, batch(client, wrong, *good, foreign, odd))
    assert answer["accepted"] == [each["id"] for each in good]
    assert {each["id"] for each in answer["refused"]} == {foreign["id"], wrong["id"], "no id"}
    assert all(each["message"].endswith(".") for each in answer["refused"])
    assert "0 to 100" in next(each["message"] for each in answer["refused"] if each["id"] == wrong["id"])
    assert count(database) == 3


def test_an_exposure_of_another_client_takes_nothing_from_me(
    client: Phone, other: Phone, sessions: Sessions, ladder: Ladder, database: Session
):
    mine = an_exposure(sessions, client, ladder.steps[0], seconds=None)
    answer = send(other, batch(other, event("finished", mine, NOW)))
    assert answer["accepted"] == []
    assert len(answer["refused"]) == 1
    assert count(database) == 1


def test_a_batch_of_another_account_is_kept_back_with_409(
    client: Phone, other: Phone, ladder: Ladder, database: Session
):
    answer = send(other, batch(client, *a_run(ladder)), 409)
    assert answer == {"account": other.account_id}
    assert count(database) == 0
    for account in ("", None, "somebody", 5):
        send(client, batch(client, *a_run(ladder)) | {"account": account}, 409)
    assert count(database) == 0


def test_signed_out_the_phone_is_told_so_with_401(client: Phone, nobody: Phone, ladder: Ladder, database: Session):
    assert send(nobody, batch(client, *a_run(ladder)), 401) == {}
    assert count(database) == 0


def test_a_batch_from_another_site_is_refused(client: Phone, ladder: Ladder, database: Session):
    answer = client.post("/events", json=batch(client, *a_run(ladder)), headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert count(database) == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b"null", b'"text"', b"{}", b'{"events": {}}', b'{"events": "x"}', b"\xff\xfe"],
)
def test_a_body_that_is_no_batch_is_refused(client: Phone, body: bytes):
    answer = client.post("/events", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.mimetype != "application/json"


def test_two_hundred_events_are_taken_at_once_and_no_more(client: Phone, ladder: Ladder, database: Session):
    exposure, begun = uuid.uuid4(), NOW - timedelta(minutes=10)
    start = event("started", exposure, begun, step=ladder.steps[0])
    urges = [event("resisted", exposure, begun + timedelta(seconds=number)) for number in range(200)]
    assert client.post("/events", json=batch(client, start, *urges)).status_code == 400
    assert count(database) == 0
    assert len(send(client, batch(client, start, *urges[:199]))["accepted"]) == 200
    assert count(database) == 200


def test_a_batch_that_is_far_too_long_is_refused(client: Phone):
    body = b'{"events": [], "pad": "' + b"x" * 600_000 + b'"}'
    assert client.post("/events", data=body, content_type="application/json").status_code == 413


def test_an_empty_batch_is_answered(client: Phone):
    answer = send(client, batch(client))
    assert (answer["accepted"], answer["refused"]) == ([], [])


def test_a_second_start_is_told_what_else_runs_as_often_as_it_is_sent(
    client: Phone, sessions: Sessions, ladder: Ladder
):
    running = an_exposure(sessions, client, ladder.steps[1], seconds=None)
    start = batch(client, *a_run(ladder)[:1])
    for _time in range(2):
        assert send(client, start)["also_running"] == str(running)
    go_on = event("resumed", uuid.UUID(start["events"][0]["exposure"]), NOW)
    assert send(client, batch(client, go_on))["also_running"] == str(running)
    look = event("resisted", uuid.UUID(start["events"][0]["exposure"]), NOW)
    assert send(client, batch(client, look))["also_running"] is None


def test_a_second_start_by_a_plain_form_ends_the_first_and_one_tap_takes_that_back(
    client: Phone, sessions: Sessions, ladder: Ladder, database: Session, clock: Clock
):
    first = an_exposure(sessions, client, ladder.steps[1], NOW - timedelta(minutes=5), seconds=None)
    led_to = client.post("/events", data={"kind": "started", "step": ladder.steps[0], "planned_minutes": "20"})
    page = client.get(led_to.headers["Location"]).text
    assert "Your other practice has ended." in page
    assert database.get_one(Exposure, first).seconds == 300
    assert "It ended when another practice began." in client.get(f"/exposures/{first}").text
    clock.stand(NOW + timedelta(minutes=2))
    client.post("/events", data={"kind": "resumed", "exposure": first})
    database.rollback()
    rows = {row.id: (row.phase, row.seconds) for row in database.scalars(select(Exposure))}
    assert rows.pop(first) == ("running", 300)
    assert [(phase, seconds // 10) for phase, seconds in rows.values()] == [("after", 11)]


def test_a_clock_that_is_hours_wrong_is_put_right(client: Phone, ladder: Ladder, database: Session):
    wrong = timedelta(hours=7)
    begun = NOW - timedelta(minutes=12)
    send(client, batch(client, *a_run(ladder, begun=begun - wrong), sent_at=NOW - wrong))
    (row,) = database.scalars(select(Exposure)).all()
    assert row.started_at
    assert abs(row.started_at - begun) < timedelta(seconds=5)
    assert (row.seconds, row.local_date) == (660, local_day(row.started_at, ZONE))


def test_a_skew_that_the_phone_measured_puts_its_batch_right(client: Phone, ladder: Ladder, database: Session):
    begun, wrong = NOW - timedelta(minutes=12), timedelta(hours=7)
    send(client, batch(client, *a_run(ladder, begun=begun - wrong)) | {"skew": wrong // timedelta(milliseconds=1)})
    (row,) = database.scalars(select(Exposure)).all()
    assert (row.started_at, row.seconds, row.local_date) == (begun, 660, local_day(begun, ZONE))


@pytest.mark.parametrize("skew", [None, "soon", 1.5, True, [], 10**15, -(10**15), 10**400])
def test_a_skew_that_means_nothing_does_not_lose_the_practice(
    client: Phone, ladder: Ladder, database: Session, skew: Any
):
    sent = a_run(ladder)
    answer = send(client, batch(client, *sent) | {"skew": skew})
    assert answer["accepted"] == [each["id"] for each in sent]
    assert set(database.scalars(select(EventRow.shift_ms))) == {0}


@pytest.mark.parametrize(
    "sent_at",
    [None, "", "now", 5, "2026-01-01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "0002-01-01T00:00:00Z"],
)
def test_a_sending_time_that_means_nothing_does_not_lose_the_practice(
    client: Phone, ladder: Ladder, database: Session, sent_at: Any
):
    sent = a_run(ladder)
    answer = send(client, batch(client, *sent) | {"sent_at": sent_at})
    assert answer["accepted"] == [each["id"] for each in sent]
    assert database.scalars(select(Exposure.seconds)).all() == [660]


def test_odd_text_does_not_poison_the_outbox(client: Phone, ladder: Ladder):
    odd = event("started", uuid.uuid4(), NOW, step=ladder.steps[0], prediction="half \ud800 a pair \x00")
    assert send(client, batch(client, odd))["accepted"] == [odd["id"]]
    assert "half ? a pair" in client.get(f"/exposures/{odd['exposure']}").text


def test_one_id_twice_in_a_batch_is_taken_once(client: Phone, ladder: Ladder, database: Session):
    start = a_run(ladder)[0]
    twin = start | {"exposure": str(uuid.uuid4())}
    send(client, batch(client, start, start, twin))
    assert count(database) == 1


def test_a_finish_that_a_form_sends_the_next_day_ends_at_the_planned_end(
    client: Phone, ladder: Ladder, database: Session
):
    start = event("started", uuid.uuid4(), NOW - timedelta(hours=20), step=ladder.steps[0], planned_minutes=10)
    send(client, batch(client, start))
    form = {"kind": "finished", "exposure": start["exposure"]}
    assert client.post("/events", data=form).status_code == 303
    assert database.scalars(select(Exposure.seconds)).all() == [600]


def test_what_a_batch_costs_does_not_grow_with_the_events_of_the_client(database: Session):
    if database.get_bind().dialect.name != "sqlite":
        return  # PostgreSQL chooses its plans by the rows it has
    one = KNOWN.params(account=uuid.uuid4(), ids=[uuid.uuid4()], exposures=[uuid.uuid4()])
    query = one.compile(database.get_bind(), compile_kwargs={"render_postcompile": True})
    plan = database.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", (uuid.uuid4().hex,) * 4)
    steps = [row[3] for row in plan if row[3].startswith("SEARCH")]
    assert len(steps) == 2
    assert all("exposure_id=?" in step or "AND id=?" in step for step in steps)
