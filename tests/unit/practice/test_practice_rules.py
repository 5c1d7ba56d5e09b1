"""The rules of the streak and the calendar, each by an example that one can check in one's head.

Here are those that need no record; the pure rules and the reference are asked alike. The others are in
test_practice_record.py. The 2nd, 9th and 16th of March 2026 are Mondays.
"""

from datetime import date, datetime

import pytest

from erp.domain.dates import local_day
from erp.domain.practice.days import day_views
from tests.make.clients import EVERY_DAY, NEW_YORK, WORKDAYS, facts_of, local, march, pure_streaks
from tests.unit.practice.reference_calendar import Calendar, Exposure, Pause, Plan


def ran(day: int, minutes: float = 10) -> Exposure:
    """An exposure on a day in March, at noon in New York."""
    on = march(day)
    return Exposure(local(NEW_YORK, on.year, on.month, on.day, 12), int(minutes * 60), NEW_YORK)


def fixed(weekdays: frozenset[int] = EVERY_DAY, starts: int = 2, minutes: int = 10) -> Plan:
    return Plan(march(starts), minutes, weekdays=weekdays)


def weekly(days: int, starts: int = 2, minutes: int = 10) -> Plan:
    return Plan(march(starts), minutes, days_per_week=days)


def client_of(
    today: int,
    ran: list[Exposure] = (),
    plans: list[Plan] = (),
    pauses: list[Pause] = (),
    signed_up: int = 2,
) -> Calendar:
    return Calendar(march(signed_up), march(today), list(ran), list(plans), list(pauses))


def states(calendar: Calendar, first: int, last: int) -> str:
    """The states from day to day in March, in one line; the reference must say the same."""
    real = [day.state for day in day_views(facts_of(calendar), march(first), march(last), calendar.today)]
    assert real == calendar.states(march(first), march(last))
    return " ".join(real)


def streaks(calendar: Calendar) -> tuple[int, int]:
    """The current and the longest streak; the reference must say the same."""
    real = pure_streaks(calendar)
    assert real == (calendar.current_streak(), calendar.longest_streak())
    return real


# The day of an exposure.


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-03-08T04:59:59Z", NEW_YORK, "2026-03-07"),
        ("2026-03-08T05:00:00Z", NEW_YORK, "2026-03-08"),
        ("2026-03-09T03:59:59Z", NEW_YORK, "2026-03-08"),  # a day of 23 hours ends an hour early
        ("2026-03-09T04:00:00Z", NEW_YORK, "2026-03-09"),
        ("2026-11-02T04:59:59Z", NEW_YORK, "2026-11-01"),  # and one of 25 an hour late
        ("2026-11-02T05:00:00Z", NEW_YORK, "2026-11-02"),
        ("2026-10-03T13:29:59Z", "Australia/Lord_Howe", "2026-10-03"),
        ("2026-10-03T13:30:00Z", "Australia/Lord_Howe", "2026-10-04"),
        ("2026-10-04T12:59:59Z", "Australia/Lord_Howe", "2026-10-04"),  # a day of 23 and a half hours
        ("2026-10-04T13:00:00Z", "Australia/Lord_Howe", "2026-10-05"),
        ("2026-04-05T13:29:59Z", "Australia/Lord_Howe", "2026-04-05"),  # and one of 24 and a half
        ("2026-04-05T13:30:00Z", "Australia/Lord_Howe", "2026-04-06"),
        ("2026-03-01T09:59:59Z", "Pacific/Kiritimati", "2026-03-01"),
        ("2026-03-01T10:00:00Z", "Pacific/Kiritimati", "2026-03-02"),
        ("2026-02-14T22:59:59Z", "Africa/Casablanca", "2026-02-14"),
        ("2026-02-14T23:00:00Z", "Africa/Casablanca", "2026-02-15"),
        ("2026-02-15T23:59:59Z", "Africa/Casablanca", "2026-02-15"),  # Ramadan: the clocks go back, then forward
        ("2026-03-22T23:00:00Z", "Africa/Casablanca", "2026-03-23"),
        ("2026-03-01T18:14:59Z", "Asia/Kathmandu", "2026-03-01"),
        ("2026-03-01T18:15:00Z", "Asia/Kathmandu", "2026-03-02"),
    ],
)
def test_a_day_is_a_local_date_in_the_clients_zone(moment: str, zone: str, day: str):
    when = datetime.fromisoformat(moment)
    assert local_day(when, zone) == date.fromisoformat(day)
    assert Exposure(when, 60, zone).local_date == date.fromisoformat(day)


