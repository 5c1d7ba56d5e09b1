"""How far a phone's clock stands beside the server's, and what its events are shifted by for that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from erp.domain.exposure.event import IncomingEvent

AnyRow = Row[*tuple[Any, ...]]

SANE_SKEW = timedelta(seconds=120)
JITTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Timing:
    """What a request tells of a phone's clock: `offset` how far it stands behind, `skew` the same, better measured."""

    offset: timedelta
    skew: timedelta | None
    now: datetime

    def shifted(self, events: Iterable[IncomingEvent], stored: Iterable[AnyRow]) -> list[tuple[IncomingEvent, int]]:
        """Each event with the milliseconds to add to the phone's time; `stored`: those of the same exposure.

        Batches of one phone measure a slightly different offset each; a shift that the exposure has already is taken
        again while it is near enough, so that durations stay exact. The offset holds the time that the request took;
        the skew does not, and so tells a correction of half a minute. Nothing can have happened after now.
        """
        sane, close = (SANE_SKEW, SANE_SKEW + JITTER) if self.skew is None else (JITTER, JITTER)
        measured = milliseconds(self.offset if self.skew is None else self.skew)
        near = [shift for shift in {row.shift_ms for row in stored} if abs(measured - shift) <= milliseconds(close)]
        fallback = 0 if abs(measured) <= milliseconds(sane) else measured
        shift = min(near, key=lambda each: abs(measured - each), default=fallback)
        latest = self.now + SANE_SKEW
        return [(event, min(shift, milliseconds(latest - event.at))) for event in events]


def milliseconds(span: timedelta) -> int:
    """The whole milliseconds of a span."""
    return round(span / timedelta(milliseconds=1))
