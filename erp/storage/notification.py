"""The server's outbox: what somebody should hear, the devices they hear it on, and each delivery."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from erp.storage.account import Account
from erp.storage.db import Base, EncryptedJSON, EncryptedName
from erp.storage.exposure import Exposure
from erp.storage.support import Support


class Device(Base):
    """A browser that a person lets Rung notify.

    `subscription` is {endpoint, p256dh, auth, origin}; an endpoint is as good as a key, so it is encrypted and found
    by its digest. A device whose push service said that it is gone keeps its row without them, so that its person
    can be told: `stopped_at`.
    """

    __tablename__ = "device"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(EncryptedName("device.name"))
    locale: Mapped[str] = mapped_column(String(16))
    digest: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    subscription: Mapped[dict[str, Any] | None] = mapped_column(EncryptedJSON("device.subscription"))
    created_at: Mapped[datetime]
    worked_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]


class Notification(Base):
    """Something that a person should hear, from `due_at` until `expires_at`.

    `facts` is all that its text needs. `settled_at` is when it was handed to the person's devices, or when it was
    given up, and then `given_up` says why.
    """

    __tablename__ = "notification"
    __table_args__ = (Index(None, "settled_at", "due_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    support_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Support.id, ondelete="CASCADE"), index=True)
    exposure_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Exposure.id, ondelete="CASCADE"), index=True)
    device_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Device.id, ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    facts: Mapped[dict[str, Any]] = mapped_column(EncryptedJSON("notification.facts"))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    given_up: Mapped[str | None] = mapped_column(String(16))


class Delivery(Base):
    """One notification on its way to one device: waiting, sent, or given up and then `reason` says why.

    Whoever takes it moves `next_at` on by the lease first: a worker that dies leaves it due again by itself, and
    `attempts` tells a late answer from the attempt that took over.
    """

    __tablename__ = "delivery"
    __table_args__ = (Index(None, "state", "next_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    notification_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Notification.id, ondelete="CASCADE"), index=True)
    device_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Device.id, ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    next_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    reason: Mapped[str | None] = mapped_column(String(16))
    done_at: Mapped[datetime | None]
