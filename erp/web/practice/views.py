"""Today, the plan with its pauses, and the calendar."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from flask import Blueprint, abort, get_template_attribute, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.dates import ONE_DAY, local_day, week_of
from erp.domain.errors import Invalid
from erp.domain.exposure.reading import exposures_on, running_of
from erp.domain.ladder.ladder import has_ladder, next_step
from erp.domain.practice import plan as plans
from erp.domain.practice.days import DayView, PlanView
from erp.domain.practice.record import Practice, practice_of
from erp.domain.support.cheer import CheerView, cheers_on, latest_cheers
from erp.domain.support.relation import supports_anybody
from erp.web.edge import by_htmx, db, me, now, see_other, today
from erp.web.edge.formats import language
from erp.web.edge.problems import sentences

blueprint = Blueprint("practice", __name__)

EARLIEST_YEAR, LATEST_YEAR = 2000, 2100
SUGGESTED_MINUTES = 20
SUGGESTED_DAYS = 5
CHEERS_SHOWN = 3


@blueprint.app_template_global()
def day_mark(day: DayView) -> str:
    """The drawing of a day. A calendar shows thirty; each is drawn once and kept."""
    return _drawn(day.date, day.state, round(day.share, 2), day.today, language().locale)


@lru_cache(maxsize=4096)
def _drawn(day: date, state: str, share: float, is_today: bool, _locale: str) -> str:
    draw = get_template_attribute("macros.html", "day_mark")
    return draw({"date": day, "state": state, "share": share, "today": is_today})


@blueprint.get("/today", endpoint="today")
def today_page() -> str:
    """Show what there is to do today, and how far this week has come."""
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


def _latest_cheers(day: date) -> list[tuple[bool, list[CheerView]]]:
    """The newest cheers of the day, and of the day before (True), each newest first."""
    newest = latest_cheers(db(), me().id, day - ONE_DAY, CHEERS_SHOWN)
    of_today = [each for each in newest if local_day(each.sent_at, me().time_zone) == day]
    return [(False, of_today), (True, [each for each in newest if each not in of_today])]


def _headline(day: DayView) -> str:
    """The day in a few words: what is left, never what was missed."""
    done = day.seconds // 60
    if day.state == "goal":
        return _("Today’s practice is done")
    if day.state == "paused":
        return _("You are on a pause")
    if day.state == "rest" and day.goal_seconds:
        return _("A rest day")
    if day.goal_seconds is None:
        return (
            ngettext("%(num)s minute practised", "%(num)s minutes practised", done) if done else _("Ready when you are")
        )
    left = -(-(day.goal_seconds - day.seconds) // 60)
    return ngettext("%(num)s minute to go", "%(num)s minutes to go", left)


@blueprint.route("/plan", methods=["GET", "POST"])
def plan() -> Any:
    """Commit to minutes a day and days a week, from a date on."""
    if request.method != "POST":
        return _plan_page()
    raw: dict[str, Any] = {**request.form, "weekdays": request.form.getlist("weekdays")}
    try:
        plans.set_plan(db(), me().id, raw, today())
    except Invalid as error:
        return _plan_page(error)
    db().commit()
    return see_other(url_for("practice.today"))


def _plan_page(error: Invalid | None = None, pause_form: Mapping[str, str] | None = None) -> Any:
    """The plan with its pauses; where `pause_form` was sent, the error is of that form and not of the plan's."""
    day = today()
    facts = practice_of(db(), me().id, day, day, day).facts
    current = facts.plan_on(day)
    sent = error is not None and pause_form is None
    context = {
        "errors": sentences(error) if error else {},
        "form": request.form if sent else _plan_form(current, day),
        "chosen": request.form.getlist("weekdays") if sent else _weekdays(current),
        "pause_form": pause_form or {},
        "plan": current,
        "upcoming": next((each for each in facts.plans if each.starts_on > day), None),
        "pauses": [pause for pause in facts.pauses if pause.last_day >= day],
        "first": bool(request.values.get("first")),
        "today": day,
    }
    if error is None:
        return render_template("practice/plan.html", **context)
    fragment = "practice/_plan_form.html" if sent else "practice/_pause_form.html"
    return render_template(fragment if by_htmx() else "practice/plan.html", **context), 422


