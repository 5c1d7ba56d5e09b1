"""The practice page, and the one route that takes what happens on it."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from uuid6 import uuid7
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.errors import Invalid, NotFound
from erp.domain.exposure.event import NewEvent, parse, skew_of
from erp.domain.exposure.fold import Happening, fold
from erp.domain.exposure.reading import (
    FORGOTTEN_AFTER,
    exposure_if_known,
    exposure_of,
    happenings_of,
    running_of,
    view_of,
)
from erp.domain.exposure.signals import look_away
from erp.domain.fields import Fields
from erp.domain.ladder.ladder import StepView, next_step, step_of
from erp.domain.ladder.ladder import view_of as step_view
from erp.domain.practice.record import plan_on, practice_of
from erp.domain.recording import record
from erp.domain.support.cheer import cheers_of
from erp.domain.support.relation import has_supporters
from erp.storage.exposure import Exposure
from erp.storage.ladder import Step
from erp.web.edge import db, me, now, see_other, today, wake
from erp.web.edge.problems import sentences

blueprint = Blueprint("exposure", __name__)

MOST_EVENTS = 200
# js/exposure/offline.js knows these words in braces.
ANY_STEP = StepView(
    id=uuid.UUID(int=0),
    fear_id=uuid.UUID(int=0),
    parent_id=None,
    title="{title}",
    details="{details}",
    response="{response}",
    first_suds=0,
    suds=0,
    planned_minutes=1,
    check_in_minutes=0,
    stopping_rule="time",
    mastered=False,
    archived=False,
    next=False,
    runs=0,
    ratings=[],
)


@blueprint.get("/practice")
def next_practice() -> BaseResponse:
    """Go to the practice that runs, else to the next step's, else to Today."""
    running = running_of(db(), me().id, now())
    if running:
        return redirect(url_for("exposure.exposure", exposure_id=running.id))
    step = next_step(db(), me().id)
    return redirect(url_for("exposure.practice", step_id=step.id) if step else url_for("practice.today"))


@blueprint.get("/steps/<uuid:step_id>/practice")
def practice(step_id: uuid.UUID) -> Any:
    """Show the practice page of a step, before the start; `minutes` offers a length other than the step's."""
    return _page(step_of(db(), me().id, step_id), None)


@blueprint.get("/exposures/<uuid:exposure_id>", endpoint="exposure")
def exposure_page(exposure_id: uuid.UUID) -> Any:
    """Show an exposure, wherever it stands.

    One that the server has not heard of yet, because its start still waits on the phone, names its step.
    """
    found = exposure_if_known(db(), me().id, exposure_id)
    if found is not None and found.step_id is not None:
        return _page(db().get_one(Step, found.step_id), found)
    try:
        step_id = uuid.UUID(request.args.get("step", ""))
    except ValueError:
        raise NotFound from None
    return _page(step_of(db(), me().id, step_id), None, exposure_id)


def page_without_step() -> str:
    """The practice page of no step in particular: the phone puts in one of those it knows (js/exposure/offline.js)."""
    return render_template(
        "exposure/practice.html",
        step=ANY_STEP,
        exposure=None,
        record={"zone": me().time_zone},
        running=None,
        account=me(),
        plan=None,
        errors={},
        form={},
        supporters=has_supporters(db(), me().id),
    )


def _page(
    step: Step, found: Exposure | None, exposure_id: uuid.UUID | None = None, errors: dict[str, str] | None = None
) -> Any:
    running = running_of(db(), me().id, now())
    shown = found.id if found else exposure_id
    events = happenings_of(db(), me().id, shown) if shown else []
    state = fold(events)
    view = view_of(found, step.title) if found else None
    if view and view.phase == "running":
        view = replace(view, seconds=state.seconds_at(now()))
    return render_template(
        "exposure/practice.html",
        step=step_view(step),
        exposure=view,
        record=_record(step.id, shown, events, _cheers(shown) if shown and state.phase == "running" else []),
        running=running if running and running.id != shown else None,
        account=me(),
        plan=plan_on(db(), me().id, today()),
        errors=errors or {},
        form=request.form,
        paused=state.paused_at is not None,
        supporters=state.phase in ("before", "running") and has_supporters(db(), me().id),
        late=bool(view and view.finished_at and now() - view.finished_at > FORGOTTEN_AFTER),
        asked=request.args.get("minutes", type=int),
        **(_after(view.local_date) if view and view.local_date and view.phase == "done" else {}),
    )


def _after(day: date) -> dict[str, Any]:
    """What the summary shows beside the exposure: its day and the streak."""
    loaded = practice_of(db(), me().id, today(), day, day)
    return {"day": loaded.between(day, day)[0], "totals": loaded.totals()}


def _record(
    step_id: uuid.UUID, exposure_id: uuid.UUID | None, events: list[Happening], cheers: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "exposure": exposure_id,
        "step": step_id,
        "account": me().id,
        "zone": me().time_zone,
        "now": _stamp(now()),
        "events": [_written(event) for event in events],
        "cheers": cheers,
    }


