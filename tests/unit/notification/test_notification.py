"""The pings about a client's practice: what is news, to whom, and what it says."""

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from erp.domain.support import pings
from erp.domain.support import relation as relations
from erp.storage.support import Support
from tests.make.clients import EVERY_DAY, Client, local
from tests.make.supporters import (
    A_DAY,
    A_MINUTE,
    A_SECOND,
    NOON,
    ZONE,
    begins,
    coach,
    exposes,
    goes_on,
    kinds,
    lets,
    notifications,
    practised_before,
)


def told(relation: Support, session: Session) -> list[str]:
    """The kinds of ping that the supporter was to hear so far."""
    return kinds(session, relation.supporter_id)


# Started and finished.


def test_a_start_and_a_finish_are_told_when_they_happen(client: Client, sam: Support, session: Session):
    exposure = begins(client)
    (started,) = notifications(session)
    assert (started.account_id, started.support_id, started.exposure_id) == (sam.supporter_id, sam.id, exposure)
    assert (started.kind, started.facts) == ("started", {"name": "Noor"})
    assert (started.created_at, started.due_at, started.settled_at) == (NOON, NOON, None)
    goes_on(client, exposure, "checked_in", A_MINUTE, suds=50)
    goes_on(client, exposure, "finished", 9 * A_MINUTE)
    assert told(sam, session) == ["started", "finished"]
    finished = notifications(session)[1]
    assert finished.facts == {"name": "Noor", "seconds": 600, "streak": 1}
    assert (finished.exposure_id, finished.support_id, finished.due_at) == (exposure, sam.id, client.now)


def test_the_receipt_says_whether_somebody_should_hear_of_it(client: Client, session: Session):
    exposure = uuid.uuid4()
    assert not client.sends(client.event(exposure, "started", client.now)).has_news
    sam = coach(client)
    assert client.sends(client.event(exposure, "finished", client.now)).has_news
    lets(sam, contact="none")
    assert not client.sends(client.event(uuid.uuid4(), "started", client.now)).has_news


def test_nobody_hears_of_a_client_whom_nobody_coaches(client: Client, session: Session):
    coach(Client(session, ZONE, NOON))
    exposes(client)
    assert kinds(session) == []


def test_every_coach_hears_and_one_whose_coaching_ended_does_not(client: Client, sam: Support, session: Session):
    kim, former = coach(client, "Kim"), coach(client, "Lou")
    relations.end(session, former, client.now)
    begins(client)
    assert {each.account_id for each in notifications(session)} == {sam.supporter_id, kim.supporter_id}


def test_a_batch_with_start_and_finish_tells_the_finish_alone(client: Client, sam: Support, session: Session):
    client.practises(NOON, 600)
    assert told(sam, session) == ["finished"]


def test_a_replay_adds_nothing(client: Client, sam: Support, session: Session):
    exposure = uuid.uuid4()
    start = client.event(exposure, "started", client.now)
    finish = client.event(exposure, "finished", client.now + A_MINUTE)
    client.sends(start)
    client.now += A_MINUTE
    client.sends(finish)
    assert not client.sends(start, finish).has_news
    client.sends(finish)
    assert told(sam, session) == ["started", "finished"]


def test_a_finish_that_is_taken_back_and_made_again_is_told_once(client: Client, sam: Support, session: Session):
    exposure = exposes(client)
    goes_on(client, exposure, "extended", A_MINUTE, minutes=5)
    goes_on(client, exposure, "finished", 5 * A_MINUTE)
    goes_on(client, exposure, "noted", learning="it slept")
    assert told(sam, session) == ["started", "finished"]


def test_a_finish_that_was_taken_back_at_once_is_told_when_it_is_made_again(
    client: Client, sam: Support, session: Session
):
    exposure = begins(client)
    assert told(sam, session) == ["started"]
    client.now += 20 * A_MINUTE
    client.sends(
        client.event(exposure, "finished", client.now - 5 * A_MINUTE),
        client.event(exposure, "extended", client.now, minutes=5),
    )
    assert told(sam, session) == ["started"]
    goes_on(client, exposure, "finished", 5 * A_MINUTE)
    assert told(sam, session) == ["started", "finished"]


