"""Dates on the client's wall, and the week."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)


def utc_now() -> datetime:
    """The moment it is."""
    return datetime.now(UTC)


def monday_of(day: date) -> date:
    """The first day of the week: a week runs from Monday to Sunday."""
    return day - timedelta(days=day.weekday())


def local_day(moment: datetime, zone: str) -> date:
    """The date on the wall of somebody in the zone (IANA name) at the moment."""
    return moment.astimezone(ZoneInfo(zone)).date()
