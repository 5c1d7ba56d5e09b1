"""What reads and keeps the client's plans, pauses, days and totals; the rules are in erp/domain/practice/days.py."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from erp.domain.dates import ONE_DAY, monday_of
from erp.domain.practice.days import (
    COUNTS_FROM_SECONDS,
    SETTLE_AFTER_DAYS,
    DayView,
    Facts,
    PauseView,
    PlanKind,
    PlanView,
    Run,
    Totals,
    day_views,
    run_through,
)
from erp.storage.db import table_of
from erp.storage.exposure import Exposure
from erp.storage.practice import Day, Pause, Plan, PracticeTotals

# Exposures that were kept before one could last a day at most count no more than that day.
COUNTED_SECONDS = case(
    (Exposure.seconds > ONE_DAY.total_seconds(), int(ONE_DAY.total_seconds())), else_=Exposure.seconds
)


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
_totals, _day, _plan, _pause = (table_of(model).c for model in (PracticeTotals, Day, Plan, Pause))
TOTALS = select(
    _totals.first_day,
    _totals.days,
    _totals.seconds,
    _totals.exposures,
    _totals.settled_through,
    _totals.settled_run,
    _totals.settled_longest,
).where(_totals.account_id == bindparam("account"))
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
    totals = connection.execute(TOTALS, {"account": account_id}).one()
    settled = _settled(totals.settled_through, totals.settled_run, totals.settled_longest, totals.first_day)
    ranges = {"first": monday_of(first), "last": last, "recent": settled.through + ONE_DAY, "today": today}
    rows = connection.execute(DAYS, {"account": account_id, **ranges})
    practised = {day: (seconds, exposures) for day, seconds, exposures in rows}
    facts = Facts(totals.first_day, plans_of(session, account_id), pauses_of(session, account_id), practised)
    return Practice(facts, settled, totals.days, totals.seconds, totals.exposures, today)


def practices_of(session: Session, todays: Mapping[uuid.UUID, date]) -> dict[uuid.UUID, Practice]:
    """What is needed for the streak and the week of each of several clients, by their todays. Four statements."""
    if not todays:
        return {}
    kept = {
        row.account_id: row
        for row in session.execute(select(table_of(PracticeTotals)).where(_totals.account_id.in_(todays)))
    }
    settled = {
        account: _settled(totals.settled_through, totals.settled_run, totals.settled_longest, totals.first_day)
        for account, totals in kept.items()
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
            Facts(totals.first_day, plans[account], pauses[account], practised[account]),
            settled[account],
            totals.days,
            totals.seconds,
            totals.exposures,
            todays[account],
        )
        for account, totals in kept.items()
    }


def plans_of(session: Session, account_id: uuid.UUID) -> list[PlanView]:
    """Every plan of the client, oldest first."""
    return [_plan_view(*row) for row in session.connection().execute(PLANS, {"account": account_id})]


def _plan_view(starts_on: date, minutes: int, kind: str, weekdays: int, days_per_week: int) -> PlanView:
    chosen = tuple(day for day in range(7) if weekdays >> day & 1)
    return PlanView(starts_on, minutes, PlanKind(kind), chosen, days_per_week)


def plan_on(session: Session, account_id: uuid.UUID, day: date) -> PlanView | None:
    """The client's plan that holds on a day."""
    return Facts(day, plans_of(session, account_id), (), {}).plan_on(day)


def pauses_of(session: Session, account_id: uuid.UUID) -> list[PauseView]:
    """Every pause of the client, oldest first."""
    rows = session.connection().execute(PAUSES, {"account": account_id})
    return [PauseView(*row) for row in rows]


def paused_among(session: Session, todays: Mapping[uuid.UUID, date]) -> set[uuid.UUID]:
    """Which of several clients have a pause on their todays: as PauseView.covers says it, in one statement."""
    covered = [
        and_(Pause.account_id == client, Pause.first_day <= day, Pause.last_day >= day)
        for client, day in todays.items()
    ]
    return set(session.scalars(select(Pause.account_id).where(or_(*covered)))) if covered else set()


def count_day(session: Session, account_id: uuid.UUID, day: date, today: date) -> None:
    """Bring the day's row, the totals and the settled streak up to what the exposures say now."""
    seconds, exposures = session.execute(
        select(func.coalesce(func.sum(COUNTED_SECONDS), 0), func.count()).where(
            Exposure.account_id == account_id,
            Exposure.local_date == day,
            Exposure.ended,
            Exposure.seconds >= COUNTS_FROM_SECONDS,
        )
    ).one()
    totals = session.get_one(PracticeTotals, account_id)
    row = session.get(Day, (account_id, day))
    if row is None and exposures:
        row = Day(account_id=account_id, date=day, seconds=0, exposures=0)
        session.add(row)
        totals.days += 1
    if row is not None:
        totals.seconds += int(seconds) - row.seconds
        totals.exposures += exposures - row.exposures
        row.seconds, row.exposures = int(seconds), exposures
        if not exposures:
            totals.days -= 1
            session.delete(row)
    totals.first_day, moved = min(day, totals.first_day), day < totals.first_day
    if totals.settled_through and (moved or day <= totals.settled_through):
        totals.settled_through = None
    session.flush()
    _settle(session, totals, today)


def settle_anew(session: Session, account_id: uuid.UUID, day: date, today: date) -> None:
    """Compute the settled streak anew where something changed on a day that it covers."""
    totals = session.get_one(PracticeTotals, account_id)
    if totals.settled_through is None or day > totals.settled_through:
        return
    totals.settled_through = None
    session.flush()
    _settle(session, totals, today)


def _settle(session: Session, totals: PracticeTotals, today: date) -> None:
    """Move the settled streak on to the last Sunday that nothing but a very late event can still change.

    Pauses reach 7 days back and plans none, so four weeks leave room for a phone that was off for long. A pause that is
    taken back later settles it anew.
    """
    horizon = today - timedelta(days=SETTLE_AFTER_DAYS)
    sunday = monday_of(horizon) - ONE_DAY
    settled = _settled(totals.settled_through, totals.settled_run, totals.settled_longest, totals.first_day)
    if sunday <= settled.through:
        return
    practice = practice_of(session, totals.account_id, today, settled.through + ONE_DAY, sunday)
    run = run_through(practice.facts, settled, sunday, today)
    totals.settled_through, totals.settled_run, totals.settled_longest = run.through, run.current, run.longest


def _settled(through: date | None, current: int, longest: int, first_day: date) -> Run:
    if through is None:
        return Run(monday_of(first_day) - ONE_DAY)
    return Run(through, current, longest)
