"""Quiet hours: when the ones that hold at a moment end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from erp.domain.dates import MINUTES_A_DAY, minutes_after_midnight, zone_info


def quiet_ends(moment: datetime, zone: str, start: int, end: int) -> datetime | None:
    """When the quiet hours that hold at the moment end (UTC), or None outside of them.

    `start` and `end` are minutes after midnight in the zone; they may reach over midnight, and equal ends mean none.
    """
    at, length = moment.astimezone(UTC), (end - start) % MINUTES_A_DAY
    while (passed := _minutes_since(start, at.astimezone(zone_info(zone)))) < length:
        at = at.replace(second=0, microsecond=0)
        # The clocks may be changed on a quarter of an hour; up to the next one they go on evenly.
        at += timedelta(minutes=min(length - passed, 15 - at.minute % 15))
    return at if at > moment else None


def _minutes_since(start: int, shown: datetime) -> int:
    return (minutes_after_midnight(shown.hour, shown.minute) - start) % MINUTES_A_DAY
