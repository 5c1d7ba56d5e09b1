"""The list of people, what helps them, and the end of a relation from either side."""

from __future__ import annotations

import uuid

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.domain.support.cheer import PHRASES
from erp.domain.support.sharing import clients_of
from erp.storage.support import Support
from erp.web.edge.notices import ENDED, done, says
from erp.web.edge.request import db, me, now
from erp.web.support import blueprint
from erp.web.support.pages import card_of, hears, phrase, sees


@blueprint.get("/people")
def people() -> str:
    """Show whom the person cheers, and who supports them."""
    clients = clients_of(db(), me().id, now())
    supporters = relations.supporters_of(db(), me().id)
    return render_template(
        "support/people.html",
        heading=_("People you cheer") if clients else _("Your supporters") if supporters else _("People"),
        cards=[card_of(client) for client in clients],
        supporters=[(each, sees(each), hears(each)) for each in supporters],
        open_invitations=len(invitations.open_invitations(db(), me().id, now())),
        notice=_("That has ended. Nothing more is shown or sent.") if says(ENDED) else None,
    )


@blueprint.get("/people/learn")
def learn() -> str:
    """Say what helps a person who practises, and what does not."""
    return render_template("support/learn.html", phrases=[phrase(key) for key in PHRASES])


@blueprint.post("/supporters/<uuid:support_id>/end")
def end(support_id: uuid.UUID) -> ResponseReturnValue:
    """End what one supporter may see and hear, at once."""
    return _end(relations.support_for_client(db(), me().id, support_id)[0])


@blueprint.post("/people/<uuid:support_id>/leave")
def leave(support_id: uuid.UUID) -> ResponseReturnValue:
    """Stop being somebody's coach."""
    return _end(relations.support_for_supporter(db(), me().id, support_id)[0])


def _end(support: Support) -> ResponseReturnValue:
    relations.end(db(), support, now())
    db().commit()
    return done(url_for("support.people"), ENDED)
