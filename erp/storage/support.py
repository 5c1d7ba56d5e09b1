"""Who supports whom, what each may see and hear, the invitations that lead there, and the cheers that come of it."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from erp.storage.account import Account
from erp.storage.db import Base, EncryptedText
from erp.storage.exposure import Exposure


class Support(Base):
    """One supporter of one client. A relation that ended keeps its row, and begins anew with the defaults.

    `contact` is how much the client lets the supporter hear: every, finished, weekly or none. `allowed_kinds` are the
    kinds of ping that the client allows, `asked_kinds` those that the supporter asks for.
    """

    __tablename__ = "support"
    __table_args__ = (UniqueConstraint("client_id", "supporter_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"))
    supporter_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    shares_titles: Mapped[bool] = mapped_column(default=False)
    shares_suds: Mapped[bool] = mapped_column(default=False)
    shares_notes: Mapped[bool] = mapped_column(default=False)
    contact: Mapped[str] = mapped_column(String(8), default="every")
    allowed_kinds: Mapped[list[str]] = mapped_column("told", JSON)
    asked_kinds: Mapped[list[str]] = mapped_column("wanted", JSON)


class Invitation(Base):
    """An invitation to become a client's coach: for one person, for a few days.

    The link holds a random token. Its digest finds the row; the token itself, encrypted, lets the client show the
    same link again.
    """

    __tablename__ = "invitation"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(Account.id, ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    token: Mapped[str] = mapped_column(EncryptedText("invitation.token", listed=True))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Account.id, ondelete="SET NULL"))
    withdrawn_at: Mapped[datetime | None]


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
    text: Mapped[str] = mapped_column(EncryptedText("cheer.text", listed=True))
    hearted_at: Mapped[datetime | None]
