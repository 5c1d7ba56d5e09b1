"""What the phone keeps for when there is no network, in one answer: its pages, and the steps that it can start."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from erp.domain.ladder import ladder as ladders
from erp.domain.practice.record import plan_on
from erp.web.edge import db, me, now, today
from erp.web.exposure import views as exposure
from erp.web.ladder import views as ladder
from erp.web.practice import views as practice

blueprint = Blueprint("kit", __name__)

STEP = ("id", "title", "details", "response", "suds", "planned_minutes", "check_in_minutes", "stopping_rule")


@blueprint.get("/kit")
def kit() -> Response:
    """Give the pages as they stand now. They share most of what they say, so that together they cost one of them."""
    fears = ladders.fears(db(), me().id)
    views = ladders.ladders_of(db(), fears)
    first = ladders.practised_last(fears)
    pages = {url_for("ladder.ladder", fear_id=each.id): ladder.ladder_page(fears, each) for each in views}
    pages[url_for("ladder.ladder")] = (
        pages[url_for("ladder.ladder", fear_id=first.id)] if first else ladder.ladder_page([], None)
    )
    pages[url_for("practice.today")] = practice.today_page()
    pages[url_for("practice.calendar")] = practice.calendar()
    pages[url_for("exposure.next_practice")] = exposure.page_without_step()
    plan, next_step = plan_on(db(), me().id, today()), ladders.next_step(db(), me().id)
    return jsonify(
        account=me().id,
        at=now().isoformat(),
        pages=pages,
        steps=[_step(step) for view in views for step in view.steps],
        next=next_step.id if next_step else None,
        plan_minutes=plan.minutes if plan else None,
    )


def _step(step: ladders.StepView) -> dict[str, Any]:
    return {name: getattr(step, name) for name in STEP}
