"""Taking events: once each, with their time corrected, folded into the exposure, the day and the step they touch.

This is the path on which a minute of practice could be lost, and the one that runs with every tap: its statements
are built once, over the bare tables.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError, NoResultFound
from sqlalchemy.orm import Session

from erp.domain.dates import local_day
from erp.domain.errors import Invalid, Problem, Unreadable
from erp.domain.exposure.columns import Change, Standing, columns_of, has_lost, place_of, values_of
from erp.domain.exposure.event import UNREADABLE, Event, EventKind, IncomingEvent, Start, event_of, stored_event
from erp.domain.exposure.fold import Phase, State, fold
from erp.domain.exposure.giving_way import BEGINNINGS
from erp.domain.exposure.known import Known, known_of, read_at_once
from erp.domain.exposure.room import exposures_beyond_their_day, one_too_many
from erp.domain.exposure.signals import renew_signal
from erp.domain.exposure.timing import Timing
from erp.domain.practice.record import count_day
from erp.domain.support.pings import tell_of_practice
from erp.storage.account import Account
from erp.storage.db import table_of
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Fear, Step

AnyRow = Row[*tuple[Any, ...]]

MAX_RATINGS = 8
# What one exposure may fail with, and be set aside: anything but a database that does not answer now.
DAMAGED = (*UNREADABLE, AssertionError, DataError, IntegrityError, NoResultFound)

_event, _exposure = table_of(EventRow), table_of(Exposure)
# The row lock makes two requests of one person take turns; on SQLite the transaction's own lock does.
LOCK = (
    select(table_of(Account).c.time_zone)
    .where(table_of(Account).c.id == bindparam("account"))
    .with_for_update(key_share=True)
)
STEP_OWNER = select(table_of(Step).c.account_id).where(table_of(Step).c.id == bindparam("step"))
RUNNING = (
    select(_exposure.c.id)
    .where(_exposure.c.account_id == bindparam("account"), _exposure.c.phase == Phase.running)
    .order_by(_exposure.c.started_at.desc())
)
ADD_EVENT = insert(_event)
ADD_EXPOSURE = insert(_exposure)
CHANGE_EXPOSURE = update(_exposure).where(_exposure.c.id == bindparam("key"))


@dataclass(slots=True)
class Receipt:
    """What became of a batch: ids that are safe now, ids that never will be, and what else is running.

    An id of neither stays on the phone, which sends it again: its exposure was one too many for this transaction.
    `set_aside`: exposures that could not be folded, with the name of the error; what is safe of them is kept as it
    came. `also_running`: the latest other exposure that runs, where one of the batch began or went on and does so now.
    `has_news`: somebody should hear of it, and the notifications for that are there. `is_new`: not all of it was taken
    or refused before.
    """

    accepted: list[uuid.UUID] = field(default_factory=list)
    refused: dict[uuid.UUID, Invalid] = field(default_factory=dict)
    set_aside: dict[uuid.UUID, str] = field(default_factory=dict)
    also_running: uuid.UUID | None = None
    has_news: bool = False
    is_new: bool = False


def record(
    session: Session,
    account_id: uuid.UUID,
    events: Sequence[IncomingEvent],
    sent_at: datetime,
    now: datetime,
    skew: timedelta | None = None,
) -> Receipt:
    """Take events, once each, and bring the exposures, days and steps they touch up to date.

    `sent_at` is the phone's clock at the moment of sending: what it says tells how wrong that clock is. `skew` tells
    it better, where the phone has measured it in quick answers. An event that was taken before answers like the first
    time and changes nothing. Each exposure stands for itself: one that is damaged is set aside, and the rest is taken.
    """
    connection = session.connection()
    asked = {
        "account": account_id,
        "ids": [event.id for event in events],
        "exposures": list(dict.fromkeys(event.exposure_id for event in events)),
    }
    zone = connection.scalars(LOCK, asked).one()
    touched = read_at_once(connection, asked)
    known = known_of(connection, asked | {"exposures": list(touched)})
    # What was stored before is safe, whatever there is room for.
    events = [event for event in events if event.id in known.events or event.exposure_id in touched]
    receipt, timing = Receipt(), Timing(now - sent_at, skew, now)
    full = exposures_beyond_their_day(session, account_id, events, known, timing, zone)
    fresh_events = _fresh(session, account_id, events, known, full, receipt)
    receipt.is_new = bool(fresh_events)
    for exposure_id, fresh in fresh_events.items():
        shifted = timing.shifted(fresh, known.events_of(exposure_id))
        try:
            with session.begin_nested():
                receipt.has_news |= _take(session, account_id, exposure_id, shifted, known, zone, now)
        except DAMAGED as error:
            receipt.set_aside[exposure_id] = type(error).__name__
            _set_aside(session, account_id, exposure_id, shifted, known, receipt, now)
    receipt.also_running = _also_running(session, account_id, events)
    return receipt


def _also_running(session: Session, account_id: uuid.UUID, events: Sequence[IncomingEvent]) -> uuid.UUID | None:
    began = {event.exposure_id for event in events if event.kind in BEGINNINGS}
    if not began:
        return None
    running = session.connection().scalars(RUNNING, {"account": account_id}).all()
    others = (exposure for exposure in running if exposure not in {event.exposure_id for event in events})
    return next(others, None) if began & set(running) else None


def _set_aside(
    session: Session,
    account_id: uuid.UUID,
    exposure_id: uuid.UUID,
    shifted: Sequence[tuple[IncomingEvent, int]],
    known: Known,
    receipt: Receipt,
    now: datetime,
) -> None:
    """Keep the events of an exposure that cannot be folded as they came; its row stays the last witness of the rest."""
    try:
        with session.begin_nested():
            if exposure_id not in known.owners:
                session.execute(ADD_EXPOSURE, {"id": exposure_id, "account_id": account_id})
            session.execute(ADD_EVENT, [_row(account_id, event, shift, now) for event, shift in shifted])
    except DAMAGED:
        # They stay on the phone.
        fresh = {event.id for event, _shift in shifted}
        receipt.accepted = [accepted for accepted in receipt.accepted if accepted not in fresh]


def _fresh(
    session: Session,
    account_id: uuid.UUID,
    events: Sequence[IncomingEvent],
    known: Known,
    full: set[uuid.UUID],
    receipt: Receipt,
) -> dict[uuid.UUID, list[IncomingEvent]]:
    """The events that are new, by exposure; the receipt says of every event whether it is taken.

    `full`: exposures for which their day has no room.
    """
    fresh: dict[uuid.UUID, list[IncomingEvent]] = {}
    taken = set(known.events)
    held = Counter((row.exposure_id, row.kind) for row in known.events.values())
    for event in events:
        if event.id not in taken:
            problem = _problem(session, account_id, event, known.owners) or one_too_many(event, full, held)
            if problem:
                receipt.refused[event.id] = problem
                continue
            taken.add(event.id)
            held[event.exposure_id, event.kind] += 1
            fresh.setdefault(event.exposure_id, []).append(event)
        receipt.accepted.append(event.id)
    return fresh


def _problem(
    session: Session, account_id: uuid.UUID, event: IncomingEvent, owners: Mapping[uuid.UUID, uuid.UUID]
) -> Invalid | None:
    """Why an event cannot be taken: its exposure or its step is somebody else's."""
    if owners.get(event.exposure_id, account_id) != account_id:
        return Invalid({"exposure": Problem("not_an_id")})
    if event.kind == EventKind.started and event.data is not None:
        step_id = uuid.UUID(cast(Start, event.data)["step"])
        if session.connection().scalar(STEP_OWNER, {"step": step_id}) != account_id:
            return Invalid({"step": Problem("not_an_option")})
    return None


