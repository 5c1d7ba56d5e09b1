"""The plan: minutes a day and days a week from a date on, and its pauses."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date

from flask import request, url_for
from flask.typing import ResponseReturnValue

from erp.domain.dates import ONE_DAY
from erp.domain.errors import Invalid
from erp.domain.practice import plan as plans
from erp.domain.practice.days import PlanView
from erp.domain.practice.record import practice_of
from erp.web.edge.forms import form_page, made, result_before
from erp.web.edge.request import db, me, now, see_other, today
from erp.web.practice import blueprint

SUGGESTED_MINUTES = 20
SUGGESTED_DAYS = 5
SUGGESTED_WEEKDAYS = range(5)
# Some week, for the names of its days: Monday first.
WEEK = [date(2024, 1, number) for number in range(1, 8)]


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
    sent: str = "form",
    chosen: list[str] | None = None,
) -> ResponseReturnValue:
    """The page of two forms: `fragment` is the one that was sent, with the weekdays `chosen` in it."""
    day = today()
    facts = practice_of(db(), me().id, day, day, day).facts
    current = facts.plan_on(day)
    return form_page(
        "practice/plan.html",
        fragment,
        error,
        sent=sent,
        form=_saved(current, day),
        chosen=_weekdays(current) if chosen is None else chosen,
        pause_form={},
        plan=current,
        upcoming=next((each for each in facts.plans if each.starts_on > day), None),
        pauses=[pause for pause in facts.pauses if pause.last_day >= day],
        past_pauses=[pause for pause in facts.pauses if plans.can_be_taken_back(pause.last_day, day)],
        first=bool(request.values.get("first")),
        today=day,
        weekdays=WEEK,
    )


def _saved(current: PlanView | None, day: date) -> Mapping[str, object]:
    return {
        "minutes": current.minutes if current else SUGGESTED_MINUTES,
        "kind": current.kind if current else "per_week",
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
        return _plan_page(error, "practice/_pause_form.html", sent="pause_form")
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
