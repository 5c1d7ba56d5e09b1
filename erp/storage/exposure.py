"""Exposures: the events as they came, and the row that keeps what they fold to."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from erp.storage.account import Account
from erp.storage.db import Base, EncryptedJSON, EncryptedList, EncryptedText
from erp.storage.ladder import Step


class Exposure(Base):
    """The folded state of one exposure. Durations in seconds, SUDS 0–100.

    Everything follows from the events, but `step_id`, `zone` and `local_date`, which are fixed when the start is
    recorded, and `hidden_since`. `ended` says that it was finished once and so counts, even while it goes on after
    that. `hidden_since` is when the page of it was hidden: the phone was locked or put away; None while it is seen.
    """

    __tablename__ = "exposure"
    __table_args__ = (
        Index(None, "account_id", "local_date"),
        Index(None, "account_id", "phase"),
        Index(None, "step_id", "started_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"))
    step_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Step.id, ondelete="SET NULL"))
    phase: Mapped[str] = mapped_column(String(8), default="before")
    local_date: Mapped[date | None]
    zone: Mapped[str | None] = mapped_column(String(64))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    ended: Mapped[bool] = mapped_column(default=False)
    due_at: Mapped[datetime | None]
    seconds: Mapped[int] = mapped_column(default=0)
    planned_seconds: Mapped[int] = mapped_column(default=0)
    expected_suds: Mapped[int | None] = mapped_column(SmallInteger)
    peak_suds: Mapped[int | None] = mapped_column(SmallInteger)
    last_suds: Mapped[int | None] = mapped_column(SmallInteger)
    resisted: Mapped[int] = mapped_column(SmallInteger, default=0)
    rituals: Mapped[int] = mapped_column(SmallInteger, default=0)
    likelihood: Mapped[int | None] = mapped_column(SmallInteger)
    outcome: Mapped[str | None] = mapped_column(String(8))
    stopping_rule: Mapped[str] = mapped_column(String(16), default="time")
    check_in_minutes: Mapped[int] = mapped_column(SmallInteger, default=0)
    curve: Mapped[list[list[int]]] = mapped_column(EncryptedList("exposure.curve"), default=list)
    hidden_since: Mapped[datetime | None] = mapped_column("away_since")
    prediction: Mapped[str | None] = mapped_column(EncryptedText("exposure.prediction"))
    response: Mapped[str | None] = mapped_column(EncryptedText("exposure.response"))
    learning: Mapped[str | None] = mapped_column(EncryptedText("exposure.learning"))
    note: Mapped[str | None] = mapped_column(EncryptedText("exposure.note"))


class EventRow(Base):
    """One thing that happened in an exposure, as the phone said it.

    `happened_at` is the phone's clock, `received_at` the server's; `shift_ms` is what must be added to the
    phone's clock to make it right (0 while it is within a sane skew). `value` is the SUDS of a check-in or the
    minutes of an extension; `data` holds the rest, encrypted.
    """

    __tablename__ = "event"
    __table_args__ = (Index(None, "exposure_id"),)

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    exposure_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Exposure.id, ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    happened_at: Mapped[datetime]
    received_at: Mapped[datetime]
    shift_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    value: Mapped[int | None] = mapped_column(SmallInteger)
    data: Mapped[dict[str, Any] | None] = mapped_column(EncryptedJSON("event.data"))