def _row(account_id: uuid.UUID, event: IncomingEvent, shift: int, now: datetime) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "id": event.id,
        "exposure_id": event.exposure_id,
        "kind": event.kind,
        "happened_at": event.at,
        "received_at": now,
        "shift_ms": shift,
        "value": event.value,
        "data": event.data,
    }


def _take(
    session: Session,
    account_id: uuid.UUID,
    exposure_id: uuid.UUID,
    shifted: Sequence[tuple[IncomingEvent, int]],
    known: Known,
    zone: str,
    now: datetime,
) -> bool:
    """Write down the new events of one exposure and all that follows from them; whether somebody should hear of it.

    Raises what is DAMAGED where what is stored cannot be read, or has lost what the row still says.
    """
    if exposure_id in known.damaged:
        raise Unreadable
    stored = [
        stored_event(row.id, row.kind, row.happened_at, row.shift_ms, row.value, row.data)
        for row in known.events_of(exposure_id)
    ]
    state = fold(
        stored + [event_of(event.id, event.kind, event.at, shift, event.value, event.data) for event, shift in shifted]
    )
    row = known.exposures.get(exposure_id)
    if row is not None and _has_lost(row, stored, state):
        raise Unreadable
    has_answers = any(event.data for event, _shift in shifted)
    change = _keep(session, account_id, exposure_id, row, state, zone, has_answers=has_answers)
    session.connection().execute(ADD_EVENT, [_row(account_id, event, shift, now) for event, shift in shifted])
    today = local_day(now, zone)
    _carry_over(session, account_id, change, today)
    has_news = change.is_news and tell_of_practice(session, account_id, change, today, now)
    if row is not None and row.hidden_since is not None:
        renew_signal(session, session.get_one(Exposure, exposure_id), state, now)
        return True
    return has_news


