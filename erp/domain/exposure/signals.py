"""The client's own timer signals: the next check-in or the planned end, pushed while the phone is put away."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from erp.domain.exposure.fold import State, fold
from erp.domain.exposure.reading import FORGOTTEN_AFTER, exposure_of, happenings_of
from erp.domain.notification.kinds import SIGNALS, DeliveryState, Kind, Reason
from erp.domain.notification.outbox import Notice, add
from erp.storage.account import Account
from erp.storage.exposure import Exposure
from erp.storage.notification import Delivery, Notification

A_MOMENT = 2  # seconds by which two stamps of one phone may differ after each was put right


def look_away(
    session: Session, account_id: uuid.UUID, exposure_id: uuid.UUID, away: bool, now: datetime
) -> datetime | None:
    """Note that the client's phone was put away in an exposure, or taken up again; when the next signal is due."""
    # Taps and this take turns, as taps do among each other: neither may miss what the other says.
    session.get_one(Account, account_id, with_for_update={"key_share": True})
    exposure = exposure_of(session, account_id, exposure_id)
    exposure.away_since = now if away and exposure.phase == "running" else None
    session.flush()
    return renew_signal(session, exposure, fold(happenings_of(session, account_id, exposure_id)), now)


def renew_signal(session: Session, exposure: Exposure, state: State, now: datetime) -> datetime | None:
    """Let the client's next signal be the one that the exposure asks for now, if anybody is away; when it is due."""
    # A page that nobody sees finishes by itself at the planned end. That is no reason to say nothing of it.
    rings = (
        exposure.away_since is not None and state.phase == "after" and state.planned_seconds - state.seconds <= A_MOMENT
    )
    kinds = (Kind.check_in,) if rings else SIGNALS
    signals = Notification.exposure_id == exposure.id, Notification.kind.in_(kinds)
    waiting = *signals, Notification.settled_at.is_(None)
    # A worker that hands one out just now has its follower ready: waited for here, so that it is seen below.
    session.execute(select(Notification.id).where(*waiting).with_for_update())
    session.execute(delete(Notification).where(*waiting))
    of_them = Delivery.notification_id.in_(select(Notification.id).where(*signals))
    given_up = {"state": DeliveryState.given_up, "reason": Reason.superseded, "done_at": now}
    session.execute(update(Delivery).where(of_them, Delivery.state == DeliveryState.waiting).values(given_up))
    if state.phase != "running" and not rings:
        exposure.away_since = None
        session.flush()
    signal = next_signal(state, now) if exposure.away_since else None
    if signal is None:
        return None
    kind, due = signal
    add(session, [Notice(exposure.account_id, kind, exposure_id=exposure.id, due_at=due)], now)
    return due


def next_signal(state: State, after: datetime) -> tuple[Kind, datetime] | None:
    """The next check-in or the planned end after a moment, and when it comes; None in a pause and when it is over.

    Where the stopping rule is not time, check-ins go on past the planned end, until the exposure counts as forgotten.
    """
    if state.phase != "running" or state.due_at is None:
        return None
    end = state.due_at if state.due_at > after else None
    last = state.due_at if state.start.get("stopping_rule", "time") == "time" else state.due_at + FORGOTTEN_AFTER
    every = timedelta(minutes=state.start.get("check_in_minutes", 0))
    check_in = None
    if every:
        begun = state.due_at - timedelta(seconds=state.planned_seconds)
        due = begun + every * max((after - begun) // every + 1, 1)
        check_in = due if due < last and due != state.due_at else None
    if check_in and (end is None or check_in < end):
        return Kind.check_in, check_in
    return (Kind.end, end) if end else None