# The states.


def test_a_day_whose_minutes_reach_the_plans_is_a_goal():
    assert states(client_of(3, [ran(2, 10)], [fixed()]), 2, 2) == "goal"


def test_the_exposures_of_a_day_add_up_to_the_goal():
    assert states(client_of(3, [ran(2, 4), ran(2, 6)], [fixed()]), 2, 2) == "goal"


def test_exposures_that_do_not_count_do_not_help_to_the_goal():
    assert states(client_of(3, [ran(2, 9.5), ran(2, 0.9)], [fixed()]), 2, 2) == "practised"


def test_a_second_less_than_the_plan_is_practised():
    just_under = Exposure(local(NEW_YORK, 2026, 3, 2, 12), 599, NEW_YORK)
    assert states(client_of(3, [just_under], [fixed()]), 2, 2) == "practised"


def test_a_day_without_practice_on_a_planned_weekday_is_missed():
    assert states(client_of(4, [], [fixed()]), 2, 3) == "missed missed"


def test_today_is_open_until_something_was_done_and_never_missed():
    assert states(client_of(3, [], [fixed()]), 3, 3) == "open"
    assert states(client_of(3, [ran(3, 1)], [fixed()]), 3, 3) == "practised"
    assert states(client_of(8, [], [weekly(7)]), 2, 8) == "missed missed missed missed missed missed open"


def test_the_days_to_come_are_future():
    assert states(client_of(3, [], [fixed()]), 4, 5) == "future future"
    assert states(client_of(3, [], [fixed(WORKDAYS)]), 7, 8) == "future future"


def test_the_days_before_the_first_day_are_before():
    assert states(client_of(3, [], [fixed()], signed_up=3), 1, 3) == "before before open"


def test_before_any_plan_an_idle_day_is_rest_and_practice_is_practised():
    assert states(client_of(5, [ran(3, 240)], [fixed(starts=5)]), 2, 5) == "rest practised rest open"
    assert states(client_of(5, [ran(3, 240)]), 2, 6) == "rest practised rest open future"


# Plans.


def test_days_outside_the_fixed_weekdays_are_rest_when_nothing_was_done():
    plan = fixed(frozenset({0, 2, 4}))
    assert states(client_of(9, [ran(2), ran(3)], [plan]), 2, 8) == "goal goal missed rest missed rest rest"


def test_today_outside_the_fixed_weekdays_is_rest():
    assert states(client_of(7, [], [fixed(WORKDAYS)]), 7, 7) == "rest"


def test_with_n_days_a_week_the_first_idle_days_are_rest_and_further_ones_missed():
    assert states(client_of(9, [ran(3)], [weekly(5)]), 2, 8) == "rest goal rest missed missed missed missed"
    assert states(client_of(9, [], [weekly(1)]), 2, 8) == "rest rest rest rest rest rest missed"
    assert states(client_of(9, [], [weekly(7)]), 2, 3) == "missed missed"


def test_a_week_begins_on_monday():
    plan = weekly(6, starts=1)
    assert states(client_of(11, [], [plan], signed_up=1), 1, 3) == "rest rest missed"
    assert states(client_of(11, [], [plan], signed_up=1), 7, 10) == "missed missed rest missed"


def test_days_before_the_first_one_use_up_no_rest_days():
    assert states(client_of(9, [], [weekly(5, starts=5)], signed_up=5), 4, 8) == "before rest rest missed missed"


def test_paused_days_use_up_no_rest_days():
    calendar = client_of(9, [], [weekly(5)], [Pause(march(3), march(4))])
    assert states(calendar, 2, 8) == "rest paused paused rest missed missed missed"


def test_idle_days_under_an_earlier_plan_use_up_the_weeks_rest_days():
    calendar = client_of(9, [ran(3)], [fixed(frozenset({1, 2})), weekly(5, starts=5)])
    assert states(calendar, 2, 8) == "rest goal missed missed missed missed missed"


def test_today_can_be_open_although_rest_days_are_left():
    assert states(client_of(3, [], [weekly(3)]), 2, 4) == "rest open future"


