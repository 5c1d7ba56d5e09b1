"""The client's days: what a plan, the pauses and the practice make of each, and the streak they add up to.

The pure rules stand first; what reads and keeps the rows follows. All days are local dates of the client.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from erp.storage.db import table_of
from erp.storage.exposure import Exposure
from erp.storage.practice import Day, Pause, Plan, Tally

COUNTS_FROM_SECONDS = 60
SETTLE_AFTER_DAYS = 28
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PlanView:
    """What the client committed to from `starts_on` on. `weekdays`: Monday is 0."""

    starts_on: date
    minutes: int
    kind: str
    weekdays: tuple[int, ...]
    days_per_week: int


@dataclass(frozen=True, slots=True)
class PauseView:
    """Days in which nothing is expected, both ends included."""

    id: uuid.UUID | None
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class DayView:
    """One day and its state: goal, practised, rest, paused, missed, open, future or before."""

    date: date
    state: str
    seconds: int = 0
    exposures: int = 0
    goal_seconds: int | None = None
    today: bool = False

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
        return any(pause.first_day <= day <= pause.last_day for pause in self.pauses)


def monday_of(day: date) -> date:
    """The first day of the week: a week runs from Monday to Sunday."""
    return day - timedelta(days=day.weekday())


def local_day(moment: datetime, zone: str) -> date:
    """The date on the wall of somebody in the zone (IANA name) at the moment."""
    return moment.astimezone(ZoneInfo(zone)).date()


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
            state = "goal" if goal and seconds >= goal else "practised"
        else:
            state = _idle_state(facts, plan, day, today, idle)
            idle += state in ("rest", "missed")
        yield DayView(day, state, seconds, exposures, goal, day == today)
        day += ONE_DAY


def _idle_state(facts: Facts, plan: PlanView | None, day: date, today: date, idle: int) -> str:
    """The state of a day without practice; `idle` such days came before it in its week."""
    if day < facts.first_day:
        return "before"
    if facts.paused_on(day):
        return "paused"
    if day > today:
        return "future"
    if plan and plan.kind == "weekdays" and day.weekday() not in plan.weekdays:
        return "rest"
    if day == today:
        return "open"
    if plan is None:
        return "rest"
    if plan.kind == "per_week" and idle < 7 - plan.days_per_week:
        return "rest"
    return "missed"


def run_through(facts: Facts, run: Run, last: date, today: date) -> Run:
    """The streak at the end of `last`, going on from `run`, which must end on a Sunday."""
    current, longest = run.current, run.longest
    for day in _days_from(facts, run.through + ONE_DAY, last, today):
        if day.state in ("goal", "practised"):
            current += 1
            longest = max(longest, current)
        elif day.state in ("missed", "before"):
            current = 0
    return Run(last, current, longest)


@dataclass(frozen=True, slots=True)
class Practice:
    """The facts of one client, loaded, with the totals and the run that is already settled."""

    facts: Facts
    settled: Run
    days: int
    seconds: int
    exposures: int
    today: date

    def totals(self) -> Totals:
        """The streak of today and the sums of all time."""
        run = run_through(self.facts, self.settled, self.today, self.today)
        return Totals(run.current, run.longest, self.days, self.seconds, self.exposures)

    def between(self, first: date, last: date) -> list[DayView]:
        """The days from `first` to `last`; they must lie in what was loaded."""
        return day_views(self.facts, first, last, self.today)


# Every page asks these; built once, over the bare tables, they cost a third of what they would cost anew each time.
_tally, _day, _plan, _pause = (table_of(model).c for model in (Tally, Day, Plan, Pause))
TALLY = select(
    _tally.first_day,
    _tally.days,
    _tally.seconds,
    _tally.exposures,
    _tally.settled_through,
    _tally.settled_run,
    _tally.settled_longest,
).where(_tally.account_id == bindparam("account"))
DAYS = select(_day.date, _day.seconds, _day.exposures).where(
    _day.account_id == bindparam("account"),
    or_(
        _day.date.between(bindparam("first"), bindparam("last")),
        _day.date.between(bindparam("recent"), bindparam("today")),
    ),
)
PLANS = (
    select(_plan.starts_on, _plan.minutes, _plan.kind, _plan.weekdays, _plan.days_per_week)
    .where(_plan.account_id == bindparam("account"))
    .order_by(_plan.starts_on)
)
PAUSES = (
    select(_pause.id, _pause.first_day, _pause.last_day)
    .where(_pause.account_id == bindparam("account"))
    .order_by(_pause.first_day)
)


def practice_of(session: Session, account_id: uuid.UUID, today: date, first: date, last: date) -> Practice:
    """What is needed for the streak of today and the days from `first` to `last`. Four statements."""
    connection = session.connection()
    tally = connection.execute(TALLY, {"account": account_id}).one()
    settled = _settled(tally.settled_through, tally.settled_run, tally.settled_longest, tally.first_day)
    ranges = {"first": monday_of(first), "last": last, "recent": settled.through + ONE_DAY, "today": today}
    rows = connection.execute(DAYS, {"account": account_id, **ranges})
    practised = {day: (seconds, exposures) for day, seconds, exposures in rows}
    facts = Facts(tally.first_day, plans_of(session, account_id), pauses_of(session, account_id), practised)
    return Practice(facts, settled, tally.days, tally.seconds, tally.exposures, today)


def practices_of(session: Session, todays: Mapping[uuid.UUID, date]) -> dict[uuid.UUID, Practice]:
    """What is needed for the streak and the week of each of several clients, by their todays. Four statements."""
    if not todays:
        return {}
    tallies = {
        row.account_id: row for row in session.execute(select(table_of(Tally)).where(_tally.account_id.in_(todays)))
    }
    settled = {
        account: _settled(tally.settled_through, tally.settled_run, tally.settled_longest, tally.first_day)
        for account, tally in tallies.items()
    }
    recent = [
        and_(_day.account_id == account, _day.date >= min(settled[account].through + ONE_DAY, monday_of(today)))
        for account, today in todays.items()
    ]
    practised: dict[uuid.UUID, dict[date, tuple[int, int]]] = {account: {} for account in todays}
    for row in session.execute(select(table_of(Day)).where(or_(*recent))):
        practised[row.account_id][row.date] = (row.seconds, row.exposures)
    plans: dict[uuid.UUID, list[PlanView]] = {account: [] for account in todays}
    for row in session.execute(select(table_of(Plan)).where(_plan.account_id.in_(todays)).order_by(_plan.starts_on)):
        plans[row.account_id].append(_plan_view(row.starts_on, row.minutes, row.kind, row.weekdays, row.days_per_week))
    pauses: dict[uuid.UUID, list[PauseView]] = {account: [] for account in todays}
    for row in session.execute(select(table_of(Pause)).where(_pause.account_id.in_(todays))):
        pauses[row.account_id].append(PauseView(row.id, row.first_day, row.last_day))
    return {
        account: Practice(
            Facts(tally.first_day, plans[account], pauses[account], practised[account]),
            settled[account],
            tally.days,
            tally.seconds,
            tally.exposures,
            todays[account],
        )
        for account, tally in tallies.items()
    }


def plans_of(session: Session, account_id: uuid.UUID) -> list[PlanView]:
    """Every plan of the client, oldest first."""
    return [_plan_view(*row) for row in session.connection().execute(PLANS, {"account": account_id})]


def _plan_view(starts_on: date, minutes: int, kind: str, weekdays: int, days_per_week: int) -> PlanView:
    return PlanView(starts_on, minutes, kind, tuple(day for day in range(7) if weekdays >> day & 1), days_per_week)


def plan_on(session: Session, account_id: uuid.UUID, day: date) -> PlanView | None:
    """The client's plan that holds on a day."""
    return Facts(day, plans_of(session, account_id), (), {}).plan_on(day)


