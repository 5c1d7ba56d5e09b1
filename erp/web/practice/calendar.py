"""The calendar: a month, a year, a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import abort, render_template

from erp.domain.dates import ONE_DAY, read_date
from erp.domain.exposure.reading import exposures_on
from erp.domain.practice.days import DayState, DayView
from erp.domain.practice.record import Practice, practice_of
from erp.domain.support.cheer import cheers_on
from erp.web.edge.request import by_htmx, db, me, today
from erp.web.practice import blueprint
from erp.web.practice.pages import FIRST_MONTH, LAST_MONTH, month_page, next_month, weeks_of
from erp.web.practice.words import day_line

# The side of a day's square in the drawing of a month.
SQUARE = 10


@blueprint.get("/calendar")
@blueprint.get("/calendar/<int:year>/<int:month>")
def calendar(year: int | None = None, month: int | None = None) -> str:
    """Show a month of days, this one unless another is asked for."""
    return month_page(today().replace(day=1) if year is None or month is None else _month(year, month))


def _month(year: int, month: int) -> date:
    if not (FIRST_MONTH.year <= year <= LAST_MONTH.year and 1 <= month <= 12):
        abort(404)
    return date(year, month, 1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A day in the small drawing of its month: the corner of its square, or the middle of a dot without a state."""

    state: DayState | None
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class MonthAtAGlance:
    """A month of a year: how many of its days are practice days, and how each is drawn."""

    first: date
    practised: int
    marks: Sequence[Mark]


@blueprint.get("/calendar/<int:year>")
def year(year: int) -> str:
    """Show a whole year at a glance."""
    first = _month(year, 1)
    practice = practice_of(db(), me().id, today(), first, date(year, 12, 31))
    return render_template(
        "practice/year.html",
        today=today(),
        year=year,
        previous=year - 1 if year > FIRST_MONTH.year else None,
        next=year + 1 if year < LAST_MONTH.year else None,
        months=[_at_a_glance(practice, date(year, number, 1)) for number in range(1, 13)],
        totals=practice.totals(),
    )


def _at_a_glance(practice: Practice, first: date) -> MonthAtAGlance:
    weeks = weeks_of(practice, first, next_month(first) - ONE_DAY)
    placed = [(day, row, column) for row, week in enumerate(weeks) for column, day in enumerate(week) if day]
    marks = [_mark(day, column * SQUARE, row * SQUARE) for day, row, column in placed]
    return MonthAtAGlance(first, sum(day.practised for day, _row, _column in placed), marks)


def _mark(day: DayView, x: int, y: int) -> Mark:
    return Mark(day.state, x, y) if day.lived else Mark(None, x + SQUARE // 2, y + SQUARE // 2)


@blueprint.get("/calendar/days/<day>")
def day(day: str) -> str:
    """Show one day with its exposures."""
    chosen = read_date(day)
    if chosen is None:
        abort(404)
    _month(chosen.year, chosen.month)
    shown = practice_of(db(), me().id, today(), chosen, chosen).between(chosen, chosen)[0]
    return render_template(
        "practice/_day.html" if by_htmx() else "practice/day.html",
        day=shown,
        line=day_line(shown),
        exposures=exposures_on(db(), me().id, chosen),
        cheers=cheers_on(db(), me().id, chosen),
    )
