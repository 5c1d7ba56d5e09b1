"""One client as their coach sees them, and which pings the coach asks for."""

from __future__ import annotations

import hashlib
import uuid

from flask import Response, make_response, request, url_for
from flask.typing import ResponseReturnValue

from erp.domain.support import relation as relations
from erp.domain.support.news import news_of_client
from erp.domain.support.relation import support_for_supporter
from erp.domain.support.sharing import client_of
from erp.services import services
from erp.web.edge.formats import language
from erp.web.edge.forms import form_saved
from erp.web.edge.request import db, me, now, today
from erp.web.support import blueprint
from erp.web.support.pages import client_card, client_page, ping_choices


@blueprint.get("/people/<uuid:support_id>")
def client(support_id: uuid.UUID) -> str:
    """Show one client as far as they share it, and the words to send."""
    return client_page(support_id)


@blueprint.get("/people/<uuid:support_id>/card")
def card(support_id: uuid.UUID) -> ResponseReturnValue:
    """Show how one client is doing now; 304 where nothing is new."""
    news = news_of_client(db(), me().id, support_id, now())
    alone = bool(request.args.get("alone"))
    known = (news, alone, me().time_zone, today(), language().locale, services().version)
    # Weak, so that it holds for the compressed answer as well.
    etag = hashlib.sha256(repr(known).encode()).hexdigest()[:20]
    if request.if_none_match.contains_weak(etag):
        answer = Response(status=304)
    else:
        answer = make_response(client_card(client_of(db(), me().id, support_id, now()), alone=alone))
    answer.set_etag(etag, weak=True)
    return answer


@blueprint.post("/people/<uuid:support_id>/pings")
def pings(support_id: uuid.UUID) -> ResponseReturnValue:
    """Take which pings the supporter asks for."""
    support, name = support_for_supporter(db(), me().id, support_id)
    relations.want(support, {"wanted": request.form.getlist("wanted")})
    db().commit()
    url = url_for("support.client", support_id=support_id)
    asked = ping_choices(support.asked_kinds)
    return form_saved("support/_pings_form.html", url, support_id=support_id, name=name, pings=asked)
