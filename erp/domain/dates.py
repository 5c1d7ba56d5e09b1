"""The moment it is, dates on the client's wall, the week, minutes and times of day."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
MINUTES_A_DAY = 24 * 60
# As forms and JSON write them. Python reads more, and some of it as something else: 21.30 as 21:00, 20261122 as a date.
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK_TIME = re.compile("([0-9]{1,2}):([0-9]{2})(:00(\\.0+)?)?")
_MOMENT = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})")


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


def read_date(text: str) -> date | None:
    """A date like 2026-11-22; None for everything else."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def read_clock_time(text: str) -> int | None:
    """A time of day like 21:30 as minutes after midnight; None for everything else."""
    found = _CLOCK_TIME.fullmatch(text)
    hour, minute = (int(found[1]), int(found[2])) if found else (24, 0)
    return minutes_after_midnight(hour, minute) if hour < 24 and minute < 60 else None


def read_moment(text: str) -> datetime | None:
    """A moment with its zone, like 2026-11-22T21:30:00.000Z, as UTC; None for everything else."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if _MOMENT.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None
