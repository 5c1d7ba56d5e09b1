"""The one route that takes what happens in exposures: a batch from the phone's outbox, or one plain form."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import abort, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from uuid6 import uuid7

from erp.domain.errors import Invalid, NotFound, Unreadable
from erp.domain.exposure.event import EventKind, IncomingEvent, parse, skew_of
from erp.domain.exposure.fold import fold
from erp.domain.exposure.giving_way import giving_way, honest_end
from erp.domain.exposure.reading import events_of, exposure_if_known, exposure_of
from erp.domain.fields import Fields
from erp.domain.ladder.ladder import step_of
from erp.domain.recording import Receipt, record
from erp.web.edge.forms import FORM_ID
from erp.web.edge.log import log_set_aside
from erp.web.edge.problems import sentences
from erp.web.edge.request import db, me, now, see_other, sent_json, wake
from erp.web.exposure import blueprint
from erp.web.exposure.pages import practice_page, stamp

MAX_EVENTS = 200
ASIDE = lazy_gettext("What is stored of this practice is damaged. It stays as it is, and the rest goes on.")


@blueprint.post("/events")
def events() -> ResponseReturnValue:
    """Take what happened in exposures."""
    return _take_batch() if request.is_json else _take_form()


def _take_batch() -> ResponseReturnValue:
    batch = _batch()
    if batch.get("account") != str(me().id):
        return jsonify(account=me().id), 409
    good, refused = _parsed(batch["events"])
    # A phone that does not say what its clock shows is taken to be right.
    sent_at = Fields(batch).moment("sent_at") or now()
    receipt = record(db(), me().id, good, sent_at, now(), skew_of(batch.get("skew")))
    _commit(receipt)
    refused += [_refusal(str(event_id), error) for event_id, error in receipt.refused.items()]
    return jsonify(
        account=me().id,
        accepted=receipt.accepted,
        refused=refused,
        set_aside=[{"exposure": each, "message": str(ASIDE)} for each in receipt.set_aside],
        also_running=receipt.also_running,
        now=stamp(now()),
    )


def _batch() -> dict[str, Any]:
    """What the phone's outbox sent: {account, events, sent_at, skew}; 400 where it is no batch."""
    batch = sent_json()
    if not isinstance(batch.get("events"), list) or len(batch["events"]) > MAX_EVENTS:
        abort(400)
    return batch


def _parsed(raws: list[Any]) -> tuple[list[IncomingEvent], list[dict[str, str]]]:
    """The events that can be read, and what to say about the others."""
    good: list[IncomingEvent] = []
    refused: list[dict[str, str]] = []
    for raw in raws:
        given = raw if isinstance(raw, dict) else {}
        try:
            good.append(parse(given))
        except Invalid as error:
            refused.append(_refusal(str(given.get("id")) if isinstance(raw, dict) else "", error))
    return good, refused


def _commit(receipt: Receipt) -> None:
    db().commit()
    for error in receipt.set_aside.values():
        log_set_aside(error)
    if receipt.has_news:
        wake()


def _refusal(event_id: str, error: Invalid) -> dict[str, str]:
    return {"id": event_id, "message": " ".join(sentences(error).values())}


def _take_form() -> ResponseReturnValue:
    """One event as an ordinary form; the server makes the ids and the time where there is no JavaScript."""
    made = {**_ids(), "at": stamp(now())}
    raw = made | {name: value for name, value in request.form.items() if value or name not in made}
    try:
        event = parse(raw)
        if event.kind == EventKind.finished:
            event = replace(event, at=_honest_end(event))
        receipt = record(db(), me().id, [event], now(), now())
        for error in receipt.refused.values():
            raise error
        # Without its start an exposure has no page; only a phone with an outbox may send things out of order.
        if exposure_of(db(), me().id, event.exposure_id).step_id is None:
            raise NotFound
    except Invalid as error:
        return _form_again(raw, sentences(error))
    gave_way = _end_other(event, receipt)
    _commit(receipt)
    return see_other(url_for("exposure.exposure", exposure_id=event.exposure_id, gave_way=gave_way))


def _end_other(event: IncomingEvent, receipt: Receipt) -> uuid.UUID | None:
    """Let what else runs give way to what a form began; the id of the one that did."""
    other = receipt.also_running
    # A form that is sent again changes nothing.
    if other is None or not receipt.is_new:
        return None
    try:
        finish = giving_way(other, fold(events_of(db(), me().id, other)), event.exposure_id, event.at)
    except Unreadable:
        return None
    receipt.has_news |= record(db(), me().id, [finish], now(), now()).has_news
    return other


def _ids() -> dict[str, str]:
    """The ids of an event and of its exposure: for a form that is sent again they are the same."""
    form = Fields(request.form)
    sent = form.identifier(FORM_ID)
    if sent is None:
        return {"id": str(uuid7()), "exposure": str(uuid7())}
    # A page has several forms of one id: to go on with its own practice, or with the one that gave way to it.
    said = f"{request.form.get('kind')} {request.form.get('exposure', '')}"
    return {name: str(uuid.uuid5(sent, f"{said} {name} {me().id}")) for name in ("id", "exposure")}


def _honest_end(event: IncomingEvent) -> datetime:
    """When a form's finish happened: one that comes long after the planned end was forgotten, not practised."""
    try:
        return honest_end(fold(events_of(db(), me().id, event.exposure_id)), event.at)
    except Unreadable:
        return event.at


def _form_again(raw: dict[str, str], errors: dict[str, str]) -> ResponseReturnValue:
    """The page that the form came from, with what was wrong."""
    try:
        found = exposure_if_known(db(), me().id, uuid.UUID(raw["exposure"]))
        step_id = found.step_id if found else uuid.UUID(raw.get("step", ""))
    except ValueError:
        raise NotFound from None
    if step_id is None:
        raise NotFound
    return practice_page(step_of(db(), me().id, step_id), found, errors=errors), 422
