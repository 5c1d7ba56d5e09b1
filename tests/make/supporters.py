"""Coaches, exposures and devices for the tests of what supporters see and hear: short to write, real verbs below."""

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain import dates
from erp.domain import delivery as delivering
from erp.domain.notification import device as devices
from erp.domain.notification.kinds import Outcome
from erp.domain.notification.subscription import Subscription
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.domain.support import sharing
from erp.storage.account import Account
from erp.storage.notification import Delivery, Device, Notification
from erp.storage.practice import PracticeTotals
from erp.storage.support import Support
from tests.make.clients import Client
from tests.make.clock import NOON, ZONE

A_DAY = timedelta(days=1)
A_MINUTE = timedelta(minutes=1)
A_SECOND = timedelta(seconds=1)


def person(session: Session, name: str = "Sam", zone: str = ZONE, now: datetime = NOON) -> Account:
    """Somebody who signed up and has not practised."""
    account = Account(
        id=uuid.uuid4(),
        email=f"{uuid.uuid4()}@example.org",
        password_hash="-",
        display_name=name,
        time_zone=zone,
        created_at=now,
    )
    session.add(account)
    session.flush()
    session.add(PracticeTotals(account_id=account.id, first_day=dates.local_day(now, zone)))
    session.flush()
    return account


def coach(client: Client, name: str = "Sam", zone: str = ZONE) -> Support:
    """A new person who accepts an invitation of the client."""
    return accepts(client, person(client.session, name, zone))


def accepts(client: Client, who: Account) -> Support:
    """Let somebody accept a new invitation of the client."""
    token = invitations.invite(client.session, client.account.id, client.now).token
    return invitations.accept(client.session, token, who.id, client.now)


def lets(relation: Support, **changes: Any) -> None:
    """The client changes what the supporter may see or hear; the rest stays."""
    now = {"contact": relation.contact, "told": relation.allowed_kinds}
    shown = {"titles": relation.shares_titles, "suds": relation.shares_suds, "notes": relation.shares_notes}
    relations.share(relation, {**now, **shown, **changes})


def begins(client: Client, **data: Any) -> uuid.UUID:
    """The client starts an exposure now."""
    exposure = uuid.uuid4()
    client.sends(client.event(exposure, "started", client.now, **data))
    return exposure


def goes_on(client: Client, exposure: uuid.UUID, kind: str, after: timedelta = timedelta(), **data: Any) -> None:
    """Some time later something happens in an exposure, and is told at once."""
    client.now += after
    client.sends(client.event(exposure, kind, client.now, **data))


def exposes(client: Client, minutes: float = 10, **data: Any) -> uuid.UUID:
    """A whole exposure from now on, told as it happens; it is over now."""
    exposure = begins(client, **data)
    goes_on(client, exposure, "finished", minutes * A_MINUTE)
    return exposure


def practised_before(client: Client, days: int) -> None:
    """Practice on so many days up to yesterday, told too late to be news."""
    now = client.now
    for ago in range(days, 0, -1):
        start = now - ago * A_DAY
        exposure = uuid.uuid4()
        client.sends(
            client.event(exposure, "started", start),
            client.event(exposure, "finished", start + 2 * A_MINUTE),
        )


def notifications(session: Session, who: uuid.UUID | None = None) -> list[Notification]:
    """What somebody, or anybody, should hear, first to last."""
    session.flush()
    session.expire_all()
    found = select(Notification).order_by(Notification.created_at, Notification.kind)
    return list(session.scalars(found.where(Notification.account_id == who) if who else found))


def kinds(session: Session, who: uuid.UUID | None = None) -> list[str]:
    """The kinds of what somebody, or anybody, should hear, first to last."""
    return [notification.kind for notification in notifications(session, who)]


def subscription(name: str) -> Subscription:
    """What a browser of that name hands out; the keys are no keys, nothing here encrypts with them."""
    made = hashlib.sha512(name.encode()).digest()
    return Subscription(f"https://updates.push.services.mozilla.com/wpush/v2/{name}", b"\4" + made, made[:16])


def phone(session: Session, account_id: uuid.UUID, name: str = "phone", now: datetime = NOON, **more: Any) -> Device:
    """A device of somebody that takes notifications."""
    given = {"name": name, "locale": "en", "origin": "https://rung.example"} | more
    return devices.register(session, account_id, subscription(f"{name}-{account_id}"), now, **given)


def sent(session: Session, now: datetime, result: str = "sent", **more: Any) -> list[delivering.Claimed]:
    """Hand out and take what is due, and mark all of it alike; what was taken."""
    taken = takes(session, now)
    delivering.mark(session, [delivering.Attempt(each, Outcome(result), **more) for each in taken], now)
    return taken


def takes(session: Session, now: datetime) -> list[delivering.Claimed]:
    """Hand out what is due and take it, as a worker does."""
    session.flush()
    session.expire_all()
    delivering.hand_out(session, now)
    session.expire_all()
    return delivering.claim(session, now)


def fates(session: Session) -> list[str]:
    """What became of each notification, first to last: why it was given up, else what became of its deliveries."""
    found = []
    for notification in notifications(session):
        mine = select(Delivery).where(Delivery.notification_id == notification.id).order_by(Delivery.next_at)
        ways = [way.reason or way.state for way in session.scalars(mine)]
        still = "settled" if notification.settled_at else "open"
        found.append(f"{notification.kind}: {notification.given_up or ' '.join(ways) or still}")
    return found


def view(client: Client, relation: Support) -> sharing.ClientView:
    """What the supporter sees now."""
    client.session.flush()
    client.session.expire_all()
    return sharing.client_of(client.session, relation.supporter_id, relation.id, client.now)


def marks(session: Session, claimed: delivering.Claimed, result: str, at: datetime, **more: Any) -> None:
    """What a worker writes some time later."""
    retry_after = more.pop("retry_after", None)
    session.expire_all()
    delivering.mark(session, [delivering.Attempt(claimed, Outcome(result), retry_after)], at, **more)
    session.expire_all()
