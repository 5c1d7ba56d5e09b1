"""Rows that an earlier version folded by a rule that has changed since; the worker brings them up to date."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain.exposure.fold import LONGEST
from erp.domain.upkeep.integrity import check_account
from erp.storage.exposure import Exposure


def folded_before(session: Session) -> Sequence[uuid.UUID]:
    """The accounts with an exposure of more than a day: until 0.1.0 one could last for any time."""
    longer = Exposure.seconds > LONGEST.total_seconds()
    return session.scalars(select(Exposure.account_id).where(longer).distinct()).all()


def refold(session: Session, account_id: uuid.UUID, now: datetime) -> None:
    """Let the rows of an account, its days and its totals follow from its events by the rules of today."""
    for _finding in check_account(session, account_id, now, repair=True):
        pass
