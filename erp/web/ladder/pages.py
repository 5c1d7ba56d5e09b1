"""What the ladder's views share: loading a fear or a step of one's own, and the page of one ladder."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import render_template

from erp.domain.ladder import ladder as ladders
from erp.storage.ladder import Fear, Step
from erp.web.edge.request import db, me


def my_fear(fear_id: uuid.UUID) -> Fear:
    """A fear of who is signed in; NotFound for all others."""
    return ladders.fear_of(db(), me().id, fear_id)


def my_step(step_id: uuid.UUID) -> Step:
    """A step of who is signed in; NotFound for all others."""
    return ladders.step_of(db(), me().id, step_id)


def ladder_page(fears: Sequence[Fear], fear: ladders.FearView | None) -> str:
    """The page of one ladder beside the others."""
    return render_template("ladder/ladder.html", fears=[(each.id, each.name) for each in fears], fear=fear)