def test_a_plan_change_holds_from_its_own_date_and_earlier_days_keep_their_states():
    runs = [ran(2, 10), ran(3, 10), ran(4, 10), ran(5, 20)]
    old = states(client_of(4, runs[:2], [fixed()]), 2, 3)
    calendar = client_of(6, runs, [fixed(), fixed(minutes=20, starts=4)])
    assert states(calendar, 2, 5) == "goal goal practised goal"
    assert states(calendar, 2, 3) == old


def test_a_plan_may_change_its_kind_in_the_middle_of_a_week():
    calendar = client_of(9, [ran(4)], [weekly(6), fixed(frozenset({4}), starts=5)])
    assert states(calendar, 2, 8) == "rest missed goal rest missed rest rest"


def test_a_plan_announced_for_later_changes_nothing_until_then():
    calendar = client_of(4, [ran(2)], [fixed(), weekly(1, starts=6)])
    assert states(calendar, 2, 6) == "goal missed open future future"


# Pauses.


def test_a_pause_makes_its_days_paused_both_ends_included():
    calendar = client_of(6, [], [fixed()], [Pause(march(3), march(5))])
    assert states(calendar, 2, 6) == "missed paused paused paused open"


def test_today_and_days_to_come_in_a_pause_are_paused():
    calendar = client_of(3, [], [fixed(WORKDAYS)], [Pause(march(3), march(8))])
    assert states(calendar, 3, 9) == "paused paused paused paused paused paused future"


def test_practice_in_a_pause_is_still_practised_or_goal():
    calendar = client_of(6, [ran(3, 5), ran(4, 10)], [fixed()], [Pause(march(3), march(5))])
    assert states(calendar, 3, 5) == "practised goal paused"


def test_a_pause_does_not_reach_before_the_first_day():
    calendar = client_of(4, [], [fixed()], [Pause(march(1), march(3))], signed_up=3)
    assert states(calendar, 2, 4) == "before paused open"


# Streaks and totals.


def test_the_streak_counts_goal_and_practised_days_back_from_today():
    assert streaks(client_of(4, [ran(2), ran(3, 2), ran(4)], [fixed()])) == (3, 3)


def test_the_streak_reaches_back_from_yesterday_while_today_is_open():
    assert streaks(client_of(4, [ran(2), ran(3)], [fixed()])) == (2, 2)


def test_a_missed_day_breaks_the_streak():
    assert streaks(client_of(6, [ran(2), ran(3), ran(5)], [fixed()])) == (1, 2)
    assert streaks(client_of(5, [ran(2), ran(3)], [fixed()])) == (0, 2)


def test_several_exposures_on_one_day_are_one_day_of_the_streak():
    assert streaks(client_of(3, [ran(2), ran(2), ran(3)], [fixed()])) == (2, 2)


def test_rest_days_neither_break_the_streak_nor_add_to_it():
    assert streaks(client_of(9, [ran(5), ran(6), ran(9)], [fixed(WORKDAYS)], signed_up=5)) == (3, 3)
    assert streaks(client_of(8, [ran(2), ran(5), ran(8)], [weekly(3)])) == (3, 3)


def test_a_pause_freezes_the_streak():
    calendar = client_of(23, [ran(2), ran(3)], [fixed()], [Pause(march(4), march(22))])
    assert streaks(calendar) == (2, 2)
    assert streaks(client_of(23, [ran(2), ran(3), ran(23)], [fixed()], calendar.pauses)) == (3, 3)


def test_practice_in_a_pause_adds_to_the_streak():
    assert streaks(client_of(6, [ran(2), ran(4)], [fixed()], [Pause(march(3), march(5))])) == (2, 2)


def test_the_streak_goes_back_no_further_than_the_first_day():
    assert streaks(client_of(3, [ran(3)], [fixed()], signed_up=3)) == (1, 1)


def test_the_longest_streak_is_the_largest_ever():
    runs = [ran(day) for day in (2, 3, 4, 5, 7, 8, 10)]
    assert streaks(client_of(11, runs, [fixed()])) == (1, 4)


def test_a_plan_change_keeps_the_streak_that_was_earned():
    plans = [weekly(1), fixed(starts=9)]
    assert streaks(client_of(10, [ran(2), ran(9)], plans)) == (2, 2)
