"""How exposures and their events are read."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from erp.domain.errors import NotFound, Unreadable
from erp.domain.exposure.columns import has_lost
from erp.domain.exposure.event import UNREADABLE, Event, stored_event
from erp.domain.exposure.fold import Phase, State, fold
from erp.domain.ladder.ladder import StoppingRule
from erp.storage.db import table_of
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Step

# Past its planned end without a sign of life: nobody knows any more whether somebody is still at it.
FORGOTTEN_AFTER = timedelta(minutes=30)
MAX_PAUSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ExposureView:
    """One exposure for a page. Durations in seconds; `curve` is (practised second, SUDS)."""

    id: uuid.UUID
    step_id: uuid.UUID | None
    title: str
    phase: Phase
    started_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None
    local_date: date | None
    seconds: int
    planned_seconds: int
    expected_suds: int | None
    peak_suds: int | None
    last_suds: int | None
    resisted: int
    rituals: int
    prediction: str | None
    likelihood: int | None
    response: str | None
    outcome: str | None
    learning: str | None
    note: str | None
    stopping_rule: StoppingRule
    check_in_minutes: int
    curve: list[tuple[int, int]]

    @property
    def is_rated(self) -> bool:
        """Whether it is known how strong it got, and how strong it was at the end."""
        return self.peak_suds is not None and self.last_suds is not None

    @property
    def ratings(self) -> list[int]:
        """How strong it was, first to last."""
        return [suds for _second, suds in self.curve]


def exposure_of(session: Session, account_id: uuid.UUID, exposure_id: uuid.UUID) -> Exposure:
    """The client's own exposure; raises NotFound for everybody else's and for none, Unreadable."""
    row = exposure_if_known(session, account_id, exposure_id)
    if row is None:
        raise NotFound
    return row


def exposure_if_known(session: Session, account_id: uuid.UUID, exposure_id: uuid.UUID) -> Exposure | None:
    """The client's own exposure, or None while the phone alone knows of it.

    Raises NotFound for somebody else's, Unreadable where the row is damaged.
    """
    try:
        row = session.get(Exposure, exposure_id)
    except UNREADABLE:
        if session.scalar(select(_exposure.c.account_id).where(_exposure.c.id == exposure_id)) != account_id:
            raise NotFound from None
        raise Unreadable from None
    if row is not None and row.account_id != account_id:
        raise NotFound
    return row


def view_of(row: Exposure, title: str | None) -> ExposureView:
    """The exposure for a page; `title` is its step's."""
    return ExposureView(
        id=row.id,
        step_id=row.step_id,
        title=title or "",
        phase=Phase(row.phase),
        started_at=row.started_at,
        finished_at=row.finished_at,
        due_at=row.due_at,
        local_date=row.local_date,
        seconds=row.seconds,
        planned_seconds=row.planned_seconds,
        expected_suds=row.expected_suds,
        peak_suds=row.peak_suds,
        last_suds=row.last_suds,
        resisted=row.resisted,
        rituals=row.rituals,
        prediction=row.prediction,
        likelihood=row.likelihood,
        response=row.response,
        outcome=row.outcome,
        learning=row.learning,
        note=row.note,
        stopping_rule=StoppingRule(row.stopping_rule),
        check_in_minutes=row.check_in_minutes,
        curve=[(second, suds) for second, suds in row.curve],
    )


def exposures_on(session: Session, account_id: uuid.UUID, day: date) -> list[ExposureView]:
    """The exposures that started on a local date, first to last, but for those that cannot be read."""
    return _views(
        session,
        select(Exposure, Step.title)
        .outerjoin(Step, Step.id == Exposure.step_id)
        .where(Exposure.account_id == account_id, Exposure.local_date == day)
        .order_by(Exposure.started_at),
    )


