"""The calendar a second time: slow, obviously right, and free of any line of the real one.

Everything is worked out from raw facts, one day at a time; nothing is remembered between two questions.
Where the rules leave room, this is how they are read:

- An exposure belongs to the date that the clocks of its own zone, the one given with its start, showed at its start.
- It counts from 60 seconds on; shorter ones leave no trace, except that they can be the first exposure.
  The seconds of one that never finished are not known yet: it is given with none.
- The first day is the date of sign-up or of the first exposure, counted or not, whichever is earlier.
- Practice gives `goal` or `practised` whatever else holds on that day: in a pause, and on a date still to come
  (westward travel makes today earlier than the last exposure's date). Without a plan in force it is `practised`.
- The plan in force is the one with the latest start not after the day. The goal compares whole seconds.
- An idle day is, in this order: `before`; `paused` (also when it is still to come); `future`; `rest` while no plan is
  in force; `rest` outside the plan's weekdays (also today); `open` today; and else what the plan says of a past day.
- N days a week: the idle days of a Monday-to-Sunday week are counted in order, without `before` and paused ones and
  whatever plan held on them. The first 7−N are rest days. Today, while idle, is no idle day yet.
- A run goes back until a `missed` or a `before` day and counts its `goal` and `practised` days. The longest run
  ends today at the latest.
- Totals are made of the counted exposures alone and need no plan.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
PRACTICE = ("goal", "practised")


@dataclass(frozen=True)
class Exposure:
    """One run: the instant it started, the whole seconds it ran without pauses, the client's zone at its start."""

    started: datetime
    seconds: int
    zone: str

    @cached_property
    def local_date(self) -> date:
        """The date on the wall where the client was; it never changes."""
        return self.started.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True)
class Plan:
    """Minutes a day and either fixed weekdays (Monday is 0) or a number of days a week; the other one is None."""

    starts_on: date
    minutes: int
    weekdays: frozenset[int] | None = None
    days_per_week: int | None = None


@dataclass(frozen=True)
class Pause:
    first_day: date
    last_day: date


@dataclass(frozen=True)
class Totals:
    current: int
    longest: int
    days: int
    seconds: int
    exposures: int


@dataclass
class Calendar:
    """Raw facts, and the questions one may ask of them."""

    signed_up: date
    today: date
    exposures: list[Exposure] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)

    def first_day(self) -> date:
        return min([self.signed_up] + [exposure.local_date for exposure in self.exposures])

    def counted_on(self, day: date) -> list[Exposure]:
        return [one for one in self.exposures if one.local_date == day and one.seconds >= 60]

    def seconds_on(self, day: date) -> int:
        return sum(one.seconds for one in self.counted_on(day))

    def plan_on(self, day: date) -> Plan | None:
        begun = [plan for plan in self.plans if plan.starts_on <= day]
        return max(begun, key=lambda plan: plan.starts_on) if begun else None

    def is_paused(self, day: date) -> bool:
        return any(pause.first_day <= day <= pause.last_day for pause in self.pauses)

    def state(self, day: date) -> str:
        plan = self.plan_on(day)
        if self.counted_on(day):
            if plan is not None and self.seconds_on(day) >= plan.minutes * 60:
                return "goal"
            return "practised"
        if day < self.first_day():
            return "before"
        if self.is_paused(day):
            return "paused"
        if day > self.today:
            return "future"
        if plan is not None and plan.weekdays is not None and day.weekday() not in plan.weekdays:
            return "rest"
        if day == self.today:
            return "open"
        if plan is None:
            return "rest"
        if plan.weekdays is not None:
            return "missed"
        assert plan.days_per_week is not None
        return "rest" if self.idle_days_earlier_in_week(day) < 7 - plan.days_per_week else "missed"

    def idle_days_earlier_in_week(self, day: date) -> int:
        monday = day - timedelta(days=day.weekday())
        idle = 0
        for number in range(day.weekday()):
            earlier = monday + timedelta(days=number)
            if not self.counted_on(earlier) and earlier >= self.first_day() and not self.is_paused(earlier):
                idle += 1
        return idle

    def states(self, first: date, last: date) -> list[str]:
        """The states of the days from `first` to `last`, both included."""
        return [self.state(first + timedelta(days=number)) for number in range((last - first).days + 1)]

    def longest_streak(self) -> int:
        """The largest run among those that end on any day up to today."""
        lived = self.states(self.first_day() - ONE_DAY, self.today)
        return max([run_at_the_end(lived[:length]) for length in range(len(lived) + 1)])

    def current_streak(self) -> int:
        """The run that ends today."""
        return run_at_the_end(self.states(self.first_day() - ONE_DAY, self.today))

    def totals(self) -> Totals:
        counted = [one for one in self.exposures if one.seconds >= 60]
        return Totals(
            current=self.current_streak(),
            longest=self.longest_streak(),
            days=len({one.local_date for one in counted}),
            seconds=sum(one.seconds for one in counted),
            exposures=len(counted),
        )


def run_at_the_end(states: list[str]) -> int:
    """How many practised days stand after the last day that breaks a run."""
    practised = 0
    for state in reversed(states):
        if state in ("missed", "before"):
            break
        if state in PRACTICE:
            practised += 1
    return practised
