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

from sqlalchemy import ColumnElement, Row, Select, case, delete, exists, func, insert, or_, select
from sqlalchemy.orm import Session, aliased

from erp.domain.dates import local_day
from erp.domain.exposure.event import UNREADABLE
from erp.domain.exposure.fold import fold
from erp.domain.exposure.reading import events_of
from erp.domain.exposure.signals import renew_signal
from erp.domain.notification.facts import Facts
from erp.domain.notification.judging import Case, Drop, Place, Wait, judge, place_of, stands_for
from erp.domain.notification.kinds import (
    KINDS,
    RANKS,
    SIGNALS,
    DeliveryState,
    Kind,
    Outcome,
    Permission,
    Reason,
    terms_of,
)
from erp.domain.notification.quiet import quiet_ends
from erp.domain.notification.subscription import Subscription
from erp.domain.practice.record import paused_among
from erp.domain.support.relation import hears
from erp.storage.account import Account
from erp.storage.exposure import Exposure
from erp.storage.notification import Delivery, Device, Notification
from erp.storage.support import Invitation, Support

# How many people are looked at in one round of handing out.
PEOPLE_AT_ONCE = 100
# As many as are sent within one lease even if every push service takes its whole time-out.
TAKEN_AT_ONCE = 32
LEASE = timedelta(seconds=30)
FIRST_RETRY = timedelta(seconds=5)
MAX_RETRY = timedelta(minutes=15)
KEEP_NOTIFICATIONS_FOR = KEEP_INVITATIONS_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this worker may send now: to whom, what, and until when it is worth it.

    `origin` is where the device opens pages.
    """

    id: uuid.UUID
    attempt: int
    kind: Kind
    facts: Facts = field(repr=False)
    support_id: uuid.UUID | None
    exposure_id: uuid.UUID | None
    subscription: Subscription = field(repr=False)
    origin: str
    locale: str
    discreet: bool
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one attempt to send. `retry_after` is how long the service asked to wait."""

    claimed: Claimed
    outcome: Outcome
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something that nobody will hear, and why."""

    kind: str
    reason: Reason


def hand_out(session: Session, now: datetime, dropped: list[Dropped] | None = None) -> int:
    """Settle the notifications that are due: a delivery for each device of the person, or the reason why not.

    How many were looked at; what is given up is added to `dropped`.
    """
    rows = session.execute(_due(now)).all()
    devices = _devices(session, {row.Notification.account_id for row in rows})
    paused = _paused(session, rows, now)
    chosen: dict[Place, list[Notification]] = {}
    rung: dict[uuid.UUID, datetime] = {}
    deliveries = []
    for row in rows:
        notification = row.Notification
        greater = chosen.setdefault(place_of(notification), [])
        superseded = any(stands_for(each, notification) for each in greater)
        mine = devices.get(notification.account_id, ())
        targets = [each for each in mine if notification.device_id in (None, each)]
        unreachable = None if targets else Reason.no_device
        verdict = judge(_case(row, paused, now, superseded=superseded, unreachable=unreachable), now)
        if isinstance(verdict, Wait):
            notification.due_at = verdict.until
            continue
        notification.settled_at = now
        if isinstance(verdict, Drop):
            notification.given_up = verdict.reason
            _note(dropped, notification, verdict.reason)
        else:
            greater.append(notification)
            deliveries += [_delivery(notification, device, now) for device in targets]
        if notification.kind in SIGNALS and notification.exposure_id:
            rung[notification.exposure_id] = max(now, notification.due_at)
    session.flush()
    # The next signals come after all rows are settled: renew_signal takes away what is not.
    for exposure_id, after in rung.items():
        _signal_again(session, exposure_id, after)
    if deliveries:
        session.execute(insert(Delivery), deliveries)
    return len(rows)


def _due(now: datetime) -> Select[*tuple[Any, ...]]:
    """The notifications that are due, each with what decides about it; what stands for others comes before them."""
    client = aliased(Account)
    due = Notification.settled_at.is_(None), Notification.due_at <= now
    # Rows are taken by people: what is due for one of them together is weighed together.
    people = select(Notification.account_id).where(*due).group_by(Notification.account_id)
    longest_due = people.order_by(func.min(Notification.due_at)).limit(PEOPLE_AT_ONCE)
    return (
        select(Notification, Account, Support, client.time_zone, Exposure)
        .join(Account, Account.id == Notification.account_id)
        .outerjoin(Support, Support.id == Notification.support_id)
        .outerjoin(client, client.id == Support.client_id)
        .outerjoin(Exposure, Exposure.id == Notification.exposure_id)
        .where(*due, Notification.account_id.in_(longest_due))
        # `stands_for` needs the greatest and then the freshest first; Kind.earlier is the least fresh of its rank.
        .order_by(
            _rank(Notification.kind).desc(),
            Notification.kind == Kind.earlier,
            Notification.created_at.desc(),
            Exposure.started_at.desc().nulls_last(),
        )
        .with_for_update(skip_locked=True, of=Notification)
    )


def _rank(kind: Any) -> ColumnElement[int]:
    return case(RANKS, value=kind, else_=-1)


def _case(
    row: Row[Any], paused: set[uuid.UUID], now: datetime, *, superseded: bool, unreachable: Reason | None
) -> Case:
    """What decides about one notification now, out of a row of `_due` or `_to_send`."""
    notification, account, support, exposure = row.Notification, row.Account, row.Support, row.Exposure
    terms = terms_of(notification.kind)
    needs_both = support is not None and terms is not None and terms.permission is Permission.both_sides
    return Case(
        terms=terms,
        expires_at=notification.expires_at,
        hidden=exposure is not None and exposure.hidden_since is not None,
        running=exposure is not None and exposure.due_at is not None,
        ended=notification.support_id is not None and (support is None or support.ended_at is not None),
        agreed=needs_both and hears(support, Kind(notification.kind)),
        paused=support is not None and support.client_id in paused,
        superseded=superseded,
        quiet_until=quiet_ends(now, account.time_zone, account.quiet_from, account.quiet_until),
        unreachable=unreachable,
    )


def _paused(session: Session, rows: Iterable[Row[Any]], now: datetime) -> set[uuid.UUID]:
    """Which of the clients in the rows have a pause today, where they live."""
    return paused_among(session, {row.Support.client_id: local_day(now, row.time_zone) for row in rows if row.Support})


def _devices(session: Session, accounts: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, Sequence[uuid.UUID]]:
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    rows = session.execute(
        select(Device.account_id, Device.id).where(Device.account_id.in_(accounts), Device.digest.is_not(None))
    )
    for account, device in rows:
        found.setdefault(account, []).append(device)
    return found


def _delivery(notification: Notification, device: uuid.UUID, now: datetime) -> dict[str, Any]:
    made = {"id": uuid.uuid4(), "notification_id": notification.id, "device_id": device}
    return made | {"state": DeliveryState.waiting, "next_at": now, "attempts": 0}


def _note(dropped: list[Dropped] | None, notification: Notification, reason: Reason) -> None:
    if dropped is not None:
        dropped.append(Dropped(notification.kind, reason))


def _signal_again(session: Session, exposure_id: uuid.UUID, after: datetime) -> None:
    """After one signal of a running exposure comes the next."""
    try:
        exposure = session.get_one(Exposure, exposure_id)
        state = fold(events_of(session, exposure.account_id, exposure.id)) if exposure.hidden_since else None
    except UNREADABLE:
        return  # one that is damaged holds up nobody's other notifications
    if state is not None:
        renew_signal(session, exposure, state, after)


def claim(session: Session, now: datetime, dropped: list[Dropped] | None = None) -> list[Claimed]:
    """Take deliveries that are due, freshest first, for one lease. The caller commits before it sends.

    What is given up instead is added to `dropped`.
    """
    rows = session.execute(_to_send(now)).all()
    paused = _paused(session, rows, now)
    taken = []
    for row in rows:
        delivery, notification, device = row.Delivery, row.Notification, row.Device
        reachable = device.subscription is not None and device.account_id == notification.account_id
        unreachable = None if reachable else Reason.gone
        verdict = judge(_case(row, paused, now, superseded=row.outdated, unreachable=unreachable), now)
        if isinstance(verdict, Wait):
            delivery.next_at = verdict.until
        elif isinstance(verdict, Drop):
            _give_up(delivery, verdict.reason, now)
            _note(dropped, notification, verdict.reason)
        else:
            delivery.attempts += 1
            delivery.next_at = now + LEASE
            taken.append(_claimed(row))
    session.flush()
    return taken


def _to_send(now: datetime) -> Select[*tuple[Any, ...]]:
    """The deliveries that are due, freshest first, each with what decides about it."""
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
    rows: Select[*tuple[Any, ...]] = select(
        Delivery, Notification, Device, Account, Support, Exposure, client.time_zone
    )
    return (
        rows.add_columns(client.discreet.label("client_discreet"), outdated.label("outdated"))
        .join(Notification, Notification.id == Delivery.notification_id)
        .join(Device, Device.id == Delivery.device_id)
        .join(Account, Account.id == Notification.account_id)
        .outerjoin(Support, Support.id == Notification.support_id)
        .outerjoin(client, client.id == Support.client_id)
        .outerjoin(Exposure, Exposure.id == Notification.exposure_id)
        .where(Delivery.state == DeliveryState.waiting, Delivery.next_at <= now)
        .order_by(Notification.created_at.desc(), Delivery.id)
        .limit(TAKEN_AT_ONCE)
        .with_for_update(skip_locked=True, of=Delivery)
    )


def _claimed(row: Row[Any]) -> Claimed:
    """What this worker sends, out of a row of `_to_send` that may go."""
    delivery, notification, device = row.Delivery, row.Notification, row.Device
    kind = Kind(notification.kind)
    return Claimed(
        id=delivery.id,
        attempt=delivery.attempts,
        kind=kind,
        facts=KINDS[kind].facts.read(notification.facts or {}),
        support_id=notification.support_id,
        exposure_id=notification.exposure_id,
        subscription=Subscription.read(device.subscription),
        origin=device.subscription.get("origin", ""),
        locale=device.locale,
        # Discretion of either side is enough: the client's name would stand on the supporter's phone.
        discreet=row.Account.discreet or bool(row.client_discreet),
        created_at=notification.created_at,
        expires_at=notification.expires_at,
    )


def mark(session: Session, attempts: Sequence[Attempt], now: datetime, jitter: float = 1.0) -> None:
    """Write what came of the attempts. `jitter`, about 1, spreads the retries.

    An attempt that lost its lease to another one changes nothing, unless it got through.
    """
    by_id = {attempt.claimed.id: attempt for attempt in attempts}
    rows = session.execute(
        select(Delivery, Device)
        .join(Device, Device.id == Delivery.device_id)
        .where(Delivery.id.in_(by_id), Delivery.state == DeliveryState.waiting)
        .with_for_update(of=Delivery)
    ).all()
    for delivery, device in rows:
        attempt = by_id[delivery.id]
        if attempt.outcome is Outcome.sent:
            delivery.state, delivery.done_at, device.worked_at = DeliveryState.sent, now, now
        elif delivery.attempts == attempt.claimed.attempt:
            _mark_failure(delivery, device, attempt, now, jitter)
    session.flush()


def _mark_failure(delivery: Delivery, device: Device, attempt: Attempt, now: datetime, jitter: float) -> None:
    match attempt.outcome:
        case Outcome.gone:
            _give_up(delivery, Reason.gone, now)
            _stop(device, attempt.claimed, now)
        case Outcome.later:
            again = now + retry_in(delivery.attempts, attempt.retry_after, jitter)
            if again < attempt.claimed.expires_at:
                delivery.next_at = again
            else:
                _give_up(delivery, Reason.expired, now)
        case _:
            _give_up(delivery, Reason.refused, now)


def _stop(device: Device, claimed: Claimed, now: datetime) -> None:
    """Forget where a device was reached, unless it has subscribed anew since."""
    if device.subscription == claimed.subscription.stored(claimed.origin):
        device.digest, device.subscription, device.stopped_at = None, None, now


def retry_in(attempts: int, asked: timedelta | None, jitter: float) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, and never less than the service asked for."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempts - 1, 10)
    backoff = min(doubled, MAX_RETRY) * jitter
    return max(backoff, asked or timedelta())


def _give_up(delivery: Delivery, reason: Reason, now: datetime) -> None:
    delivery.state, delivery.reason, delivery.done_at = DeliveryState.given_up, reason, now


def next_due(session: Session) -> datetime | None:
    """When the next notification or delivery is due, leases included; None while nothing waits."""
    notification = session.scalar(select(func.min(Notification.due_at)).where(Notification.settled_at.is_(None)))
    delivery = session.scalar(select(func.min(Delivery.next_at)).where(Delivery.state == DeliveryState.waiting))
    return min((moment for moment in (notification, delivery) if moment is not None), default=None)


def tidy(session: Session, now: datetime) -> None:
    """Forget notifications, and invitations that nobody accepted, after 30 days."""
    session.execute(delete(Notification).where(Notification.created_at < now - KEEP_NOTIFICATIONS_FOR))
    expired = Invitation.expires_at < now - KEEP_INVITATIONS_FOR
    session.execute(delete(Invitation).where(expired, Invitation.accepted_at.is_(None)))