def test_a_finish_that_came_before_its_start_is_told_when_both_are_there(
    client: Client, sam: Support, session: Session
):
    exposure = uuid.uuid4()
    goes_on(client, exposure, "finished")
    assert told(sam, session) == []
    client.sends(client.event(exposure, "started", client.now - 5 * A_MINUTE))
    assert told(sam, session) == ["finished"]


@pytest.mark.parametrize(("late", "heard"), [(300, ["started"]), (301, [])])
def test_a_start_is_no_news_after_five_minutes(
    client: Client, sam: Support, session: Session, late: int, heard: list[str]
):
    client.sends(client.event(uuid.uuid4(), "started", client.now - late * A_SECOND))
    assert told(sam, session) == heard


@pytest.mark.parametrize(("late", "heard"), [(1800, ["finished"]), (1801, ["earlier"])])
def test_a_finish_is_fresh_for_half_an_hour(
    client: Client, sam: Support, session: Session, late: int, heard: list[str]
):
    finish = client.now - late * A_SECOND
    client.sends(
        client.event(exposure := uuid.uuid4(), "started", finish - 60 * A_MINUTE),
        client.event(exposure, "finished", finish),
    )
    assert told(sam, session) == heard


def test_a_wrong_clock_of_the_phone_makes_no_news_old(client: Client, sam: Support, session: Session):
    client.tells(uuid.uuid4(), ZONE, {"started": client.now}, slow=3 * A_DAY)
    assert told(sam, session) == ["started"]


# What a ping says.


def test_no_ping_holds_a_title_a_rating_or_a_word_whatever_is_shared(client: Client, sam: Support, session: Session):
    lets(sam, titles=True, suds=True, notes=True)
    client.plans_weekdays(5, EVERY_DAY)
    practised_before(client, 2)
    exposure = begins(client, expected_suds=73, prediction="it bites me", likelihood=91, response="not running")
    goes_on(client, exposure, "checked_in", 2 * A_MINUTE, suds=87)
    goes_on(client, exposure, "finished", 8 * A_MINUTE)
    goes_on(client, exposure, "noted", suds=59, outcome="partly", learning="it slept", note="proud")
    exposes(client, 7, expected_suds=73, prediction="it bites me")
    facts = [each.facts for each in notifications(session)]
    assert facts == [
        {"name": "Noor"},
        {"name": "Noor", "seconds": 600, "streak": 3},
        {"name": "Noor"},
        {"name": "Noor", "seconds": 420, "streak": 3},
    ]


# The greatest that happened, to who wants to hear it.


def test_the_days_goal_is_told_when_it_is_reached_and_once(client: Client, sam: Support, session: Session):
    client.plans_weekdays(15, EVERY_DAY)
    exposes(client, 10)
    exposes(client, 5)
    exposes(client, 5)
    assert told(sam, session) == ["started", "finished", "started", "goal", "started", "finished"]
    assert [each.facts.get("seconds") for each in notifications(session)] == [None, 600, None, 300, None, 300]


def test_without_a_plan_there_is_no_goal(client: Client, sam: Support, session: Session):
    exposes(client, 60)
    assert told(sam, session) == ["started", "finished"]


@pytest.mark.parametrize("days", [3, 7, 14])
def test_a_milestone_is_told_on_its_first_counted_practice_of_the_day(
    client: Client, sam: Support, session: Session, days: int
):
    practised_before(client, days - 1)
    exposes(client, 0.5)
    exposes(client, 2)
    exposes(client, 2)
    assert told(sam, session) == ["started", "finished", "started", "milestone", "started", "finished"]
    assert notifications(session)[3].facts == {"name": "Noor", "seconds": 120, "streak": days}


@pytest.mark.parametrize("days", [1, 2, 4, 6, 8])
def test_other_streaks_are_no_milestones(client: Client, sam: Support, session: Session, days: int):
    practised_before(client, days - 1)
    exposes(client)
    assert told(sam, session) == ["started", "finished"]


