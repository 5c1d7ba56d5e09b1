"""What the events of an exposure give its row, and what a change of the row means for the step, day and supporters."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from erp.domain.dates import is_zone, local_day
from erp.domain.exposure.event import Start
from erp.domain.exposure.fold import Phase, State
from erp.domain.ladder.ladder import StoppingRule

# What the columns of urges and rituals can hold.
MOST_COUNTED = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Course:
    """The columns that any event may change. Times in UTC, durations in seconds, SUDS 0–100.

    `curve` is [practised second, SUDS] as JSON gives it back.
    """

    phase: Phase
    started_at: datetime | None
    finished_at: datetime | None
    ended: bool
    due_at: datetime | None
    seconds: int
    planned_seconds: int
    peak_suds: int | None
    last_suds: int | None
    resisted: int
    rituals: int
    curve: list[list[int]]


@dataclass(frozen=True, slots=True)
class Answers:
    """The columns that only a start or a note changes. SUDS and likelihood 0–100; what is empty is None."""

    expected_suds: int | None
    likelihood: int | None
    stopping_rule: str
    check_in_minutes: int
    prediction: str | None
    response: str | None
    outcome: str | None
    learning: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """The columns that the first recorded start fixes for good. `zone` is an IANA name, `local_date` is in it."""

    step_id: uuid.UUID | None
    zone: str
    local_date: date


@dataclass(frozen=True, slots=True)
class FoldedColumns:
    """All columns of an exposure's row that follow from its events."""

    course: Course
    answers: Answers

    def values(self, *, answers: bool = True) -> dict[str, object]:
        """Each column's value, to write or to compare; without the answers where no event changed them."""
        return values_of(self.course) | (values_of(self.answers) if answers else {})


def values_of(columns: Course | Answers | Place) -> dict[str, object]:
    """Each column's value by its name."""
    return {name: getattr(columns, name) for name in columns.__slots__}


def columns_of(state: State) -> FoldedColumns:
    """What the state gives the row."""
    suds, start, notes = state.suds, state.start, state.notes
    course = Course(
        phase=state.phase,
        started_at=state.started_at,
        finished_at=state.finished_at,
        ended=state.ended,
        due_at=state.due_at,
        seconds=state.seconds,
        planned_seconds=state.planned_seconds,
        peak_suds=max(suds, default=None),
        last_suds=suds[-1] if suds else None,
        resisted=min(state.resisted, MOST_COUNTED),
        rituals=min(state.rituals, MOST_COUNTED),
        curve=[list(point) for point in state.curve],
    )
    answers = Answers(
        expected_suds=start.get("expected_suds"),
        likelihood=start.get("likelihood"),
        stopping_rule=start.get("stopping_rule", StoppingRule.time),
        check_in_minutes=start.get("check_in_minutes", 0),
        prediction=start.get("prediction") or None,
        response=start.get("response") or None,
        outcome=notes.get("outcome"),
        learning=notes.get("learning"),
        note=notes.get("note"),
    )
    return FoldedColumns(course, answers)


def has_lost(started_at: datetime | None, ended: bool, state: State) -> bool:
    """Whether a row that began, or ended, says so alone: its events have lost it, as no new event can take it away."""
    return (started_at is not None and state.started_at is None) or (ended and not state.ended)


def place_of(state: State, started_at: datetime, zone: str) -> Place:
    """Where and when it was practised; `zone` (IANA name) is for a phone that names none of its own."""
    where = zone_of(state.start, zone)
    return Place(uuid.UUID(state.start["step"]), where, local_day(started_at, where))


def zone_of(start: Start, zone: str) -> str:
    """Where a start happened; `zone` (IANA name) is for a phone that names none of its own."""
    told = start["zone"]
    return told if is_zone(told) else zone


@dataclass(frozen=True, slots=True)
class Standing:
    """What the step, the day and the supporters go by. SUDS 0–100."""

    step_id: uuid.UUID | None = None
    local_date: date | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    ended: bool = False
    seconds: int = 0
    expected_suds: int | None = None

    @property
    def counted_seconds(self) -> int:
        """What it adds to its day: nothing before it was finished once."""
        return self.seconds if self.ended else 0


@dataclass(frozen=True, slots=True)
class Change:
    """An exposure before and after new events. One that the server had not heard of stands as if nothing happened."""

    exposure_id: uuid.UUID
    before: Standing
    after: Standing

    @property
    def is_first_start(self) -> bool:
        """Whether the server learns of the start only now."""
        return self.after.started_at is not None and self.before.started_at is None

    @property
    def moves_start(self) -> bool:
        """Whether the start or its rating is another than before."""
        before, after = self.before, self.after
        return (before.started_at, before.expected_suds) != (after.started_at, after.expected_suds)

    @property
    def moves_count(self) -> bool:
        """Whether it adds something else to its day than before."""
        return self.before.counted_seconds != self.after.counted_seconds

    @property
    def is_news(self) -> bool:
        """Whether it was started or finished just now."""
        if self.after.started_at is None:
            return False
        return self.is_first_start or (self.after.finished_at is not None and self.before.finished_at is None)
