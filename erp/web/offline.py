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


@blueprint.get("/kit")
def pages() -> Response:
    """Give the pages as they stand now. They share most of what they say, so that together they cost one of them."""
    fears = ladders.fears(db(), me().id)
    views = ladders.ladders_of(db(), fears)
    plan, next_step = plan_on(db(), me().id, today()), ladders.next_step(db(), me().id)
    return jsonify(
        account=me().id,
        at=now().isoformat(),
        pages={
            **_ladders(fears, views),
            url_for("practice.today"): today_page(),
            url_for("practice.calendar"): month_page(today().replace(day=1)),
            url_for("exposure.next_practice"): page_without_step(),
        },
        steps=[_step(step) for view in views for step in view.steps],
        next=next_step.id if next_step else None,
        plan_minutes=plan.minutes if plan else None,
    )


def _ladders(fears: list[Fear], views: list[ladders.FearView]) -> dict[str, str]:
    """The page of each ladder by its path; the one practised last stands at the path of all as well."""
    pages = {url_for("ladder.ladder", fear_id=each.id): ladder_page(fears, each) for each in views}
    first = ladders.practised_last(fears)
    shown = pages[url_for("ladder.ladder", fear_id=first.id)] if first else ladder_page([], None)
    return pages | {url_for("ladder.ladder"): shown}


def _step(step: ladders.StepView) -> dict[str, Any]:
    return {name: getattr(step, name) for name in STEP}
