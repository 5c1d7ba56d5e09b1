"""The record of an exposure for its phone: its events and cheers; and word that the phone was put away."""

from __future__ import annotations

import hashlib
import uuid

from flask import Response, jsonify, request

from erp.domain.errors import NotFound
from erp.domain.exposure.reading import events_of, exposure_of
from erp.domain.exposure.signals import note_hidden
from erp.domain.support.cheer import news_of
from erp.web.edge.request import db, me, now, wake
from erp.web.exposure import blueprint
from erp.web.exposure.pages import written, written_cheers


@blueprint.get("/exposures/<uuid:exposure_id>/record")
def record(exposure_id: uuid.UUID) -> Response:
    """Tell the events of an exposure and its cheers; 304 where nothing is new."""
    news = news_of(db(), me().id, exposure_id)
    # Weak, so that it holds for the compressed answer as well.
    etag = hashlib.sha256(repr(news).encode()).hexdigest()[:20]
    if request.if_none_match.contains_weak(etag):
        answer = Response(status=304)
        answer.set_etag(etag, weak=True)
        return answer
    found = exposure_of(db(), me().id, exposure_id)
    if found.step_id is None:
        raise NotFound
    events, cheers = events_of(db(), me().id, found.id), written_cheers(found.id)
    answer = jsonify(written(found.step_id, found.id, events, cheers))
    answer.set_etag(etag, weak=True)
    return answer


@blueprint.post("/exposures/<uuid:exposure_id>/away")
def away(exposure_id: uuid.UUID) -> Response:
    """Note that the phone was put away in an exposure (`away` is 1), or taken up again: its signals are pushed then."""
    due = note_hidden(db(), me().id, exposure_id, request.form.get("away") == "1", now())
    db().commit()
    if due:
        wake(due)
    return Response(status=204)