def test_milestones_are_3_7_14_30_60_100_and_then_every_50():
    milestones = [streak for streak in range(-1, 320) if pings.is_milestone(streak)]
    assert milestones == [3, 7, 14, 30, 60, 100, 150, 200, 250, 300]


@pytest.mark.parametrize(
    ("asked_for", "heard"),
    [
        (["started", "finished", "goal", "milestone"], "milestone"),
        (["finished", "goal"], "goal"),
        (["finished", "milestone"], "milestone"),
        (["finished"], "finished"),
    ],
)
@pytest.mark.parametrize("side", ["client", "coach"])
def test_one_exposure_is_one_ping_and_the_greatest_that_both_want_wins(
    client: Client, sam: Support, session: Session, asked_for: list[str], heard: str, side: str
):
    client.plans_weekdays(1, EVERY_DAY)
    practised_before(client, 2)
    if side == "client":
        lets(sam, told=asked_for)
    else:
        relations.want(sam, {"wanted": asked_for})
    client.practises(NOON, 600)
    assert told(sam, session) == [heard]


@pytest.mark.parametrize(
    ("contact", "heard"),
    [("every", ["started", "milestone"]), ("finished", ["finished"]), ("weekly", []), ("none", [])],
)
def test_contact_fades(client: Client, sam: Support, session: Session, contact: str, heard: list[str]):
    practised_before(client, 2)
    lets(sam, contact=contact)
    exposes(client)
    assert told(sam, session) == heard


def test_each_coach_hears_by_their_own_choice(client: Client, sam: Support, session: Session):
    kim = coach(client, "Kim")
    lets(sam, contact="finished")
    relations.want(kim, {"wanted": ["started", "milestone"]})
    practised_before(client, 2)
    exposes(client)
    assert (told(sam, session), told(kim, session)) == (["finished"], ["started", "milestone"])


def test_a_practice_over_midnight_counts_for_the_day_on_which_it_began(client: Client, sam: Support, session: Session):
    client.plans_weekdays(10, EVERY_DAY)
    practised_before(client, 2)
    client.now = local(ZONE, 2026, 11, 18, 23, 55)
    exposes(client, 15)
    assert told(sam, session) == ["started", "milestone"]
    assert notifications(session)[1].facts["streak"] == 3


# A pause.


def test_a_pause_holds_the_pings_back_and_they_come_again_after_it(client: Client, sam: Support, session: Session):
    client.pauses_for(date(2026, 11, 18), date(2026, 11, 19))
    exposes(client)
    client.now = local(ZONE, 2026, 11, 19, 23, 30)
    exposes(client)
    assert told(sam, session) == []
    client.now = local(ZONE, 2026, 11, 20, 0, 1)
    exposes(client)
    assert told(sam, session) == ["started", "milestone"]


def test_the_days_of_a_pause_are_those_on_the_clients_wall(session: Session):
    client = Client(session, "Pacific/Kiritimati", local("Pacific/Kiritimati", 2026, 11, 19, 0, 30))
    coach(client)
    client.pauses_for(date(2026, 11, 19), date(2026, 11, 19))
    begins(client)
    assert kinds(session) == []


def test_a_pause_that_ended_early_holds_nothing_back(client: Client, sam: Support, session: Session):
    pause = client.pauses_for(date(2026, 11, 15), date(2026, 11, 30))
    client.ends_pause(pause)
    begins(client)
    assert told(sam, session) == ["started"]


# How long it is worth hearing.


def test_what_nobody_could_be_told_in_time_is_dropped_not_sent_late(client: Client, sam: Support, session: Session):
    practised_before(client, 2)
    exposure = begins(client)
    goes_on(client, exposure, "finished", 2 * A_MINUTE)
    started, milestone = notifications(session)
    assert started.expires_at - started.due_at == timedelta(minutes=15)
    assert milestone.expires_at - milestone.due_at == A_DAY
