"""Whether there is something new of a client, for a supporter's card that asks again and again."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.orm import Session

from erp.domain.dates import local_day
from erp.domain.errors import NotFound
from erp.domain.exposure.fold import Phase
from erp.domain.exposure.reading import runs
from erp.domain.support.sharing import lasted
from erp.storage.account import Account
from erp.storage.db import as_stored, table_of
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Step
from erp.storage.practice import Pause, Plan, PracticeTotals
from erp.storage.support import Cheer, Support

AnyRow = Row[*tuple[Any, ...]]


def news_of_client(
    session: Session, supporter_id: uuid.UUID, support_id: uuid.UUID, now: datetime
) -> tuple[object, ...]:
    """What tells whether there is something new: while it stays the same, so does what `client_of` shows.

    Two statements, which count, and open no text: what is encrypted is compared as it is stored. Raises NotFound like
    `client_of`.
    """
    row = session.execute(_standing(supporter_id, support_id)).first()
    if row is None:
        raise NotFound
    seen = session.execute(_shown(row.client_id, now)).all()
    minutes = [lasted(each, now) // 60 for each in seen if each.runs]
    return *row, local_day(now, row.time_zone), *map(tuple, seen), *minutes


def _standing(supporter_id: uuid.UUID, support_id: uuid.UUID) -> Select[*tuple[Any, ...]]:
    """All of the relation and of the client's totals, and counts of what else the card comes from."""
    client = Support.client_id
    plans = (func.sum(Plan.minutes), func.sum(Plan.weekdays), func.sum(Plan.days_per_week), func.max(Plan.starts_on))
    pauses = (func.count(), func.max(Pause.last_day), func.max(Pause.created_at))
    cheers = (func.count(), func.count(Cheer.hearted_at))
    return (
        select(
            *table_of(Support).c,
            as_stored(table_of(Account).c.display_name),
            Account.time_zone,
            *table_of(PracticeTotals).c,
            *(_sub(each, Plan.account_id == client) for each in plans),
            *(_sub(each, Pause.account_id == client) for each in pauses),
            *(_sub(each, Cheer.client_id == client, Cheer.supporter_id == supporter_id) for each in cheers),
        )
        .join(Account, Account.id == client)
        .outerjoin(PracticeTotals, PracticeTotals.account_id == client)
        .where(Support.id == support_id, Support.supporter_id == supporter_id, Support.ended_at.is_(None))
    )


def _shown(client_id: uuid.UUID, now: datetime) -> Select[*tuple[Any, ...]]:
    """The exposures that the card may tell of, those of the latest day with one and those that run."""
    last_day = select(func.max(Exposure.local_date)).where(Exposure.account_id == client_id).scalar_subquery()
    course = (Exposure.id, Exposure.started_at, Exposure.due_at, Exposure.seconds, Exposure.planned_seconds)
    return (
        select(
            *course,
            Exposure.stopping_rule,
            runs(now).label("runs"),
            _sub(func.count(), EventRow.exposure_id == Exposure.id),
            as_stored(table_of(Step).c.title),
        )
        .outerjoin(Step, Step.id == Exposure.step_id)
        .where(Exposure.account_id == client_id, or_(Exposure.local_date == last_day, Exposure.phase == Phase.running))
        .order_by(Exposure.id)
    )


def _sub(column: ColumnElement[Any], *which: ColumnElement[bool]) -> ColumnElement[Any]:
    return select(column).where(*which).scalar_subquery()
