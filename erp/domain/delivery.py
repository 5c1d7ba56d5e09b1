"""The way of a notification to the devices: handed out when it is due, taken with a lease, marked with what came of it.

The rows are the truth. Whoever takes a delivery moves it on by the lease first, so that it is due again by itself when
its worker dies; at worst something is sent twice, and the device shows it once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, delete, exists, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from erp.domain.dates import local_day
from erp.domain.exposure.fold import fold
from erp.domain.exposure.reading import events_of
from erp.domain.exposure.signals import renew_signal
from erp.domain.notification.kinds import AT_ANY_HOUR, EARLIER, ENDS, NEWS, RANKS, SIGNALS
from erp.domain.notification.quiet import quiet_ends
from erp.domain.support.relation import hears
from erp.storage.account import Account
from erp.storage.exposure import Exposure
from erp.storage.notification import Delivery, Device, Notification
from erp.storage.practice import Pause
from erp.storage.support import Invitation, Support

BATCH = 100
# As many as are sent within one lease even if every push service takes its whole time-out.
TAKEN_AT_ONCE = 32
LEASE = timedelta(seconds=30)
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(minutes=15)
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this worker may send now: to whom, what, and until when it is worth it."""

    id: uuid.UUID
    attempt: int
    kind: str
    facts: dict[str, Any] = field(repr=False)
    support_id: uuid.UUID | None
    exposure_id: uuid.UUID | None
    subscription: dict[str, str] = field(repr=False)
    locale: str
    discreet: bool
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: sent, gone (the device is no more), refused (for good), or later."""

    claimed: Claimed
    result: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something that nobody will hear, and in one word why."""

    kind: str
    reason: str


def hand_out(session: Session, now: datetime, dropped: list[Dropped] | None = None) -> int:
    """Settle the notifications that are due: a delivery for each device of the person, or the reason why not.

    How many were looked at; what is given up is added to `dropped`.
    """
    client = aliased(Account)
    due = Notification.settled_at.is_(None), Notification.due_at <= now
    # By people: what is due for one of them together is weighed together.
    people = select(Notification.account_id).where(*due).group_by(Notification.account_id)
    longest_due = people.order_by(func.min(Notification.due_at)).limit(BATCH)
    rows = session.execute(
        select(Notification, Account, Support, client.time_zone, Exposure)
        .join(Account, Account.id == Notification.account_id)
        .outerjoin(Support, Support.id == Notification.support_id)
        .outerjoin(client, client.id == Support.client_id)
        .outerjoin(Exposure, Exposure.id == Notification.exposure_id)
        .where(*due, Notification.account_id.in_(longest_due))
        # The greatest and then the freshest takes the place of the others; what is over by itself is the least fresh.
        .order_by(
            _rank(Notification.kind).desc(),
            Notification.kind == EARLIER,
            Notification.created_at.desc(),
            Exposure.started_at.desc().nulls_last(),
        )
        .with_for_update(skip_locked=True, of=Notification)
    ).all()
    devices = _devices(session, {row.Notification.account_id for row in rows})
    paused = _paused(session, {row.Support.client_id: row.time_zone for row in rows if row.Support}, now)
    chosen: dict[tuple[Any, ...], list[Notification]] = {}
    rung: dict[uuid.UUID, datetime] = {}
    deliveries = []
    for notification, account, support, _zone, exposure in rows:
        reason = _why_not(notification, support, exposure, now)
        if reason is None and notification.kind in NEWS and support.client_id in paused:
            reason = "paused"
        family = chosen.setdefault(_family(notification), [])
        if reason is None and any(_stands_for(greater, notification) for greater in family):
            reason = "superseded"
        quiet = _quiet(notification, account, now)
        if reason is None and quiet is not None:
            if quiet < notification.expires_at:
                notification.due_at = quiet
                continue
            reason = "quiet"
        targets = [each for each in devices.get(account.id, ()) if notification.device_id in (None, each)]
        notification.settled_at = now
        notification.given_up = reason or (None if targets else "no_device")
        if notification.given_up is None:
            family.append(notification)
            deliveries += [_delivery(notification, device, now) for device in targets]
        elif dropped is not None:
            dropped.append(Dropped(notification.kind, notification.given_up))
        if notification.kind in SIGNALS and notification.exposure_id:
            rung[notification.exposure_id] = max(now, notification.due_at)
    session.flush()
    # Only now that all of them are settled: the next signal takes away what is not.
    for exposure_id, after in rung.items():
        _signal_again(session, exposure_id, after)
    if deliveries:
        session.execute(insert(Delivery), deliveries)
    return len(rows)


