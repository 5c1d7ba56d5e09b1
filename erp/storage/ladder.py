"""Fears and the steps of their ladders."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from erp.storage.account import Account
from erp.storage.db import Base, EncryptedText


class Fear(Base):
    """A theme with its own ladder."""

    __tablename__ = "fear"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(EncryptedText("fear.name", listed=True))
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    practised_at: Mapped[datetime | None]


class Step(Base):
    """One step. SUDS are whole numbers 0–100; `first_suds` is the rating before the first exposure.

    `position` orders steps that were listed in one go. `runs` counts its exposures, and `ratings` keeps the
    expected SUDS of the latest few, oldest first.
    """

    __tablename__ = "step"
    __table_args__ = (Index(None, "account_id", "fear_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"))
    fear_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Fear.id, ondelete="CASCADE"), index=True)
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("step.id", ondelete="SET NULL"), index=True)
    title: Mapped[str] = mapped_column(EncryptedText("step.title", listed=True))
    details: Mapped[str] = mapped_column(EncryptedText("step.details", listed=True), default="")
    response: Mapped[str] = mapped_column(EncryptedText("step.response", listed=True), default="")
    first_suds: Mapped[int] = mapped_column(SmallInteger)
    suds: Mapped[int] = mapped_column(SmallInteger)
    planned_minutes: Mapped[int] = mapped_column(SmallInteger)
    check_in_minutes: Mapped[int] = mapped_column(SmallInteger)
    stopping_rule: Mapped[str] = mapped_column(String(16), default="time")
    created_at: Mapped[datetime]
    mastered_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    position: Mapped[int] = mapped_column(SmallInteger, default=0)
    runs: Mapped[int] = mapped_column(default=0)
    ratings: Mapped[list[int]] = mapped_column(JSON, default=list)
