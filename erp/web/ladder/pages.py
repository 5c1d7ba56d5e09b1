"""What the ladder's views share: loading a fear or a step of one's own, and the page of one ladder."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template

from erp.domain.ladder import ladder as ladders
from erp.storage.ladder import Fear, Step
from erp.web.edge.request import db, me


@dataclass(frozen=True, slots=True)
class Rung:
    """A step on its ladder. `was`: how it was rated at first, where that has changed; `part_of`: a title."""

    step: ladders.StepView
    was: int | None
    part_of: str | None


def my_fear(fear_id: uuid.UUID) -> Fear:
    """A fear of who is signed in; NotFound for all others."""
    return ladders.fear_of(db(), me().id, fear_id)


def my_step(step_id: uuid.UUID) -> Step:
    """A step of who is signed in; NotFound for all others."""
    return ladders.step_of(db(), me().id, step_id)


def ladder_page(fears: Sequence[Fear], fear: ladders.FearView | None) -> str:
    """The page of one ladder beside the others."""
    return render_template(
        "ladder/ladder.html",
        fear=fear,
        fears=[(each.id, each.name) for each in fears] if len(fears) > 1 else (),
        rungs=_rungs(fear.steps) if fear else (),
    )


def _rungs(steps: Sequence[ladders.StepView]) -> list[Rung]:
    titles = {step.id: step.title for step in steps}
    return [
        Rung(step, step.first_suds if step.has_moved else None, titles.get(step.parent_id) if step.parent_id else None)
        for step in steps
    ]
