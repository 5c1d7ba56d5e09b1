"""The rows of the server's outbox: what somebody should hear, added in the transaction of the verb that causes it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from erp.domain.notification.facts import Facts
from erp.domain.notification.kinds import KINDS, Kind
from erp.storage.notification import Device, Notification

TEST_COOLDOWN = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should hear: due now unless `due_at` is later, for its kind's lifetime.

    `until` ends it earlier. `device_id` is the one device that it is for; without it, it is for all of the person's.
    """

    account_id: uuid.UUID
    kind: Kind
    facts: Facts = field(default=Facts(), repr=False)
    support_id: uuid.UUID | None = None
    exposure_id: uuid.UUID | None = None
    device_id: uuid.UUID | None = None
    due_at: datetime | None = None
    until: datetime | None = None


def add(session: Session, notices: Sequence[Notice], now: datetime) -> bool:
    """Put notices into the outbox, by one statement; whether there were any."""
    if notices:
        session.execute(insert(Notification), [_row(notice, now) for notice in notices])
    return bool(notices)


def _row(notice: Notice, now: datetime) -> dict[str, Any]:
    due = notice.due_at or now
    end = due + KINDS[notice.kind].lifetime
    return {
        "id": uuid.uuid4(),
        "account_id": notice.account_id,
        "support_id": notice.support_id,
        "exposure_id": notice.exposure_id,
        "device_id": notice.device_id,
        "kind": notice.kind,
        "facts": notice.facts.stored(),
        "created_at": now,
        "due_at": due,
        "expires_at": min(end, notice.until) if notice.until else end,
    }


def tell_device(session: Session, device: Device, now: datetime) -> bool:
    """Send one device of a person's own a test; False while the one before is on its way."""
    since = Notification.created_at > now - TEST_COOLDOWN
    recent = select(Notification.id).where(Notification.device_id == device.id, since)
    if session.scalars(recent.limit(1)).first() is not None:
        return False
    return add(session, [Notice(device.account_id, Kind.test, device_id=device.id)], now)
