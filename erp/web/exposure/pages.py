"""The practice page: one page for before, running and after, which the views and the offline pages share."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from flask import render_template, request

from erp.domain.exposure.event import Event
from erp.domain.exposure.fold import Phase, State, fold
from erp.domain.exposure.reading import (
    FORGOTTEN_AFTER,
    ExposureView,
    events_of,
    running_of,
    view_of,
)
from erp.domain.ladder.ladder import StepView, StoppingRule
from erp.domain.ladder.ladder import view_of as step_view
from erp.domain.practice.record import plan_on, practice_of
from erp.domain.support.cheer import cheers_of
from erp.domain.support.relation import has_supporters
from erp.storage.exposure import Exposure
from erp.storage.ladder import Step
from erp.web.edge.request import db, me, now, today

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
    stopping_rule=StoppingRule.time,
    mastered=False,
    archived=False,
    next=False,
    runs=0,
    ratings=[],
)


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


def practice_page(
    step: Step, found: Exposure | None, exposure_id: uuid.UUID | None = None, errors: dict[str, str] | None = None
) -> str:
    """The page of a step, before its start or wherever its exposure stands.

    `exposure_id` is one that the server has not heard of yet; `errors` are of the plain form that was sent.
    """
    running = running_of(db(), me().id, now())
    shown = found.id if found else exposure_id
    events = events_of(db(), me().id, shown) if shown else []
    state = fold(events)
    view = _exposure_view(found, step, state) if found else None
    return render_template(
        "exposure/practice.html",
        step=step_view(step),
        exposure=view,
        record=_record(step, shown, events, state),
        running=running if running and running.id != shown else None,
        account=me(),
        plan=plan_on(db(), me().id, today()),
        errors=errors or {},
        form=request.form,
        paused=state.paused_at is not None,
        supporters=state.phase in (Phase.before, Phase.running) and has_supporters(db(), me().id),
        late=_is_late(view),
        asked=request.args.get("minutes", type=int),
        **_summary_of(view),
    )


def _exposure_view(found: Exposure, step: Step, state: State) -> ExposureView:
    view = view_of(found, step.title)
    return replace(view, seconds=state.seconds_at(now())) if view.phase == Phase.running else view


def _record(step: Step, shown: uuid.UUID | None, events: Sequence[Event], state: State) -> dict[str, Any]:
    cheers = written_cheers(shown) if shown and state.phase == Phase.running else []
    return written(step.id, shown, events, cheers)


def _is_late(view: ExposureView | None) -> bool:
    """Whether it ended so long ago that whoever looks did not come from it."""
    return bool(view and view.finished_at and now() - view.finished_at > FORGOTTEN_AFTER)


def _summary_of(view: ExposureView | None) -> dict[str, Any]:
    return summary_context(view.local_date) if view and view.local_date and view.phase == Phase.done else {}


def summary_context(day: date) -> dict[str, Any]:
    """What the summary shows beside the exposure: its day and the streak."""
    loaded = practice_of(db(), me().id, today(), day, day)
    return {"day": loaded.between(day, day)[0], "totals": loaded.totals()}


def stamp(moment: datetime) -> str:
    """A moment as js/ writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def written(
    step_id: uuid.UUID,
    exposure_id: uuid.UUID | None,
    events: Sequence[Event],
    cheers: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The record of an exposure; without an id it is one that has not begun."""
    return {
        "exposure": exposure_id,
        "step": step_id,
        "account": me().id,
        "zone": me().time_zone,
        "now": stamp(now()),
        "events": [{"id": event.id, "kind": event.kind, "at": stamp(event.at), **event.data} for event in events],
        "cheers": cheers,
    }


def written_cheers(exposure_id: uuid.UUID) -> list[dict[str, Any]]:
    """The cheers that came in an exposure."""
    return [
        {"id": each.id, "name": each.name, "text": each.text, "at": stamp(each.sent_at), "hearted": each.hearted}
        for each in cheers_of(db(), me().id, exposure_id)
    ]
