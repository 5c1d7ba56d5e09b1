"""What a supporter may see of a client. Pages, fragments, polls and payloads all get it from here and nowhere else.

By default: whether, when and how long there was practice, and the streak. Step titles, SUDS and notes are there only
where the client shares them with this supporter; what is not shared is not in the objects that leave this module.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, case, or_, select
from sqlalchemy.orm import Session

from erp.domain.dates import ONE_DAY, local_day, minutes_done, week_of
from erp.domain.errors import NotFound
from erp.domain.exposure.event import UNREADABLE
from erp.domain.exposure.reading import begun_at, runs
from erp.domain.ladder.ladder import StoppingRule
from erp.domain.practice.days import COUNTS_FROM_SECONDS
from erp.domain.practice.record import Practice, practices_of
from erp.storage.account import Account
from erp.storage.exposure import Exposure
from erp.storage.ladder import Step
from erp.storage.support import Cheer, Support

CHEERS_SHOWN = 5

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class SharedExposure:
    """One exposure as a supporter may see it. Seconds; None where the client does not share it.

    `curve` is (practised second, SUDS), `words` what the client wrote afterwards.
    """

    id: uuid.UUID
    running: bool
    paused: bool
    started_at: datetime
    local_date: date
    seconds: int
    planned_seconds: int
    title: str | None
    curve: list[tuple[int, int]] | None
    words: tuple[str, ...] | None

    @property
    def shown_seconds(self) -> int:
        """How much of the planned time is shown as done: whole minutes of it."""
        return min(minutes_done(self.seconds) * 60, self.planned_seconds)


@dataclass(frozen=True, slots=True)
class SentCheer:
    """A cheer that the supporter sent, and whether a heart came back."""

    id: uuid.UUID
    text: str
    sent_at: datetime
    hearted: bool


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client as one supporter may see them. `week`: each day of it and whether there was practice, None to come."""

    support_id: uuid.UUID
    name: str
    today: date
    now: SharedExposure | None
    last: SharedExposure | None
    week: list[tuple[date, bool | None]]
    streak: int
    days: int
    asked_kinds: tuple[str, ...]
    cheers: list[SentCheer]

    @property
    def cheer_of_now(self) -> SentCheer | None:
        """The latest cheer that was sent since the exposure runs."""
        latest = self.cheers[0] if self.cheers else None
        return latest if latest and self.now and latest.sent_at >= self.now.started_at else None


@dataclass(frozen=True, slots=True)
class _Written:
    """What a client shares of one exposure beyond that it was: each is None where they do not, or there is none."""

    title: str | None = None
    curve: Sequence[Sequence[int]] | None = None
    learning: str | None = None
    note: str | None = None


def _shared_exposure(
    support: Support, row: AnyRow | None, written: Mapping[uuid.UUID, _Written], now: datetime, *, running: bool
) -> SharedExposure | None:
    """The exposure, without what the client does not share with this supporter."""
    if row is None:
        return None
    words = written.get(row.id, _Written())
    return SharedExposure(
        id=row.id,
        running=running,
        paused=running and row.due_at is None,
        started_at=row.started_at,
        local_date=row.local_date,
        seconds=lasted(row, now) if running else row.seconds,
        planned_seconds=row.planned_seconds,
        title=words.title or None,
        curve=[(second, suds) for second, suds in words.curve or ()] if support.shares_suds else None,
        words=tuple(text for text in (words.learning, words.note) if text) if support.shares_notes else None,
    )


