"""The client's own timer signals: the next check-in or the planned end, pushed while the phone is put away."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from erp.domain.exposure.fold import Phase, State, fold
from erp.domain.exposure.reading import FORGOTTEN_AFTER, begun_at, events_of, exposure_of
from erp.domain.ladder.ladder import StoppingRule
from erp.domain.notification.kinds import SIGNALS, DeliveryState, Kind, Reason
from erp.domain.notification.outbox import Notice, add
from erp.storage.account import Account
from erp.storage.exposure import Exposure
from erp.storage.notification import Delivery, Notification

# Two stamps of one phone may differ by so much after each was corrected.
FINISH_TOLERANCE_SECONDS = 2


def note_hidden(
    session: Session, account_id: uuid.UUID, exposure_id: uuid.UUID, hidden: bool, now: datetime
) -> datetime | None:
    """Note that the client's phone was put away in an exposure (hidden), or taken up again.

    Returns when the next signal is due (UTC), None where none is. Raises NotFound, Unreadable.
    """
    # Taps and this take turns, as taps do among each other: neither may miss what the other says.
    session.get_one(Account, account_id, with_for_update={"key_share": True})
    exposure = exposure_of(session, account_id, exposure_id)
    exposure.hidden_since = now if hidden and exposure.phase == Phase.running else None
    session.flush()
    return renew_signal(session, exposure, fold(events_of(session, account_id, exposure_id)), now)


def renew_signal(session: Session, exposure: Exposure, state: State, now: datetime) -> datetime | None:
    """Make the client's next signal the one that the exposure asks for now, if its page is hidden.

    Returns when the signal is due (UTC), None where none is.
    """
    # A hidden page finishes by itself at the planned end, and the `end` signal must be heard all the same.
    rings = exposure.hidden_since is not None and _finished_on_time(state)
    _withdraw(session, exposure, (Kind.check_in,) if rings else SIGNALS, now)
    if state.phase != Phase.running and not rings:
        exposure.hidden_since = None
        session.flush()
    signal = next_signal(state, now) if exposure.hidden_since else None
    if signal is None:
        return None
    kind, due = signal
    add(session, [Notice(exposure.account_id, kind, exposure_id=exposure.id, due_at=due)], now)
    return due


def _finished_on_time(state: State) -> bool:
    return state.phase == Phase.after and state.planned_seconds - state.seconds <= FINISH_TOLERANCE_SECONDS


def _withdraw(session: Session, exposure: Exposure, kinds: Sequence[Kind], now: datetime) -> None:
    """Take back the exposure's signals of these kinds: those that are due later, and those on their way."""
    signals = Notification.exposure_id == exposure.id, Notification.kind.in_(kinds)
    waiting = *signals, Notification.settled_at.is_(None)
    # A worker that hands one out at this moment adds the next one: the row lock waits for it, and `delete` sees it.
    session.execute(select(Notification.id).where(*waiting).with_for_update())
    session.execute(delete(Notification).where(*waiting))
    of_them = Delivery.notification_id.in_(select(Notification.id).where(*signals))
    given_up = {"state": DeliveryState.given_up, "reason": Reason.superseded, "done_at": now}
    session.execute(update(Delivery).where(of_them, Delivery.state == DeliveryState.waiting).values(given_up))


def next_signal(state: State, after: datetime) -> tuple[Kind, datetime] | None:
    """The next signal after a moment: "check_in" or "end", and when it comes; None in a pause and when it is over.

    Where the stopping rule is not time, check-ins go on past the planned end, until the exposure counts as forgotten.
    """
    if state.phase != Phase.running or state.due_at is None:
        return None
    end = state.due_at if state.due_at > after else None
    by_time = state.start.get("stopping_rule", StoppingRule.time) == StoppingRule.time
    last = state.due_at if by_time else state.due_at + FORGOTTEN_AFTER
    every = timedelta(minutes=state.start.get("check_in_minutes", 0))
    check_in = None
    if every:
        begun = begun_at(state.due_at, state.planned_seconds)
        due = begun + every * max((after - begun) // every + 1, 1)
        check_in = due if due < last and due != state.due_at else None
    if check_in and (end is None or check_in < end):
        return Kind.check_in, check_in
    return (Kind.end, end) if end else None
