"""Cheers: sending one to a client, and answering one with a heart."""

from __future__ import annotations

import uuid

from flask import jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from erp.domain.errors import Invalid, Problem
from erp.domain.support import cheer as cheers
from erp.domain.support.relation import support_for_supporter
from erp.domain.support.sharing import client_of
from erp.web.edge.forms import made, result_before
from erp.web.edge.notices import SENT, done
from erp.web.edge.problems import sentences
from erp.web.edge.request import by_htmx, db, me, now, see_other, wake, wants_json
from erp.web.edge.signin import safe_next
from erp.web.support import blueprint
from erp.web.support.pages import INSTEAD, Said, client_card, client_page, phrase, phrases_for


@blueprint.post("/people/<uuid:support_id>/cheers")
def send(support_id: uuid.UUID) -> ResponseReturnValue:
    """Send a cheer: a phrase by its key, or a text. The service worker, for a tap on a notification, gets JSON."""
    support, _name = support_for_supporter(db(), me().id, support_id)
    if result_before() is None:
        try:
            cheers.send(db(), support, _words(), now())
        except Invalid as error:
            db().rollback()
            return _refused(support_id, error)
        made(url_for("support.client", support_id=support_id))
        wake()
    if wants_json():
        return jsonify(sent=True)
    if by_htmx():
        return _fragment(support_id, Said(sent=True))
    return done(url_for("support.client", support_id=support_id), SENT)


def _words() -> dict[str, str]:
    key = request.form.get("phrase")
    if not key:
        return request.form.to_dict()
    if key not in cheers.PHRASES:
        raise Invalid({"": Problem("not_an_option")})
    # The phrases are ours: what a translation of one looks like is no reason to hold it back.
    return {"text": phrase(key), "anyway": "1"}


def _refused(support_id: uuid.UUID, error: Invalid) -> ResponseReturnValue:
    errors = sentences(error)
    if wants_json():
        return jsonify(sent=False, message=" ".join(errors.values())), 422
    soothing = any(problem.code == "reassurance" for problem in error.problems.values())
    said = Said(errors=errors, text=request.form.get("text", ""), soothing=soothing)
    return _fragment(support_id, said) if by_htmx() else client_page(support_id, _place(), said), 422


def _place() -> str:
    """Where the tapped button stands: on the client's card, among the phrases, or in the form for one's own words."""
    place = request.form.get("place", "")
    return place if place in ("card", "phrases") else "own"


def _fragment(support_id: uuid.UUID, said: Said) -> str:
    """The place that was tapped, and beside it the list of what was sent."""
    view, place = client_of(db(), me().id, support_id, now()), _place()
    if place == "card":
        return client_card(view, alone=False, said=said)
    if place == "phrases":
        shown = render_template("support/_phrases.html", view=view, phrases=phrases_for(view), at_phrases=said)
    else:
        shown = render_template("support/_own_form.html", view=view, at_own=said, instead=phrase(INSTEAD))
    return shown + render_template("support/_sent.html", view=view, beside=True) if said.sent else shown


@blueprint.post("/cheers/<uuid:cheer_id>/heart")
def heart(cheer_id: uuid.UUID) -> ResponseReturnValue:
    """Answer a cheer with a heart."""
    cheer = cheers.cheer_of(db(), me().id, cheer_id)
    cheers.heart(cheer, now())
    db().commit()
    if by_htmx():
        return render_template("support/_cheer.html", cheer=cheers.view_of(db(), cheer))
    return see_other(safe_next(request.form.get("next")))
