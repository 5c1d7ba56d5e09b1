"""What one supporter may see and hear, as the client chooses."""

from __future__ import annotations

import uuid
from typing import TypedDict

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from erp.domain.dates import local_day
from erp.domain.errors import Invalid
from erp.domain.notification.kinds import Contact, Kind
from erp.domain.support import relation as relations
from erp.domain.support.relation import SupporterView, support_for_client
from erp.storage.support import Support
from erp.web.edge.forms import form_page, form_saved
from erp.web.edge.notices import SAVED, says
from erp.web.edge.request import db, me
from erp.web.support import blueprint
from erp.web.support.pages import Choice

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
    return form_saved(FORM, url, **_choices(relations.supporter_view(support, name)))


def _supporter_page(support: Support, name: str, error: Invalid | None = None) -> ResponseReturnValue:
    # What could not be saved is not shown again: the switches show what holds.
    choices = _choices(relations.supporter_view(support, name))
    return form_page(
        "support/supporter.html",
        FORM,
        error,
        sent=None,
        since=local_day(support.created_at, me().time_zone),
        saved=says(SAVED),
        **choices,
    )


class Choices(TypedDict):
    """What the form shows: a supporter, how much they hear, and of what they are told."""

    supporter: SupporterView
    contacts: list[Choice]
    told: list[Choice]


def _choices(supporter: SupporterView) -> Choices:
    return {
        "supporter": supporter,
        "contacts": [
            Choice(key, text, key == supporter.contact, hint)
            for key, text, hint in (
                (Contact.every, _("At every practice"), _("Company from the first minute on.")),
                (Contact.finished, _("Only when you finished"), _("You begin by yourself, and are seen afterwards.")),
                (Contact.weekly, _("Once a week"), _("Your practice days and minutes, on Monday morning.")),
                (Contact.none, _("Not at all"), _("They can still look, and still cheer.")),
            )
        ],
        "told": [
            Choice(kind, text, kind in supporter.allowed_kinds)
            for kind, text in (
                (Kind.started, _("You begin")),
                (Kind.finished, _("You finished")),
                (Kind.goal, _("The day’s goal is reached")),
                (Kind.milestone, _("Your streak reaches a milestone")),
            )
        ],
    }
