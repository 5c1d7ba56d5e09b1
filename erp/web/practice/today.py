"""Today."""

from __future__ import annotations

from flask import Response, jsonify

from erp.web.edge import request
from erp.web.practice import blueprint
from erp.web.practice.pages import today_page


@blueprint.get("/today")
def today() -> str:
    """Show what there is to do today, and how far this week has come."""
    return today_page()


@blueprint.get("/today/date")
def date() -> Response:
    """Tell a page that was left open which day it is by now, where the client lives."""
    return jsonify(day=request.today().isoformat())