def latest_of_step(session: Session, step: Step, count: int) -> list[ExposureView]:
    """The latest exposures of a step, newest first, but for those that cannot be read."""
    return _views(
        session,
        select(Exposure, Step.title)
        .join(Step, Step.id == Exposure.step_id)
        .where(Exposure.step_id == step.id, Exposure.started_at.is_not(None))
        .order_by(Exposure.started_at.desc())
        .limit(count),
    )


def _views(session: Session, statement: Select[Exposure, str]) -> list[ExposureView]:
    """What a statement finds, in one; one by one, without those that cannot be read, where it finds such."""
    try:
        return [view_of(row, title) for row, title in session.execute(statement).all()]
    except UNREADABLE:
        views = []
        for found in session.scalars(statement.with_only_columns(_exposure.c.id)).all():
            with suppress(*UNREADABLE):
                views += [
                    view_of(*row) for row in session.execute(statement.where(Exposure.id == found).limit(1)).all()
                ]
        return views


@dataclass(frozen=True, slots=True)
class Running:
    """An exposure that was started and not finished. `overdue`: its planned time has passed."""

    id: uuid.UUID
    title: str
    overdue: bool


_exposure, _event, _step = table_of(Exposure), table_of(EventRow), table_of(Step)
RUNNING = (
    select(_exposure.c.id, _exposure.c.started_at, _exposure.c.ended, _exposure.c.due_at, _step.c.title)
    .select_from(_exposure.outerjoin(_step, _step.c.id == _exposure.c.step_id))
    .where(_exposure.c.account_id == bindparam("account"), _exposure.c.phase == Phase.running)
    .order_by(_exposure.c.started_at.desc())
)
EVENTS = select(
    _event.c.id, _event.c.kind, _event.c.happened_at, _event.c.shift_ms, _event.c.value, _event.c.data
).where(_event.c.exposure_id == bindparam("exposure"), _event.c.account_id == bindparam("account"))


def running_of(session: Session, account_id: uuid.UUID, now: datetime) -> Running | None:
    """The client's exposure that was started last and is not finished, if there is one; none that cannot be read."""
    for row in session.connection().execute(RUNNING, {"account": account_id}).all():
        try:
            state_of(session, account_id, row.id, row.started_at, ended=row.ended)
        except Unreadable:
            continue
        return Running(row.id, row.title or "", row.due_at is not None and row.due_at <= now)
    return None


def runs(now: datetime) -> ColumnElement[bool]:
    """The condition that an exposure was started, is not over and not forgotten; never NULL, so that ~ works."""
    in_time = and_(Exposure.due_at.is_not(None), Exposure.due_at > now - FORGOTTEN_AFTER)
    in_a_pause = and_(Exposure.due_at.is_(None), Exposure.started_at > now - MAX_PAUSE)
    return and_(Exposure.phase == Phase.running, or_(in_time, in_a_pause))


def begun_at(due_at: datetime, planned_seconds: int) -> datetime:
    """When an exposure began, as if what was spent in pauses had never been; by this its minutes are counted."""
    return due_at - timedelta(seconds=planned_seconds)


def events_of(session: Session, account_id: uuid.UUID, exposure_id: uuid.UUID) -> list[Event]:
    """The events of an exposure, with corrected times, in the order in which they count. Raises Unreadable."""
    try:
        rows = session.connection().execute(EVENTS, {"account": account_id, "exposure": exposure_id}).all()
        return sorted((stored_event(*row) for row in rows), key=lambda event: (event.at, event.id))
    except UNREADABLE as error:
        raise Unreadable from error


def state_of(
    session: Session, account_id: uuid.UUID, exposure_id: uuid.UUID, started_at: datetime | None, *, ended: bool
) -> State:
    """What the events of an exposure fold to, whose row says when it began (UTC) and whether it ended.

    Raises Unreadable, also where the events have lost what the row still says.
    """
    state = fold(events_of(session, account_id, exposure_id))
    if has_lost(started_at, ended, state):
        raise Unreadable
    return state
