from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain.errors import Conflict, Invalid, NotFound
from erp.domain.practice import plan as plans
from erp.domain.practice.days import PlanView
from erp.domain.practice.record import pauses_of, plans_of
from erp.storage.practice import Pause
from tests.make.clients import Client, local

TODAY = date(2026, 11, 18)


@pytest.fixture
def client(session: Session) -> Client:
    return Client(session, "Europe/Lisbon", local("Europe/Lisbon", 2026, 11, 18, 12, 0))


def set_plan(client: Client, **raw: Any) -> None:
    given = {"minutes": "20", "kind": "per_week", "days_per_week": "5"} | raw
    plans.set_plan(client.session, client.account.id, given, TODAY)


def plans_now(client: Client) -> list[PlanView]:
    client.session.flush()
    return plans_of(client.session, client.account.id)


def wrong(call: Any, *arguments: Any, **raw: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        call(*arguments, **raw)
    return {name: problem.code for name, problem in refused.value.problems.items()}


def test_a_plan_is_days_a_week_from_today_on(client: Client):
    assert not plans.has_plan(client.session, client.account.id)
    set_plan(client)
    assert plans_now(client) == [PlanView(TODAY, 20, "per_week", (), 5)]
    assert plans.has_plan(client.session, client.account.id)


def test_a_plan_is_fixed_weekdays_in_any_order_once_each(client: Client):
    set_plan(client, kind="weekdays", weekdays=["6", "0", "2", "2"])
    assert plans_now(client)[0].weekdays == (0, 2, 6)


def test_minutes_of_ones_own_are_taken_from_their_own_field(client: Client):
    set_plan(client, minutes="own", own_minutes="17")
    assert plans_now(client)[0].minutes == 17
    assert wrong(set_plan, client, minutes="own", own_minutes="0") == {"own_minutes": "not_whole"}
    assert wrong(set_plan, client, minutes="own") == {"own_minutes": "required"}


def test_a_change_from_a_date_on_stands_beside_the_plan_of_now(client: Client):
    set_plan(client)
    set_plan(client, minutes="60", days_per_week="7", starts_on="2026-12-01")
    assert [(plan.starts_on, plan.minutes) for plan in plans_now(client)] == [(TODAY, 20), (date(2026, 12, 1), 60)]


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        ({"minutes": ""}, {"minutes": "required"}),
        ({"minutes": "0"}, {"minutes": "not_whole"}),
        ({"minutes": "241"}, {"minutes": "not_whole"}),
        ({"minutes": "ten"}, {"minutes": "not_whole"}),
        ({"minutes": "-5"}, {"minutes": "not_whole"}),
        ({"minutes": "2.5"}, {"minutes": "not_whole"}),
        ({"kind": "sometimes"}, {"kind": "not_an_option"}),
        ({"kind": ""}, {"kind": "not_an_option"}),
        ({"days_per_week": "0"}, {"days_per_week": "not_whole"}),
        ({"days_per_week": "8"}, {"days_per_week": "not_whole"}),
        ({"kind": "weekdays"}, {"weekdays": "no_weekday"}),
        ({"kind": "weekdays", "weekdays": ["7"]}, {"weekdays": "no_weekday"}),
        ({"kind": "weekdays", "weekdays": ["1", "Monday"]}, {"weekdays": "no_weekday"}),
        ({"starts_on": "2026-11-17"}, {"starts_on": "plan_start"}),
        ({"starts_on": "2028-01-01"}, {"starts_on": "plan_start"}),
        ({"starts_on": "tomorrow"}, {"starts_on": "not_a_date"}),
        ({"minutes": "", "days_per_week": "9"}, {"minutes": "required", "days_per_week": "not_whole"}),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_field_by_field(
    client: Client, raw: dict[str, Any], problems: dict[str, str]
):
    assert wrong(set_plan, client, **raw) == problems
    assert plans_now(client) == []


def pause(client: Client, first: str, last: str) -> Pause:
    raw = {"first_day": first, "last_day": last}
    made = plans.add_pause(client.session, client.account.id, raw, TODAY, datetime(2026, 11, 18, 12, tzinfo=UTC))
    client.session.flush()
    return made


@pytest.mark.parametrize(
    ("first", "last", "problems"),
    [
        ("", "2026-11-20", {"first_day": "not_a_date"}),
        ("2026-11-18", "", {"last_day": "not_a_date"}),
        ("soon", "later", {"first_day": "not_a_date", "last_day": "not_a_date"}),
        ("2026-11-10", "2026-11-20", {"first_day": "pause_start"}),
        ("2028-01-01", "2028-01-02", {"first_day": "pause_start"}),
        ("2026-11-20", "2026-11-19", {"last_day": "pause_end"}),
        ("2026-11-20", "2027-11-22", {"last_day": "pause_end"}),
    ],
)
def test_a_pause_that_makes_no_sense_is_refused_field_by_field(
    client: Client, first: str, last: str, problems: dict[str, str]
):
    assert wrong(pause, client, first, last) == problems
    assert client.session.scalars(select(Pause)).all() == []


def spans(client: Client) -> list[tuple[str, str]]:
    rows = client.session.scalars(select(Pause).order_by(Pause.first_day)).all()
    return [(str(row.first_day), str(row.last_day)) for row in rows]


def test_a_pause_may_be_one_day_and_as_long_as_a_year(client: Client):
    pause(client, "2026-11-18", "2026-11-18")
    pause(client, "2026-11-19", "2027-11-20")
    assert spans(client) == [("2026-11-18", "2026-11-18"), ("2026-11-19", "2027-11-20")]


@pytest.mark.parametrize(
    ("added", "left"),
    [
        ([("11-18", "11-20")] * 2, [("11-18", "11-20")]),
        ([("11-18", "11-20"), ("11-20", "11-25")], [("11-18", "11-25")]),
        ([("11-20", "11-25"), ("11-18", "11-20")], [("11-18", "11-25")]),
        ([("11-18", "11-30"), ("11-20", "11-22")], [("11-18", "11-30")]),
        ([("11-18", "11-19"), ("11-25", "11-26"), ("11-19", "11-25")], [("11-18", "11-26")]),
        ([("11-18", "11-19"), ("11-20", "11-22")], [("11-18", "11-19"), ("11-20", "11-22")]),
    ],
)
def test_pauses_that_overlap_are_one(client: Client, added: list[tuple[str, str]], left: list[tuple[str, str]]):
    for first, last in added:
        made = pause(client, f"2026-{first}", f"2026-{last}")
    assert spans(client) == [(f"2026-{first}", f"2026-{last}") for first, last in left]
    plans.end_pause(client.session, made, TODAY)
    still = any(one.covers(TODAY) for one in pauses_of(client.session, client.account.id))
    assert still is (len(left) == 2), "days that only touch are two pauses"


def test_pauses_that_overlap_from_the_version_before_end_together(client: Client):
    for last in (20, 25):
        client.session.add(
            Pause(account_id=client.account.id, first_day=TODAY - timedelta(days=2), last_day=date(2026, 11, last),
                  created_at=client.now)
        )  # fmt: skip
    client.session.flush()
    plans.end_pause(client.session, client.session.scalars(select(Pause)).first(), TODAY)
    assert spans(client) == [("2026-11-16", "2026-11-17")] * 2


@pytest.mark.parametrize(("ago", "taken"), [(0, False), (1, True), (30, True), (31, False)])
def test_a_pause_of_the_past_thirty_days_can_be_taken_back(client: Client, ago: int, taken: bool):
    over = Pause(account_id=client.account.id, first_day=TODAY - timedelta(days=ago + 3),
                 last_day=TODAY - timedelta(days=ago), created_at=client.now)  # fmt: skip
    client.session.add(over)
    client.session.flush()
    if taken:
        plans.take_back_pause(client.session, over, TODAY)
    else:
        with pytest.raises(Conflict):
            plans.take_back_pause(client.session, over, TODAY)
    assert bool(spans(client)) is not taken


def test_a_streak_that_was_settled_over_a_pause_is_computed_anew_when_that_is_taken_back(session: Session):
    client = Client(session, "Europe/Lisbon", local("Europe/Lisbon", 2026, 9, 1, 12))
    client.plans_per_week(10, 7)
    first = client.today
    for day in (0, 1, 2):
        client.practises(local("Europe/Lisbon", 2026, 9, 1 + day, 9), 600)
    client.now = local("Europe/Lisbon", 2026, 9, 4, 12)
    paused = client.pauses_for(date(2026, 9, 4), date(2026, 9, 14))
    for day in range(15, 31):
        client.practises(local("Europe/Lisbon", 2026, 9, day, 9), 600)
    for day in range(1, 15):
        client.practises(local("Europe/Lisbon", 2026, 10, day, 9), 600)
    assert client.settled_through() == date(2026, 9, 13)
    assert client.totals().current == 33
    client.takes_back_pause(paused)
    assert client.totals().current == 30
    assert client.states(first, client.today)[3:14] == ["missed"] * 11


def test_a_pause_that_is_over_cannot_be_ended_again(client: Client):
    over = pause(client, "2026-11-12", "2026-11-17")
    with pytest.raises(Conflict):
        plans.end_pause(client.session, over, TODAY)
    assert over.last_day == date(2026, 11, 17)


def test_a_pause_ended_today_still_covers_yesterday(client: Client):
    running = pause(client, "2026-11-12", "2026-11-30")
    plans.end_pause(client.session, running, TODAY)
    assert running.last_day == TODAY - timedelta(days=1)


def test_a_pause_that_begins_today_goes_away_when_it_is_ended(client: Client):
    begun = pause(client, "2026-11-18", "2026-11-30")
    plans.end_pause(client.session, begun, TODAY)
    client.session.flush()
    assert client.session.scalars(select(Pause)).all() == []


def test_the_pause_of_another_client_looks_like_none(client: Client, session: Session):
    mine = pause(client, "2026-11-18", "2026-11-20")
    other = Client(session, "Europe/Lisbon", client.now)
    assert plans.pause_of(session, client.account.id, mine.id) is mine
    with pytest.raises(NotFound):
        plans.pause_of(session, other.account.id, mine.id)
    with pytest.raises(NotFound):
        plans.pause_of(session, client.account.id, uuid4())
