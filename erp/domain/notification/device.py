"""The browsers that a person lets Rung notify, and the person's own quiet hours and discretion."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from erp.domain.errors import Conflict, NotFound
from erp.domain.fields import Fields
from erp.domain.limits import MAX_DEVICES
from erp.domain.notification.subscription import Subscription, digest
from erp.storage.account import Account
from erp.storage.notification import Device

MAX_NAME_LENGTH = 80


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device for its person's page."""

    id: uuid.UUID
    name: str
    created_at: datetime
    worked_at: datetime | None
    stopped: bool


def devices_of(session: Session, account_id: uuid.UUID) -> list[DeviceView]:
    """The person's devices, first to last."""
    rows = session.scalars(select(Device).where(Device.account_id == account_id).order_by(Device.created_at, Device.id))
    return [DeviceView(row.id, row.name, row.created_at, row.worked_at, row.stopped_at is not None) for row in rows]


def device_of(session: Session, account_id: uuid.UUID, device_id: uuid.UUID) -> Device:
    """The person's own device; raises NotFound for everybody else's and for none."""
    device = session.get(Device, device_id)
    if device is None or device.account_id != account_id:
        raise NotFound
    return device


def forget(session: Session, account_id: uuid.UUID, device_id: uuid.UUID) -> None:
    """Notify a device of the person's no more, if there is such a one."""
    session.execute(delete(Device).where(Device.id == device_id, Device.account_id == account_id))


def register(
    session: Session,
    account_id: uuid.UUID,
    subscription: Subscription,
    now: datetime,
    *,
    name: str,
    locale: str,
    origin: str,
    replaces: uuid.UUID | None = None,
) -> Device:
    """Keep a subscription for the person who is signed in; the same endpoint under another account moves.

    `replaces` is the device that this browser was before its subscription changed. `origin` is where it opens pages.
    Raises Conflict when the person has too many devices.
    """
    session.get_one(Account, account_id, with_for_update={"key_share": True})
    known = digest(subscription.endpoint)
    device = _known_as(session, account_id, known, replaces)
    if device is None:
        if len(devices_of(session, account_id)) >= MAX_DEVICES:
            raise Conflict
        device = Device(id=uuid.uuid4(), account_id=account_id, name=name[:MAX_NAME_LENGTH], created_at=now)
        session.add(device)
    elif device.account_id != account_id:
        device.account_id, device.name = account_id, name[:MAX_NAME_LENGTH]
        device.created_at, device.worked_at = now, None
    device.digest, device.locale, device.stopped_at = known, locale, None
    device.subscription = subscription.stored(origin)
    try:
        session.flush()
    except IntegrityError:
        # Under another account in this very moment: the next open tells it again.
        raise Conflict from None
    return device


def _known_as(session: Session, account_id: uuid.UUID, known: bytes, replaces: uuid.UUID | None) -> Device | None:
    """The device with this digest, else the one that it replaces; never both: of two the replaced one goes."""
    device = session.scalars(select(Device).where(Device.digest == known)).first()
    before = session.get(Device, replaces) if replaces else None
    if before is None or before is device or before.account_id != account_id:
        return device
    if device is None:
        return before
    session.delete(before)
    return device


def rename(device: Device, raw: Mapping[str, Any]) -> None:
    """Take name. Raises Invalid."""
    fields = Fields(raw)
    name = fields.text("name", MAX_NAME_LENGTH, required=True)
    fields.check()
    device.name = name


def change_notification_settings(account: Account, raw: Mapping[str, Any]) -> None:
    """Take quiet_from and quiet_until (times like 21:00, on the person's wall) and discreet. Raises Invalid."""
    fields = Fields(raw)
    quiet_from, quiet_until = fields.time_of_day("quiet_from"), fields.time_of_day("quiet_until")
    fields.check()
    account.quiet_from, account.quiet_until = quiet_from, quiet_until
    account.discreet = bool(raw.get("discreet"))
