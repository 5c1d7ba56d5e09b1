"""The pages of the practice that the phone keeps: Today, and the calendar's month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from flask import get_template_attribute, render_template
from flask_babel import gettext as _

from erp.domain.dates import ONE_DAY, local_day, week_of
from erp.domain.exposure.reading import running_of
from erp.domain.ladder.ladder import has_ladder, next_step
from erp.domain.practice.days import DayView
from erp.domain.practice.record import Practice, practice_of
from erp.domain.support.cheer import CheerView, latest_cheers
from erp.domain.support.relation import supports_anybody
from erp.web.edge.formats import language
from erp.web.edge.request import by_htmx, db, me, now, today
from erp.web.practice import blueprint
from erp.web.practice.words import day_words, headline, streak_lines

FIRST_MONTH, LAST_MONTH = date(2000, 1, 1), date(2100, 12, 1)
MAX_CHEERS = 3
# Some week, for the names of its days: Monday first.
WEEK = [date(2024, 1, number) for number in range(1, 8)]
# In percent: what of a day's ring is always seen.
SHORTEST_ARC = 4


@blueprint.app_template_global()
def day_mark(day: DayView) -> str:
    """The drawing of a day. A calendar shows thirty; each is drawn once and kept."""
    return _drawn(day.date, day.state, round(day.share, 2), day.today, language().locale)


@lru_cache(maxsize=4096)
def _drawn(day: date, state: str, share: float, is_today: bool, _locale: str) -> str:
    draw = get_template_attribute("macros/day.html", "day_mark")
    shown = {"date": day, "state": state, "today": is_today}
    return draw(shown, day_words(state), max(round(share * 100), SHORTEST_ARC))


def today_page() -> str:
    """What there is to do today, and how far this week has come."""
    day = today()
    monday, sunday = week_of(day)
    practice = practice_of(db(), me().id, day, monday, sunday)
    week = practice.between(monday, sunday)
    current = week[day.weekday()]
    step = next_step(db(), me().id)
    running = running_of(db(), me().id, now())
    climbs = step is not None or has_ladder(db(), me().id)
    return render_template(
        "practice/today.html",
        today=current,
        headline=headline(current),
        week=week,
        streak=streak_lines(practice.totals()),
        step=step,
        has_ladder=climbs,
        cheers_others=not climbs and supports_anybody(db(), me().id),
        cheers=_latest_cheers(day),
        running=running,
        offers_plan=(step is not None or running is not None) and practice.facts.plan_on(day) is None,
    )


def _latest_cheers(day: date) -> list[tuple[str, list[CheerView]]]:
    """The newest cheers of the day, and of the day before, under a heading each, newest first."""
    newest = latest_cheers(db(), me().id, day - ONE_DAY, MAX_CHEERS)
    of_today = [each for each in newest if local_day(each.sent_at, me().time_zone) == day]
    before = [each for each in newest if each not in of_today]
    return [(_from_whom(some, yesterday=some is before), some) for some in (of_today, before) if some]


def _from_whom(cheers: Sequence[CheerView], *, yesterday: bool) -> str:
    if len({cheer.name for cheer in cheers}) == 1:
        return _("From your coach, yesterday") if yesterday else _("From your coach")
    return _("From your coaches, yesterday") if yesterday else _("From your coaches")


@dataclass(frozen=True, slots=True)
class Turn:
    """A way from one month to the next, or to the one before."""

    rel: str
    icon: str
    text: str
    to: date


def month_page(first: date) -> str:
    """The month that begins on this day; for htmx it comes alone."""
    last = next_month(first) - ONE_DAY
    practice = practice_of(db(), me().id, today(), first, last)
    totals = practice.totals()
    return render_template(
        "practice/_month.html" if by_htmx() else "practice/calendar.html",
        today=today(),
        month=first,
        names_year=first.year != today().year,
        turns=list(_turns(first)),
        weekdays=WEEK,
        weeks=weeks_of(practice, first, last),
        totals=totals,
        longest=totals.longest if 0 < totals.current < totals.longest else None,
    )


def _turns(first: date) -> Iterator[Turn]:
    if first > FIRST_MONTH:
        yield Turn("prev", "back", _("Previous month"), (first - ONE_DAY).replace(day=1))
    if first < LAST_MONTH:
        yield Turn("next", "next", _("Next month"), next_month(first))


def next_month(first: date) -> date:
    """The first day of the month after the one that begins on this day."""
    return (first + timedelta(days=31)).replace(day=1)


def weeks_of(practice: Practice, first: date, last: date) -> Sequence[Sequence[DayView | None]]:
    """The days of a month in weeks of seven, with None where a week reaches beyond it."""
    cells: list[DayView | None] = [None] * first.weekday()
    cells += practice.between(first, last)
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]
