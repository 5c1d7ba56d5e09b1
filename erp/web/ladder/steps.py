"""Steps: one by itself, adding, changing, mastering and splitting it, and something smaller than it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from erp.domain.errors import Invalid
from erp.domain.exposure.reading import latest_of_step
from erp.domain.ladder import ladder as ladders
from erp.domain.limits import MAX_MICRO_STEPS
from erp.storage.db import legible
from erp.storage.ladder import Fear, Step
from erp.web.edge.forms import check_ins, form_page, made, result_before, slider_value, values_of
from erp.web.edge.request import db, me, now, only_read, see_other
from erp.web.ladder import blueprint
from erp.web.ladder.pages import my_fear, my_step

MICRO_STEPS = 4
MAX_ROWS_SHOWN_AGAIN = 40
EXPOSURES_SHOWN = 10
DETAILS = ("title", "details", "suds", "response", "planned_minutes", "check_in_minutes", "stopping_rule")


@blueprint.get("/steps/<uuid:step_id>")
def step(step_id: uuid.UUID) -> str:
    """Show one step with its latest exposures."""
    found = my_step(step_id)
    fear, view = my_fear(found.fear_id), ladders.view_of(found)
    return render_template(
        "ladder/step.html",
        step=view,
        moved=_moved(view),
        stays_until=_stays_until(view),
        fear=fear,
        exposures=latest_of_step(db(), found, EXPOSURES_SHOWN),
        can_split=_can_be_split(found),
    )


def _moved(step: ladders.StepView) -> str:
    """How the rating of a step stands to its first one."""
    if step.has_moved:
        return _("%(num)s at first", num=step.first_suds)
    return _("as at first") if step.runs else _("not practised yet")


def _stays_until(step: ladders.StepView) -> str | None:
    """Until when somebody stays in a step, where it is not the time alone."""
    match step.stopping_rule:
        case ladders.StoppingRule.halved:
            return _("it is half as strong")
        case ladders.StoppingRule.tested:
            return _("the prediction is tested")
    return None


@blueprint.get("/ladder/<uuid:fear_id>/new")
def new_step(fear_id: uuid.UUID) -> ResponseReturnValue:
    """Show the form for one more step."""
    return _new_step_page(my_fear(fear_id))


@blueprint.post("/ladder/<uuid:fear_id>/new")
def add_step(fear_id: uuid.UUID) -> ResponseReturnValue:
    """Add one step to a ladder."""
    fear = my_fear(fear_id)
    before = result_before(without_id=True)
    if before:
        return see_other(before)
    try:
        ladders.save_step(db(), fear, request.form, now())
    except Invalid as error:
        return _new_step_page(fear, error)
    return see_other(made(url_for("ladder.ladder", fear_id=fear.id)))


def _new_step_page(fear: Fear, error: Invalid | None = None) -> ResponseReturnValue:
    form = {
        "suds": ladders.FIRST_SUDS,
        "planned_minutes": ladders.PLANNED_MINUTES,
        "check_in_minutes": me().check_in_minutes,
        "stopping_rule": ladders.StoppingRule.time,
    }
    url = url_for("ladder.new_step", fear_id=fear.id)
    return _step_form_page("ladder/new_step.html", url, form, error, fear=fear, step=None)


@blueprint.get("/steps/<uuid:step_id>/edit")
def edit_step(step_id: uuid.UUID) -> ResponseReturnValue:
    """Show what a step says, to change it."""
    found = my_step(step_id)
    return _edit_step_page(my_fear(found.fear_id), found)


@blueprint.post("/steps/<uuid:step_id>/edit")
def save_step(step_id: uuid.UUID) -> ResponseReturnValue:
    """Change what a step says."""
    found = my_step(step_id)
    fear = my_fear(found.fear_id)
    try:
        ladders.save_step(db(), fear, request.form, now(), found)
    except Invalid as error:
        return _edit_step_page(fear, found, error)
    db().commit()
    return see_other(url_for("ladder.step", step_id=found.id))


def _edit_step_page(fear: Fear, found: Step, error: Invalid | None = None) -> ResponseReturnValue:
    form = {name: legible(getattr(found, name)) for name in DETAILS}
    view = ladders.view_of(found)
    url = url_for("ladder.edit_step", step_id=found.id)
    return _step_form_page("ladder/edit_step.html", url, form, error, fear=fear, step=view)


def _step_form_page(
    page: str,
    action: str,
    form: Mapping[str, object],
    error: Invalid | None,
    *,
    fear: Fear,
    step: ladders.StepView | None,
) -> ResponseReturnValue:
    """A page with the form of a step, which goes to `action`."""
    values = values_of(form, error)
    return form_page(
        page,
        "ladder/_step_form.html",
        error,
        form=form,
        action=action,
        suds=slider_value(values.get("suds")),
        check_ins=check_ins(values),
        fear=fear,
        step=step,
    )


@blueprint.post("/steps/<uuid:step_id>/mastered")
def master_step(step_id: uuid.UUID) -> ResponseReturnValue:
    """Mark a step as mastered, or take that back."""
    found = my_step(step_id)
    ladders.set_mastered(found, request.form.get("mastered") == "1", now())
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=found.fear_id))


@blueprint.post("/steps/<uuid:step_id>/archived")
def archive_step(step_id: uuid.UUID) -> ResponseReturnValue:
    """Put a step away with its history, or bring it back."""
    found = my_step(step_id)
    ladders.set_archived(found, request.form.get("archived") == "1", now())
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=found.fear_id))


@blueprint.get("/steps/<uuid:step_id>/split")
def split_step(step_id: uuid.UUID) -> ResponseReturnValue:
    """Show a few lines for micro-steps."""
    return _split_page(my_step(step_id), [])


@blueprint.post("/steps/<uuid:step_id>/split")
def add_micro_steps(step_id: uuid.UUID) -> ResponseReturnValue:
    """Make micro-steps out of a step."""
    rows = _micro_rows(request.form.getlist("title"), request.form.getlist("suds"))
    try:
        ladders.check_rows([title for title, _suds in rows], MAX_MICRO_STEPS)
    except Invalid as error:
        only_read()
        return _split_page(my_step(step_id), rows[:MAX_ROWS_SHOWN_AGAIN], error)
    found = my_step(step_id)
    before = result_before(without_id=True)
    if before:
        return see_other(before)
    try:
        ladders.split_step(db(), found, rows, now())
    except Invalid as error:
        return _split_page(found, rows, error)
    return see_other(made(url_for("ladder.ladder", fear_id=found.fear_id)))


def _micro_rows(titles: list[str], suds: list[str]) -> list[tuple[str, str]]:
    """The titles with their ratings, empty where there is none."""
    return [(title, suds[number] if number < len(suds) else "") for number, title in enumerate(titles)]


def _split_page(found: Step, rows: list[tuple[str, str]], error: Invalid | None = None) -> ResponseReturnValue:
    for number in range(len(rows), MICRO_STEPS):
        rows = [*rows, ("", str(max(0, found.suds * (MICRO_STEPS - number) // (MICRO_STEPS + 1))))]
    highest = max(found.suds - 1, 0)
    shown = [(title, slider_value(suds, highest)) for title, suds in rows]
    page, fragment, view = "ladder/split.html", "ladder/_split_form.html", ladders.view_of(found)
    return form_page(page, fragment, error, form={}, step=view, rows=shown, highest=highest)


@blueprint.get("/steps/<uuid:step_id>/smaller")
def smaller(step_id: uuid.UUID) -> str:
    """Offer something smaller to somebody who cannot start."""
    found = my_step(step_id)
    easier = ladders.easier_step(db(), found)
    return render_template(
        "ladder/smaller.html", step=ladders.view_of(found), easier=easier, can_split=_can_be_split(found)
    )


def _can_be_split(step: Step) -> bool:
    """Whether anything can be easier than the step."""
    return step.suds > 0
