"""How many statements a page costs, and that it does not grow with the history."""

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import insert, select, update

from erp.domain import dates
from erp.domain.practice import days as practice_days
from erp.domain.practice import record as practice_record
from erp.services import services_of
from erp.storage.db import Sessions
from erp.storage.exposure import EventRow, Exposure
from erp.storage.practice import Day, Pause, Plan, PracticeTotals
from tests.make.clock import NOW, ZONE
from tests.make.pages import (
    HTMX,
    Ladder,
    a_cheer,
    a_coach,
    a_ladder,
    a_plan,
    an_exposure,
    batch,
    event,
    today,
)
from tests.web.conftest import Phone

MANY = 1000
TEN_YEARS = 3650


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    """A client who lives in ZONE."""
    return person("robin", ZONE)


@pytest.fixture
def ladder(sessions: Sessions, client: Phone) -> Ladder:
    a_plan(sessions, client)
    return a_ladder(sessions, client)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """The statements that the application sends meanwhile."""
    engine, sent = services_of(app).sessions.engine, []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.split(maxsplit=1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
            sent.append(statement)

    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note)


def a_history(sessions: Sessions, phone: Phone, steps: list[uuid.UUID]) -> None:
    """A thousand exposures with their events over the last 250 days, four a day, two of them on the first step."""
    account, zero = uuid.UUID(phone.account_id), datetime.combine(today(), time(9), UTC)
    exposures: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for number in range(MANY):
        day = today() - timedelta(days=number // 4 + 2)
        begun = zero - timedelta(days=number // 4 + 2) + timedelta(minutes=number % 4 * 30)
        step = steps[number % 2]
        data = {"step": str(step), "planned_minutes": 20, "zone": ZONE, "expected_suds": 50}
        row = {
            "id": uuid.uuid4(),
            "account_id": account,
            "step_id": step,
            "phase": "done",
            "local_date": day,
            "zone": ZONE,
            "started_at": begun,
            "finished_at": begun + timedelta(minutes=10),
            "seconds": 600,
            "planned_seconds": 1200,
            "expected_suds": 50,
            "curve": [[0, 50], [600, 20]],
        }
        exposures.append(row)
        common = {"account_id": account, "exposure_id": row["id"], "received_at": begun, "shift_ms": 0}
        events.append({**common, "id": uuid.uuid4(), "kind": "started", "happened_at": begun, "data": data})
        events.append(
            {**common, "id": uuid.uuid4(), "kind": "finished", "happened_at": row["finished_at"], "data": None}
        )
    days = [
        {"account_id": account, "date": today() - timedelta(days=back + 2), "seconds": 2400, "exposures": 4}
        for back in range(MANY // 4)
    ]
    with sessions.writing() as session:
        session.execute(insert(Exposure), exposures)
        session.execute(insert(EventRow), events)
        session.execute(insert(Day), days)
        session.execute(
            update(PracticeTotals)
            .where(PracticeTotals.account_id == account)
            .values(
                first_day=days[-1]["date"],
                days=PracticeTotals.days + len(days),
                seconds=PracticeTotals.seconds + 600 * MANY,
                exposures=PracticeTotals.exposures + MANY,
                settled_through=None,
            )
        )
        session.commit()


def pages(exposure: uuid.UUID, ladder: Ladder) -> dict[str, tuple[str, dict[str, str]]]:
    return {
        "today": ("/today", {}),
        "calendar": ("/calendar", {}),
        "month fragment": ("/calendar", HTMX),
        "year": (f"/calendar/{today().year}", {}),
        "day": (f"/calendar/days/{today() - timedelta(days=1)}", {}),
        "ladder": ("/ladder", {}),
        "one ladder": (f"/ladder/{ladder.fear}", {}),
        "archive": ("/ladder/archived", {}),
        "step": (f"/steps/{ladder.steps[0]}", {}),
        "smaller": (f"/steps/{ladder.steps[1]}/smaller", {}),
        "before practice": (f"/steps/{ladder.steps[0]}/practice", {}),
        "practice": (f"/exposures/{exposure}", {}),
        "record": (f"/exposures/{exposure}/record", {}),
        "summary": (f"/exposures/{exposure}/summary", {}),
        "plan": ("/plan", {}),
        "kit": ("/kit", {}),
        "account": ("/account", {}),
        "people": ("/people", {}),
        "invite": ("/people/invite", {}),
        "learn": ("/people/learn", {}),
    }


def posts(client: Phone, ladder: Ladder) -> dict[str, dict[str, Any]]:
    """Batches as they come from the phone, one after the other, of an exposure of their own."""
    exposure, begun = uuid.uuid4(), NOW - timedelta(minutes=15)
    return {
        "start": batch(client, event("started", exposure, begun, step=ladder.steps[0], expected_suds=40)),
        "check-in": batch(client, event("checked_in", exposure, begun + timedelta(minutes=5), suds=60)),
        "finish": batch(client, event("finished", exposure, begun + timedelta(minutes=12))),
        "note": batch(client, event("noted", exposure, begun + timedelta(minutes=13), learning="it slept")),
    }


def counted(app: Flask, client: Phone, exposure: uuid.UUID, ladder: Ladder) -> dict[str, int]:
    """Statements by page and by post."""
    numbers = {}
    for name, (path, headers) in pages(exposure, ladder).items():
        with statements(app) as sent:
            assert client.get(path, headers=headers).status_code == 200, name
        numbers[name] = len(sent)
    for name, body in posts(client, ladder).items():
        with statements(app) as sent:
            answer = client.post("/events", json=body)
            assert (answer.status_code, len((answer.json or {})["accepted"])) == (200, 1), name
        numbers[name] = len(sent)
    return numbers


def test_a_page_costs_as_many_statements_with_a_thousand_exposures_as_with_one(
    app: Flask, client: Phone, sessions: Sessions, ladder: Ladder
):
    yesterday = NOW - timedelta(days=1)
    exposure = an_exposure(sessions, client, ladder.steps[0], yesterday, noted={"suds": 10})
    counted(app, client, exposure, ladder)
    few = counted(app, client, exposure, ladder)
    a_history(sessions, client, ladder.steps)
    counted(app, client, exposure, ladder)
    many = counted(app, client, exposure, ladder)
    assert many == few
    assert max(few.values()) <= 17, few


def test_the_pages_that_are_opened_most_stay_cheap(app: Flask, client: Phone, sessions: Sessions, ladder: Ladder):
    exposure = an_exposure(sessions, client, ladder.steps[0], NOW - timedelta(days=1), noted={})
    numbers = counted(app, client, exposure, ladder)
    for name in ("today", "calendar", "year", "ladder", "before practice"):
        assert numbers[name] <= 8, (name, numbers[name])
    assert numbers["practice"] <= 10
    assert numbers["check-in"] <= 8


def people_of(
    sessions: Sessions, person: Callable[..., Phone], somebody: Phone, numbers: range
) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """So many clients who practise just now, and as many supporters; the relations to both, after a cheer each."""
    made = []
    for number in numbers:
        client, coach = person(f"client{number}", ZONE), person(f"coach{number}", ZONE)
        to_client, to_coach = a_coach(sessions, client, somebody), a_coach(sessions, somebody, coach)
        step = a_ladder(sessions, client).steps[0]
        an_exposure(sessions, client, step, NOW - timedelta(days=1), noted={"suds": 10})
        an_exposure(sessions, client, step, NOW - timedelta(minutes=5), seconds=None)
        a_cheer(sessions, to_client)
        made.append((to_client, to_coach))
    return made


def test_people_cost_as_many_statements_with_twenty_clients_and_supporters_as_with_one(
    app: Flask, client: Phone, sessions: Sessions, person: Callable[..., Phone]
):
    (pair,) = people_of(sessions, person, client, range(1))

    def costs() -> dict[str, int]:
        paths = ("/people", f"/people/{pair[0]}", f"/people/{pair[0]}/card", f"/supporters/{pair[1]}")
        numbers = {}
        for path in paths:
            with statements(app) as sent:
                assert client.get(path).status_code == 200, path
            numbers[path] = len(sent)
        return numbers

    few = costs()
    people_of(sessions, person, client, range(1, 20))
    assert client.get("/people").text.count('class="live-tag"') == 20
    many = costs()
    assert many == few
    assert max(few.values()) <= 12, few


def ten_years() -> practice_days.Facts:
    """Ten years of a life: practice on most days, lapses, pauses and changing plans."""
    dice, last = random.Random(7), today()
    first = last - timedelta(days=TEN_YEARS)
    practised = {}
    for back in range(TEN_YEARS):
        day, lapse = last - timedelta(days=back), back // 40 % 9 == 5
        if dice.random() < (0.3 if lapse else 0.9):
            practised[day] = (dice.choice((300, 900, 1500)), dice.choice((1, 2)))
    plans = [
        practice_days.PlanView(first + timedelta(days=30), 10, "per_week", (), 4),
        practice_days.PlanView(first + timedelta(days=900), 15, "weekdays", (0, 1, 3, 4, 6), 7),
        practice_days.PlanView(first + timedelta(days=2400), 20, "per_week", (), 5),
    ]
    pauses = [
        practice_days.PauseView(uuid.uuid4(), first + timedelta(days=at), first + timedelta(days=at + 12))
        for at in range(200, TEN_YEARS, 400)
    ]
    return practice_days.Facts(first, plans, pauses, practised)


def write(sessions: Sessions, client: Phone, facts: practice_days.Facts) -> None:
    account = uuid.UUID(client.account_id)
    with sessions.writing() as session:
        session.execute(
            insert(Day),
            [
                {"account_id": account, "date": day, "seconds": seconds, "exposures": exposures}
                for day, (seconds, exposures) in facts.practised.items()
            ],
        )
        for plan in facts.plans:
            session.add(
                Plan(
                    account_id=account,
                    starts_on=plan.starts_on,
                    minutes=plan.minutes,
                    kind=plan.kind,
                    weekdays=sum(1 << day for day in plan.weekdays),
                    days_per_week=plan.days_per_week,
                )
            )
        for pause in facts.pauses:
            session.add(
                Pause(
                    id=pause.id,
                    account_id=account,
                    first_day=pause.first_day,
                    last_day=pause.last_day,
                    created_at=NOW,
                )
            )
        session.execute(
            update(PracticeTotals)
            .where(PracticeTotals.account_id == account)
            .values(
                first_day=facts.first_day,
                days=len(facts.practised),
                seconds=sum(seconds for seconds, _ in facts.practised.values()),
                exposures=sum(exposures for _, exposures in facts.practised.values()),
            )
        )
        session.commit()


def pure(facts: practice_days.Facts, day: date) -> tuple[int, int]:
    """The streak by the pure rules alone, from the first day on."""
    begin = practice_days.Run(dates.monday_of(facts.first_day) - timedelta(days=1))
    run = practice_days.run_through(facts, begin, day, day)
    return run.current, run.longest


def shown(html: str) -> int:
    """The streak that the calendar shows."""
    return int(html.partition('<ul class="tiles">')[2].partition("<b>")[2].partition("</b>")[0])


def test_ten_years_of_history_give_the_streak_of_the_pure_rules_and_only_new_days_are_read(
    app: Flask, client: Phone, sessions: Sessions
):
    facts = ten_years()
    write(sessions, client, facts)
    current, longest = pure(facts, today())
    assert 0 < current < longest
    assert shown(client.get("/calendar").text) == current
    # An exposure settles what lies behind; from then on the past is not read again.
    step = a_ladder(sessions, client).steps[0]
    an_exposure(sessions, client, step, NOW - timedelta(minutes=30), seconds=1500)
    with sessions.reading() as session:
        row = session.scalars(
            select(PracticeTotals).where(PracticeTotals.account_id == uuid.UUID(client.account_id))
        ).one()
        assert row.settled_through
        assert today() - row.settled_through < timedelta(days=40)
        assert session.get(Day, (row.account_id, today()))
    practised = {**facts.practised, today(): (1500, 1)}
    after = practice_days.Facts(facts.first_day, facts.plans, facts.pauses, practised)
    assert shown(client.get("/calendar").text) == pure(after, today())[0]
    with sessions.reading() as session:
        loaded = practice_record.practice_of(session, uuid.UUID(client.account_id), today(), today(), today())
    assert len(loaded.facts.practised) < 60
    totals = loaded.totals()
    assert (totals.current, totals.longest) == pure(after, today())