def _has_lost(row: AnyRow, stored: Sequence[Event], state: State) -> bool:
    """Whether the row says more than all events do, or than the stored ones where one of them is of no known kind."""
    if has_lost(row.started_at, row.ended, state):
        return True
    return any(not isinstance(event.kind, EventKind) for event in stored) and fold(stored).seconds < row.seconds


def _keep(
    session: Session,
    account_id: uuid.UUID,
    exposure_id: uuid.UUID,
    row: AnyRow | None,
    state: State,
    zone: str,
    *,
    has_answers: bool,
) -> Change:
    """Write what the events fold to; step, zone and local date are fixed by the first start that is recorded."""
    columns = columns_of(state)
    values = columns.values(answers=has_answers or row is None)
    before = Standing() if row is None else _standing(row)
    step_id, local_date = before.step_id, before.local_date
    if state.started_at is not None and local_date is None:
        place = place_of(state, state.started_at, zone)
        values |= values_of(place)
        step_id, local_date = place.step_id, place.local_date
    if row is None:
        session.connection().execute(ADD_EXPOSURE, {"id": exposure_id, "account_id": account_id, **values})
    else:
        session.connection().execute(CHANGE_EXPOSURE, {"key": exposure_id, **values})
    course = columns.course
    after = Standing(
        step_id,
        local_date,
        course.started_at,
        course.finished_at,
        course.ended,
        course.seconds,
        columns.answers.expected_suds,
    )
    return Change(exposure_id, before, after)


def _standing(row: AnyRow) -> Standing:
    return Standing(
        row.step_id,
        row.local_date,
        row.started_at,
        row.finished_at,
        row.ended,
        row.seconds,
        row.expected_suds,
    )


def _carry_over(session: Session, account_id: uuid.UUID, change: Change, today: date) -> None:
    """Let the step and the day know, if what they count has changed."""
    after = change.after
    if after.started_at is None:
        return
    if change.moves_start:
        _rate_step(session, after.step_id, after.started_at, new=change.is_first_start)
    if change.moves_start or change.moves_count:
        assert after.local_date
        count_day(session, account_id, after.local_date, today)


def _rate_step(session: Session, step_id: uuid.UUID | None, started_at: datetime, *, new: bool) -> None:
    """Keep at the step how often it ran and how its expected SUDS moved; the latest start gives its rating."""
    step = session.get(Step, step_id)
    if step is None:
        return
    latest = session.execute(
        select(Exposure.started_at, Exposure.expected_suds)
        .where(Exposure.step_id == step.id, Exposure.started_at.is_not(None))
        .order_by(Exposure.started_at.desc(), Exposure.id.desc())
        .limit(MAX_RATINGS)
    ).all()
    step.runs += new
    step.ratings = [row.expected_suds for row in reversed(latest) if row.expected_suds is not None]
    if latest[0].started_at == started_at and latest[0].expected_suds is not None:
        step.suds = latest[0].expected_suds
    fear = session.get_one(Fear, step.fear_id)
    if fear.practised_at is None or fear.practised_at < started_at:
        fear.practised_at = started_at
    session.flush()