def lasted(row: AnyRow, now: datetime) -> int:
    """How long a running exposure has lasted: in a pause as long as its events say, else by its planned end."""
    if row.due_at is None:
        return int(row.seconds)
    lasted = max((now - begun_at(row.due_at, row.planned_seconds)) // timedelta(seconds=1), 0)
    return min(lasted, row.planned_seconds) if row.stopping_rule == StoppingRule.time else lasted


def clients_of(session: Session, supporter_id: uuid.UUID, now: datetime) -> list[ClientView]:
    """Everybody whom a person supports; who practises now first, then who practised last. Nine statements at most."""
    return _views(session, supporter_id, now)


def client_of(session: Session, supporter_id: uuid.UUID, support_id: uuid.UUID, now: datetime) -> ClientView:
    """One client whom a person supports; raises NotFound for everybody else's and when it has ended."""
    found = _views(session, supporter_id, now, Support.id == support_id)
    if not found:
        raise NotFound
    return found[0]


def _views(session: Session, supporter_id: uuid.UUID, now: datetime, *which: Any) -> list[ClientView]:
    mine = session.execute(
        select(Support, Account.display_name, Account.time_zone)
        .join(Account, Account.id == Support.client_id)
        .where(Support.supporter_id == supporter_id, Support.ended_at.is_(None), *which)
    ).all()
    if not mine:
        return []
    todays = {support.client_id: local_day(now, zone) for support, _name, zone in mine}
    practices = practices_of(session, todays)
    running = _running(session, todays, now)
    last = _last(session, practices, now)
    written = _written(session, [support for support, _name, _zone in mine], running, last)
    cheers = _cheers(session, supporter_id, todays)
    views = []
    for support, name, _zone in mine:
        client, practice = support.client_id, practices[support.client_id]
        views.append(
            ClientView(
                support_id=support.id,
                name=name,
                today=todays[client],
                now=_shared_exposure(support, running.get(client), written, now, running=True),
                last=_shared_exposure(support, last.get(client), written, now, running=False),
                week=_week(practice),
                streak=practice.totals().current,
                days=practice.days,
                asked_kinds=tuple(support.asked_kinds),
                cheers=cheers.get(client, []),
            )
        )
    return sorted(views, key=_order)


def _order(view: ClientView) -> tuple[bool, float, str]:
    latest = view.now or view.last
    return view.now is None, -latest.started_at.timestamp() if latest else 0.0, view.name


def _week(practice: Practice) -> list[tuple[date, bool | None]]:
    """The week's days with and without practice. Why there was none, a rest day say or a pause, stays the client's."""
    days = practice.between(*week_of(practice.today))
    return [(day.date, bool(day.exposures) if day.date <= practice.today else None) for day in days]


# Nothing here is a text of the client's: those are read for the exposures that are shown, where they are shared.
_COURSE = select(
    Exposure.id,
    Exposure.account_id,
    Exposure.started_at,
    Exposure.local_date,
    Exposure.due_at,
    Exposure.seconds,
    Exposure.planned_seconds,
    Exposure.stopping_rule,
).order_by(Exposure.started_at)


def _running(session: Session, clients: Iterable[uuid.UUID], now: datetime) -> dict[uuid.UUID, AnyRow]:
    rows = session.execute(_COURSE.where(Exposure.account_id.in_(clients), runs(now)))
    return {row.account_id: row for row in rows}


def _last(session: Session, practices: Mapping[uuid.UUID, Practice], now: datetime) -> dict[uuid.UUID, AnyRow]:
    """The latest exposure of each client that counted and is over."""
    days = {client: max(practice.facts.practised, default=None) for client, practice in practices.items()}
    on_day = [and_(Exposure.account_id == client, Exposure.local_date == day) for client, day in days.items() if day]
    if not on_day:
        return {}
    counted = (Exposure.ended, Exposure.seconds >= COUNTS_FROM_SECONDS, ~runs(now))
    rows = session.execute(_COURSE.where(or_(*on_day), *counted))
    return {row.account_id: row for row in rows}


def _written(
    session: Session, supports: Iterable[Support], *shown: Mapping[uuid.UUID, AnyRow]
) -> dict[uuid.UUID, _Written]:
    """What is shared of the exposures that are shown, by their ids: one statement, and none where nothing is."""
    titles: list[uuid.UUID] = []
    suds: list[uuid.UUID] = []
    notes: list[uuid.UUID] = []
    for support in supports:
        ids = [rows[support.client_id].id for rows in shown if support.client_id in rows]
        titles += ids if support.shares_titles else ()
        suds += ids if support.shares_suds else ()
        notes += ids if support.shares_notes else ()
    if not (titles or suds or notes):
        return {}
    written = select(
        Exposure.id,
        case((Exposure.id.in_(titles), Step.title)),
        case((Exposure.id.in_(suds), Exposure.curve)),
        case((Exposure.id.in_(notes), Exposure.learning)),
        case((Exposure.id.in_(notes), Exposure.note)),
    ).outerjoin(Step, Step.id == Exposure.step_id)
    shared = {*titles, *suds, *notes}
    try:
        rows = session.execute(written.where(Exposure.id.in_(shared))).all()
    except UNREADABLE:
        # One that is damaged hides no other.
        rows = [row for each in shared if (row := _readable(session, written.where(Exposure.id == each)))]
    return {row[0]: _Written(*row[1:]) for row in rows}


def _readable(session: Session, statement: Any) -> AnyRow | None:
    try:
        return session.execute(statement).first()
    except UNREADABLE:
        return None


def _cheers(
    session: Session, supporter_id: uuid.UUID, todays: dict[uuid.UUID, date]
) -> dict[uuid.UUID, list[SentCheer]]:
    """What the supporter sent to each client today and yesterday, newest first."""
    recent = [and_(Cheer.client_id == client, Cheer.local_date >= day - ONE_DAY) for client, day in todays.items()]
    found: dict[uuid.UUID, list[SentCheer]] = {}
    for cheer in session.scalars(
        select(Cheer).where(Cheer.supporter_id == supporter_id, or_(*recent)).order_by(Cheer.sent_at.desc())
    ):
        sent = found.setdefault(cheer.client_id, [])
        if len(sent) < CHEERS_SHOWN:
            sent.append(SentCheer(cheer.id, cheer.text, cheer.sent_at, cheer.hearted_at is not None))
    return found