def pauses_of(session: Session, account_id: uuid.UUID) -> list[PauseView]:
    """Every pause of the client, oldest first."""
    rows = session.connection().execute(PAUSES, {"account": account_id})
    return [PauseView(*row) for row in rows]


def begin(session: Session, account_id: uuid.UUID, today: date) -> None:
    """Open the books of a new client, whose first day is `today`."""
    session.add(Tally(account_id=account_id, first_day=today))


def count_day(session: Session, account_id: uuid.UUID, day: date, today: date) -> None:
    """Bring the day's row, the totals and the settled streak up to what the exposures say now."""
    seconds, exposures = session.execute(
        select(func.coalesce(func.sum(Exposure.seconds), 0), func.count()).where(
            Exposure.account_id == account_id,
            Exposure.local_date == day,
            Exposure.ended,
            Exposure.seconds >= COUNTS_FROM_SECONDS,
        )
    ).one()
    tally = session.get_one(Tally, account_id)
    row = session.get(Day, (account_id, day))
    if row is None and exposures:
        row = Day(account_id=account_id, date=day, seconds=0, exposures=0)
        session.add(row)
        tally.days += 1
    if row is not None:
        tally.seconds += int(seconds) - row.seconds
        tally.exposures += exposures - row.exposures
        row.seconds, row.exposures = int(seconds), exposures
        if not exposures:
            tally.days -= 1
            session.delete(row)
    tally.first_day, moved = min(day, tally.first_day), day < tally.first_day
    if tally.settled_through and (moved or day <= tally.settled_through):
        tally.settled_through = None
    session.flush()
    _settle(session, tally, today)


def _settle(session: Session, tally: Tally, today: date) -> None:
    """Move the settled streak on to the last Sunday that nothing but a very late event can still change.

    Pauses reach 7 days back and plans none, so four weeks leave room for a phone that was off for long.
    """
    horizon = today - timedelta(days=SETTLE_AFTER_DAYS)
    sunday = monday_of(horizon) - ONE_DAY
    settled = _settled(tally.settled_through, tally.settled_run, tally.settled_longest, tally.first_day)
    if sunday <= settled.through:
        return
    practice = practice_of(session, tally.account_id, today, settled.through + ONE_DAY, sunday)
    run = run_through(practice.facts, settled, sunday, today)
    tally.settled_through, tally.settled_run, tally.settled_longest = run.through, run.current, run.longest


def _settled(through: date | None, current: int, longest: int, first_day: date) -> Run:
    if through is None:
        return Run(monday_of(first_day) - ONE_DAY)
    return Run(through, current, longest)
