"""Supporters: what each may see and hear, and the end of it.

The client decides and can end it at once. A coach learns that there was practice, how long it was, and the streak;
everything else is switched on per supporter.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from erp.domain.errors import NotFound
from erp.domain.fields import Fields
from erp.domain.notification.kinds import CONTACTS, KINDS, PINGS, WANTED, Contact, Kind
from erp.storage.account import Account
from erp.storage.notification import Notification
from erp.storage.support import Support

SHARES = ("titles", "suds", "notes")


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
    allowed_kinds: tuple[str, ...]


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
        allowed_kinds=tuple(support.allowed_kinds),
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
    """Take what this supporter may see and hear, from titles, suds, notes, contact and told (the kinds allowed).

    The first three are there or not; contact is a Contact, told a list of kinds of ping. Raises Invalid.
    """
    fields = Fields(raw)
    contact = fields.one_of("contact", Contact)
    fields.check()
    support.shares_titles, support.shares_suds, support.shares_notes = (bool(raw.get(name)) for name in SHARES)
    support.contact, support.allowed_kinds = contact, _chosen(raw.get("told"), PINGS)


def want(support: Support, raw: Mapping[str, Any]) -> None:
    """Take from the supporter which kinds of ping they ask for, from wanted, a list."""
    support.asked_kinds = _chosen(raw.get("wanted"), WANTED)


def _chosen(kinds: Any, options: tuple[Kind, ...]) -> list[str]:
    return [kind for kind in options if kind in (kinds or ())]


def heard(support: Support) -> tuple[Kind, ...]:
    """The kinds of ping that both sides agree on now. `allowed_kinds` counts only while contact is `every`."""
    contact = Contact(support.contact)
    allowed = support.allowed_kinds if contact is Contact.every else CONTACTS[contact]
    return tuple(kind for kind in CONTACTS[contact] if kind in allowed and kind in support.asked_kinds)


def hears(support: Support, kind: Kind) -> bool:
    """Whether both sides agree on the kind of news now."""
    return (KINDS[kind].heard_as or kind) in heard(support)


def end(session: Session, support: Support, now: datetime) -> None:
    """End the relation at once; what was about to be told to the supporter, or by them, is dropped."""
    support.ended_at = now
    session.execute(delete(Notification).where(Notification.support_id == support.id))
    session.flush()
