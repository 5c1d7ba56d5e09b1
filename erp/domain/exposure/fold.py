"""What a list of events folds to.

An exposure is never called failed: stopping early, high distress and rituals are all practice (Craske et al. 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from erp.domain.dates import ONE_DAY
from erp.domain.exposure.event import CheckIn, Event, EventKind, Extension, Note, Start

# Nobody practises for longer; what a phone left on says beyond it happened at this end.
LONGEST = ONE_DAY


class Phase(StrEnum):
    """Where an exposure stands: without its start, running, finished, or finished and noted."""

    before = "before"
    running = "running"
    after = "after"
    done = "done"


@dataclass(slots=True)
class State:
    """What the events of one exposure fold to. Durations in seconds; `curve` is (practised second, SUDS).

    `paused_for` is the time in pauses that are over, and between a finish and its being taken back. `ended`: it was
    finished once, and so counts, even while it goes on after that. `gave_way_at`: when another exposure ended
    it, `went_on_until`: until when practice is told of it after that. `start` and `notes` are empty while there are
    none.
    """

    started_at: datetime | None = None
    planned_seconds: int = 0
    paused_at: datetime | None = None
    paused_for: timedelta = timedelta()
    finished_at: datetime | None = None
    ended: bool = False
    gave_way_at: datetime | None = None
    went_on_until: datetime | None = None
    last_at: datetime | None = None
    curve: list[tuple[int, int]] = field(default_factory=list)
    resisted: int = 0
    rituals: int = 0
    start: Start = field(default_factory=Start)
    noted: bool = False
    notes: Note = field(default_factory=Note)

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        if self.started_at is None:
            return Phase.before
        if self.finished_at is None:
            return Phase.running
        return Phase.done if self.noted else Phase.after

    def seconds_at(self, moment: datetime) -> int:
        """Whole seconds practised by `moment`; time in a pause does not count."""
        if self.started_at is None:
            return 0
        longest = self.started_at + LONGEST
        ends = [each for each in (moment, self.paused_at, self.finished_at, longest) if each is not None]
        return max(0, int((min(ends) - self.started_at - self.paused_for).total_seconds()))

    @property
    def seconds(self) -> int:
        """Whole seconds practised up to the finish or, while it runs, up to the last sign of life."""
        return self.seconds_at(self.last_at) if self.last_at else 0

    @property
    def due_at(self) -> datetime | None:
        """When the planned time is over, should no pause come; None in a pause and before the start."""
        if self.started_at is None or self.paused_at is not None:
            return None
        return self.started_at + min(timedelta(seconds=self.planned_seconds) + self.paused_for, LONGEST)

    @property
    def suds(self) -> list[int]:
        """Every rating in order, the expected one first where there is one."""
        return [suds for _, suds in self.curve]


def fold(events: Iterable[Event]) -> State:
    """The state after the events, in whatever order and however often they came.

    They count in the order of time, then id. The first start holds, and nothing happens before it, or later than
    LONGEST after it. Where it gave way to another exposure, it lasted as long as practice is told of it: a phone that
    knew of the other one told none.
    """
    ordered = sorted({event.id: event for event in events}.values(), key=lambda event: (event.at, event.id))
    state = State()
    first = next((event for event in ordered if event.kind == EventKind.started), None)
    if first is None:
        return state
    state.started_at = state.last_at = first.at
    state.start = start = cast(Start, first.data)
    state.planned_seconds = start["planned_minutes"] * 60
    expected = start.get("expected_suds")
    if expected is not None:
        state.curve.append((0, expected))
    for event in ordered:
        if event is not first:
            at = min(max(event.at, first.at), first.at + LONGEST)
            if rule := RULES.get(event.kind):
                rule(state, event, at)
            if state.gave_way_at is not None and event.kind in PRACTICE:
                state.went_on_until = at
            state.last_at = state.finished_at or at
    if state.gave_way_at is not None:
        state.finished_at = state.last_at = state.went_on_until or state.gave_way_at
    noted = state.notes.get("suds")
    if noted is not None:
        state.curve.append((state.seconds, noted))
    return state


def _check_in(state: State, event: Event, at: datetime) -> None:
    state.curve.append((state.seconds_at(at), cast(CheckIn, event.data)["suds"]))


def _resist(state: State, _event: Event, _at: datetime) -> None:
    state.resisted += 1


def _ritualise(state: State, _event: Event, _at: datetime) -> None:
    state.rituals += 1


def _pause(state: State, _event: Event, at: datetime) -> None:
    if state.paused_at is None and state.finished_at is None:
        state.paused_at = at


def _resume(state: State, _event: Event, at: datetime) -> None:
    if state.gave_way_at is not None:
        _resume_after_giving_way(state, at)
    elif state.finished_at is None or not state.noted:
        _go_on(state, at)


def _resume_after_giving_way(state: State, at: datetime) -> None:
    """A pause that began since then ends, on a phone that does not know; otherwise somebody takes the end back."""
    assert state.gave_way_at is not None
    if state.paused_at is not None and state.paused_at > state.gave_way_at:
        _go_on(state, at)
        state.went_on_until = at
    elif not state.noted:
        state.paused_at = state.paused_at or state.went_on_until or state.gave_way_at
        state.gave_way_at = state.went_on_until = None
        _go_on(state, at)


def _extend(state: State, event: Event, at: datetime) -> None:
    longer = state.planned_seconds + cast(Extension, event.data)["minutes"] * 60
    state.planned_seconds = min(longer, int(LONGEST.total_seconds()))
    if state.finished_at is not None and not state.noted:
        _go_on(state, at)


def _go_on(state: State, at: datetime) -> None:
    """End a pause, or take back a finish that nothing was written about yet; the time since was not practice."""
    since = state.paused_at or state.finished_at
    if since is not None:
        state.paused_for += at - since
    state.paused_at = state.finished_at = None


def _finish(state: State, event: Event, at: datetime) -> None:
    if state.finished_at is not None:
        return
    state.ended = True
    if "gave_way_to" not in event.data:
        state.finished_at, state.gave_way_at, state.went_on_until = at, None, None
    elif state.gave_way_at is None:
        state.gave_way_at = at


def _note(state: State, event: Event, _at: datetime) -> None:
    """Take what a note says; of two notes the later one wins, field by field."""
    state.noted = True
    said = {name: value for name, value in event.data.items() if value not in (None, "")}
    state.notes.update(cast(Note, said))


# What nobody tells who knows that it ended.
PRACTICE = (EventKind.checked_in, EventKind.resisted, EventKind.ritual, EventKind.paused, EventKind.extended)
# What each kind does to the state. A second start does nothing: it is a sign of life.
RULES: dict[EventKind, Callable[[State, Event, datetime], None]] = {
    EventKind.checked_in: _check_in,
    EventKind.resisted: _resist,
    EventKind.ritual: _ritualise,
    EventKind.paused: _pause,
    EventKind.resumed: _resume,
    EventKind.extended: _extend,
    EventKind.finished: _finish,
    EventKind.noted: _note,
}
