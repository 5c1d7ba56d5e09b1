"""Answering a form, in one pattern for all pages: GET and POST are two views.

GET shows the page by `form_page`. POST calls the rule. On Invalid it shows the same page with the error; else it
commits, and sends the person on by `see_other`, or by `form_saved` where a form saves by itself and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import render_template, request
from flask.typing import ResponseReturnValue

from erp.domain.errors import Invalid
from erp.web.edge.formats import MOST_USUAL_CHECK_IN, check_in_options
from erp.web.edge.notices import SAVED, done
from erp.web.edge.problems import sentences
from erp.web.edge.request import by_htmx


@dataclass(frozen=True, slots=True)
class CheckIns:
    """How often to ask how strong it is: the choices as (minutes, label), and the one that is chosen."""

    chosen: str
    options: list[tuple[str, str]]


def check_ins(values: Mapping[str, object]) -> CheckIns:
    """The choice of how often to ask, in a form that shows these values."""
    chosen = str(values.get("check_in_minutes", MOST_USUAL_CHECK_IN))
    return CheckIns(chosen, check_in_options(chosen))


def slider_value(given: object, highest: int = 100) -> object:
    """Where a slider from 0 stands: at what was given, or in the middle."""
    return highest // 2 if given in (None, "") else given


def values_of(saved: Mapping[str, object], error: Invalid | None) -> Mapping[str, object]:
    """What a form shows: the values that are saved, or that were sent, where something is wrong with them."""
    return request.form if error else saved


def form_page(
    page: str, fragment: str, error: Invalid | None = None, *, sent: str | None = "form", **context: object
) -> tuple[str, int]:
    """A page with a form: empty or as it is saved (200), or as it was sent, with what is wrong beside it (422).

    htmx gets the form's `fragment` alone. `sent` is what the template calls the values that were sent; None where it
    shows none of them again.
    """
    errors = sentences(error) if error else {}
    if error and sent:
        context[sent] = request.form
    name = fragment if error and by_htmx() else page
    return render_template(name, errors=errors, **context), 422 if error else 200


def form_saved(fragment: str, url: str, **context: object) -> ResponseReturnValue:
    """Say beside a form that it is saved: in its fragment for htmx, else on its page."""
    if by_htmx():
        return render_template(fragment, errors={}, saved=True, **context)
    return done(url, SAVED)
