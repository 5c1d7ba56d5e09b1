"""What there is room for: of exposures on a day, of events in an exposure; how much is said in erp/domain/limits.py."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from erp.domain.dates import ONE_DAY, local_day
from erp.domain.errors import Invalid, Problem
from erp.domain.exposure.columns import zone_of
from erp.domain.exposure.event import EventKind, IncomingEvent, Start
from erp.domain.exposure.known import Known
from erp.domain.exposure.timing import Timing
from erp.domain.limits import (
    MAX_EVENTS_AN_EXPOSURE,
    MAX_EVENTS_OF_A_KIND,
    MAX_EXPOSURES_A_DAY,
    MAX_NOTES_AN_EXPOSURE,
)
from erp.storage.db import table_of
from erp.storage.exposure import EventRow, Exposure

_event, _exposure = table_of(EventRow), table_of(Exposure)
# What is taken of an exposure however full it is: without these it has no beginning, no end or no words, or rests on.
ALWAYS_TAKEN = frozenset({EventKind.started, EventKind.resumed, EventKind.finished, EventKind.noted})


def exposures_beyond_their_day(
    session: Session, account_id: uuid.UUID, events: Sequence[IncomingEvent], known: Known, timing: Timing, zone: str
) -> set[uuid.UUID]:
    """The new exposures of a batch for which their day has no room.

    The day is the one that the row will have. Those without a start are of the day on which they are received.
    """
    starts: dict[uuid.UUID, list[tuple[datetime, date]]] = {}
    for event in events:
        row = known.exposures.get(event.exposure_id)
        if event.id in known.events or (row is None and event.exposure_id in known.owners):
            continue
        if row is None:
            starts.setdefault(event.exposure_id, [])
        if event.kind == EventKind.started and (row is None or row.local_date is None):
            ((_event, shift),) = timing.shifted([event], known.events_of(event.exposure_id))
            begun = event.at + timedelta(milliseconds=shift)
            starts.setdefault(event.exposure_id, []).append(
                (begun, local_day(begun, zone_of(cast(Start, event.data), zone)))
            )
    if not starts:
        return set()
    days = {exposure_id: min(begun)[1] if begun else None for exposure_id, begun in starts.items()}
    there = _exposures_on(session, account_id, set(days.values()), timing.now)
    full = set()
    for exposure_id, day in days.items():
        there[day] += 1
        if there[day] > MAX_EXPOSURES_A_DAY:
            full.add(exposure_id)
    return full


def _exposures_on(
    session: Session, account_id: uuid.UUID, days: Collection[date | None], now: datetime
) -> Counter[date | None]:
    """How many exposures each of the days has; None stands for those without a start, received within a day."""
    which: ColumnElement[bool] = _exposure.c.local_date.in_([day for day in days if day is not None])
    if None in days:
        received = select(func.min(_event.c.received_at)).where(_event.c.exposure_id == _exposure.c.id)
        lately = received.scalar_subquery() > now - ONE_DAY
        which = or_(which, and_(_exposure.c.local_date.is_(None), lately))
    count = (
        select(_exposure.c.local_date, func.count())
        .where(_exposure.c.account_id == account_id, which)
        .group_by(_exposure.c.local_date)
    )
    return Counter({row.local_date: row.count for row in session.connection().execute(count)})


def one_too_many(
    event: IncomingEvent, full: set[uuid.UUID], held: Mapping[tuple[uuid.UUID, str], int]
) -> Invalid | None:
    """Why an event is one too many: of its day's exposures, or of its exposure's events.

    `full`: exposures for which their day has no room; `held`: how many events of each kind an exposure has.
    """
    if event.exposure_id in full:
        return Invalid({"": Problem("too_many_exposures")})
    most = MAX_NOTES_AN_EXPOSURE if event.kind == EventKind.noted else MAX_EVENTS_OF_A_KIND
    full_of_all = sum(held.get((event.exposure_id, kind), 0) for kind in EventKind) >= MAX_EVENTS_AN_EXPOSURE
    if held.get((event.exposure_id, event.kind), 0) >= most or (full_of_all and event.kind not in ALWAYS_TAKEN):
        return Invalid({"": Problem("too_many_events")})
    return None
