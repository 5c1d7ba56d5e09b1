"""The rules of the streak and the calendar that show only in the record: what the verbs write and what is read back.

The 2nd, 9th and 16th of March 2026 are Mondays.
"""

import uuid
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from erp.domain.errors import Conflict, Invalid
from erp.domain.practice.days import Totals
from tests.make.clients import EVERY_DAY, NEW_YORK, WORKDAYS, Client, local, march

Start = Callable[..., Client]


@pytest.fixture
def starts(session: Session) -> Start:
    """Signs a client up at noon on 2 March in New York, or elsewhere and at another time."""

    def start(zone: str = NEW_YORK, now: datetime | None = None) -> Client:
        return Client(session, zone, now or local(zone, 2026, 3, 2, 12))

    return start


# The day of an exposure.


def test_an_exposure_over_midnight_belongs_to_the_day_on_which_it_started(starts: Start):
    client = starts()
    client.now = local(NEW_YORK, 2026, 3, 4, 12)
    client.practises(local(NEW_YORK, 2026, 3, 3, 23, 59, 59), 3600)
    assert client.states(march(2), march(4)) == ["rest", "practised", "open"]


def test_moving_to_another_zone_never_rewrites_the_past(starts: Start):
    client = starts()
    client.now = local(NEW_YORK, 2026, 3, 5, 12)
    client.practises(local(NEW_YORK, 2026, 3, 4, 23, 30), 600)
    client.moves_to("Pacific/Kiritimati")
    client.now += timedelta(days=1)
    client.practises(client.now - timedelta(hours=1), 600)
    assert client.states(march(3), march(7)) == ["rest", "practised", "rest", "rest", "practised"]


def test_the_zone_is_the_one_that_came_with_the_start_not_the_accounts_of_later(starts: Start):
    client = starts()
    client.now = local(NEW_YORK, 2026, 3, 5, 12)
    client.moves_to("Pacific/Kiritimati")
    client.practises(local(NEW_YORK, 2026, 3, 4, 23, 30), 600, zone=NEW_YORK)
    assert client.states(march(4), march(5)) == ["practised", "rest"]


def test_a_zone_that_nobody_knows_gives_way_to_the_accounts(starts: Start):
    client = starts()
    client.now = local(NEW_YORK, 2026, 3, 5, 12)
    exposure, start = uuid.uuid4(), local(NEW_YORK, 2026, 3, 4, 23, 30)
    client.sends(
        client.event(exposure, "started", start, zone="Atlantis/Capital"),
        client.event(exposure, "finished", start + timedelta(minutes=5)),
    )
    assert [day.state for day in client.days(march(4), march(5))] == ["practised", "open"]


def test_the_date_stays_when_a_late_event_moves_the_start_over_midnight(starts: Start):
    client = starts()
    client.now = local(NEW_YORK, 2026, 3, 5, 12)
    midnight = local(NEW_YORK, 2026, 3, 5)
    exposure = client.practises(midnight + timedelta(minutes=1), 600)
    client.sends(client.event(exposure, "started", midnight - timedelta(minutes=1)))
    assert [day.state for day in client.days(march(4), march(5))] == ["rest", "practised"]


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
def test_days_of_23_and_25_hours_are_ordinary_days(starts: Start, day: date):
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    client = starts(now=local(NEW_YORK, before.year, before.month, before.day, 8))
    client.plans_weekdays(10, EVERY_DAY)
    for one in (before, day, after):
        client.now = local(NEW_YORK, one.year, one.month, one.day, 23, 50)
        client.practises(local(NEW_YORK, one.year, one.month, one.day, 0, 5), 600)
    assert client.states(before, after) == ["goal"] * 3
    assert client.totals().current == 3


def test_the_days_of_half_an_hour_less_or_more_are_ordinary_days(starts: Start):
    zone = "Australia/Lord_Howe"
    client = starts(zone, local(zone, 2026, 10, 3, 9))
    client.plans_weekdays(10, EVERY_DAY)
    for day in (3, 4, 5):
        client.now = local(zone, 2026, 10, day, 23, 55)
        client.practises(local(zone, 2026, 10, day, 23, 45), 600)
    assert client.states(date(2026, 10, 3), date(2026, 10, 5)) == ["goal"] * 3


# What counts.


def test_an_exposure_counts_from_sixty_seconds_on(starts: Start):
    client = starts()
    client.now = local(NEW_YORK, 2026, 3, 4, 12)
    client.practises(local(NEW_YORK, 2026, 3, 3, 9), 59.999)
    client.practises(local(NEW_YORK, 2026, 3, 4, 9), 60)
    assert client.states(march(3), march(4)) == ["rest", "practised"]
    assert client.totals() == Totals(current=1, longest=1, days=1, seconds=60, exposures=1)


