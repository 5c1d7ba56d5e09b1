"""Taking the events of exposures: checking each, correcting its time, and folding it into the rows."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from erp.domain.errors import Invalid, Problem
from erp.domain.exposure import KINDS, OUTCOMES, STOPPING_RULES, State, fold, happening
from erp.domain.fields import Fields
from erp.domain.practice import count_day, local_day
from erp.storage.account import Account
from erp.storage.exposure import Event, Exposure
from erp.storage.ladder import Fear, Step

SANE_SKEW = timedelta(seconds=120)
RATINGS_KEPT = 8
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it came, checked. `at` is the phone's clock (UTC)."""

    id: uuid.UUID
    exposure_id: uuid.UUID
    kind: str
    at: datetime
    value: int | None
    data: dict[str, Any] | None


@dataclass(slots=True)
class Receipt:
    """What became of a batch: ids that are safe now, ids that never will be, and what else is running."""

    accepted: list[uuid.UUID] = field(default_factory=list)
    refused: dict[uuid.UUID, Invalid] = field(default_factory=dict)
    also_running: uuid.UUID | None = None


def parse(raw: Mapping[str, Any]) -> NewEvent:
    """One event from a form or from JSON. Raises Invalid, keyed by field."""
    fields = Fields(raw)
    event_id, exposure_id = fields.identifier("id"), fields.identifier("exposure")
    kind = fields.one_of("kind", KINDS)
    at = _moment(fields, "at")
    value: int | None = None
    data: dict[str, Any] | None = None
    match kind:
        case "started":
            data = {
                "step": str(fields.identifier("step")),
                "expected_suds": fields.whole_or_none("expected_suds", 0, 100),
                "prediction": fields.text("prediction", 2000),
                "likelihood": fields.whole_or_none("likelihood", 0, 100),
                "response": fields.text("response", 2000),
                "planned_minutes": fields.whole("planned_minutes", 1, 240),
                "check_in_minutes": fields.whole("check_in_minutes", 0, 60, default=0),
                "stopping_rule": fields.one_of("stopping_rule", STOPPING_RULES, default="time"),
                "zone": fields.text("zone", 64),
            }
        case "checked_in":
            value = fields.whole("suds", 0, 100)
        case "extended":
            value = fields.whole("minutes", 1, 120)
        case "noted":
            data = {
                "suds": fields.whole_or_none("suds", 0, 100),
                "outcome": fields.one_of("outcome", OUTCOMES, default="") or None,
                "learning": fields.text("learning", 2000),
                "note": fields.text("note", 500),
            }
    fields.check()
    assert event_id
    assert exposure_id
    assert at
    return NewEvent(event_id, exposure_id, kind, at, value, data)


def _moment(fields: Fields, name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(fields.raw.get(name)))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not EARLIEST < moment < LATEST:
        fields.wrong(name, "not_a_time")
        return None
    return moment.astimezone(UTC)


def record(
    session: Session, account_id: uuid.UUID, events: Sequence[NewEvent], sent_at: datetime, now: datetime
) -> Receipt:
    """Take events, once each, and bring the exposures, days and steps they touch up to date.

    `sent_at` is the phone's clock at the moment of sending: what it says tells how wrong that clock is. An event
    that was taken before answers like the first time and changes nothing.
    """
    # The row lock makes two requests of one person take turns (SQLite's write lock does it there).
    zone = session.scalars(select(Account.time_zone).where(Account.id == account_id).with_for_update()).one()
    ids = [event.id for event in events]
    touched = {event.exposure_id for event in events}
    known: dict[uuid.UUID, Event] = {
        row.id: row
        for row in session.scalars(
            select(Event).where(Event.account_id == account_id, or_(Event.exposure_id.in_(touched), Event.id.in_(ids)))
        )
    }
    receipt = Receipt()
    changed: dict[uuid.UUID, Exposure] = {}
    offset = now - sent_at
    for event in events:
        if event.id not in known:
            try:
                exposure = changed.get(event.exposure_id) or _exposure_for(session, account_id, event)
            except Invalid as error:
                receipt.refused[event.id] = error
                continue
            changed[event.exposure_id] = exposure
            row = Event(
                account_id=account_id,
                id=event.id,
                exposure_id=event.exposure_id,
                kind=event.kind,
                happened_at=event.at,
                received_at=now,
                shift_ms=_shift(event, offset, known.values(), now),
                value=event.value,
                data=event.data,
            )
            session.add(row)
            known[event.id] = row
        receipt.accepted.append(event.id)
    session.flush()
    for exposure in changed.values():
        _refold(session, exposure, known.values(), zone, now)
    if any(event.kind == "started" for event in events):
        receipt.also_running = session.scalar(
            select(Exposure.id)
            .where(Exposure.account_id == account_id, Exposure.phase == "running", Exposure.id.not_in(touched))
            .limit(1)
        )
    return receipt


