"""What a list of events folds to.

An exposure is never called failed: stopping early, high distress and rituals are all practice (Craske et al. 2014).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

KINDS = ("started", "checked_in", "resisted", "ritual", "paused", "resumed", "extended", "finished", "noted")


OUTCOMES = ("no", "partly", "yes")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event with its corrected time (UTC). `data` as the phone sent it, checked."""

    id: uuid.UUID
    kind: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class State:
    """What the events of one exposure fold to. Durations in seconds; `curve` is (practised second, SUDS)."""

    started_at: datetime | None = None
    planned_seconds: int = 0
    paused_at: datetime | None = None
    away: timedelta = timedelta()
    finished_at: datetime | None = None
    ended: bool = False
    last_at: datetime | None = None
    curve: list[tuple[int, int]] = field(default_factory=list)
    resisted: int = 0
    rituals: int = 0
    start: dict[str, Any] = field(default_factory=dict)
    noted: bool = False
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def phase(self) -> str:
        """Before (no start yet), running, after (finished), done (finished and noted)."""
        if self.started_at is None:
            return "before"
        if self.finished_at is None:
            return "running"
        return "done" if self.noted else "after"

    def seconds_at(self, moment: datetime) -> int:
        """Whole seconds practised by `moment`; time in a pause does not count."""
        if self.started_at is None:
            return 0
        ends = [each for each in (moment, self.paused_at, self.finished_at) if each is not None]
        return max(0, int((min(ends) - self.started_at - self.away).total_seconds()))

    @property
    def seconds(self) -> int:
        """Whole seconds practised up to the finish or, while it runs, up to the last sign of life."""
        return self.seconds_at(self.last_at) if self.last_at else 0

    @property
    def due_at(self) -> datetime | None:
        """When the planned time is over, should no pause come; None in a pause and before the start."""
        if self.started_at is None or self.paused_at is not None:
            return None
        return self.started_at + timedelta(seconds=self.planned_seconds) + self.away

    @property
    def suds(self) -> list[int]:
        """Every rating in order, the expected one first where there is one."""
        return [suds for _, suds in self.curve]


def fold(events: Iterable[Happening]) -> State:
    """The state after the events, in whatever order and however often they came.

    They count in the order of time, then id. The first start holds, and nothing happens before it.
    """
    ordered = sorted({event.id: event for event in events}.values(), key=lambda event: (event.at, event.id))
    state = State()
    start = next((event for event in ordered if event.kind == "started"), None)
    if start is None:
        return state
    state.started_at = state.last_at = start.at
    state.start = start.data
    state.planned_seconds = start.data["planned_minutes"] * 60
    if start.data.get("expected_suds") is not None:
        state.curve.append((0, start.data["expected_suds"]))
    for event in ordered:
        if event is not start:
            _apply(state, event, max(event.at, start.at))
    if state.notes.get("suds") is not None:
        state.curve.append((state.seconds, state.notes["suds"]))
    return state


def _apply(state: State, event: Happening, at: datetime) -> None:
    match event.kind:
        case "checked_in":
            state.curve.append((state.seconds_at(at), event.data["suds"]))
        case "resisted":
            state.resisted += 1
        case "ritual":
            state.rituals += 1
        case "paused" if state.paused_at is None and state.finished_at is None:
            state.paused_at = at
        case "resumed" if state.finished_at is None or not state.noted:
            _go_on(state, at)
        case "extended":
            state.planned_seconds += event.data["minutes"] * 60
            if state.finished_at is not None and not state.noted:
                _go_on(state, at)
        case "finished" if state.finished_at is None:
            state.finished_at = at
            state.ended = True
        case "noted":
            state.noted = True
            state.notes.update({name: value for name, value in event.data.items() if value not in (None, "")})
    state.last_at = state.finished_at or at


def _go_on(state: State, at: datetime) -> None:
    """End a pause, or take back a finish that nothing was written about yet; the time since was not practice."""
    since = state.paused_at or state.finished_at
    if since is not None:
        state.away += at - since
    state.paused_at = state.finished_at = None
