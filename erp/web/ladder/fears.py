"""Fears: their ladders, naming one, listing and rating its first steps, and putting it away."""

from __future__ import annotations

import uuid

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from erp.domain.errors import Invalid
from erp.domain.ladder import ladder as ladders
from erp.domain.limits import MAX_LISTED_STEPS
from erp.domain.practice.plan import has_plan
from erp.storage.db import legible
from erp.storage.ladder import Fear, Step
from erp.web.edge.forms import form_page, made, result_before, slider_value, values_of
from erp.web.edge.request import db, me, now, only_read, see_other
from erp.web.ladder import blueprint
from erp.web.ladder.pages import ladder_page, my_fear

BLANK_TITLES = 6
MAX_ROWS_SHOWN_AGAIN = 100


@blueprint.get("/ladder")
@blueprint.get("/ladder/<uuid:fear_id>")
def ladder(fear_id: uuid.UUID | None = None) -> str:
    """Show one fear's ladder: the one that is asked for, else the one practised last."""
    fears = ladders.fears(db(), me().id)
    fear = my_fear(fear_id) if fear_id else ladders.practised_last(fears)
    return ladder_page(fears, ladders.ladder_of(db(), fear) if fear else None)


@blueprint.get("/ladder/new")
def new_fear() -> ResponseReturnValue:
    """Show the form for a fear's name."""
    return _new_fear_page()


@blueprint.post("/ladder/new")
def add_fear() -> ResponseReturnValue:
    """Name a fear; the steps come next."""
    before = result_before(without_id=True)
    if before:
        return see_other(before)
    try:
        fear = ladders.name_fear(db(), me().id, request.form, now())
    except Invalid as error:
        return _new_fear_page(error)
    return see_other(made(url_for("ladder.list_steps", fear_id=fear.id)))


def _new_fear_page(error: Invalid | None = None) -> ResponseReturnValue:
    first = not ladders.fears(db(), me().id)
    return form_page("ladder/new_fear.html", "ladder/_new_fear_form.html", error, form={}, first=first)


@blueprint.get("/ladder/<uuid:fear_id>/list")
def list_steps(fear_id: uuid.UUID) -> ResponseReturnValue:
    """Show a few empty lines for steps."""
    return _list_steps_page(my_fear(fear_id), [])


@blueprint.post("/ladder/<uuid:fear_id>/list")
def add_steps(fear_id: uuid.UUID) -> ResponseReturnValue:
    """List a few steps in one's own words; the ratings come next."""
    titles = request.form.getlist("title")
    try:
        ladders.check_rows(titles, MAX_LISTED_STEPS)
    except Invalid as error:
        only_read()
        return _list_steps_page(my_fear(fear_id), titles[:MAX_ROWS_SHOWN_AGAIN], error)
    fear = my_fear(fear_id)
    before = result_before(without_id=True)
    if before:
        return see_other(before)
    try:
        ladders.list_steps(db(), fear, titles, me().check_in_minutes, now())
    except Invalid as error:
        return _list_steps_page(fear, titles, error)
    return see_other(made(url_for("ladder.rate_steps", fear_id=fear.id)))


def _list_steps_page(fear: Fear, titles: list[str], error: Invalid | None = None) -> ResponseReturnValue:
    titles = titles + [""] * (BLANK_TITLES - len(titles))
    return form_page("ladder/list_steps.html", "ladder/_list_steps_form.html", error, form={}, fear=fear, titles=titles)


@blueprint.get("/ladder/<uuid:fear_id>/rate")
def rate_steps(fear_id: uuid.UUID) -> ResponseReturnValue:
    """Show the steps with a rating each."""
    fear = my_fear(fear_id)
    return _rate_steps_page(fear, ladders.steps_to_rate(db(), fear))


@blueprint.post("/ladder/<uuid:fear_id>/rate")
def save_ratings(fear_id: uuid.UUID) -> ResponseReturnValue:
    """Rate each step; the ladder sorts itself."""
    fear = my_fear(fear_id)
    steps = ladders.steps_to_rate(db(), fear)
    try:
        ladders.rate_steps(steps, request.form)
    except Invalid as error:
        return _rate_steps_page(fear, steps, error)
    planned = has_plan(db(), me().id)
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=fear.id) if planned else url_for("practice.plan", first=1))


def _rate_steps_page(fear: Fear, steps: list[Step], error: Invalid | None = None) -> ResponseReturnValue:
    saved = {f"suds-{step.id}": step.suds for step in steps}
    sent = values_of(saved, error)
    rows = [
        (name, step.title, slider_value(sent.get(name, saved[name]))) for name, step in zip(saved, steps, strict=True)
    ]
    return form_page("ladder/rate_steps.html", "ladder/_rate_steps_form.html", error, form={}, fear=fear, rows=rows)


@blueprint.get("/ladder/<uuid:fear_id>/edit")
def edit_fear(fear_id: uuid.UUID) -> ResponseReturnValue:
    """Show the form for another name."""
    return _edit_fear_page(my_fear(fear_id))


@blueprint.post("/ladder/<uuid:fear_id>/edit")
def rename_fear(fear_id: uuid.UUID) -> ResponseReturnValue:
    """Rename a fear."""
    fear = my_fear(fear_id)
    try:
        ladders.name_fear(db(), me().id, request.form, now(), fear)
    except Invalid as error:
        return _edit_fear_page(fear, error)
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=fear.id))


def _edit_fear_page(fear: Fear, error: Invalid | None = None) -> ResponseReturnValue:
    form = {"name": legible(fear.name)}
    return form_page("ladder/edit_fear.html", "ladder/_edit_fear_form.html", error, form=form, fear=fear)


@blueprint.post("/ladder/<uuid:fear_id>/archived")
def archive_fear(fear_id: uuid.UUID) -> ResponseReturnValue:
    """Put a fear away with its history, or bring it back."""
    fear = my_fear(fear_id)
    archived = request.form.get("archived") == "1"
    ladders.set_archived(fear, archived, now())
    db().commit()
    return see_other(url_for("ladder.ladder") if archived else url_for("ladder.ladder", fear_id=fear.id))


@blueprint.get("/ladder/archived")
def archived() -> str:
    """Show what was put away."""
    fears, steps = ladders.archive_of(db(), me().id)
    return render_template(
        "ladder/archived.html",
        fears=[(fear.id, fear.name) for fear in fears],
        steps=[(step.id, step.title) for step in steps],
    )
