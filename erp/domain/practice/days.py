"""The client's days: what a plan, the pauses and the practice make of each, and the streak they add up to.

Pure rules: what reads and keeps the rows is in erp/domain/practice/record.py. All days are local dates of the client.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from erp.domain.dates import ONE_DAY, monday_of

# A shorter try is kept and shown; it makes no day.
COUNTS_FROM_SECONDS = 60
SETTLE_AFTER_DAYS = 28


class PlanKind(StrEnum):
    """How a plan says on which days: on so many of the week, or on fixed weekdays."""

    per_week = "per_week"
    weekdays = "weekdays"


class DayState(StrEnum):
    """What became of a day: with practice `goal` or `practised`, without it the others.

    `before` the client's first day, `paused` by them, `rest` by their plan or without one, `missed` against it; today
    is `open` while it may still be practised, and what is to come is `future`.
    """

    goal = "goal"
    practised = "practised"
    rest = "rest"
    paused = "paused"
    missed = "missed"
    open = "open"
    future = "future"
    before = "before"


_WITH_PRACTICE = (DayState.goal, DayState.practised)
_IDLE = (DayState.rest, DayState.missed)
_ENDS_STREAK = (DayState.missed, DayState.before)


@dataclass(frozen=True, slots=True)
class PlanView:
    """What the client committed to from `starts_on` on. `weekdays`: Monday is 0."""

    starts_on: date
    minutes: int
    kind: PlanKind
    weekdays: tuple[int, ...]
    days_per_week: int

    @property
    def days_a_week(self) -> int:
        """How many days of a week it asks for, whichever its kind."""
        return len(self.weekdays) if self.kind == PlanKind.weekdays else self.days_per_week


@dataclass(frozen=True, slots=True)
class PauseView:
    """Days in which nothing is expected, both ends included."""

    id: uuid.UUID | None
    first_day: date
    last_day: date

    def covers(self, day: date) -> bool:
        """Whether nothing is expected on the day."""
        return self.first_day <= day <= self.last_day


@dataclass(frozen=True, slots=True)
class DayView:
    """One day and its state. `seconds` and `exposures` are those that count; without a plan there is no goal."""

    date: date
    state: DayState
    seconds: int = 0
    exposures: int = 0
    goal_seconds: int | None = None
    today: bool = False

    @property
    def practised(self) -> bool:
        """Whether it is a practice day."""
        return self.state in _WITH_PRACTICE

    @property
    def lived(self) -> bool:
        """Whether there is something to tell of it: the client had begun, and it has come."""
        return self.state not in (DayState.before, DayState.future)

    @property
    def share(self) -> float:
        """How much of the goal was done, 0 to 1; a half where no plan says how much that is."""
        if not self.seconds:
            return 0.0
        return min(1.0, self.seconds / self.goal_seconds) if self.goal_seconds else 0.5


@dataclass(frozen=True, slots=True)
class Totals:
    """The streak in days, and what only ever grows: practice days, seconds, exposures."""

    current: int
    longest: int
    days: int
    seconds: int
    exposures: int


@dataclass(frozen=True, slots=True)
class Run:
    """The streak as it stands at the end of `through`."""

    through: date
    current: int = 0
    longest: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the state of a day depends on. `plans` by start, oldest first; `practised`: day → (seconds, exposures).

    `practised` must reach back to the Monday of the first day that is asked for.
    """

    first_day: date
    plans: Sequence[PlanView]
    pauses: Sequence[PauseView]
    practised: Mapping[date, tuple[int, int]]

    def plan_on(self, day: date) -> PlanView | None:
        """The plan in force on a day: the one that started last."""
        found = bisect_right(self.plans, day, key=lambda plan: plan.starts_on)
        return self.plans[found - 1] if found else None

    def paused_on(self, day: date) -> bool:
        """Whether a pause covers the day."""
        return any(pause.covers(day) for pause in self.pauses)


def day_views(facts: Facts, first: date, last: date, today: date) -> list[DayView]:
    """The days from `first` to `last`, both included."""
    return [day for day in _days_from(facts, monday_of(first), last, today) if day.date >= first]


def _days_from(facts: Facts, monday: date, last: date, today: date) -> Iterator[DayView]:
    day, idle = monday, 0
    while day <= last:
        if day.weekday() == 0:
            idle = 0
        plan = facts.plan_on(day)
        goal = plan.minutes * 60 if plan else None
        seconds, exposures = facts.practised.get(day, (0, 0))
        if exposures:
            state = DayState.goal if goal and seconds >= goal else DayState.practised
        else:
            state = _idle_state(facts, plan, day, today, idle)
            idle += state in _IDLE
        yield DayView(day, state, seconds, exposures, goal, day == today)
        day += ONE_DAY


def _idle_state(facts: Facts, plan: PlanView | None, day: date, today: date, idle: int) -> DayState:
    """The state of a day without practice; `idle` such days came before it in its week."""
    if day < facts.first_day:
        return DayState.before
    if facts.paused_on(day):
        return DayState.paused
    if day > today:
        return DayState.future
    if plan and plan.kind == PlanKind.weekdays and day.weekday() not in plan.weekdays:
        return DayState.rest
    if day == today:
        return DayState.open
    if plan is None:
        return DayState.rest
    if plan.kind == PlanKind.per_week and idle < 7 - plan.days_per_week:
        return DayState.rest
    return DayState.missed


def run_through(facts: Facts, run: Run, last: date, today: date) -> Run:
    """The streak at the end of `last`, going on from `run`, which must end on a Sunday."""
    current, longest = run.current, run.longest
    for day in _days_from(facts, run.through + ONE_DAY, last, today):
        if day.practised:
            current += 1
            longest = max(longest, current)
        elif day.state in _ENDS_STREAK:
            current = 0
    return Run(last, current, longest)
