"""Supporters: inviting one, what each may see and hear, and the end of it.

The client decides and can end it at once. A coach learns that there was practice, how long it was, and the streak;
everything else is switched on per supporter.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from erp.domain.errors import Conflict, NotFound
from erp.domain.fields import Fields
from erp.domain.practice import ONE_DAY
from erp.storage.account import Account
from erp.storage.notification import Notification
from erp.storage.support import Invitation, Support

PINGS = ("started", "finished", "goal", "milestone")
WANTED = (*PINGS, "weekly")
# What comes late is heard by who asks for what would have come in time; nobody chooses it.
EARLIER = "earlier"
NEWS = (*WANTED, EARLIER)
# How contact fades, from every practice to silence: leaning on a coach can itself become a safety behaviour.
CONTACTS = {"every": PINGS, "finished": ("finished",), "weekly": ("weekly",), "none": ()}
SHARES = ("titles", "suds", "notes")
INVITATION_HOLDS = timedelta(days=7)
OPEN_INVITATIONS = 10
INVITATIONS_A_DAY = 30


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation for a page. `state`: open, used, expired or withdrawn; `client` is the name of who invites."""

    id: uuid.UUID
    client_id: uuid.UUID
    client: str
    token: str
    state: str
    expires_at: datetime
    accepted_by: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class SupporterView:
    """A supporter as the client sees them, with what they may see and hear."""

    id: uuid.UUID
    name: str
    since: datetime
    titles: bool
    suds: bool
    notes: bool
    contact: str
    told: tuple[str, ...]


def invite(session: Session, account_id: uuid.UUID, now: datetime) -> InvitationView:
    """A new invitation of the client. Raises Conflict when too many are open already, or were made today."""
    client = session.get_one(Account, account_id, with_for_update={"key_share": True})
    recent = select(func.count()).where(Invitation.client_id == account_id, Invitation.created_at > now - ONE_DAY)
    if (session.scalar(recent) or 0) >= INVITATIONS_A_DAY:
        raise Conflict
    if len(open_invitations(session, account_id, now)) >= OPEN_INVITATIONS:
        raise Conflict
    token = secrets.token_urlsafe(16)
    row = Invitation(
        id=uuid.uuid4(),
        client_id=account_id,
        digest=_digest(token),
        token=token,
        created_at=now,
        expires_at=now + INVITATION_HOLDS,
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
    if _state(row, now) != "open" or row.client_id == account_id:
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
    """What holds for everybody new: the least is shown, every practice is told."""
    support.shares_titles = support.shares_suds = support.shares_notes = False
    support.contact, support.told, support.wanted = "every", list(PINGS), list(WANTED)


def supporters_of(session: Session, client_id: uuid.UUID) -> list[SupporterView]:
    """The client's supporters, longest first."""
    rows = session.execute(
        select(Support, Account.display_name)
        .join(Account, Account.id == Support.supporter_id)
        .where(Support.client_id == client_id, Support.ended_at.is_(None))
        .order_by(Support.created_at, Support.id)
    )
    return [supporter_view(support, name) for support, name in rows]


def has_supporters(session: Session, client_id: uuid.UUID) -> bool:
    """Whether anybody supports this client now."""
    return bool(session.scalar(select(exists().where(Support.client_id == client_id, Support.ended_at.is_(None)))))


def supports_anybody(session: Session, account_id: uuid.UUID) -> bool:
    """Whether this person supports anybody now."""
    return bool(session.scalar(select(exists().where(Support.supporter_id == account_id, Support.ended_at.is_(None)))))


def supporter_view(support: Support, name: str) -> SupporterView:
    """The supporter for the client's page."""
    return SupporterView(
        id=support.id,
        name=name,
        since=support.created_at,
        titles=support.shares_titles,
        suds=support.shares_suds,
        notes=support.shares_notes,
        contact=support.contact,
        told=tuple(support.told),
    )


def support_for_client(session: Session, client_id: uuid.UUID, support_id: uuid.UUID) -> tuple[Support, str]:
    """One of the client's own supporters and their name; raises NotFound for every other and when it has ended."""
    return _support(session, support_id, Support.client_id == client_id, Account.id == Support.supporter_id)


def support_for_supporter(session: Session, supporter_id: uuid.UUID, support_id: uuid.UUID) -> tuple[Support, str]:
    """One of the clients whom a person supports, and their name; raises NotFound for every other and when it ended."""
    return _support(session, support_id, Support.supporter_id == supporter_id, Account.id == Support.client_id)


def support_between(session: Session, client_id: uuid.UUID, supporter_id: uuid.UUID) -> Support | None:
    """The relation in which one person supports the other now, if there is one."""
    return session.scalars(
        select(Support).where(
            Support.client_id == client_id, Support.supporter_id == supporter_id, Support.ended_at.is_(None)
        )
    ).first()


def _support(session: Session, support_id: uuid.UUID, mine: Any, other: Any) -> tuple[Support, str]:
    found = session.execute(
        select(Support, Account.display_name)
        .join(Account, other)
        .where(Support.id == support_id, mine, Support.ended_at.is_(None))
    ).first()
    if found is None:
        raise NotFound
    return found[0], found[1]


def share(support: Support, raw: Mapping[str, Any]) -> None:
    """Take what this supporter may see (titles, suds, notes) and hear (contact, told). Raises Invalid."""
    fields = Fields(raw)
    contact = fields.one_of("contact", tuple(CONTACTS))
    fields.check()
    support.shares_titles, support.shares_suds, support.shares_notes = (bool(raw.get(name)) for name in SHARES)
    support.contact, support.told = contact, _chosen(raw.get("told"), PINGS)


def want(support: Support, raw: Mapping[str, Any]) -> None:
    """Take from the supporter which pings (wanted) they ask for."""
    support.wanted = _chosen(raw.get("wanted"), WANTED)


def _chosen(kinds: Any, options: tuple[str, ...]) -> list[str]:
    return [kind for kind in options if kind in (kinds or ())]


def heard(support: Support) -> tuple[str, ...]:
    """The kinds of ping that both sides agree on now. `told` narrows every practice; the later stages say it all."""
    told = support.told if support.contact == "every" else CONTACTS[support.contact]
    return tuple(kind for kind in CONTACTS[support.contact] if kind in told and kind in support.wanted)


def hears(support: Support, kind: str) -> bool:
    """Whether both sides agree on the kind of news now."""
    return ("finished" if kind == EARLIER else kind) in heard(support)


def end(session: Session, support: Support, now: datetime) -> None:
    """End the relation at once; what was about to be told to the supporter, or by them, is dropped."""
    support.ended_at = now
    session.execute(delete(Notification).where(Notification.support_id == support.id))
    session.flush()


def _invitation_view(row: Invitation, name: str, now: datetime) -> InvitationView:
    return InvitationView(row.id, row.client_id, name, row.token, _state(row, now), row.expires_at, row.accepted_by)


def _state(row: Invitation, now: datetime) -> str:
    if row.accepted_at is not None:
        return "used"
    if row.withdrawn_at is not None:
        return "withdrawn"
    return "open" if now < row.expires_at else "expired"


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
