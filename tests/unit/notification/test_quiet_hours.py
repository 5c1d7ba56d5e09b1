"""Quiet hours: when they hold in a zone, and when they end, on days of 23 and 25 hours too."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from erp.domain.notification.quiet import quiet_ends
from tests.make.clients import local

EVENING, MORNING = 21 * 60, 8 * 60
BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
TURNS = {
    BERLIN: (date(2026, 3, 29), date(2026, 10, 25)),
    NEW_YORK: (date(2026, 3, 8), date(2026, 11, 1)),
    LORD_HOWE: (date(2026, 10, 4), date(2026, 4, 5)),
}


@pytest.mark.parametrize(
    ("clock", "ends"),
    [
        ((20, 59, 59), None),
        ((21, 0, 0), (19, 8, 0)),
        ((23, 59, 59), (19, 8, 0)),
        ((0, 0, 0), (18, 8, 0)),
        ((7, 59, 59), (18, 8, 0)),
        ((8, 0, 0), None),
        ((12, 0, 0), None),
    ],
)
@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE, "Asia/Kathmandu", "Pacific/Kiritimati"])
def test_quiet_hours_over_midnight_end_on_the_next_morning_of_the_zone(
    zone: str, clock: tuple[int, int, int], ends: tuple[int, int, int] | None
):
    expected = local(zone, 2026, 11, *ends) if ends else None
    assert quiet_ends(local(zone, 2026, 11, 18, *clock), zone, EVENING, MORNING) == expected


@pytest.mark.parametrize(("clock", "ends"), [((12, 59), None), ((13, 0), 15), ((14, 59), 15), ((15, 0), None)])
def test_quiet_hours_within_a_day_end_on_it(clock: tuple[int, int], ends: int | None):
    expected = local(BERLIN, 2026, 11, 18, ends) if ends else None
    assert quiet_ends(local(BERLIN, 2026, 11, 18, *clock), BERLIN, 13 * 60, 15 * 60) == expected


@given(st.integers(0, 1439), st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_equal_ends_mean_that_there_are_none(minute: int, moment: datetime):
    assert quiet_ends(moment, BERLIN, minute, minute) is None


def test_until_midnight_means_the_midnight_that_comes():
    assert quiet_ends(local(BERLIN, 2026, 11, 18, 23), BERLIN, EVENING, 0) == local(BERLIN, 2026, 11, 19)
    assert quiet_ends(local(BERLIN, 2026, 11, 19), BERLIN, EVENING, 0) is None
    assert quiet_ends(local(BERLIN, 2026, 11, 19), BERLIN, 0, MORNING) == local(BERLIN, 2026, 11, 19, 8)


@pytest.mark.parametrize("zone", list(TURNS))
@pytest.mark.parametrize("turn", [0, 1])
def test_the_morning_after_the_clocks_were_changed_begins_by_the_new_clock(zone: str, turn: int):
    day = TURNS[zone][turn]
    before = local(zone, day.year, day.month, day.day) - timedelta(hours=1)
    assert quiet_ends(before, zone, EVENING, MORNING) == local(zone, day.year, day.month, day.day, 8)


def test_in_the_hour_that_comes_twice_the_end_lies_ahead():
    # The clocks of Berlin show 02:00 to 03:00 twice on 25 October: from 00:00 and from 01:00 UTC.
    first, second = datetime(2026, 10, 25, 0, 10, tzinfo=UTC), datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    twenty = timedelta(minutes=20)
    assert quiet_ends(first, BERLIN, EVENING, 2 * 60 + 30) == first + twenty
    assert quiet_ends(first + twenty, BERLIN, EVENING, 2 * 60 + 30) is None
    assert quiet_ends(second, BERLIN, EVENING, 2 * 60 + 30) == second + twenty


def is_quiet(moment: datetime, zone: ZoneInfo, start: int, end: int) -> bool:
    """Whether walking from the start minute to the end on the face of a clock passes what the zone's clocks show."""
    shown = moment.astimezone(zone)
    minute = shown.hour * 60 + shown.minute
    return (minute - start) % 1440 < (end - start) % 1440


def slowly(moment: datetime, zone: ZoneInfo, start: int, end: int) -> datetime | None:
    """The end of the quiet hours, looked for minute by minute."""
    if not is_quiet(moment, zone, start, end):
        return None
    moment = moment.replace(second=0, microsecond=0)
    while is_quiet(moment, zone, start, end):
        moment += timedelta(minutes=1)
    return moment


zones = st.sampled_from([*TURNS, "Africa/Casablanca", "Asia/Kathmandu"])
clock = st.integers(0, 1439) | st.integers(0, 16).map(lambda quarter: quarter * 15)


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A moment, mostly near a change of the clocks."""
    zone = draw(zones)
    days = st.sampled_from(TURNS[zone]) if zone in TURNS else st.nothing()
    day = draw(days | st.dates(date(2026, 1, 1), date(2026, 12, 31)))
    begin = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    return zone, begin + timedelta(seconds=draw(st.integers(-86_400, 86_400)))


@settings(max_examples=300)
@given(moments(), clock, clock)
@example((BERLIN, datetime(2026, 10, 25, 1, 10, tzinfo=UTC)), EVENING, 150)
@example((BERLIN, datetime(2026, 3, 28, 22, 0, tzinfo=UTC)), EVENING, 150)
@example((BERLIN, datetime(2026, 10, 25, 0, 40, tzinfo=UTC)), 150, 120)
def test_quiet_hours_end_when_somebody_who_looks_every_minute_sees_them_end(
    when: tuple[str, datetime], start: int, end: int
):
    zone, moment = when
    assert quiet_ends(moment, zone, start, end) == slowly(moment, ZoneInfo(zone), start, end)
