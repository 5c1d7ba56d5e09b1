"""The calendar: a month, a year, a day."""

from __future__ import annotations

from datetime import date

from flask import abort, render_template

from erp.domain.dates import ONE_DAY, read_date
from erp.domain.exposure.reading import exposures_on
from erp.domain.practice.record import practice_of
from erp.domain.support.cheer import cheers_on
from erp.web.edge.request import by_htmx, db, me, today
from erp.web.practice import blueprint
from erp.web.practice.pages import FIRST_MONTH, LAST_MONTH, month_page, next_month, weeks_of


@blueprint.get("/calendar")
@blueprint.get("/calendar/<int:year>/<int:month>")
def calendar(year: int | None = None, month: int | None = None) -> str:
    """Show a month of days, this one unless another is asked for."""
    return month_page(today().replace(day=1) if year is None or month is None else _month(year, month))


def _month(year: int, month: int) -> date:
    if not (FIRST_MONTH.year <= year <= LAST_MONTH.year and 1 <= month <= 12):
        abort(404)
    return date(year, month, 1)


@blueprint.get("/calendar/<int:year>")
def year(year: int) -> str:
    """Show a whole year at a glance."""
    first = _month(year, 1)
    practice = practice_of(db(), me().id, today(), first, date(year, 12, 31))
    starts = [date(year, number, 1) for number in range(1, 13)]
    months = [(start, weeks_of(practice, start, next_month(start) - ONE_DAY)) for start in starts]
    practised = [sum(day is not None and day.practised for week in weeks for day in week) for _start, weeks in months]
    return render_template(
        "practice/year.html",
        year=year,
        months=months,
        practised=practised,
        totals=practice.totals(),
        today=today(),
    )


@blueprint.get("/calendar/days/<day>")
def day(day: str) -> str:
    """Show one day with its exposures."""
    chosen = read_date(day)
    if chosen is None:
        abort(404)
    _month(chosen.year, chosen.month)
    practice = practice_of(db(), me().id, today(), chosen, chosen)
    return render_template(
        "practice/_day.html" if by_htmx() else "practice/day.html",
        day=practice.between(chosen, chosen)[0],
        exposures=exposures_on(db(), me().id, chosen),
        cheers=cheers_on(db(), me().id, chosen),
    )