def test_stopping_before_the_planned_time_counts_as_practice(starts: Start):
    client = starts()
    client.plans_weekdays(1, EVERY_DAY)
    exposure, start = uuid.uuid4(), client.now
    client.now += timedelta(minutes=2)
    client.sends(
        client.event(exposure, "started", start, planned_minutes=60),
        client.event(exposure, "finished", start + timedelta(seconds=90)),
    )
    assert [day.state for day in client.days(march(2), march(2))] == ["goal"]


def test_a_run_with_rituals_and_high_distress_counts_like_any_other(starts: Start):
    client = starts()
    exposure, start = uuid.uuid4(), client.now
    client.now += timedelta(minutes=12)
    client.sends(
        client.event(exposure, "started", start, expected_suds=60),
        client.event(exposure, "ritual", start + timedelta(minutes=1)),
        client.event(exposure, "checked_in", start + timedelta(minutes=5), suds=100),
        client.event(exposure, "ritual", start + timedelta(minutes=6)),
        client.event(exposure, "finished", start + timedelta(minutes=10)),
        client.event(exposure, "noted", start + timedelta(minutes=11), suds=100, outcome="yes"),
    )
    (day,) = client.days(march(2), march(2))
    assert (day.state, day.seconds, day.exposures) == ("practised", 600, 1)


def test_paused_time_does_not_count_as_minutes(starts: Start):
    client = starts()
    client.plans_weekdays(10, EVERY_DAY)
    start = client.now
    client.now += timedelta(minutes=20)
    client.tells(
        uuid.uuid4(),
        NEW_YORK,
        {
            "started": start,
            "paused": start + timedelta(minutes=5),
            "resumed": start + timedelta(minutes=10),
            "finished": start + timedelta(minutes=14),
        },
    )
    (day,) = client.days(march(2), march(2))
    assert (day.state, day.seconds) == ("practised", 540)
    assert client.totals().seconds == 540


def test_less_than_a_minute_around_a_long_pause_does_not_count(starts: Start):
    client = starts()
    start = client.now
    client.now += timedelta(hours=1)
    moments = {"started": start, "paused": start + timedelta(seconds=50), "finished": client.now}
    client.tells(uuid.uuid4(), NEW_YORK, moments)
    assert client.totals().exposures == 0


def test_going_on_after_the_finish_takes_back_nothing_that_counted(starts: Start):
    client = starts()
    exposure, start = uuid.uuid4(), client.now
    client.now += timedelta(minutes=20)
    client.tells(exposure, NEW_YORK, {"started": start, "finished": client.now})
    before = client.totals()
    client.now += timedelta(minutes=1)
    client.sends(client.event(exposure, "extended", client.now, minutes=5))
    assert client.totals() == before
    client.now += timedelta(minutes=5)
    client.sends(client.event(exposure, "finished", client.now))
    (day,) = client.days(march(2), march(2))
    assert (day.seconds, day.exposures) == (1500, 1)


# The states.


def test_the_first_day_is_the_date_of_sign_up(starts: Start):
    client = starts("Pacific/Kiritimati", datetime.fromisoformat("2026-03-01T10:00:00Z"))
    assert client.states(march(1), march(2)) == ["before", "open"]


def test_the_first_day_is_the_date_of_the_first_exposure_when_that_is_earlier(starts: Start):
    client = starts()
    client.plans_weekdays(10, EVERY_DAY)
    client.practises(local(NEW_YORK, 2026, 2, 27, 9), 600)
    assert client.states(march(-3), march(2)) == ["before", "before", "practised", "rest", "rest", "open"]


def test_a_first_exposure_too_short_to_count_makes_the_first_day_all_the_same(starts: Start):
    client = starts()
    client.practises(local(NEW_YORK, 2026, 2, 27, 9), 30)
    assert client.states(march(-2), march(0)) == ["before", "rest", "rest"]


def test_practice_on_a_date_that_is_still_to_come_is_practice(starts: Start):
    zone = "Pacific/Kiritimati"
    client = starts(zone, local(zone, 2026, 3, 4, 8))
    client.plans_weekdays(10, EVERY_DAY)
    client.practises(client.now, 600)
    client.now += timedelta(minutes=20)
    client.moves_to(NEW_YORK)
    assert client.today == march(3)
    assert client.states(march(3), march(5)) == ["before", "goal", "future"]
    assert client.totals() == Totals(current=0, longest=0, days=1, seconds=600, exposures=1)
    client.now += timedelta(days=1)
    assert client.totals().current == 1


# Plans.


