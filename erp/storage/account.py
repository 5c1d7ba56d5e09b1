"""Accounts, where their people are signed in, their recovery codes, and what came of their forms."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from erp.storage.db import Base, EncryptedName


class Account(Base):
    """One person. `session_epoch` is part of the cookies of before `SignIn`: adding one makes them worthless.

    Quiet hours are minutes after local midnight, and may reach over it; equal ends mean that there are none. With
    `phone_key` the person's phones lock what they keep of unsent practice; only a signed-in page is told it. It changes
    with the password and at a sign-out everywhere.
    """

    __tablename__ = "account"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    display_name: Mapped[str] = mapped_column(EncryptedName("account.display_name"))
    time_zone: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    session_epoch: Mapped[int] = mapped_column(default=0)
    sound: Mapped[bool] = mapped_column(default=True)
    vibration: Mapped[bool] = mapped_column(default=True)
    check_in_minutes: Mapped[int] = mapped_column(default=5)
    discreet: Mapped[bool] = mapped_column(default=False)
    quiet_from: Mapped[int] = mapped_column(SmallInteger, default=21 * 60)
    quiet_until: Mapped[int] = mapped_column(SmallInteger, default=8 * 60)
    phone_key: Mapped[bytes] = mapped_column(LargeBinary(32), default=lambda: secrets.token_bytes(32))


class SignIn(Base):
    """One browser in which a person is signed in, or was until `ended_at`.

    `digest` is the SHA-256 of the unguessable token (256 bits) in its cookie. `seen_at` moves once a day at most.
    `device_id` is the browser as one that is notified.
    """

    __tablename__ = "sign_in"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    device_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("device.id", ondelete="SET NULL"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    browser: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class FormerPhoneKey(Base):
    """A `phone_key` of before: what a phone that was away had locked with it can still be read."""

    __tablename__ = "former_phone_key"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(32))
    replaced_at: Mapped[datetime]


class RecoveryCode(Base):
    """One single-use code, kept as a SHA-256 digest (the codes carry 118 random bits, so no salt is needed).

    `confirmed_at` is when the person said that they have the set; the set of before lives until then.
    """

    __tablename__ = "recovery_code"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    confirmed_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class FormResult(Base):
    """Where a form led that made something: a page of ours without words. `digest` is a keyed one of what was sent."""

    __tablename__ = "form_result"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    led_to: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(index=True)
