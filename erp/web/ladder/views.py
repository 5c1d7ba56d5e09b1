"""The ladder: fears, their steps, and everything a client does to them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.errors import Invalid
from erp.domain.exposure.reading import latest_of_step
from erp.domain.ladder import ladder as ladders
from erp.domain.practice.plan import has_plan
from erp.storage.ladder import Fear, Step
from erp.web.edge import db, me, now, see_other
from erp.web.edge.forms import form_page

blueprint = Blueprint("ladder", __name__)

BLANK_TITLES = 6
MICRO_STEPS = 4


def _fear(fear_id: uuid.UUID) -> Fear:
    return ladders.fear_of(db(), me().id, fear_id)


def _step(step_id: uuid.UUID) -> Step:
    return ladders.step_of(db(), me().id, step_id)


@blueprint.get("/ladder")
@blueprint.get("/ladder/<uuid:fear_id>")
def ladder(fear_id: uuid.UUID | None = None) -> str:
    """Show one fear's ladder: the one that is asked for, else the one practised last."""
    fears = ladders.fears(db(), me().id)
    fear = _fear(fear_id) if fear_id else ladders.practised_last(fears)
    return ladder_page(fears, ladders.ladder_of(db(), fear) if fear else None)


def ladder_page(fears: Sequence[Fear], fear: ladders.FearView | None) -> str:
    """The page of one ladder beside the others."""
    return render_template("ladder/ladder.html", fears=[(each.id, each.name) for each in fears], fear=fear)


@blueprint.route("/ladder/new", methods=["GET", "POST"])
def new_fear() -> Any:
    """Name a fear; the steps come next."""
    if request.method != "POST":
        return _new_fear_page()
    try:
        fear = ladders.name_fear(db(), me().id, request.form, now())
    except Invalid as error:
        return _new_fear_page(error)
    db().commit()
    return see_other(url_for("ladder.list_steps", fear_id=fear.id))


def _new_fear_page(error: Invalid | None = None) -> Any:
    first = not ladders.fears(db(), me().id)
    return form_page("ladder/new_fear.html", "ladder/_new_fear_form.html", error, form={}, first=first)


@blueprint.route("/ladder/<uuid:fear_id>/list", methods=["GET", "POST"])
def list_steps(fear_id: uuid.UUID) -> Any:
    """List a few steps in one's own words; the ratings come next."""
    fear = _fear(fear_id)
    if request.method != "POST":
        return _list_steps_page(fear, [])
    titles = request.form.getlist("title")
    try:
        ladders.list_steps(db(), fear, titles, me().check_in_minutes, now())
    except Invalid as error:
        return _list_steps_page(fear, titles, error)
    db().commit()
    return see_other(url_for("ladder.rate_steps", fear_id=fear.id))


def _list_steps_page(fear: Fear, titles: list[str], error: Invalid | None = None) -> Any:
    titles = titles + [""] * (BLANK_TITLES - len(titles))
    return form_page("ladder/list_steps.html", "ladder/_list_steps_form.html", error, form={}, fear=fear, titles=titles)


@blueprint.route("/ladder/<uuid:fear_id>/rate", methods=["GET", "POST"])
def rate_steps(fear_id: uuid.UUID) -> Any:
    """Rate each step; the ladder sorts itself."""
    fear = _fear(fear_id)
    steps = ladders.steps_to_rate(db(), fear)
    if request.method != "POST":
        return _rate_steps_page(fear, steps)
    try:
        ladders.rate_steps(steps, request.form)
    except Invalid as error:
        return _rate_steps_page(fear, steps, error)
    planned = has_plan(db(), me().id)
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=fear.id) if planned else url_for("practice.plan", first=1))


def _rate_steps_page(fear: Fear, steps: list[Step], error: Invalid | None = None) -> Any:
    views = [ladders.view_of(step) for step in steps]
    return form_page("ladder/rate_steps.html", "ladder/_rate_steps_form.html", error, form={}, fear=fear, steps=views)


@blueprint.route("/ladder/<uuid:fear_id>/edit", methods=["GET", "POST"])
def edit_fear(fear_id: uuid.UUID) -> Any:
    """Rename a fear."""
    fear = _fear(fear_id)
    if request.method != "POST":
        return _edit_fear_page(fear)
    try:
        ladders.name_fear(db(), me().id, request.form, now(), fear)
    except Invalid as error:
        return _edit_fear_page(fear, error)
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=fear.id))


def _edit_fear_page(fear: Fear, error: Invalid | None = None) -> Any:
    form = {"name": fear.name}
    return form_page("ladder/edit_fear.html", "ladder/_edit_fear_form.html", error, form=form, fear=fear)


