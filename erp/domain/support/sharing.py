"""What a supporter may see of a client. Pages, fragments, polls and payloads all get it from here and nowhere else.

By default: whether, when and how long there was practice, and the streak. Step titles, SUDS and notes are there only
where the client shares them with this supporter; what is not shared is not in the objects that leave this module.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from erp.domain.dates import ONE_DAY, local_day, minutes_done, week_of
from erp.domain.errors import NotFound
from erp.domain.exposure.reading import begun_at, is_paused, runs
from erp.domain.ladder.ladder import StoppingRule
from erp.domain.practice.days import COUNTS_FROM_SECONDS
from erp.domain.practice.record import Practice, practices_of
from erp.storage.account import Account
from erp.storage.exposure import Exposure
from erp.storage.ladder import Step
from erp.storage.support import Cheer, Support

CHEERS_SHOWN = 5


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


def shared_exposure(
    support: Support, exposure: Exposure, title: str | None, now: datetime, *, running: bool
) -> SharedExposure:
    """The exposure, without what the client does not share with this supporter."""
    assert exposure.started_at
    assert exposure.local_date
    curve = [(second, suds) for second, suds in exposure.curve] if support.shares_suds else None
    words = tuple(text for text in (exposure.learning, exposure.note) if text) if support.shares_notes else None
    return SharedExposure(
        id=exposure.id,
        running=running,
        paused=running and is_paused(exposure),
        started_at=exposure.started_at,
        local_date=exposure.local_date,
        seconds=_seconds(exposure, now) if running else exposure.seconds,
        planned_seconds=exposure.planned_seconds,
        title=(title or None) if support.shares_titles else None,
        curve=curve,
        words=words,
    )


def _seconds(exposure: Exposure, now: datetime) -> int:
    """How long a running exposure has lasted: in a pause as long as its events say, else by its planned end."""
    if exposure.due_at is None:
        return exposure.seconds
    lasted = max((now - begun_at(exposure.due_at, exposure.planned_seconds)) // timedelta(seconds=1), 0)
    return min(lasted, exposure.planned_seconds) if exposure.stopping_rule == StoppingRule.time else lasted


def clients_of(session: Session, supporter_id: uuid.UUID, now: datetime) -> list[ClientView]:
    """Everybody whom a person supports; who practises now first, then who practised last. Eight statements at most."""
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
    cheers = _cheers(session, supporter_id, todays)
    views = []
    for support, name, _zone in mine:
        client, practice = support.client_id, practices[support.client_id]
        views.append(
            ClientView(
                support_id=support.id,
                name=name,
                today=todays[client],
                now=shared_exposure(support, *running[client], now, running=True) if client in running else None,
                last=shared_exposure(support, *last[client], now, running=False) if client in last else None,
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


def _running(
    session: Session, clients: Iterable[uuid.UUID], now: datetime
) -> dict[uuid.UUID, tuple[Exposure, str | None]]:
    rows = session.execute(
        select(Exposure, Step.title)
        .outerjoin(Step, Step.id == Exposure.step_id)
        .where(Exposure.account_id.in_(clients), runs(now))
        .order_by(Exposure.started_at)
    )
    return {row.account_id: (row, title) for row, title in rows}


def _last(
    session: Session, practices: Mapping[uuid.UUID, Practice], now: datetime
) -> dict[uuid.UUID, tuple[Exposure, str | None]]:
    """The latest exposure of each client that counted and is over."""
    days = {client: max(practice.facts.practised, default=None) for client, practice in practices.items()}
    on_day = [and_(Exposure.account_id == client, Exposure.local_date == day) for client, day in days.items() if day]
    if not on_day:
        return {}
    rows = session.execute(
        select(Exposure, Step.title)
        .outerjoin(Step, Step.id == Exposure.step_id)
        .where(or_(*on_day), Exposure.ended, Exposure.seconds >= COUNTS_FROM_SECONDS, ~runs(now))
        .order_by(Exposure.started_at)
    )
    return {row.account_id: (row, title) for row, title in rows}


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