def _family(notification: Notification) -> tuple[Any, ...]:
    """What may take each other's place when several are due at once."""
    if notification.support_id:
        return notification.account_id, notification.support_id, notification.kind in RANKS or notification.kind
    return notification.id if notification.kind not in SIGNALS else notification.exposure_id, "own"


def _stands_for(greater: Notification, other: Notification) -> bool:
    """Whether nobody needs to hear the other as well, which says less or is less fresh.

    A start is news beside an end that came before it; one end is enough.
    """
    return (
        RANKS.get(greater.kind) == RANKS.get(other.kind)
        or greater.exposure_id == other.exposure_id
        or other.kind in ENDS
        or greater.created_at > other.created_at
    )


def _rank(kind: Any) -> Any:
    return case(RANKS, value=kind, else_=-1)


def _paused(session: Session, zones: Mapping[uuid.UUID, str], now: datetime) -> set[uuid.UUID]:
    """Which of the clients have a pause today, where they live."""
    covered = [
        and_(Pause.account_id == client, Pause.first_day <= day, Pause.last_day >= day)
        for client, day in ((client, local_day(now, zone)) for client, zone in zones.items())
    ]
    return set(session.scalars(select(Pause.account_id).where(or_(*covered)))) if covered else set()


def _devices(session: Session, accounts: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    rows = session.execute(
        select(Device.account_id, Device.id).where(Device.account_id.in_(accounts), Device.digest.is_not(None))
    )
    for account, device in rows:
        found.setdefault(account, []).append(device)
    return found


def _delivery(notification: Notification, device: uuid.UUID, now: datetime) -> dict[str, Any]:
    made = {"id": uuid.uuid4(), "notification_id": notification.id, "device_id": device}
    return made | {"state": "waiting", "next_at": now, "attempts": 0}


def _why_not(
    notification: Notification, support: Support | None, exposure: Exposure | None, now: datetime
) -> str | None:
    """Why a notification must not reach anybody any more; None while it may."""
    if notification.expires_at <= now:
        return "expired"
    if notification.kind in SIGNALS and (exposure is None or exposure.hidden_since is None):
        return "superseded"
    if notification.kind == "check_in" and exposure is not None and exposure.due_at is None:
        return "superseded"
    if notification.support_id is None:
        return None
    if support is None or support.ended_at is not None:
        return "ended"
    return "unwanted" if notification.kind in NEWS and not hears(support, notification.kind) else None


def _quiet(notification: Notification, account: Account, now: datetime) -> datetime | None:
    if notification.kind in AT_ANY_HOUR:
        return None
    return quiet_ends(now, account.time_zone, account.quiet_from, account.quiet_until)


def _signal_again(session: Session, exposure_id: uuid.UUID, after: datetime) -> None:
    """After one signal of a running exposure comes the next."""
    exposure = session.get_one(Exposure, exposure_id)
    if exposure.hidden_since is not None:
        state = fold(events_of(session, exposure.account_id, exposure.id))
        renew_signal(session, exposure, state, after)


def claim(session: Session, now: datetime, dropped: list[Dropped] | None = None) -> list[Claimed]:
    """Take deliveries that are due, freshest first, for one lease. The caller commits before it sends.

    What is given up instead is added to `dropped`.
    """
    client, newer = aliased(Account), aliased(Notification)
    # A retry must not come after what stands for it: fresher news of the same client that say as much.
    outdated = exists().where(
        newer.support_id == Notification.support_id,
        newer.created_at > Notification.created_at,
        newer.given_up.is_(None),
        newer.kind.in_(RANKS),
        Notification.kind.in_(RANKS),
        or_(newer.exposure_id == Notification.exposure_id, _rank(newer.kind) >= _rank(Notification.kind)),
    )
    rows = session.execute(
        select(Delivery, Notification, Device, Account, Support, Exposure, client.discreet, client.time_zone, outdated)
        .join(Notification, Notification.id == Delivery.notification_id)
        .join(Device, Device.id == Delivery.device_id)
        .join(Account, Account.id == Notification.account_id)
        .outerjoin(Support, Support.id == Notification.support_id)
        .outerjoin(client, client.id == Support.client_id)
        .outerjoin(Exposure, Exposure.id == Notification.exposure_id)
        .where(Delivery.state == "waiting", Delivery.next_at <= now)
        .order_by(Notification.created_at.desc(), Delivery.id)
        .limit(TAKEN_AT_ONCE)
        .with_for_update(skip_locked=True, of=Delivery)
    ).all()
    paused = _paused(session, {row.Support.client_id: row.time_zone for row in rows if row.Support}, now)
    taken = []
    for delivery, notification, device, account, support, exposure, client_discreet, _zone, superseded in rows:
        reason = _why_not(notification, support, exposure, now) or ("superseded" if superseded else None)
        if reason is None and notification.kind in NEWS and support.client_id in paused:
            reason = "paused"
        quiet = _quiet(notification, account, now)
        if reason is None and quiet is not None:
            if quiet < notification.expires_at:
                delivery.next_at = quiet
                continue
            reason = "quiet"
        subscription = device.subscription
        if subscription is None or device.account_id != notification.account_id:
            reason = reason or "gone"
        if reason or subscription is None:
            _give_up(delivery, reason or "gone", now)
            if dropped is not None:
                dropped.append(Dropped(notification.kind, reason or "gone"))
            continue
        delivery.attempts += 1
        delivery.next_at = now + LEASE
        taken.append(
            Claimed(
                id=delivery.id,
                attempt=delivery.attempts,
                kind=notification.kind,
                facts=notification.facts,
                support_id=notification.support_id,
                exposure_id=notification.exposure_id,
                subscription=subscription,
                locale=device.locale,
                # Whoever of the two is careful is right: the client's name would stand on the other's phone.
                discreet=account.discreet or bool(client_discreet),
                created_at=notification.created_at,
                expires_at=notification.expires_at,
            )
        )
    session.flush()
    return taken


def mark(session: Session, outcomes: Sequence[Outcome], now: datetime, jitter: float = 1.0) -> None:
    """Write what came of the attempts. `jitter`, about 1, spreads the retries.

    An attempt that lost its lease to another one changes nothing, unless it got through.
    """
    by_id = {outcome.claimed.id: outcome for outcome in outcomes}
    rows = session.execute(
        select(Delivery, Device)
        .join(Device, Device.id == Delivery.device_id)
        .where(Delivery.id.in_(by_id), Delivery.state == "waiting")
        .with_for_update(of=Delivery)
    ).all()
    for delivery, device in rows:
        outcome = by_id[delivery.id]
        if outcome.result == "sent":
            delivery.state, delivery.done_at, device.worked_at = "sent", now, now
        elif delivery.attempts != outcome.claimed.attempt:
            continue
        elif outcome.result == "gone":
            _give_up(delivery, "gone", now)
            if device.subscription == outcome.claimed.subscription:
                device.digest, device.subscription, device.stopped_at = None, None, now
        elif outcome.result == "later":
            again = now + retry_in(delivery.attempts, outcome.retry_after, jitter)
            if again < outcome.claimed.expires_at:
                delivery.next_at = again
            else:
                _give_up(delivery, "expired", now)
        else:
            _give_up(delivery, "refused", now)
    session.flush()


def retry_in(attempts: int, asked: timedelta | None, jitter: float) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, and never less than the service asked for."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempts - 1, 10)
    backoff = min(doubled, LONGEST_RETRY) * jitter
    return max(backoff, asked or timedelta())


def _give_up(delivery: Delivery, reason: str, now: datetime) -> None:
    delivery.state, delivery.reason, delivery.done_at = "given_up", reason, now


def next_due(session: Session) -> datetime | None:
    """When the next notification or delivery is due, leases included; None while nothing waits."""
    notification = session.scalar(select(func.min(Notification.due_at)).where(Notification.settled_at.is_(None)))
    delivery = session.scalar(select(func.min(Delivery.next_at)).where(Delivery.state == "waiting"))
    return min((moment for moment in (notification, delivery) if moment is not None), default=None)


def tidy(session: Session, now: datetime) -> None:
    """Forget notifications, and invitations that nobody accepted, after 30 days."""
    session.execute(delete(Notification).where(Notification.created_at < now - KEPT))
    session.execute(delete(Invitation).where(Invitation.expires_at < now - KEPT, Invitation.accepted_at.is_(None)))
