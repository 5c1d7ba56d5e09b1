"""What one supporter may see and hear, as the client chooses."""

from __future__ import annotations

import uuid

from flask import request, url_for
from flask.typing import ResponseReturnValue

from erp.domain.dates import local_day
from erp.domain.errors import Invalid
from erp.domain.support import relation as relations
from erp.domain.support.relation import support_for_client
from erp.storage.support import Support
from erp.web.edge.forms import form_page, form_saved
from erp.web.edge.notices import SAVED, says
from erp.web.edge.request import db, me
from erp.web.support import blueprint

FORM = "support/_sharing_form.html"


@blueprint.get("/supporters/<uuid:support_id>")
def supporter(support_id: uuid.UUID) -> ResponseReturnValue:
    """Show what one supporter may see and hear."""
    return _supporter_page(*support_for_client(db(), me().id, support_id))


@blueprint.post("/supporters/<uuid:support_id>")
def share(support_id: uuid.UUID) -> ResponseReturnValue:
    """Choose what one supporter may see and hear."""
    support, name = support_for_client(db(), me().id, support_id)
    try:
        relations.share(support, {**request.form, "told": request.form.getlist("told")})
    except Invalid as error:
        db().rollback()
        return _supporter_page(support, name, error)
    db().commit()
    url = url_for("support.supporter", support_id=support_id)
    return form_saved(FORM, url, supporter=relations.supporter_view(support, name))


def _supporter_page(support: Support, name: str, error: Invalid | None = None) -> ResponseReturnValue:
    # What could not be saved is not shown again: the switches show what holds.
    return form_page(
        "support/supporter.html",
        FORM,
        error,
        sent=None,
        supporter=relations.supporter_view(support, name),
        since=local_day(support.created_at, me().time_zone),
        saved=says(SAVED),
    )
