"""Answering a form: the same fragment alone for htmx, inside its page otherwise."""

from __future__ import annotations

from flask import render_template, request

from erp.domain.errors import Invalid
from erp.web.edge import by_htmx
from erp.web.edge.problems import sentences


def form_page(page: str, fragment: str, error: Invalid | None = None, **context: object) -> tuple[str, int]:
    """A page with a form: empty or as it is saved (200), or as it was sent, with what is wrong beside it (422)."""
    errors = sentences(error) if error else {}
    if error:
        context["form"] = request.form
    name = fragment if by_htmx() and error else page
    return render_template(name, errors=errors, **context), 422 if error else 200
