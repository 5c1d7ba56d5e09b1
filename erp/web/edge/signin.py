"""Who is signed in: the cookie, the visitor behind it, and the way to the sign-in page and back."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, current_user, login_user
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.account.account import Person, person_of
from erp.services import services
from erp.settings import Settings
from erp.storage.account import Account
from erp.web.edge.request import SAFE_METHODS, by_htmx, db, me, now, wants_json

View = TypeVar("View", bound=Callable[..., object])

# One slash, then no second one: browsers read //host and /\\host as another site.
OWN_PATH = re.compile(r"/(?:[^/\\\x00-\x20\x7f][^\\\x00-\x1f\x7f]*)?")
# What the cookie keeps when the same person signs in again.
KEPT_AT_SIGN_IN = ("codes", "device")

login = LoginManager()


class Cookies(SecureCookieSessionInterface):
    """Flask's signed session cookie, marked Secure whenever the request itself came by https."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


class Visitor(UserMixin):
    """A signed-in person as Flask-Login wants one; with the epoch in the cookie one count signs out everywhere."""

    def __init__(self, person: Person | Account) -> None:
        self.person = person

    def get_id(self) -> str:
        return f"{self.person.id}.{self.person.session_epoch}"


def install(app: Flask, settings: Settings) -> None:
    """Give an application its sessions and its sign-in."""
    app.session_interface = Cookies()
    app.config.update(
        SECRET_KEY=settings.secret_keys[0],
        SECRET_KEY_FALLBACKS=list(settings.secret_keys[1:]),
        SESSION_COOKIE_NAME="rung",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=90),
    )
    login.init_app(app)
    login.session_protection = None
    login.user_loader(_load_visitor)
    login.unauthorized_handler(_unauthorized)


def public(view: View) -> View:
    """Mark a view that nobody has to be signed in for. Every other view is private."""
    view.public = True  # type: ignore[attr-defined]
    return view


def ask_who() -> BaseResponse | None:
    """Send whoever is not signed in to the sign-in page, unless the view is public."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or getattr(view, "public", False):
        return None
    if not current_user.is_authenticated:
        return _unauthorized()
    # The cookie is written anew once a day, so that 90 days count from the last visit.
    day = now().date().isoformat()
    if session.get("day") != day:
        session["day"] = day
    return None


def enter(account: Account) -> None:
    """Sign a person in on this phone."""
    again = current_user.is_authenticated and me().id == account.id
    kept = {name: session[name] for name in KEPT_AT_SIGN_IN if again and name in session}
    session.clear()
    session.permanent = True
    session.update(kept)
    login_user(Visitor(account))


def safe_next(target: str | None) -> str:
    """The page to go to after signing in: a path of ours, else Today."""
    return target if target and OWN_PATH.fullmatch(target) else url_for("practice.today")


def _load_visitor(key: str) -> Visitor | None:
    account_id, _dot, epoch = key.partition(".")
    try:
        person = _person(uuid.UUID(account_id))
    except ValueError:
        return None
    return Visitor(person) if person and str(person.session_epoch) == epoch else None


def _person(account_id: uuid.UUID) -> Person | None:
    if request.method in SAFE_METHODS or "db" in g:
        return person_of(db(), account_id)
    # What a form says is read and judged before its view takes the write lock.
    with services().sessions.reading() as session:
        return person_of(session, account_id)


def _unauthorized() -> BaseResponse:
    if by_htmx():
        page = urlsplit(request.headers.get("HX-Current-URL", "")).path or None
        return Response(status=401, headers={"HX-Redirect": url_for("account.sign_in", next=page)})
    if wants_json() or request.is_json:
        return Response("{}", 401, mimetype="application/json")
    # A form is sent anew from the page on which it stood.
    form_page = urlsplit(request.referrer or "").path or None
    back = request.full_path.rstrip("?") if request.method in SAFE_METHODS else form_page
    return redirect(url_for("account.sign_in", next=back), 303)
