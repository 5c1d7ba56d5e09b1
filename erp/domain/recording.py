"""Taking events: once each, with their time corrected, folded into the exposure, the day and the step they touch.

This is the path on which a minute of practice could be lost, and the one that runs with every tap: its statements
are built once, over the bare tables.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Row, and_, bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from erp.domain.dates import local_day
from erp.domain.errors import Invalid, Problem
from erp.domain.exposure.event import NewEvent
from erp.domain.exposure.fold import State, fold
from erp.domain.exposure.reading import happening
from erp.domain.exposure.signals import renew_signal
from erp.domain.practice.record import count_day
from erp.domain.support.pings import tell_of_practice
from erp.storage.account import Account
from erp.storage.db import table_of
from erp.storage.exposure import Event, Exposure
from erp.storage.ladder import Fear, Step

AnyRow = Row[*tuple[Any, ...]]

SANE_SKEW = timedelta(seconds=120)
JITTER = timedelta(seconds=10)
RATINGS_KEPT = 8

_account, _event, _exposure = table_of(Account), table_of(Event), table_of(Exposure)
# The row lock makes two requests of one person take turns; on SQLite the transaction's own lock does.
LOCK = select(_account.c.time_zone).where(_account.c.id == bindparam("account")).with_for_update(key_share=True)
_mine = _event.c.account_id == bindparam("account")
KNOWN = select(
    _event.c.id,
    _event.c.exposure_id,
    _event.c.kind,
    _event.c.happened_at,
    _event.c.shift_ms,
    _event.c.value,
    _event.c.data,
).where(
    # The account stands in both arms: SQLite would else read all of its events to find these.
    or_(
        and_(_mine, _event.c.exposure_id.in_(bindparam("exposures", expanding=True))),
        and_(_mine, _event.c.id.in_(bindparam("ids", expanding=True))),
    )
)
TOUCHED = select(
    _exposure.c.id,
    _exposure.c.account_id,
    _exposure.c.step_id,
    _exposure.c.local_date,
    _exposure.c.started_at,
    _exposure.c.finished_at,
    _exposure.c.ended,
    _exposure.c.seconds,
    _exposure.c.expected_suds,
    _exposure.c.away_since,
).where(_exposure.c.id.in_(bindparam("exposures", expanding=True)))
ALSO_RUNNING = (
    select(_exposure.c.id)
    .where(
        _exposure.c.account_id == bindparam("account"),
        _exposure.c.phase == "running",
        _exposure.c.id.not_in(bindparam("exposures", expanding=True)),
    )
    .limit(1)
)
ADD_EVENT = insert(_event)
ADD_EXPOSURE = insert(_exposure)
CHANGE_EXPOSURE = update(_exposure).where(_exposure.c.id == bindparam("key"))


@dataclass(slots=True)
class Receipt:
    """What became of a batch: ids that are safe now, ids that never will be, and what else is running.

    `told`: somebody should hear of it, and the rows for that are there.
    """

    accepted: list[uuid.UUID] = field(default_factory=list)
    refused: dict[uuid.UUID, Invalid] = field(default_factory=dict)
    also_running: uuid.UUID | None = None
    told: bool = False


def record(
    session: Session,
    account_id: uuid.UUID,
    events: Sequence[NewEvent],
    sent_at: datetime,
    now: datetime,
    skew: timedelta | None = None,
) -> Receipt:
    """Take events, once each, and bring the exposures, days and steps they touch up to date.

    `sent_at` is the phone's clock at the moment of sending: what it says tells how wrong that clock is. `skew` tells
    it better, where the phone has measured it in quick answers. An event that was taken before answers like the first
    time and changes nothing.
    """
    connection = session.connection()
    asked = {
        "account": account_id,
        "ids": [event.id for event in events],
        "exposures": list({event.exposure_id for event in events}),
    }
    zone: str = connection.scalars(LOCK, asked).one()
    known: dict[uuid.UUID, AnyRow] = {row.id: row for row in connection.execute(KNOWN, asked)}
    exposures: dict[uuid.UUID, AnyRow] = {row.id: row for row in connection.execute(TOUCHED, asked)}
    receipt = Receipt()
    fresh: dict[uuid.UUID, list[NewEvent]] = {}
    taken = set(known)
    for event in events:
        if event.id not in taken:
            problem = _problem(session, account_id, event, exposures)
            if problem:
                receipt.refused[event.id] = problem
                continue
            taken.add(event.id)
            fresh.setdefault(event.exposure_id, []).append(event)
        receipt.accepted.append(event.id)
    for exposure_id, new in fresh.items():
        events_known = [row for row in known.values() if row.exposure_id == exposure_id]
        shifted = _shifted(new, {row.shift_ms for row in events_known}, skew, now - sent_at, now)
        state = fold(
            [happening(row.id, row.kind, row.happened_at, row.shift_ms, row.value, row.data) for row in events_known]
            + [happening(event.id, event.kind, event.at, shift, event.value, event.data) for event, shift in shifted]
        )
        has_text = any(event.data for event in new)
        before = exposures.get(exposure_id)
        after = _keep(session, account_id, exposure_id, before, state, zone, has_text=has_text)
        connection.execute(ADD_EVENT, [_row(account_id, event, shift, now) for event, shift in shifted])
        today = local_day(now, zone)
        _carry_over(session, account_id, before, after, today)
        if _is_news(before, after):
            receipt.told |= tell_of_practice(session, account_id, exposure_id, after, today, now)
        if before is not None and before.away_since is not None:
            renew_signal(session, session.get_one(Exposure, exposure_id), state, now)
            receipt.told = True
    if any(event.kind == "started" for event in events):
        receipt.also_running = connection.scalar(ALSO_RUNNING, asked)
    return receipt


def _problem(
    session: Session, account_id: uuid.UUID, event: NewEvent, exposures: Mapping[uuid.UUID, AnyRow]
) -> Invalid | None:
    """Why an event cannot be taken: its exposure or its step is somebody else's."""
    exposure = exposures.get(event.exposure_id)
    if exposure is not None and exposure.account_id != account_id:
        return Invalid({"exposure": Problem("not_an_id")})
    if event.kind == "started" and event.data is not None:
        step = session.get(Step, uuid.UUID(event.data["step"]))
        if step is None or step.account_id != account_id:
            return Invalid({"step": Problem("not_an_option")})
    return None


