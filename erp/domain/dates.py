"""The moment it is, dates on the client's wall, the week, minutes and times of day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
MINUTES_A_DAY = 24 * 60


def utc_now() -> datetime:
    """The moment it is (UTC)."""
    return datetime.now(UTC)


def is_zone(name: str) -> bool:
    """Whether this is a time zone in which somebody can live: one of the tzdata package, wherever it is run."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    names = files("tzdata").joinpath("zones").read_text("utf-8").split()
    return frozenset(name for name in names if name not in ("Factory", "localtime"))


def zone_info(name: str) -> ZoneInfo:
    """The zone of that name; UTC for one that cannot be used, so that nobody is shut out of their own pages."""
    return ZoneInfo(name if is_zone(name) else "UTC")


def local_day(moment: datetime, zone: str) -> date:
    """The date on the wall of somebody in the zone (IANA name) at the moment."""
    return moment.astimezone(zone_info(zone)).date()


def week_of(day: date) -> tuple[date, date]:
    """The Monday and the Sunday of the week of a day: a week runs from Monday to Sunday (ISO 8601)."""
    monday = monday_of(day)
    return monday, monday + 6 * ONE_DAY


def monday_of(day: date) -> date:
    """The first day of the week of a day."""
    return day - day.weekday() * ONE_DAY


def minutes_done(seconds: float) -> int:
    """How many minutes of practice are told: whole ones, so that none is told before it is over."""
    return int(seconds // 60)


def minutes_left(seconds: float) -> int:
    """How many minutes are still to go: a minute that has begun counts whole. Not above 0 when none are."""
    return -int(-seconds // 60)


def minutes_after_midnight(hour: int, minute: int) -> int:
    """A time of day as it is kept: 0 for midnight to 1439 for 23:59."""
    return hour * 60 + minute


def time_of_day(minutes: int) -> str:
    """Minutes after midnight as a clock shows them: 21:00."""
    return f"{minutes // 60:02}:{minutes % 60:02}"
