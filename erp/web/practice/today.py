"""Today."""

from __future__ import annotations

from erp.web.practice import blueprint
from erp.web.practice.pages import today_page


@blueprint.get("/today")
def today() -> str:
    """Show what there is to do today, and how far this week has come."""
    return today_page()