def _shifted(
    events: Iterable[NewEvent], shifts: set[int], skew: timedelta | None, offset: timedelta, now: datetime
) -> list[tuple[NewEvent, int]]:
    """Each event with the milliseconds to add to the phone's time.

    Batches of one phone measure a slightly different offset each; a shift that the exposure has already is taken
    again while it is near enough, so that durations stay exact. The offset holds the time that the request took; the
    skew does not, and so tells a correction of half a minute. Nothing can have happened after now.
    """
    sane, close = (SANE_SKEW, SANE_SKEW + JITTER) if skew is None else (JITTER, JITTER)
    measured = _milliseconds(offset if skew is None else skew)
    near = [shift for shift in shifts if abs(measured - shift) <= _milliseconds(close)]
    fallback = 0 if abs(measured) <= _milliseconds(sane) else measured
    shift = min(near, key=lambda each: abs(measured - each), default=fallback)
    latest = now + SANE_SKEW
    return [(event, min(shift, _milliseconds(latest - event.at))) for event in events]


def _milliseconds(span: timedelta) -> int:
    return round(span / timedelta(milliseconds=1))


def _row(account_id: uuid.UUID, event: NewEvent, shift: int, now: datetime) -> dict[str, Any]:
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


def totals_of(state: State) -> dict[str, Any]:
    """The columns of an exposure's row that any event may change."""
    suds = state.suds
    return {
        "phase": state.phase,
        "started_at": state.started_at,
        "finished_at": state.finished_at,
        "ended": state.ended,
        "due_at": state.due_at,
        "seconds": state.seconds,
        "planned_seconds": state.planned_seconds,
        "peak_suds": max(suds, default=None),
        "last_suds": suds[-1] if suds else None,
        "resisted": state.resisted,
        "rituals": state.rituals,
        "curve": state.curve,
    }