def _cheers(exposure_id: uuid.UUID) -> list[dict[str, Any]]:
    return [
        {"id": each.id, "name": each.name, "text": each.text, "at": _stamp(each.sent_at), "hearted": each.hearted}
        for each in cheers_of(db(), me().id, exposure_id)
    ]


def _written(event: Happening) -> dict[str, Any]:
    return {"id": event.id, "kind": event.kind, "at": _stamp(event.at), **event.data}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@blueprint.get("/exposures/<uuid:exposure_id>/record")
def record_(exposure_id: uuid.UUID) -> Response:
    """Tell the events of an exposure and its cheers; 304 where nothing is new."""
    found = exposure_of(db(), me().id, exposure_id)
    if found.step_id is None:
        raise NotFound
    written = _record(found.step_id, found.id, happenings_of(db(), me().id, found.id), _cheers(found.id))
    answer = jsonify(written)
    known = [event["id"] for event in written["events"]], [(one["id"], one["hearted"]) for one in written["cheers"]]
    seen = json.dumps(known, default=str)
    answer.set_etag(hashlib.sha256(seen.encode()).hexdigest()[:20])
    answer.make_conditional(request)
    return answer


@blueprint.post("/exposures/<uuid:exposure_id>/away")
def away(exposure_id: uuid.UUID) -> Response:
    """Note that the phone was put away in an exposure (`away` is 1), or taken up again: its signals are pushed then."""
    due = look_away(db(), me().id, exposure_id, request.form.get("away") == "1", now())
    db().commit()
    if due:
        wake(due)
    return Response(status=204)


@blueprint.get("/exposures/<uuid:exposure_id>/summary")
def summary(exposure_id: uuid.UUID) -> str:
    """Show what an exposure came to."""
    found = exposure_of(db(), me().id, exposure_id)
    if found.local_date is None or found.step_id is None:
        raise NotFound
    step = db().get_one(Step, found.step_id)
    return render_template("exposure/_summary.html", exposure=view_of(found, step.title), **_after(found.local_date))


@blueprint.post("/events")
def events() -> Any:
    """Take what happened in exposures: a batch from the phone's outbox, or one plain form."""
    return _take_batch() if request.is_json else _take_form()


def _take_batch() -> Any:
    batch = request.get_json(silent=True)
    if not isinstance(batch, dict) or not isinstance(batch.get("events"), list) or len(batch["events"]) > MOST_EVENTS:
        abort(400)
    if batch.get("account") != str(me().id):
        return jsonify(account=me().id), 409
    good: list[NewEvent] = []
    refused: list[dict[str, str]] = []
    for raw in batch["events"]:
        try:
            good.append(parse(raw if isinstance(raw, dict) else {}))
        except Invalid as error:
            refused.append(_refusal(str(raw.get("id")) if isinstance(raw, dict) else "", error))
    # A phone that does not say what its clock shows is taken to be right.
    sent_at = Fields(batch).moment("sent_at") or now()
    receipt = record(db(), me().id, good, sent_at, now(), skew_of(batch.get("skew")))
    db().commit()
    if receipt.told:
        wake()
    refused += [_refusal(str(event_id), error) for event_id, error in receipt.refused.items()]
    return jsonify(
        account=me().id,
        accepted=receipt.accepted,
        refused=refused,
        also_running=receipt.also_running,
        now=_stamp(now()),
    )


def _refusal(event_id: str, error: Invalid) -> dict[str, str]:
    return {"id": event_id, "message": " ".join(sentences(error).values())}


def _take_form() -> Any:
    """One event as an ordinary form; the server makes the ids and the time where there is no JavaScript."""
    made = {"id": str(uuid7()), "exposure": str(uuid7()), "at": _stamp(now())}
    raw = made | {name: value for name, value in request.form.items() if value or name not in made}
    try:
        event = parse(raw)
        if event.kind == "finished":
            event = replace(event, at=_honest_end(event))
        receipt = record(db(), me().id, [event], now(), now())
        for error in receipt.refused.values():
            raise error
        # Without its start an exposure has no page; only a phone with an outbox may send things out of order.
        if exposure_of(db(), me().id, event.exposure_id).step_id is None:
            raise NotFound
    except Invalid as error:
        return _form_again(raw, sentences(error))
    db().commit()
    if receipt.told:
        wake()
    return see_other(url_for("exposure.exposure", exposure_id=event.exposure_id))


def _honest_end(event: NewEvent) -> datetime:
    """When a form's finish happened: one that comes long after the planned end was forgotten, not practised."""
    state = fold(happenings_of(db(), me().id, event.exposure_id))
    if state.due_at is None or state.last_at is None or event.at - state.due_at < FORGOTTEN_AFTER:
        return event.at
    return max(state.due_at, state.last_at)


def _form_again(raw: dict[str, str], errors: dict[str, str]) -> Any:
    """The page that the form came from, with what was wrong."""
    try:
        found = exposure_if_known(db(), me().id, uuid.UUID(raw["exposure"]))
        step_id = found.step_id if found else uuid.UUID(raw.get("step", ""))
    except ValueError:
        raise NotFound from None
    if step_id is None:
        raise NotFound
    return _page(step_of(db(), me().id, step_id), found, errors=errors), 422
