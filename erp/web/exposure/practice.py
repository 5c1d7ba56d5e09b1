"""The practice page, at a step and at an exposure, and the summary that takes its last part."""

from __future__ import annotations

import uuid

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from erp.domain.errors import NotFound, Unreadable
from erp.domain.exposure.reading import exposure_if_known, exposure_of, running_of, view_of
from erp.domain.ladder.ladder import next_step, step_of
from erp.storage.ladder import Step
from erp.web.edge.errors import unreadable_page
from erp.web.edge.request import db, me, now
from erp.web.exposure import blueprint
from erp.web.exposure.pages import practice_page, summary_of


@blueprint.get("/practice")
def next_practice() -> ResponseReturnValue:
    """Go to the practice that runs, else to the next step's, else to Today."""
    running = running_of(db(), me().id, now())
    if running:
        return redirect(url_for("exposure.exposure", exposure_id=running.id))
    step = next_step(db(), me().id)
    return redirect(url_for("exposure.practice", step_id=step.id) if step else url_for("practice.today"))


@blueprint.get("/steps/<uuid:step_id>/practice")
def practice(step_id: uuid.UUID) -> str:
    """Show the practice page of a step, before the start; `minutes` offers a length other than the step's."""
    return practice_page(step_of(db(), me().id, step_id), None)


@blueprint.get("/exposures/<uuid:exposure_id>")
def exposure(exposure_id: uuid.UUID) -> str:
    """Show an exposure, wherever it stands.

    One that the server has not heard of yet, because its start still waits on the phone, names its step.
    """
    try:
        found = exposure_if_known(db(), me().id, exposure_id)
        if found is not None and found.step_id is not None:
            return practice_page(db().get_one(Step, found.step_id), found)
    except Unreadable:
        return unreadable_page()
    try:
        step_id = uuid.UUID(request.args.get("step", ""))
    except ValueError:
        raise NotFound from None
    return practice_page(step_of(db(), me().id, step_id), None, exposure_id)


@blueprint.get("/exposures/<uuid:exposure_id>/summary")
def summary(exposure_id: uuid.UUID) -> str:
    """Show what an exposure came to."""
    found = exposure_of(db(), me().id, exposure_id)
    if found.local_date is None or found.step_id is None:
        raise NotFound
    view = view_of(found, db().get_one(Step, found.step_id).title)
    return render_template("exposure/_summary.html", exposure=view, summary=summary_of(view, found.local_date))
