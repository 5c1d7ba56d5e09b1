"""The practice page: one page for before, running and after, which the views and the offline pages share."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from flask import render_template, request

from erp.domain.dates import minutes_done
from erp.domain.errors import Unreadable
from erp.domain.exposure.columns import has_lost
from erp.domain.exposure.event import Event
from erp.domain.exposure.fold import Phase, State, fold
from erp.domain.exposure.reading import (
    FORGOTTEN_AFTER,
    ExposureView,
    events_of,
    running_of,
    view_of,
)
from erp.domain.ladder.ladder import MAX_MINUTES, StepView, StoppingRule
from erp.domain.ladder.ladder import view_of as step_view
from erp.domain.practice.days import PlanView
from erp.domain.practice.record import plan_on, practice_of
from erp.domain.support.cheer import cheers_of
from erp.domain.support.relation import has_supporters
from erp.storage.exposure import Exposure
from erp.storage.ladder import Step
from erp.web.edge.forms import slider_value
from erp.web.edge.request import db, me, now, today
from erp.web.exposure.words import Summary, end_text, summed_up

# The lengths that every step offers beside its own.
OFFERED_MINUTES = (5, 10, 20)

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


@dataclass(frozen=True, slots=True)
class Ring:
    """The ring around the time as the server draws it, before the page's script takes it over. In seconds."""

    planned: int
    left: int

    @property
    def share_left(self) -> float:
        """How much of the planned time is left, 0 to 1."""
        return self.left / self.planned

    @property
    def time(self) -> str:
        """The time that is left: 19:05."""
        return f"{self.left // 60}:{self.left % 60:02}"

    @property
    def planned_minutes(self) -> int:
        """The planned time in whole minutes."""
        return minutes_done(self.planned)


def page_without_step() -> str:
    """The practice page of no step in particular: the phone puts in one of those it knows (js/exposure/offline.js)."""
    return render_template(
        "exposure/practice.html",
        step=ANY_STEP,
        exposure=None,
        record={"zone": me().time_zone},
        unknown=True,
        text_end_halved=end_text(StoppingRule.halved),
        running=None,
        account=me(),
        errors={},
        form={},
        sliders=_sliders({}, ANY_STEP, ANY_STEP.suds),
        supporters=has_supporters(db(), me().id),
        **_standing_of(ANY_STEP, None),
        **_lengths(ANY_STEP, None, None),
    )


def practice_page(
    step: Step, found: Exposure | None, exposure_id: uuid.UUID | None = None, errors: dict[str, str] | None = None
) -> str:
    """The page of a step, before its start or wherever its exposure stands.

    `exposure_id` is one that the server has not heard of yet; `errors` are of the plain form that was sent. Raises
    Unreadable.
    """
    running = running_of(db(), me().id, now())
    shown = found.id if found else exposure_id
    events = events_of(db(), me().id, shown) if shown else []
    state = fold(events)
    if found and has_lost(found.started_at, found.ended, state):
        raise Unreadable
    view = _exposure_view(found, step, state) if found else None
    shown_step = step_view(step)
    last_suds = shown_step.suds if view is None or view.last_suds is None else view.last_suds
    return render_template(
        "exposure/practice.html",
        step=shown_step,
        exposure=view,
        record=_record(step, shown, events, state),
        unknown=shown is not None and view is None,
        sending=uuid.uuid4(),
        running=running if running and running.id != shown else None,
        account=me(),
        errors=errors or {},
        form=request.form,
        sliders=_sliders(request.form, shown_step, last_suds),
        paused=state.paused_at is not None,
        supporters=state.phase in (Phase.before, Phase.running) and has_supporters(db(), me().id),
        late=_is_late(view),
        summary=_summary_if_done(view),
        gave_way=request.args.get("gave_way", type=uuid.UUID),
        ended_by_another=state.gave_way_at is not None,
        **_standing_of(shown_step, view),
        **_lengths(shown_step, plan_on(db(), me().id, today()), request.args.get("minutes", type=int)),
    )


@dataclass(frozen=True, slots=True)
class Sliders:
    """Where the sliders stand: those before the start, and the last one of all."""

    expected_suds: object
    likelihood: object
    suds: object


def _sliders(form: Mapping[str, object], step: StepView, last_suds: int) -> Sliders:
    """Where the sliders stand: as sent in a form, else at the step's rating, in the middle, at the last check-in."""
    return Sliders(
        slider_value(form.get("expected_suds", step.suds)),
        slider_value(form.get("likelihood")),
        slider_value(form.get("suds", last_suds)),
    )


def _standing_of(step: StepView, view: ExposureView | None) -> dict[str, Any]:
    """Where the exposure stands; one that has not begun is as its step plans it."""
    if view is None:
        planned = step.planned_minutes * 60
        standing = {"phase": Phase.before, "text_end": end_text(step.stopping_rule), "early": False}
        return standing | {"ring": Ring(planned, planned)}
    return {
        "phase": view.phase,
        "text_end": end_text(view.stopping_rule),
        "early": view.seconds < view.planned_seconds,
        "ring": Ring(view.planned_seconds, max(view.planned_seconds - view.seconds, 0)),
    }


def _lengths(step: StepView, plan: PlanView | None, asked: int | None) -> dict[str, Any]:
    """The lengths in minutes to choose from before a start, and the one that is chosen: the one `asked` for first."""
    chosen = asked if asked is not None and 1 <= asked <= MAX_MINUTES else step.planned_minutes
    offered = {*OFFERED_MINUTES, step.planned_minutes, chosen}
    if plan is not None:
        offered.add(plan.minutes)
    return {"chosen_minutes": chosen, "offered_minutes": [(each, str(each)) for each in sorted(offered)]}


def _exposure_view(found: Exposure, step: Step, state: State) -> ExposureView:
    view = view_of(found, step.title)
    return replace(view, seconds=state.seconds_at(now())) if view.phase == Phase.running else view


def _record(step: Step, shown: uuid.UUID | None, events: Sequence[Event], state: State) -> dict[str, Any]:
    cheers = written_cheers(shown) if shown and state.phase == Phase.running else []
    return written(step.id, shown, events, cheers)


def _is_late(view: ExposureView | None) -> bool:
    """Whether it ended so long ago that whoever looks did not come from it."""
    return bool(view and view.finished_at and now() - view.finished_at > FORGOTTEN_AFTER)


def _summary_if_done(view: ExposureView | None) -> Summary | None:
    return summary_of(view, view.local_date) if view and view.local_date and view.phase == Phase.done else None


def summary_of(view: ExposureView, day: date) -> Summary:
    """What an exposure came to, on its day and in all."""
    loaded = practice_of(db(), me().id, today(), day, day)
    return summed_up(view, loaded.between(day, day)[0], loaded.totals())


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
