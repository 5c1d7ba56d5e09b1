"""A minute counts once: an exposure that begins ends the one that ran, at that moment.

The finish that is written then says to which exposure it gave way, so that a page can offer to take it back. A phone
that knew nothing of the other one goes on by itself; what it tells afterwards stays as it is told.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from erp.domain.exposure.event import Event, EventKind, Finish, IncomingEvent
from erp.domain.exposure.fold import State, fold
from erp.domain.exposure.reading import FORGOTTEN_AFTER
from erp.domain.ladder.ladder import StoppingRule

# A phone with a network knows within seconds; what comes later than this was told by one that had none.
LATE = timedelta(minutes=2)

# With these an exposure begins, or goes on after its finish was taken back.
BEGINNINGS = (EventKind.started, EventKind.resumed, EventKind.extended)


@dataclass(frozen=True, slots=True)
class Ending:
    """An exposure that has to end, since another one began: which one, and when (UTC)."""

    exposure_id: uuid.UUID
    gave_way_to: uuid.UUID
    at: datetime

    def event(self, state: State) -> IncomingEvent:
        """The finish of an exposure that stands like this; it takes away nothing that was told."""
        assert state.last_at
        at = honest_end(state, self.at)
        if state.due_at is not None and state.start.get("stopping_rule") == StoppingRule.time:
            # Its page would have ended it by itself.
            at = min(at, state.due_at)
        at = max(at, state.last_at)
        data = Finish(gave_way_to=str(self.gave_way_to))
        event_id = uuid.uuid5(self.exposure_id, f"gave way to {self.gave_way_to} at {at.isoformat()}")
        return IncomingEvent(event_id, self.exposure_id, EventKind.finished, at, None, data)


def endings(began: Mapping[uuid.UUID, datetime]) -> list[Ending]:
    """Of the exposures that run, each with when it began or went on (UTC): all but the latest end when that began."""
    if len(began) < 2:
        return []
    *others, latest = sorted(began, key=lambda each: (began[each], each))
    return [Ending(each, latest, began[latest]) for each in others]


def began_at(state: State, fresh: Sequence[Event], now: datetime) -> datetime | None:
    """When an exposure began that began or went on by its fresh events, or None. What was told late goes by its start.

    A late telling says nothing of what the phone knew then.
    """
    beginnings = [event.at for event in fresh if event.kind in BEGINNINGS]
    if not beginnings:
        return None
    return max([each for each in beginnings if now - each <= LATE], default=state.started_at)


def honest_end(state: State, at: datetime) -> datetime:
    """When a finish at a moment happened: one long after the planned end was forgotten, not practised."""
    if state.due_at is None or state.last_at is None or at - state.due_at < FORGOTTEN_AFTER:
        return at
    return max(state.due_at, state.last_at)


def gave_way(events: Iterable[Event], state: State) -> Event | None:
    """The finish that holds, where it is one that gave way to another exposure."""
    return next(
        (
            event
            for event in events
            if event.kind == EventKind.finished and event.at == state.finished_at and "gave_way_to" in event.data
        ),
        None,
    )


def went_on(stored: Sequence[Event], fresh: Sequence[Event], now: datetime) -> Event | None:
    """The event that takes back the finish with which an exposure gave way, if it must go.

    It must where a phone that was without a network tells of practice after it: it cannot have known of the other
    one. The first thing that a phone that does know can do is to go on.
    """
    finish = gave_way(stored, fold(stored))
    later = [event for event in fresh if finish and event.at > finish.at and event.kind != EventKind.noted]
    if finish is None or not later:
        return None
    first = min(later, key=lambda event: (event.at, event.id))
    if first.kind == EventKind.resumed or now - first.at <= LATE:
        return None
    # The next id sorts behind the finish at the same moment, so that no time is lost between the two.
    return Event(uuid.UUID(int=finish.id.int + 1), EventKind.resumed, finish.at)