def _exposure_for(session: Session, account_id: uuid.UUID, event: NewEvent) -> Exposure:
    """The exposure of an event, made if the event is the first of it to come; its step must be the client's."""
    if event.kind == "started":
        assert event.data is not None
        step = session.get(Step, uuid.UUID(event.data["step"]))
        if step is None or step.account_id != account_id:
            raise Invalid({"step": Problem("not_an_option")})
    exposure = session.get(Exposure, event.exposure_id)
    if exposure is None:
        exposure = Exposure(id=event.exposure_id, account_id=account_id)
        session.add(exposure)
        session.flush()
    elif exposure.account_id != account_id:
        raise Invalid({"exposure": Problem("not_an_id")})
    return exposure


def _shift(event: NewEvent, offset: timedelta, known: Any, now: datetime) -> int:
    """Milliseconds to add to the phone's time.

    Batches of one phone measure a slightly different offset each; a shift that the exposure has already is taken
    again while it is near enough, so that durations stay exact.
    """
    if abs(offset) <= SANE_SKEW:
        offset = timedelta()
    else:
        for row in known:
            shift = timedelta(milliseconds=row.shift_ms)
            if row.exposure_id == event.exposure_id and abs(offset - shift) <= SANE_SKEW:
                offset = shift
                break
    latest = now + SANE_SKEW
    return round(min(offset, latest - event.at).total_seconds() * 1000)


def _refold(session: Session, exposure: Exposure, events: Any, zone: str, now: datetime) -> None:
    state = fold(
        happening(row.id, row.kind, row.happened_at, row.shift_ms, row.value, row.data)
        for row in events
        if row.exposure_id == exposure.id
    )
    counted = exposure.finished_at and exposure.seconds
    start = (exposure.started_at, exposure.expected_suds)
    _keep(exposure, state)
    if state.started_at is None:
        return
    if exposure.local_date is None:
        exposure.zone = _zone_or(state.start["zone"], zone)
        exposure.local_date = local_day(state.started_at, exposure.zone)
        exposure.step_id = uuid.UUID(state.start["step"])
    session.flush()
    started = start != (exposure.started_at, exposure.expected_suds)
    if started:
        _rate_step(session, exposure)
    if started or counted != (exposure.finished_at and exposure.seconds):
        count_day(session, exposure.account_id, exposure.local_date, local_day(now, zone))


def _keep(exposure: Exposure, state: State) -> None:
    suds = state.suds
    values = {
        "phase": state.phase,
        "started_at": state.started_at,
        "finished_at": state.finished_at,
        "due_at": state.due_at,
        "seconds": state.seconds,
        "planned_seconds": state.planned_seconds,
        "expected_suds": state.start.get("expected_suds"),
        "peak_suds": max(suds, default=None),
        "last_suds": suds[-1] if suds else None,
        "resisted": state.resisted,
        "rituals": state.rituals,
        "likelihood": state.start.get("likelihood"),
        "outcome": state.notes.get("outcome"),
        "stopping_rule": state.start.get("stopping_rule", "time"),
        "check_in_minutes": state.start.get("check_in_minutes", 0),
        "curve": [[second, rating] for second, rating in state.curve],
        "prediction": state.start.get("prediction") or None,
        "response": state.start.get("response") or None,
        "learning": state.notes.get("learning"),
        "note": state.notes.get("note"),
    }
    # Encrypting anew what has not changed would write the row's texts with every tap.
    for name, value in values.items():
        if getattr(exposure, name) != value:
            setattr(exposure, name, value)


def _zone_or(name: str, fallback: str) -> str:
    try:
        return ZoneInfo(name).key if name else fallback
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return fallback


def _rate_step(session: Session, exposure: Exposure) -> None:
    """Keep at the step how often it ran and how its expected SUDS moved; the latest start gives its rating."""
    step = session.get_one(Step, exposure.step_id)
    latest = session.execute(
        select(Exposure.id, Exposure.expected_suds)
        .where(Exposure.step_id == step.id, Exposure.started_at.is_not(None))
        .order_by(Exposure.started_at.desc(), Exposure.id.desc())
        .limit(RATINGS_KEPT)
    ).all()
    rated = [row.expected_suds for row in reversed(latest) if row.expected_suds is not None]
    step.ratings = rated
    step.runs = (
        session.scalar(select(func.count()).where(Exposure.step_id == step.id, Exposure.started_at.is_not(None))) or 0
    )
    if latest[0].id == exposure.id and latest[0].expected_suds is not None:
        step.suds = latest[0].expected_suds
    fear = session.get_one(Fear, step.fear_id)
    if exposure.started_at and (fear.practised_at is None or fear.practised_at < exposure.started_at):
        fear.practised_at = exposure.started_at
