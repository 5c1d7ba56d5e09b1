"""The summary of a week, for supporters who hear that alone: on Monday morning in the client's zone, or later, once."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from erp.domain.support import pings
from erp.domain.support import relation as relations
from erp.storage.practice import Plan
from erp.storage.support import Support
from tests.make.clients import Client, local
from tests.make.supporters import A_DAY, NOON, ZONE, coach, exposes, kinds, lets, notifications

MONDAY = (2026, 11, 23)


@pytest.fixture
def sam(client: Client) -> Support:
    relation = coach(client)
    lets(relation, contact="weekly")
    return relation


def tells(session: Session, moment: datetime) -> int:
    session.flush()
    session.expire_all()
    return pings.tell_of_weeks(session, moment)


def monday(hour: int = 9, minute: int = 0, zone: str = ZONE) -> datetime:
    return local(zone, *MONDAY, hour, minute)


def test_the_summary_holds_the_days_and_the_time_of_last_week_and_nothing_else(
    client: Client, sam: Support, session: Session
):
    client.now = local(ZONE, 2026, 11, 15, 23)
    exposes(client, 50)
    for day, minutes in ((16, 10), (18, 5), (18, 5), (22, 2)):
        client.now = local(ZONE, 2026, 11, day, 20)
        exposes(client, minutes, expected_suds=50, prediction="it bites")
    client.now = local(ZONE, *MONDAY, 7)
    exposes(client, 30)
    assert tells(session, monday()) == 1
    (weekly,) = notifications(session)
    assert (weekly.kind, weekly.account_id, weekly.support_id) == ("weekly", sam.supporter_id, sam.id)
    assert weekly.facts == {"name": "Noor", "days": 3, "seconds": 22 * 60}
    assert (weekly.due_at, weekly.expires_at) == (monday(), monday() + A_DAY)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Europe/Lisbon", "America/Los_Angeles", "Asia/Kathmandu"])
def test_it_comes_from_nine_on_monday_in_the_clients_zone(session: Session, zone: str):
    client = Client(session, zone, local(zone, 2026, 11, 18, 12))
    lets(coach(client, zone="Asia/Tokyo"), contact="weekly")
    exposes(client)
    for moment in (monday(8, 59, zone), monday(9, 0, zone) - 2 * A_DAY):
        assert tells(session, moment) == 0
    taken_back = session.begin_nested()
    assert tells(session, monday(23, 59, zone)) == 1
    taken_back.rollback()
    assert tells(session, monday(9, 0, zone)) == 1


@pytest.mark.parametrize(("first", "again"), [((9, 0), (9, 1)), ((9, 0), (23, 59)), ((23, 58), (23, 59))])
def test_it_comes_once_a_week_however_often_it_is_looked_for(
    client: Client, sam: Support, session: Session, first: Any, again: Any
):
    exposes(client)
    assert [tells(session, monday(*when)) for when in (first, again)] == [1, 0]


def test_it_comes_again_next_week(client: Client, sam: Support, session: Session):
    for week in range(3):
        client.now = NOON + week * 7 * A_DAY
        exposes(client)
        assert tells(session, monday(23 if week == 0 else 9) + week * 7 * A_DAY) == 1
        assert tells(session, monday(23) + week * 7 * A_DAY) == 0
    assert kinds(session) == ["weekly"] * 3


def test_an_empty_week_is_not_held_up_to_anybody(client: Client, sam: Support, session: Session):
    client.now = local(ZONE, 2026, 11, 15, 23)
    exposes(client)
    client.now = local(ZONE, *MONDAY, 8)
    exposes(client, 0.5)
    assert tells(session, monday()) == 0


def test_in_a_pause_there_is_none_and_after_it_there_is(client: Client, sam: Support, session: Session):
    exposes(client)
    client.pauses_for(date(2026, 11, 20), date(2026, 11, 23))
    assert tells(session, monday()) == 0
    client.now = local(ZONE, 2026, 11, 26, 12)
    exposes(client)
    assert tells(session, monday() + 7 * A_DAY) == 1


@pytest.mark.parametrize(("contact", "count"), [("every", 0), ("finished", 0), ("weekly", 1), ("none", 0)])
def test_only_contact_that_faded_to_the_week_has_one(
    client: Client, sam: Support, session: Session, contact: str, count: int
):
    exposes(client)
    lets(sam, contact=contact)
    assert tells(session, monday()) == count


def test_who_does_not_want_it_hears_none(client: Client, sam: Support, session: Session):
    exposes(client)
    relations.want(sam, {"wanted": ["started", "finished"]})
    assert tells(session, monday()) == 0


def test_who_left_hears_none(client: Client, sam: Support, session: Session):
    exposes(client)
    relations.end(session, sam, client.now)
    assert tells(session, monday()) == 0


def test_each_coach_of_each_client_has_their_own(client: Client, sam: Support, session: Session):
    kim, other = coach(client, "Kim"), Client(session, "Asia/Kathmandu", NOON)
    lou = coach(other, "Lou")
    for relation in (kim, lou):
        lets(relation, contact="weekly")
    exposes(client, 10)
    exposes(other, 20)
    assert tells(session, monday()) == 3
    found = {each.support_id: each.facts["seconds"] for each in notifications(session)}
    assert found == {sam.id: 600, kim.id: 600, lou.id: 1200}


def test_a_long_history_does_not_hide_the_week(client: Client, sam: Support, session: Session):
    client.now = NOON - timedelta(days=90)
    while client.now < local(ZONE, 2026, 11, 23):
        exposes(client)
        client.now += A_DAY
    assert client.settled_through()
    assert tells(session, monday()) == 1
    assert notifications(session)[-1].facts["days"] == 7


@pytest.mark.parametrize("later", range(1, 7))
def test_what_was_missed_on_monday_comes_once_on_a_later_day_and_tells_of_the_same_week(
    client: Client, sam: Support, session: Session, later: int
):
    exposes(client)
    client.now = monday(7)
    exposes(client, 30)
    moment = monday() + later * A_DAY
    assert [tells(session, when) for when in (moment - timedelta(minutes=1), moment, moment)] == [0, 1, 0]
    assert [each.facts["days"] for each in notifications(session)] == [1]
    for rest in range(later + 1, 7):
        assert tells(session, monday() + rest * A_DAY) == 0
    # The next one follows two days after a late one at the earliest, and in its own week.
    assert sum(tells(session, monday() + (7 + day) * A_DAY) for day in range(3)) == 1


def test_a_coach_who_came_after_monday_missed_none(client: Client, session: Session):
    client.now = NOON
    exposes(client)
    client.now = monday(12)
    lets(coach(client, "Kim"), contact="weekly")
    assert tells(session, monday() + A_DAY) == 0


def test_a_week_that_began_with_a_pause_is_not_told_after_it(client: Client, sam: Support, session: Session):
    exposes(client)
    client.pauses_for(date(2026, 11, 20), date(2026, 11, 24))
    assert [tells(session, monday() + day * A_DAY) for day in range(5)] == [0] * 5


@pytest.mark.parametrize("zone", ["America/Not_Yet", "", "localtime", "right/Europe/London", "../etc/passwd"])
def test_one_whose_zone_cannot_be_used_keeps_it_from_nobody_else(
    client: Client, sam: Support, session: Session, zone: str
):
    ill = Client(session, "Asia/Kathmandu", NOON)
    lets(coach(ill, "Lou"), contact="weekly")
    exposes(ill)
    exposes(client)
    ill.account.time_zone = zone
    assert tells(session, monday()) == 1
    assert [each.support_id for each in notifications(session)] == [sam.id]


def test_one_whose_plan_is_damaged_keeps_it_from_nobody_else(client: Client, sam: Support, session: Session):
    ill = Client(session, ZONE, NOON)
    lets(coach(ill, "Lou"), contact="weekly")
    ill.plans_weekdays(5, range(7))
    exposes(ill)
    exposes(client)
    session.execute(update(Plan).where(Plan.account_id == ill.account.id).values(kind="garbage"))
    assert tells(session, monday()) == 1
    assert [each.support_id for each in notifications(session)] == [sam.id]
