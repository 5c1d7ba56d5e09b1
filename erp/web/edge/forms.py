"""Answering a form, in one pattern for all pages: GET and POST are two views.

GET shows the page by `form_page`. POST calls the rule. On Invalid it shows the same page with the error; else it
commits, and sends the person on by `see_other`, or by `form_saved` where a form saves by itself and stays.

A form that makes something carries an id (the macro `once`). Its POST asks `result_before` first, and commits by
`made`: sent again, it leads where it led the first time.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from erp.domain.account import sending
from erp.domain.errors import Invalid
from erp.services import services
from erp.web.edge.formats import MOST_USUAL_CHECK_IN, check_in_options
from erp.web.edge.notices import SAVED, done
from erp.web.edge.problems import sentences
from erp.web.edge.request import by_htmx, db, me, now

# Not "form": a field of that name would hide to which form a button belongs.
FORM_ID = "form_id"


def install(app: Flask) -> None:
    """Let templates give a form its id."""
    app.jinja_env.globals["form_id"] = uuid.uuid4


def result_before(*, without_id: bool = False) -> str | None:
    """Where this form led when it was sent before: its path, else None.

    `without_id`: from a page of the version before, the same words a moment later are the same form too.
    """
    has_id = bool(request.form.get(FORM_ID))
    if not (has_id or (without_id and request.form)):
        return None
    secret = services().settings.secret_keys[0]
    g.form_digest = sending.digest_of(secret, request.path, list(request.form.items(multi=True)))
    return sending.result_of(db(), me().id, g.form_digest, now(), has_id=has_id)


def made(url: str) -> str:
    """Commit what a form made, and say where to go: to `url`, or where the same form led that was taken just now."""
    digest: bytes | None = g.get("form_digest")
    if digest is not None:
        try:
            sending.keep_result(db(), me().id, digest, url, now())
        except IntegrityError:
            db().rollback()
            before = sending.result_of(db(), me().id, digest, now(), has_id=True)
            if before is None:
                raise
            return before
    db().commit()
    return url


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