def texts_of(state: State) -> dict[str, Any]:
    """The columns that only a start or a note changes."""
    start, notes = state.start, state.notes
    return {
        "expected_suds": start.get("expected_suds"),
        "likelihood": start.get("likelihood"),
        "stopping_rule": start.get("stopping_rule", "time"),
        "check_in_minutes": start.get("check_in_minutes", 0),
        "prediction": start.get("prediction") or None,
        "response": start.get("response") or None,
        "outcome": notes.get("outcome"),
        "learning": notes.get("learning"),
        "note": notes.get("note"),
    }


def place_of(state: State, started_at: datetime, zone: str) -> dict[str, Any]:
    """The columns that the first recorded start fixes for good; `zone` is for a phone that names none of its own."""
    where = _zone_or(state.start["zone"], zone)
    return {"zone": where, "local_date": local_day(started_at, where), "step_id": uuid.UUID(state.start["step"])}


def _keep(
    session: Session,
    account_id: uuid.UUID,
    exposure_id: uuid.UUID,
    before: AnyRow | None,
    state: State,
    zone: str,
    *,
    has_text: bool,
) -> dict[str, Any]:
    """Write what the events fold to; the local date is fixed by the first start that is recorded."""
    values = totals_of(state)
    if has_text or before is None:
        values |= texts_of(state)
    if state.started_at is not None and (before is None or before.local_date is None):
        values |= place_of(state, state.started_at, zone)
    if before is None:
        session.connection().execute(ADD_EXPOSURE, {"id": exposure_id, "account_id": account_id, **values})
        return values
    session.connection().execute(CHANGE_EXPOSURE, {"key": exposure_id, **values})
    return {**before._asdict(), **values}


def _is_news(before: AnyRow | None, after: dict[str, Any]) -> bool:
    """Whether the exposure was started or finished just now."""
    if after["started_at"] is None:
        return False
    if before is None or before.started_at is None:
        return True
    return after["finished_at"] is not None and before.finished_at is None


def _zone_or(name: str, fallback: str) -> str:
    try:
        return ZoneInfo(name).key if name else fallback
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return fallback


def _carry_over(
    session: Session, account_id: uuid.UUID, before: AnyRow | None, after: dict[str, Any], today: date
) -> None:
    """Let the step and the day know, if what they count has changed."""
    if after["started_at"] is None:
        return
    started = before is None or (before.started_at, before.expected_suds) != (
        after["started_at"],
        after["expected_suds"],
    )
    if started:
        new = before is None or before.started_at is None
        _rate_step(session, after["step_id"], after["started_at"], new=new)
    counted = before.ended and before.seconds if before else False
    if started or counted != (after["ended"] and after["seconds"]):
        count_day(session, account_id, after["local_date"], today)


def _rate_step(session: Session, step_id: uuid.UUID | None, started_at: datetime, *, new: bool) -> None:
    """Keep at the step how often it ran and how its expected SUDS moved; the latest start gives its rating."""
    step = session.get(Step, step_id)
    if step is None:
        return
    latest = session.execute(
        select(Exposure.started_at, Exposure.expected_suds)
        .where(Exposure.step_id == step.id, Exposure.started_at.is_not(None))
        .order_by(Exposure.started_at.desc(), Exposure.id.desc())
        .limit(RATINGS_KEPT)
    ).all()
    step.runs += new
    step.ratings = [row.expected_suds for row in reversed(latest) if row.expected_suds is not None]
    if latest[0].started_at == started_at and latest[0].expected_suds is not None:
        step.suds = latest[0].expected_suds
    fear = session.get_one(Fear, step.fear_id)
    if fear.practised_at is None or fear.practised_at < started_at:
        fear.practised_at = started_at
    session.flush()
