"""Inviting a supporter: the link, what became of it, and accepting it."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from erp.domain.dates import ONE_DAY
from erp.domain.errors import Conflict, NotFound
from erp.domain.limits import MAX_INVITATIONS_A_DAY, MAX_OPEN_INVITATIONS
from erp.domain.notification.kinds import PINGS, WANTED, Contact
from erp.storage.account import Account
from erp.storage.support import Invitation, Support

KEEP_INVITATION_OPEN_FOR = timedelta(days=7)


class InvitationState(StrEnum):
    """What became of an invitation."""

    open = "open"
    used = "used"
    expired = "expired"
    withdrawn = "withdrawn"


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation for a page; `client` is the name of who invites."""

    id: uuid.UUID
    client_id: uuid.UUID
    client: str
    token: str
    state: InvitationState
    expires_at: datetime
    accepted_by: uuid.UUID | None


def invite(session: Session, account_id: uuid.UUID, now: datetime) -> InvitationView:
    """A new invitation of the client. Raises Conflict when too many are open already, or were made today."""
    client = session.get_one(Account, account_id, with_for_update={"key_share": True})
    recent = select(func.count()).where(Invitation.client_id == account_id, Invitation.created_at > now - ONE_DAY)
    if (session.scalar(recent) or 0) >= MAX_INVITATIONS_A_DAY:
        raise Conflict
    if len(open_invitations(session, account_id, now)) >= MAX_OPEN_INVITATIONS:
        raise Conflict
    token = secrets.token_urlsafe(16)
    row = Invitation(
        id=uuid.uuid4(),
        client_id=account_id,
        digest=_digest(token),
        token=token,
        created_at=now,
        expires_at=now + KEEP_INVITATION_OPEN_FOR,
    )
    session.add(row)
    session.flush()
    return _invitation_view(row, client.display_name, now)


def open_invitations(session: Session, account_id: uuid.UUID, now: datetime) -> list[InvitationView]:
    """The client's invitations that somebody can still accept, newest first."""
    rows = session.execute(
        select(Invitation, Account.display_name)
        .join(Account, Account.id == Invitation.client_id)
        .where(
            Invitation.client_id == account_id,
            Invitation.accepted_at.is_(None),
            Invitation.withdrawn_at.is_(None),
            Invitation.expires_at > now,
        )
        .order_by(Invitation.created_at.desc())
    )
    return [_invitation_view(row, name, now) for row, name in rows]


def invitation_of(session: Session, account_id: uuid.UUID, invitation_id: uuid.UUID) -> Invitation:
    """The client's own invitation; raises NotFound for everybody else's and for none."""
    row = session.get(Invitation, invitation_id)
    if row is None or row.client_id != account_id:
        raise NotFound
    return row


def withdraw(invitation: Invitation, now: datetime) -> None:
    """Make the link worthless; one that was accepted stays as it is."""
    if invitation.accepted_at is None and invitation.withdrawn_at is None:
        invitation.withdrawn_at = now


def invitation_behind(session: Session, token: str, now: datetime) -> InvitationView:
    """The invitation that a link leads to, whatever became of it; raises NotFound where there is none."""
    found = session.execute(
        select(Invitation, Account.display_name)
        .join(Account, Account.id == Invitation.client_id)
        .where(Invitation.digest == _digest(token))
    ).first()
    if found is None:
        raise NotFound
    return _invitation_view(found[0], found[1], now)


def accept(session: Session, token: str, account_id: uuid.UUID, now: datetime) -> Support:
    """Become the coach of who invites; the invitation is used up by it.

    Raises NotFound where there is no such invitation, Conflict when it is not open any more or one's own. Whoever
    accepted it before gets the same answer again.
    """
    # One person at a time, so that two invitations of one client cannot make two relations of a pair.
    session.get_one(Account, account_id, with_for_update={"key_share": True})
    row = session.scalars(select(Invitation).where(Invitation.digest == _digest(token)).with_for_update()).first()
    if row is None:
        raise NotFound
    pair = select(Support).where(Support.client_id == row.client_id, Support.supporter_id == account_id)
    support = session.scalars(pair.with_for_update()).first()
    if row.accepted_by == account_id and support is not None and support.ended_at is None:
        return support
    if _state(row, now) != InvitationState.open or row.client_id == account_id:
        raise Conflict
    # The link has done its work: who opens it again is found by its digest.
    row.accepted_at, row.accepted_by, row.token = now, account_id, ""
    if support is None:
        support = Support(id=uuid.uuid4(), client_id=row.client_id, supporter_id=account_id, created_at=now)
        _begin(support)
        session.add(support)
    elif support.ended_at is not None:
        support.created_at, support.ended_at = now, None
        _begin(support)
    session.flush()
    return support


def _begin(support: Support) -> None:
    """What holds for everybody new: the least is shown, and every kind of ping is allowed and asked for."""
    support.shares_titles = support.shares_suds = support.shares_notes = False
    support.contact, support.allowed_kinds, support.asked_kinds = Contact.every, list(PINGS), list(WANTED)


def _invitation_view(row: Invitation, name: str, now: datetime) -> InvitationView:
    return InvitationView(row.id, row.client_id, name, row.token, _state(row, now), row.expires_at, row.accepted_by)


def _state(row: Invitation, now: datetime) -> InvitationState:
    if row.accepted_at is not None:
        return InvitationState.used
    if row.withdrawn_at is not None:
        return InvitationState.withdrawn
    return InvitationState.open if now < row.expires_at else InvitationState.expired


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
