"""The plan: minutes a day and days a week from a date on, and its pauses."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from erp.domain.dates import ONE_DAY
from erp.domain.errors import Invalid
from erp.domain.practice import plan as plans
from erp.domain.practice.days import PlanKind, PlanView
from erp.domain.practice.record import practice_of
from erp.web.edge.formats import daylong, minutes
from erp.web.edge.forms import form_page, made, result_before
from erp.web.edge.request import db, me, now, see_other, today
from erp.web.practice import blueprint
from erp.web.practice.pages import WEEK

# The form offers these; whatever else somebody wants is their own number.
OFFERED_MINUTES = ("5", "10", "20", "30", "45", "60")
SUGGESTED_MINUTES = 20
SUGGESTED_DAYS = 5
SUGGESTED_WEEKDAYS = range(5)


@dataclass(frozen=True, slots=True)
class Weekday:
    """A weekday to choose: its number, and a day for its name."""

    number: int
    day: date
    chosen: bool


@dataclass(frozen=True, slots=True)
class PlanForm:
    """The form of a plan as it is saved or was sent. `own_minutes` are those that the choice does not offer."""

    minutes: str
    own: bool
    own_minutes: str
    by_weekdays: bool
    days_per_week: str
    weekdays: Sequence[Weekday]
    starts_on: str
    opened_on: str


@blueprint.get("/plan")
def plan() -> ResponseReturnValue:
    """Show the plan with its pauses."""
    return _plan_page()


@blueprint.post("/plan")
def set_plan() -> ResponseReturnValue:
    """Commit to minutes a day and days a week, from a date on."""
    weekdays = request.form.getlist("weekdays")
    before = result_before()
    if before:
        return see_other(before)
    try:
        plans.set_plan(db(), me().id, {**_opened_on(), **request.form, "weekdays": weekdays}, today())
    except Invalid as error:
        return _plan_page(error, chosen=weekdays)
    return see_other(made(url_for("practice.today")))


def _opened_on() -> dict[str, str]:
    """The day to assume for a page of the version before, which does not say when it was opened."""
    return {"opened_on": (today() - ONE_DAY).isoformat()}


def _plan_page(
    error: Invalid | None = None,
    fragment: str = "practice/_plan_form.html",
    *,
    sent: str = "plan",
    chosen: list[str] | None = None,
) -> ResponseReturnValue:
    """The page of two forms, of which one was `sent`: its `fragment`, with the weekdays `chosen` in it."""
    day = today()
    facts = practice_of(db(), me().id, day, day, day).facts
    current = facts.plan_on(day)
    values = request.form if error and sent == "plan" else _saved(current, day)
    return form_page(
        "practice/plan.html",
        fragment,
        error,
        sent=None,
        plan=_plan_form(values, _weekdays(current) if chosen is None else chosen, day),
        pause_form=request.form if error and sent == "pause" else {},
        upcoming=next((_upcoming(each) for each in facts.plans if each.starts_on > day), None),
        pauses=[pause for pause in facts.pauses if pause.last_day >= day],
        past_pauses=[pause for pause in facts.pauses if plans.can_be_taken_back(pause.last_day, day)],
        first=bool(request.values.get("first")),
        today=day,
    )


def _upcoming(plan: PlanView) -> str:
    """What a plan will ask for that begins later."""
    days = ngettext("%(num)s day", "%(num)s days", plan.days_a_week)
    start, time = daylong(plan.starts_on), minutes(plan.minutes * 60)
    return _("From %(date)s: %(time)s a day, %(days)s a week.", date=start, time=time, days=days)


def _plan_form(values: Mapping[str, object], chosen: list[str], day: date) -> PlanForm:
    given = str(values.get("minutes", ""))
    own = given != "" and given not in OFFERED_MINUTES
    return PlanForm(
        minutes=given,
        own=own,
        own_minutes=str(values.get("own_minutes") or (given if own and given != "own" else "")),
        by_weekdays=values.get("kind") == PlanKind.weekdays,
        days_per_week=str(values.get("days_per_week")),
        weekdays=[Weekday(number, each, str(number) in chosen) for number, each in enumerate(WEEK)],
        starts_on=str(values.get("starts_on", day)),
        opened_on=str(values.get("opened_on", day)),
    )


def _saved(current: PlanView | None, day: date) -> Mapping[str, object]:
    return {
        "minutes": current.minutes if current else SUGGESTED_MINUTES,
        "kind": current.kind if current else PlanKind.per_week,
        "days_per_week": current.days_per_week if current else SUGGESTED_DAYS,
        "starts_on": day.isoformat(),
    }


def _weekdays(current: PlanView | None) -> list[str]:
    return [str(day) for day in (current.weekdays if current and current.weekdays else SUGGESTED_WEEKDAYS)]


@blueprint.post("/plan/upcoming/end")
def call_off_plan() -> ResponseReturnValue:
    """Forget the plan that was to begin later."""
    plans.call_off_upcoming(db(), me().id, today())
    db().commit()
    return see_other(url_for("practice.plan"))


@blueprint.post("/plan/pauses")
def add_pause() -> ResponseReturnValue:
    """Expect nothing for a while."""
    before = result_before()
    if before:
        return see_other(before)
    try:
        plans.add_pause(db(), me().id, request.form, today(), now())
    except Invalid as error:
        return _plan_page(error, "practice/_pause_form.html", sent="pause")
    return see_other(made(url_for("practice.plan")))


@blueprint.post("/plan/pauses/<uuid:pause_id>/end")
def end_pause(pause_id: uuid.UUID) -> ResponseReturnValue:
    """End a pause today, or call off one that has not begun."""
    plans.end_pause(db(), plans.pause_of(db(), me().id, pause_id), today())
    db().commit()
    return see_other(url_for("practice.plan"))


@blueprint.post("/plan/pauses/<uuid:pause_id>/take-back")
def take_back_pause(pause_id: uuid.UUID) -> ResponseReturnValue:
    """Take back a pause of the past days."""
    plans.take_back_pause(db(), plans.pause_of(db(), me().id, pause_id), today())
    db().commit()
    return see_other(url_for("practice.plan"))
