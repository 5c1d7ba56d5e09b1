"""The pages of the practice that the phone keeps: Today, and the calendar's month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from flask import get_template_attribute, render_template
from flask_babel import gettext as _
from flask_babel import ngettext

from erp.domain.dates import ONE_DAY, local_day, minutes_done, minutes_left, week_of
from erp.domain.exposure.reading import running_of
from erp.domain.ladder.ladder import has_ladder, next_step
from erp.domain.practice.days import DayState, DayView
from erp.domain.practice.record import Practice, practice_of
from erp.domain.support.cheer import CheerView, latest_cheers
from erp.domain.support.relation import supports_anybody
from erp.web.edge.formats import language
from erp.web.edge.request import by_htmx, db, me, now, today
from erp.web.practice import blueprint

FIRST_MONTH, LAST_MONTH = date(2000, 1, 1), date(2100, 12, 1)
MAX_CHEERS = 3


@blueprint.app_template_global()
def day_mark(day: DayView) -> str:
    """The drawing of a day. A calendar shows thirty; each is drawn once and kept."""
    return _drawn(day.date, day.state, round(day.share, 2), day.today, language().locale)


@lru_cache(maxsize=4096)
def _drawn(day: date, state: str, share: float, is_today: bool, _locale: str) -> str:
    draw = get_template_attribute("macros/day.html", "day_mark")
    return draw({"date": day, "state": state, "share": share, "today": is_today})


def today_page() -> str:
    """What there is to do today, and how far this week has come."""
    day = today()
    monday, sunday = week_of(day)
    practice = practice_of(db(), me().id, day, monday, sunday)
    week = practice.between(monday, sunday)
    current = week[day.weekday()]
    step = next_step(db(), me().id)
    climbs = step is not None or has_ladder(db(), me().id)
    return render_template(
        "practice/today.html",
        today=current,
        headline=_headline(current),
        week=week,
        totals=practice.totals(),
        step=step,
        has_ladder=climbs,
        cheers_others=not climbs and supports_anybody(db(), me().id),
        cheers=_latest_cheers(day),
        running=running_of(db(), me().id, now()),
        plan=practice.facts.plan_on(day),
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


def _headline(day: DayView) -> str:
    """The day in a few words: what is left, never what was missed."""
    if day.state == DayState.goal:
        return _("Today’s practice is done")
    if day.state == DayState.paused:
        return _("You are on a pause")
    if day.state == DayState.rest and day.goal_seconds:
        return _("A rest day")
    if day.goal_seconds is not None:
        left = minutes_left(day.goal_seconds - day.seconds)
        return ngettext("%(num)s minute to go", "%(num)s minutes to go", left)
    done = minutes_done(day.seconds)
    return ngettext("%(num)s minute practised", "%(num)s minutes practised", done) if done else _("Ready when you are")


def month_page(first: date) -> str:
    """The month that begins on this day; for htmx it comes alone."""
    last = next_month(first) - ONE_DAY
    practice = practice_of(db(), me().id, today(), first, last)
    return render_template(
        "practice/_month.html" if by_htmx() else "practice/calendar.html",
        month=first,
        weeks=weeks_of(practice, first, last),
        previous=(first - ONE_DAY).replace(day=1) if first > FIRST_MONTH else None,
        next=next_month(first) if first < LAST_MONTH else None,
        totals=practice.totals(),
        today=today(),
    )


def next_month(first: date) -> date:
    """The first day of the month after the one that begins on this day."""
    return (first + timedelta(days=31)).replace(day=1)


def weeks_of(practice: Practice, first: date, last: date) -> Sequence[Sequence[DayView | None]]:
    """The days of a month in weeks of seven, with None where a week reaches beyond it."""
    cells: list[DayView | None] = [None] * first.weekday()
    cells += practice.between(first, last)
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]
