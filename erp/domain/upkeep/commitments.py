"""Whether what a person chose can be used: their zone, their plans and their pauses. Nothing else tells what it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import String, cast, select
from sqlalchemy.orm import Session

from erp.domain.dates import is_zone
from erp.domain.exposure.event import UNREADABLE
from erp.domain.practice.days import PlanKind
from erp.domain.upkeep.finding import Finding
from erp.storage.account import Account
from erp.storage.db import table_of
from erp.storage.practice import Pause, Plan

_plan, _pause = table_of(Plan).c, table_of(Pause).c


def check_commitments(session: Session, account: Account) -> Iterator[Finding]:
    """The zone, the plans and the pauses of one person that cannot be used."""
    if not is_zone(account.time_zone):
        yield Finding("account", str(account.id), "time_zone is no time zone", lost=True)
    # By their keys as text, so that one that is damaged stops nothing.
    plans = select(cast(_plan.starts_on, String)).where(_plan.account_id == account.id)
    for start in session.scalars(plans.order_by(_plan.starts_on)).all():
        mine = _plan.account_id == account.id, cast(_plan.starts_on, String) == start
        if not _is_usable(session, select(table_of(Plan)).where(*mine), _is_plan):
            yield Finding("plan", f"{account.id} {start}", "is no plan", lost=True)
    for pause in session.scalars(select(_pause.id).where(_pause.account_id == account.id)).all():
        if not _is_usable(session, select(table_of(Pause)).where(_pause.id == pause), _is_pause):
            yield Finding("pause", str(pause), "is no pause", lost=True)


def _is_usable(session: Session, statement: Any, rule: Any) -> bool:
    try:
        return all(rule(row) for row in session.execute(statement).all())
    except UNREADABLE:
        return False


def _is_plan(plan: Any) -> bool:
    weekdays = plan.kind != PlanKind.weekdays or 0 < plan.weekdays < 2**7
    return plan.kind in list(PlanKind) and 1 <= plan.minutes <= 240 and 1 <= plan.days_per_week <= 7 and weekdays


def _is_pause(pause: Any) -> bool:
    return bool(pause.first_day <= pause.last_day)
