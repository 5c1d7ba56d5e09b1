"""What a corrected time zone changes on somebody's first day, when there is hardly a past to keep."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from erp.domain.dates import local_day
from erp.storage.account import Account
from erp.storage.exposure import Exposure
from erp.storage.practice import Pause, Plan, PracticeTotals


def follow_zone(session: Session, account: Account, before: str, now: datetime) -> None:
    """Let the first day, and the plan and pause from it on, follow a zone that was changed from `before` (IANA name).

    On later days nothing changes, and what was practised keeps its date.
    """
    totals = session.get_one(PracticeTotals, account.id)
    was, is_now = local_day(now, before), local_day(now, account.time_zone)
    if was == is_now or was != local_day(account.created_at, before):
        return
    mine = Exposure.account_id == account.id, Exposure.local_date.is_not(None)
    practised = session.scalar(select(func.min(Exposure.local_date)).where(*mine))
    first = local_day(account.created_at, account.time_zone)
    totals.first_day, totals.settled_through = min(first, practised or first), None
    if session.get(Plan, (account.id, was)):
        session.execute(delete(Plan).where(Plan.account_id == account.id, Plan.starts_on == is_now))
        session.execute(
            update(Plan).where(Plan.account_id == account.id, Plan.starts_on == was).values(starts_on=is_now)
        )
        session.expire_all()
    session.execute(
        update(Pause)
        .where(Pause.account_id == account.id, Pause.first_day == was, Pause.last_day >= is_now)
        .values(first_day=is_now)
    )
    session.flush()
