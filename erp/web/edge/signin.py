"""Who is signed in: the cookie, the visitor behind it, and the way to the sign-in page and back."""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Request, Response, current_app, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_login import LoginManager, UserMixin, current_user, login_user
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response as BaseResponse

from erp import base64url
from erp.domain.account import sign_in
from erp.domain.account.account import Person
from erp.services import services
from erp.settings import Settings
from erp.storage.account import Account
from erp.storage.busy import Busy
from erp.web.edge import attempts
from erp.web.edge.browsers import this_browser
from erp.web.edge.log import Event, note
from erp.web.edge.request import SAFE_METHODS, by_htmx, db, me, now, own_origin, wants_json

View = TypeVar("View", bound=Callable[..., object])

# One slash, then no second one: browsers read //host and /\\host as another site.
OWN_PATH = re.compile(r"/(?:[^/\\\x00-\x20\x7f][^\\\x00-\x1f\x7f]*)?")
FORMER_COOKIE = "rung"
# What the cookie keeps when the same person signs in again.
KEPT_AT_SIGN_IN = ("codes", "device")

login = LoginManager()


def is_former(key: object) -> bool:
    """Whether a cookie names an account and its epoch, as all did before sign-ins were rows.

    A cookie lives for 90 days, and none was made like this since 0.1.0: a release that comes later needs neither this
    nor what adopts them.
    """
    return isinstance(key, str) and "." in key


class FormerCookies(SecureCookieSessionInterface):
    """The session cookie as it is called where Rung is reached by http, and as all were called before."""

    def get_cookie_name(self, app: Flask) -> str:
        return FORMER_COOKIE


class Cookies(SecureCookieSessionInterface):
    """Flask's signed session cookie; where Rung is reached by https, one that no other host and no http can set."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure or own_origin().startswith("https:")

    def get_cookie_name(self, app: Flask) -> str:
        return f"__Host-{FORMER_COOKIE}" if self.get_cookie_secure(app) else FORMER_COOKIE

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """What the cookie holds; by https also a cookie of before sign-ins were rows, until it is replaced by one.

        Of any other cookie by that name nobody knows who set it: another host of this domain can, or whoever sits in
        the way of http.
        """
        if self.get_cookie_name(app) in request.cookies or FORMER_COOKIE not in request.cookies:
            return super().open_session(app, request)
        opened = FormerCookies().open_session(app, request)
        return opened if opened and is_former(opened.get("_user_id")) else self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie where it changed; the one of before goes once nothing needs it any more."""
        super().save_session(app, session, response)
        name = self.get_cookie_name(app)
        replaced = session.modified or name in request.cookies or not is_former(session.get("_user_id"))
        if name != FORMER_COOKIE and FORMER_COOKIE in request.cookies and replaced:
            response.delete_cookie(FORMER_COOKIE, secure=True, httponly=True, samesite="Lax")


class Visitor(UserMixin):
    """A signed-in person as Flask-Login wants one. `sign_in` is the row that says so; its cookie has the `token`."""

    def __init__(self, person: Person, sign_in: uuid.UUID, token: str) -> None:
        self.person, self.sign_in, self.token = person, sign_in, token

    def get_id(self) -> str:
        return self.token


