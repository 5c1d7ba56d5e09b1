"""Cheers: what supporters sent, and the hearts that came back."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from erp.storage.account import Account
from erp.storage.db import Base, EncryptedText
from erp.storage.exposure import Exposure


class Cheer(Base):
    """One short message of a supporter to a client, on the client's local date it belongs to."""

    __tablename__ = "cheer"
    __table_args__ = (Index(None, "client_id", "local_date"), Index(None, "supporter_id", "client_id", "sent_at"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"))
    supporter_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"))
    exposure_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Exposure.id, ondelete="SET NULL"), index=True)
    local_date: Mapped[date]
    sent_at: Mapped[datetime]
    text: Mapped[str] = mapped_column(EncryptedText)
    hearted_at: Mapped[datetime | None]