@blueprint.post("/ladder/<uuid:fear_id>/archived")
def archive_fear(fear_id: uuid.UUID) -> BaseResponse:
    """Put a fear away with its history, or bring it back."""
    fear = _fear(fear_id)
    away = request.form.get("archived") == "1"
    ladders.set_archived(fear, away, now())
    db().commit()
    return see_other(url_for("ladder.ladder") if away else url_for("ladder.ladder", fear_id=fear.id))


@blueprint.get("/ladder/archived")
def archived() -> str:
    """Show what was put away."""
    fears, steps = ladders.archive_of(db(), me().id)
    views = [ladders.view_of(step) for step in steps]
    return render_template("ladder/archived.html", fears=[(fear.id, fear.name) for fear in fears], steps=views)


@blueprint.route("/ladder/<uuid:fear_id>/new", methods=["GET", "POST"])
def new_step(fear_id: uuid.UUID) -> Any:
    """Add one step to a ladder."""
    fear = _fear(fear_id)
    if request.method != "POST":
        return _step_page(fear, None)
    try:
        ladders.save_step(db(), fear, request.form, now())
    except Invalid as error:
        return _step_page(fear, None, error)
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=fear.id))


@blueprint.get("/steps/<uuid:step_id>")
def step(step_id: uuid.UUID) -> str:
    """Show one step with its latest exposures."""
    found = _step(step_id)
    fear = _fear(found.fear_id)
    return render_template(
        "ladder/step.html",
        step=ladders.view_of(found),
        fear=fear,
        exposures=latest_of_step(db(), found, 10),
        has_easier=found.suds > 0,
    )


@blueprint.route("/steps/<uuid:step_id>/edit", methods=["GET", "POST"])
def edit_step(step_id: uuid.UUID) -> Any:
    """Change what a step says."""
    found = _step(step_id)
    fear = _fear(found.fear_id)
    if request.method != "POST":
        return _step_page(fear, found)
    try:
        ladders.save_step(db(), fear, request.form, now(), found)
    except Invalid as error:
        return _step_page(fear, found, error)
    db().commit()
    return see_other(url_for("ladder.step", step_id=found.id))


def _step_page(fear: Fear, found: Step | None, error: Invalid | None = None) -> Any:
    saved = {
        "suds": ladders.FIRST_SUDS,
        "planned_minutes": ladders.PLANNED_MINUTES,
        "check_in_minutes": me().check_in_minutes,
        "stopping_rule": "time",
    }
    names = ("title", "details", "suds", "response", "planned_minutes", "check_in_minutes", "stopping_rule")
    form = {name: getattr(found, name) for name in names} if found else saved
    page = "ladder/edit_step.html" if found else "ladder/new_step.html"
    view = ladders.view_of(found) if found else None
    return form_page(page, "ladder/_step_form.html", error, form=form, fear=fear, step=view)


@blueprint.post("/steps/<uuid:step_id>/mastered")
def master_step(step_id: uuid.UUID) -> BaseResponse:
    """Mark a step as mastered, or take that back."""
    found = _step(step_id)
    ladders.set_mastered(found, request.form.get("mastered") == "1", now())
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=found.fear_id))


@blueprint.post("/steps/<uuid:step_id>/archived")
def archive_step(step_id: uuid.UUID) -> BaseResponse:
    """Put a step away with its history, or bring it back."""
    found = _step(step_id)
    ladders.set_archived(found, request.form.get("archived") == "1", now())
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=found.fear_id))


@blueprint.route("/steps/<uuid:step_id>/split", methods=["GET", "POST"])
def split_step(step_id: uuid.UUID) -> Any:
    """Make micro-steps out of a step."""
    found = _step(step_id)
    if request.method != "POST":
        return _split_page(found, [])
    rows = list(zip(request.form.getlist("title"), request.form.getlist("suds"), strict=False))
    try:
        ladders.split_step(db(), found, rows, now())
    except Invalid as error:
        return _split_page(found, rows, error)
    db().commit()
    return see_other(url_for("ladder.ladder", fear_id=found.fear_id))


def _split_page(found: Step, rows: list[tuple[str, str]], error: Invalid | None = None) -> Any:
    for number in range(len(rows), MICRO_STEPS):
        rows = [*rows, ("", str(max(0, found.suds * (MICRO_STEPS - number) // (MICRO_STEPS + 1))))]
    view = ladders.view_of(found)
    return form_page("ladder/split.html", "ladder/_split_form.html", error, form={}, step=view, rows=rows)


@blueprint.get("/steps/<uuid:step_id>/smaller")
def smaller(step_id: uuid.UUID) -> str:
    """Offer something smaller to somebody who cannot start."""
    found = _step(step_id)
    return render_template("ladder/smaller.html", step=ladders.view_of(found), easier=ladders.easier_step(db(), found))