def install(app: Flask, settings: Settings) -> None:
    """Give an application its sessions and its sign-in."""
    app.session_interface = Cookies()
    app.config.update(
        SECRET_KEY=settings.secret_keys[0],
        SECRET_KEY_FALLBACKS=list(settings.secret_keys[1:]),
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
        _note_visit(day)
    return None


def _note_visit(day: str) -> None:
    if request.method not in SAFE_METHODS:
        sign_in.seen(db(), current_user.sign_in, now())
        db().commit()
        session["day"] = day
        return
    # Who only looks waits for nobody that writes: the next page notes it.
    with suppress(Busy, OperationalError), services().sessions.writing_briefly() as writing:
        sign_in.seen(writing, current_user.sign_in, now())
        writing.commit()
        session["day"] = day


def enter(account: Account) -> None:
    """Sign a person in on this browser, by a new token; the one of before ends. Commits."""
    before: Visitor | None = current_user if current_user.is_authenticated else None
    again = before is not None and me().id == account.id
    kept = {name: session[name] for name in KEPT_AT_SIGN_IN if again and name in session}
    if before is not None:
        sign_in.end(db(), me().id, before.sign_in, now(), forget=not again)
    empty_cookie()
    session.permanent = True
    session.update(kept, day=now().date().isoformat())
    attempts.remember(account.email)
    token = sign_in.start(db(), account.id, now(), browser=this_browser())
    started = sign_in.person_at(db(), token, now())
    assert started
    if "device" in kept:
        sign_in.carries(db(), started[0], uuid.UUID(kept["device"]))
    db().commit()
    login_user(Visitor(started[1], started[0], token))
    note(Event.signed_in)


def empty_cookie() -> None:
    """Take everything out of this browser's cookie but at whose accounts it has been, which opens none of them."""
    known = session.get(attempts.KNOWN)
    session.clear()
    if known:
        session.permanent = True
        session[attempts.KNOWN] = known


def safe_next(target: str | None) -> str:
    """The page to go to after signing in: a path of ours, else Today."""
    return target if target and OWN_PATH.fullmatch(target) else url_for("practice.today")


def _load_visitor(key: str) -> Visitor | None:
    token = _adopted(key) if is_former(key) else key
    found = token and _person_at(token)
    return Visitor(found[1], found[0], token) if found and token else None


def _person_at(token: str) -> tuple[uuid.UUID, Person] | None:
    if request.method in SAFE_METHODS or "db" in g:
        return sign_in.person_at(db(), token, now())
    # What a form says is read and judged before its view takes the write lock.
    with services().sessions.reading() as reading:
        return sign_in.person_at(reading, token, now())


def _adopted(key: str) -> str | None:
    """The token of whoever comes with a cookie of before, which named an account and its epoch; None for nobody."""
    account_id, _dot, epoch = key.partition(".")
    interface = cast(Cookies, current_app.session_interface)
    cookie = request.cookies.get(interface.get_cookie_name(current_app)) or request.cookies.get(FORMER_COOKIE)
    try:
        known = uuid.UUID(account_id)
    except ValueError:
        return None
    # Made of the cookie itself, so that all requests of a page that opens with it come to one sign-in.
    secret = services().settings.secret_keys[0].encode()
    token = base64url.encode(hmac.digest(secret, f"sign-in {known} {cookie}".encode(), "sha256"))
    with services().sessions.reading() as reading:
        was_here = sign_in.person_at(reading, token, now()) is not None
    if not was_here:
        # A page that is only looked at waits for no lock held elsewhere: it says so, and the cookie stays as it is.
        sessions = services().sessions
        waits = request.method not in SAFE_METHODS
        with sessions.writing(hurried=True) if waits else sessions.writing_briefly() as writing:
            adopted = sign_in.adopt(writing, known, epoch, token, now(), browser=this_browser())
            writing.commit()
        if not adopted:
            return None
    session["_user_id"] = token
    note(Event.signed_in)
    return token


def _unauthorized() -> BaseResponse:
    note(Event.not_signed_in)
    if by_htmx():
        page = _path(request.headers.get("HX-Current-URL"))
        return Response(status=401, headers={"HX-Redirect": url_for("account.sign_in", next=page)})
    if wants_json() or request.is_json:
        return Response("{}", 401, mimetype="application/json")
    # A form is sent anew from the page on which it stood.
    form_page = _path(request.referrer)
    back = request.full_path.rstrip("?") if request.method in SAFE_METHODS else form_page
    return redirect(url_for("account.sign_in", next=back), 303)


def _path(address: str | None) -> str | None:
    """The path of an address that a browser says it was on; None where there is none, or it is none."""
    try:
        return urlsplit(address or "").path or None
    except ValueError:
        return None
