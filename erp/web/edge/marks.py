"""What an answer says of itself to the phone (js/worker/worker.js): whose page it is, and whether it may be kept."""

from __future__ import annotations

from flask import Response, g, request
from flask_login import current_user

from erp.web.edge.request import by_htmx, me

# The routes whose pages the phone keeps for when there is no network; it keeps no other page.
OFFLINE_ROUTES = frozenset({"/today", "/ladder", "/ladder/<uuid:fear_id>", "/calendar"})


def mark_page(response: Response) -> None:
    """Mark a page as ours, unlike the one of a café's network, and say who is signed in and whether it may be kept."""
    if response.mimetype != "text/html" or response.location or by_htmx() or "unknown" in g:
        return
    known = current_user.is_authenticated
    response.headers["Rung-Page"] = str(me().id) if known else "nobody"
    if known and response.status_code == 200 and request.url_rule and request.url_rule.rule in OFFLINE_ROUTES:
        response.headers["Rung-Keep"] = "yes"