def test_a_plan_cannot_begin_in_the_past(starts: Start):
    client = starts()
    with pytest.raises(Invalid):
        client.plans_per_week(10, 5, starts_on=march(1))


def test_a_plan_set_again_for_the_same_day_replaces_the_first(starts: Start):
    client = starts()
    client.plans_per_week(10, 7)
    client.plans_weekdays(20, WORKDAYS)
    client.practises(client.now - timedelta(minutes=15), 900)
    assert client.states(march(2), march(2)) == ["practised"]


# Pauses.


def test_a_pause_may_start_seven_days_back_and_no_further(starts: Start):
    client = starts()
    client.plans_weekdays(10, EVERY_DAY)
    client.now += timedelta(days=10)
    client.pauses_for(march(5), march(6))
    with pytest.raises(Invalid):
        client.pauses_for(march(4), march(6))
    assert client.states(march(4), march(7)) == ["missed", "paused", "paused", "missed"]


def test_ending_a_pause_keeps_its_days_that_have_passed(starts: Start):
    client = starts()
    client.plans_weekdays(10, EVERY_DAY)
    pause = client.pauses_for(march(3), march(20))
    client.now += timedelta(days=3)
    client.ends_pause(pause)
    assert client.states(march(2), march(6)) == ["missed", "paused", "paused", "open", "future"]
    with pytest.raises(Conflict):
        client.ends_pause(pause)


def test_ending_a_pause_that_has_not_begun_takes_it_away(starts: Start):
    client = starts()
    client.ends_pause(client.pauses_for(march(2), march(9)))
    assert client.states(march(2), march(3)) == ["open", "future"]


# Streaks and totals.


def test_a_pause_taken_afterwards_mends_the_streak(starts: Start):
    client = starts()
    client.plans_weekdays(10, EVERY_DAY)
    client.practises(client.now, 600)
    client.now += timedelta(days=3)
    assert client.totals().current == 0
    client.pauses_for(march(3), march(4))
    assert client.totals().current == 1


def test_a_pause_of_last_week_mends_a_long_streak(starts: Start):
    client = starts()
    client.plans_weekdays(10, EVERY_DAY)
    practises_on(client, [day for day in range(2, 62) if day not in (54, 55, 56)])
    assert client.totals().current == 5
    client.pauses_for(march(54), march(56))
    assert client.totals().current == 57


def test_over_many_weeks_each_week_has_its_own_rest_days(starts: Start):
    client = starts()
    client.plans_per_week(10, 6)
    tuesdays_to_saturdays = [day for day in range(2, 72) if 1 <= march(day).weekday() <= 5]
    practises_on(client, tuesdays_to_saturdays)
    totals = client.totals()
    assert (totals.current, totals.longest, totals.days) == (5, 5, 50)


def test_a_week_of_long_ago_reads_the_same_from_its_middle_on(starts: Start):
    client = starts()
    client.plans_per_week(10, 5)
    practises_on(client, [day for day in range(2, 72) if 1 <= march(day).weekday() <= 5])
    assert client.states(march(11), march(15)) == ["goal", "goal", "goal", "goal", "rest"]


def practises_on(client: Client, days: list[int]) -> None:
    """Ten minutes at noon on each of the days, counted from 1 March, recorded on the day."""
    for day in days:
        on = march(day)
        client.practises(local(client.zone, on.year, on.month, on.day, 12), 600)


def test_a_lapse_leaves_the_totals_as_they_were(starts: Start):
    client = starts()
    client.plans_weekdays(10, EVERY_DAY)
    client.practises(client.now, 600)
    client.now += timedelta(days=60)
    assert client.totals() == Totals(current=0, longest=1, days=1, seconds=600, exposures=1)


def test_totals_count_days_exposures_and_seconds_of_what_counted(starts: Start):
    client = starts()
    for hours, seconds in ((0, 600), (1, 75), (24, 61), (25, 59)):
        client.practises(local(NEW_YORK, 2026, 3, 2, 12) + timedelta(hours=hours), seconds)
    assert client.totals() == Totals(current=2, longest=2, days=2, seconds=736, exposures=3)


def test_a_replayed_event_answers_like_the_first_time_and_changes_nothing(starts: Start):
    client = starts()
    exposure, start = uuid.uuid4(), client.now
    client.now += timedelta(minutes=10)
    events = [client.event(exposure, "started", start), client.event(exposure, "finished", client.now)]
    first, before = client.sends(*events), client.counted()
    again = client.sends(*events[::-1])
    assert set(again.accepted) == set(first.accepted)
    assert not again.refused
    assert client.counted() == before == Totals(current=1, longest=1, days=1, seconds=600, exposures=1)
