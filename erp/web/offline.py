"""What the phone keeps for when there is no network, in one answer: its pages, and the steps that it can start."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from erp.domain.ladder import ladder as ladders
from erp.domain.practice.record import plan_on
from erp.storage.ladder import Fear
from erp.web.edge.request import db, me, now, today
from erp.web.exposure.pages import page_without_step
from erp.web.ladder.pages import ladder_page
from erp.web.practice.pages import month_page, today_page

blueprint = Blueprint("offline", __name__)

STEP = ("id", "title", "details", "response", "suds", "planned_minutes", "check_in_minutes", "stopping_rule")


# What the ladders may take on a phone, in pages and in characters: the rest is there with the network.
MAX_LADDERS = 20
MAX_SIZE = 750_000


@blueprint.get("/kit")
def pages() -> Response:
    """Give the pages as they stand now. They share most of what they say, so that together they cost one of them."""
    fears = ladders.fears(db(), me().id)
    plan, next_step = plan_on(db(), me().id, today()), ladders.next_step(db(), me().id)
    ladder_pages, steps = _ladders(fears, next_step)
    return jsonify(
        account=me().id,
        at=now().isoformat(),
        pages={
            **ladder_pages,
            url_for("practice.today"): today_page(),
            url_for("practice.calendar"): month_page(today().replace(day=1)),
            url_for("exposure.next_practice"): page_without_step(),
        },
        steps=steps,
        next=next_step.id if next_step else None,
        plan_minutes=plan.minutes if plan else None,
    )


def _ladders(fears: list[Fear], next_step: ladders.StepView | None) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The pages of the ladders by their paths, and their steps: of those practised last before all, as room allows.

    The ladder practised last stands at the path of all as well. The next step is always there.
    """
    chosen = ladders.practised_first(fears)[:MAX_LADDERS]
    views = ladders.ladders_of(db(), chosen)
    room = MAX_SIZE
    pages: dict[str, str] = {}
    steps = [_step(next_step)] if next_step else []
    for view in views:
        for step in view.steps:
            written = _step(step)
            room -= len(str(written))
            if room > 0 and not (next_step and step.id == next_step.id):
                steps.append(written)
        page = ladder_page(fears, view)
        room -= len(page)
        if room > 0:
            pages[url_for("ladder.ladder", fear_id=view.id)] = page
    first = pages.get(url_for("ladder.ladder", fear_id=chosen[0].id)) if chosen else ladder_page([], None)
    return pages | ({url_for("ladder.ladder"): first} if first else {}), steps


def _step(step: ladders.StepView) -> dict[str, Any]:
    return {name: getattr(step, name) for name in STEP}
