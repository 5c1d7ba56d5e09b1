"""A minute counts once: an exposure that begins ends the one that ran, at that moment.

Whoever knows of both ends the other one: the page that starts (js/exposure/other-running.js), or the server where a
plain form does. The finish says to which exposure it gave way, so that it can be taken back; and it yields to what a
phone that knew nothing of the other one tells afterwards (fold.py).
"""

from __future__ import annotations

import uuid
from datetime import datetime

from erp.domain.exposure.event import EventKind, Finish, IncomingEvent
from erp.domain.exposure.fold import State
from erp.domain.exposure.reading import FORGOTTEN_AFTER
from erp.domain.ladder.ladder import StoppingRule

# With these an exposure begins, or goes on after its finish was taken back.
BEGINNINGS = (EventKind.started, EventKind.resumed, EventKind.extended)


def giving_way(exposure_id: uuid.UUID, state: State, other: uuid.UUID, at: datetime) -> IncomingEvent:
    """The finish of an exposure that runs, since another one began at a moment; it takes away nothing that was told."""
    assert state.last_at
    end = honest_end(state, at)
    if state.due_at is not None and state.start.get("stopping_rule") == StoppingRule.time:
        # Its page would have ended it by itself.
        end = min(end, state.due_at)
    end = max(end, state.last_at)
    event_id = uuid.uuid5(exposure_id, f"gave way to {other} at {end.isoformat()}")
    return IncomingEvent(event_id, exposure_id, EventKind.finished, end, None, Finish(gave_way_to=str(other)))


def honest_end(state: State, at: datetime) -> datetime:
    """When a finish at a moment happened: one long after the planned end was forgotten, not practised."""
    if state.due_at is None or state.last_at is None or at - state.due_at < FORGOTTEN_AFTER:
        return at
    return max(state.due_at, state.last_at)
