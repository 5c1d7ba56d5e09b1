"""Plans, pauses, and the days and totals that exposures add up to."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from erp.storage.account import Account
from erp.storage.db import Base


class Plan(Base):
    """What the client commits to from a date on: minutes a day, and fixed weekdays or days a week.

    `weekdays` is a bit set, Monday lowest; it speaks only where `kind` is "weekdays".
    """

    __tablename__ = "plan"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    minutes: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[str] = mapped_column(String(8))
    weekdays: Mapped[int] = mapped_column(SmallInteger, default=0)
    days_per_week: Mapped[int] = mapped_column(SmallInteger, default=7)


class Pause(Base):
    """Days in which nothing is expected, both ends included."""

    __tablename__ = "pause"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    first_day: Mapped[date]
    last_day: Mapped[date]
    created_at: Mapped[datetime]


class Day(Base):
    """What the counted exposures of one local date add up to; only days with one have a row."""

    __tablename__ = "day"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), primary_key=True)
    date: Mapped[date] = mapped_column(primary_key=True)
    seconds: Mapped[int]
    exposures: Mapped[int] = mapped_column(SmallInteger)


class PracticeTotals(Base):
    """One row an account: its first day, its totals, and its streak up to a Sunday that is settled.

    With it the streak of today needs only the days after `settled_through`, however long the history is.
    """

    __tablename__ = "tally"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), primary_key=True)
    first_day: Mapped[date]
    days: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[int] = mapped_column(default=0)
    exposures: Mapped[int] = mapped_column(default=0)
    settled_through: Mapped[date | None]
    settled_run: Mapped[int] = mapped_column(default=0)
    settled_longest: Mapped[int] = mapped_column(default=0)
