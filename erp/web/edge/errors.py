"""The one place where an error becomes an answer: a page of ours, and for a crash a line in the log."""

from __future__ import annotations

from flask import Flask, Response, g, make_response, render_template
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import AnonymousUserMixin
from werkzeug.exceptions import HTTPException

from erp.domain.errors import Conflict, NotFound, Unreadable
from erp.storage.busy import comes_again
from erp.web.edge.attempts import TooMany
from erp.web.edge.log import Event, log_crash, note

TRY_AGAIN_SECONDS = 5


def install(app: Flask) -> None:
    """Translate what the rules and the framework raise."""
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(Conflict, lambda error: error_page(409))
    app.register_error_handler(Unreadable, lambda error: (unreadable_page(), 409))
    app.register_error_handler(TooMany, _held_up)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _crashed)


def error_page(code: int, wait: int = 15 * 60) -> tuple[str, int]:
    """A page of ours for an error, in the words of somebody who wants to help; `wait`, in seconds, is for 429."""
    texts = {
        400: (_("That could not be read"), _("Open the page again and try once more. Nothing was changed.")),
        403: (_("That did not come from here"), _("Open the page again and try once more. Nothing was changed.")),
        404: (_("This page is not here"), _("It may have moved, or it belongs to another account.")),
        405: (_("That does not work this way"), _("Go back to Today and try from there.")),
        409: (_("That has changed meanwhile"), _("Open the page again to see how things stand now.")),
        413: (_("That was too much at once"), _("Please send a shorter text.")),
        503: (_("Not at this moment"), _("Rung cannot save anything just now. Please try again in a few seconds.")),
        429: (_("A few too many tries"), _when(wait)),
    }
    fallback = (_("Something went wrong on our side"), _("What you had saved is safe. Please try again in a moment."))
    title, text = texts.get(code, fallback if code >= 500 else texts[404])
    return render_template("errors/error.html", code=code, title=title, text=text), code


def unreadable_page() -> str:
    """A page of ours for a practice of which what is stored is damaged."""
    text = _(
        "What is stored of it is damaged. It stays as it is, its minutes still count, and nothing else is affected. "
        "You can start a practice as always."
    )
    return render_template("errors/error.html", code=409, title=_("This practice cannot be read"), text=text)


def _when(wait: int) -> str:
    minutes = -(-wait // 60)
    if minutes == 15:
        return _("Please try again in a quarter of an hour. Nothing is lost.")
    return ngettext(
        "Please try again in a minute. Nothing is lost.",
        "Please try again in %(num)s minutes. Nothing is lost.",
        minutes,
    )


def _not_found(_error: NotFound) -> tuple[str, int]:
    note(Event.not_found)
    return error_page(404)


def _held_up(error: TooMany) -> Response:
    note(Event.held_up)
    answer = make_response(error_page(429, error.wait))
    answer.headers["Retry-After"] = str(error.wait)
    return answer


def _refused(error: HTTPException) -> Response:
    answer = make_response(error_page(error.code or 500))
    # What belongs to the refusal, like Allow to 405 and Retry-After to 429.
    answer.headers.update({name: value for name, value in error.get_headers() if name != "Content-Type"})
    return answer


def _crashed(error: Exception) -> Response:
    log_crash(error)
    if "_login_user" not in g:
        # Flask-Login could not say who it is. The page asks no second time, and is not marked: the phone shows its own.
        g.setdefault("_login_user", AnonymousUserMixin())
        g.unknown = True
    if not comes_again(error):
        return make_response(error_page(500))
    answer = make_response(error_page(503))
    answer.headers["Retry-After"] = str(TRY_AGAIN_SECONDS)
    return answer
