"""The rows of the server's outbox: what somebody should hear, added in the transaction of the verb that causes it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from erp.domain.notification.kinds import LIFETIMES
from erp.storage.notification import Device, Notification

A_TEST = timedelta(seconds=15)


def row_of(account_id: uuid.UUID, kind: str, facts: Mapping[str, Any], now: datetime, **more: Any) -> dict[str, Any]:
    """One row to insert: due now and worth its kind's lifetime unless `more` says otherwise."""
    row = {"id": uuid.uuid4(), "account_id": account_id, "kind": kind, "facts": dict(facts), "created_at": now}
    due = more.pop("due_at", now)
    links = {"support_id": None, "exposure_id": None, "device_id": None} | more
    return row | links | {"due_at": due, "expires_at": due + LIFETIMES[kind]}


def tell_device(session: Session, device: Device, now: datetime) -> bool:
    """Send one device of a person's own a test; False while the one before is on its way."""
    recent = select(Notification.id).where(Notification.device_id == device.id, Notification.created_at > now - A_TEST)
    if session.scalars(recent.limit(1)).first() is not None:
        return False
    session.execute(insert(Notification), [row_of(device.account_id, "test", {}, now, device_id=device.id)])
    return True