def _plan_form(current: PlanView | None, day: date) -> dict[str, Any]:
    return {
        "minutes": current.minutes if current else SUGGESTED_MINUTES,
        "kind": current.kind if current else "per_week",
        "days_per_week": current.days_per_week if current else SUGGESTED_DAYS,
        "starts_on": day.isoformat(),
    }


def _weekdays(current: PlanView | None) -> list[str]:
    return [str(day) for day in (current.weekdays if current and current.weekdays else range(5))]


@blueprint.post("/plan/upcoming/end")
def call_off_plan() -> BaseResponse:
    """Forget the plan that was to begin later."""
    plans.call_off_upcoming(db(), me().id, today())
    db().commit()
    return see_other(url_for("practice.plan"))


@blueprint.post("/plan/pauses")
def add_pause() -> Any:
    """Expect nothing for a while."""
    try:
        plans.add_pause(db(), me().id, request.form, today(), now())
    except Invalid as error:
        return _plan_page(error, request.form)
    db().commit()
    return see_other(url_for("practice.plan"))


@blueprint.post("/plan/pauses/<uuid:pause_id>/end")
def end_pause(pause_id: uuid.UUID) -> BaseResponse:
    """End a pause today, or call off one that has not begun."""
    plans.end_pause(db(), plans.pause_of(db(), me().id, pause_id), today())
    db().commit()
    return see_other(url_for("practice.plan"))


@blueprint.get("/calendar")
@blueprint.get("/calendar/<int:year>/<int:month>")
def calendar(year: int | None = None, month: int | None = None) -> str:
    """Show a month of days, this one unless another is asked for."""
    day = today()
    first = day.replace(day=1) if year is None or month is None else _month(year, month)
    last = _next_month(first) - timedelta(days=1)
    practice = practice_of(db(), me().id, day, first, last)
    page = "practice/_month.html" if by_htmx() else "practice/calendar.html"
    return render_template(
        page,
        month=first,
        weeks=_weeks(practice, first, last),
        previous=_previous_month(first) if first > _month(EARLIEST_YEAR, 1) else None,
        next=_next_month(first) if first < _month(LATEST_YEAR, 12) else None,
        totals=practice.totals(),
        today=day,
    )


def _month(year: int, month: int) -> date:
    if not (EARLIEST_YEAR <= year <= LATEST_YEAR and 1 <= month <= 12):
        abort(404)
    return date(year, month, 1)


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _previous_month(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


def _weeks(practice: Practice, first: date, last: date) -> list[list[DayView | None]]:
    cells: list[DayView | None] = [None] * first.weekday()
    cells += practice.between(first, last)
    cells += [None] * (-len(cells) % 7)
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


@blueprint.get("/calendar/<int:year>")
def year(year: int) -> str:
    """Show a whole year at a glance."""
    first = _month(year, 1)
    practice = practice_of(db(), me().id, today(), first, date(year, 12, 31))
    months = []
    for number in range(1, 13):
        start = date(year, number, 1)
        months.append((start, _weeks(practice, start, _next_month(start) - timedelta(days=1))))
    return render_template("practice/year.html", year=year, months=months, totals=practice.totals(), today=today())


@blueprint.get("/calendar/days/<day>")
def day(day: str) -> str:
    """Show one day with its exposures."""
    try:
        chosen = date.fromisoformat(day)
    except ValueError:
        abort(404)
    _month(chosen.year, chosen.month)
    practice = practice_of(db(), me().id, today(), chosen, chosen)
    page = "practice/_day.html" if by_htmx() else "practice/day.html"
    return render_template(
        page,
        day=practice.between(chosen, chosen)[0],
        exposures=exposures_on(db(), me().id, chosen),
        cheers=cheers_on(db(), me().id, chosen),
    )
