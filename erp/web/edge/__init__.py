"""The web's edge: what every request goes through, and the one place where a domain error becomes an answer."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_babel import gettext as _
from flask_compress import Compress
from flask_limiter import Limiter
from flask_limiter.errors import RateLimitExceeded
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user
from htmx_flask import Htmx
from htmx_flask import request as htmx_request
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.account.account import Person, person_of
from erp.domain.dates import local_day
from erp.domain.errors import Conflict, NotFound
from erp.settings import Settings
from erp.storage.account import Account

View = TypeVar("View", bound=Callable[..., object])

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# What the phone keeps for when there is no network (js/worker/worker.js); no other page is ever kept.
KEPT = frozenset({"/today", "/ladder", "/ladder/<uuid:fear_id>", "/calendar"})

# One slash, then no second one: browsers read //host and /\\host as another site.
OWN_PATH = re.compile(r"/(?:[^/\\\x00-\x20\x7f][^\\\x00-\x1f\x7f]*)?")

log = logging.getLogger("rung.request")


def place() -> str:
    """Where a request comes from, for counting attempts: an address, or the /64 that one IPv6 customer has."""
    given = (request.remote_addr or "").partition("%")[0]
    try:
        address = ip_address(given)
        # A proxy that listens on both may write an IPv4 address in the form of the other.
        address = getattr(address, "ipv4_mapped", None) or address
    except ValueError:
        return given
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


limiter = Limiter(key_func=place)
login = LoginManager()
htmx = Htmx()
compress = Compress()


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
    """Put the edge around an application: sessions, sign-in, checks, headers, errors and the log."""
    log.setLevel(logging.INFO)
    if not log.hasHandlers():
        log.addHandler(logging.StreamHandler(sys.stdout))
    app.session_interface = Cookies()
    app.jinja_env.globals["url_for"] = _paths(app)
    app.config.update(
        SECRET_KEY=settings.secret_keys[0],
        SECRET_KEY_FALLBACKS=list(settings.secret_keys[1:]),
        SESSION_COOKIE_NAME="rung",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=90),
        MAX_CONTENT_LENGTH=512 * 1024,
        MAX_FORM_MEMORY_SIZE=512 * 1024,
        RATELIMIT_STORAGE_URI=settings.limits_storage,
        COMPRESS_ALGORITHM=["br", "gzip"],
        # A tenth of a millisecond more than level 2 for a tenth fewer bytes: the network is what is scarce.
        COMPRESS_BR_LEVEL=5,
        COMPRESS_MIMETYPES=["text/html", "application/json", "application/manifest+json", "text/javascript"],
    )
    app.after_request(_finish)  # registered first, so it runs last and sees what really goes out
    compress.init_app(app)
    htmx.init_app(app)
    limiter.init_app(app)
    # It would log whose attempts it refused.
    limiter.logger.setLevel(logging.WARNING)
    login.init_app(app)
    login.session_protection = None
    login.user_loader(_load_visitor)
    login.unauthorized_handler(_unauthorized)
    app.before_request(_start)
    app.before_request(_refuse_foreign)
    app.before_request(_ask_who)
    app.after_request(_compress_refusal)
    app.teardown_request(_close)
    app.register_error_handler(NotFound, lambda error: error_page(404))
    app.register_error_handler(Conflict, lambda error: error_page(409))
    app.register_error_handler(RateLimitExceeded, lambda error: error_page(429))
    app.register_error_handler(HTTPException, lambda error: error_page(error.code or 500))
    app.register_error_handler(Exception, _crashed)


def _paths(app: Flask) -> Callable[..., str]:
    """`url_for` for the templates: the same few addresses, page after page, are built once."""
    build = app.url_map.bind("").build

    @lru_cache(maxsize=4096)
    def path(endpoint: str, **values: object) -> str:
        return build(endpoint, {name: value for name, value in values.items() if value is not None})

    return path


def public(view: View) -> View:
    """Mark a view that nobody has to be signed in for. Every other view is private."""
    view.public = True  # type: ignore[attr-defined]
    return view


def db() -> Session:
    """The request's session: one that reads for GET, one that holds the write lock otherwise."""
    if "db" not in g:
        sessions = current_app.extensions["rung.sessions"]
        g.db = sessions.reading() if request.method in SAFE else sessions.writing()
    found: Session = g.db
    return found


def now() -> datetime:
    """The moment at which the request came in (UTC): one moment for all that it does."""
    moment: datetime = g.now
    return moment


def me() -> Person:
    """Who is signed in; only for views that are not public."""
    person: Person = current_user.person
    return person


def today() -> date:
    """Today where the client lives."""
    return local_day(now(), me().time_zone)


def by_htmx() -> bool:
    """Whether htmx asks, and so wants a fragment."""
    return bool(htmx_request.htmx)


def wake(at: datetime | None = None) -> None:
    """Let the worker look at what is due: now, after a commit that added something, or at a moment to come."""
    current_app.extensions["rung.wake"](at)


def see_other(url: str) -> BaseResponse:
    """Send the person to another page after a POST: by 303, or by a header where htmx asked."""
    if by_htmx():
        return Response(headers={"HX-Redirect": url})
    return redirect(url, 303)


def safe_next(target: str | None) -> str:
    """The page to go to after signing in: a path of ours, else Today."""
    return target if target and OWN_PATH.fullmatch(target) else url_for("practice.today")


def _load_visitor(key: str) -> Visitor | None:
    account_id, _dot, epoch = key.partition(".")
    try:
        person = person_of(db(), uuid.UUID(account_id))
    except ValueError:
        return None
    return Visitor(person) if person and str(person.session_epoch) == epoch else None


def _unauthorized() -> BaseResponse:
    # A form is sent anew from the page on which it stood.
    form_page = urlsplit(request.referrer or "").path or None
    target = url_for("account.sign_in", next=request.full_path.rstrip("?") if request.method in SAFE else form_page)
    if by_htmx():
        page = urlsplit(request.headers.get("HX-Current-URL", "")).path or None
        return Response(status=401, headers={"HX-Redirect": url_for("account.sign_in", next=page)})
    if request.accept_mimetypes.best == "application/json" or request.is_json:
        return Response("{}", 401, mimetype="application/json")
    return redirect(target, 303)


def _start() -> None:
    g.now = datetime.now(UTC)
    g.started = time.perf_counter()


def _refuse_foreign() -> None:
    """Take changes only from our own pages: by fetch metadata, else by Origin. There is no token to go stale."""
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        allowed = site == "same-origin"
    else:
        origin = current_app.extensions["rung.settings"].origin or request.host_url.rstrip("/")
        allowed = request.headers.get("Origin") == origin
    if not allowed:
        abort(403)


def _ask_who() -> BaseResponse | None:
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


def _finish(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    response.vary.update(("HX-Request", "HX-Request-Type"))
    if response.mimetype == "text/html" and not response.location and not by_htmx():
        _sign(response)
    if log.isEnabledFor(logging.INFO):
        line = {
            "time": g.now.isoformat(timespec="milliseconds"),
            "method": request.method,
            "route": request.url_rule.rule if request.url_rule else None,
            "status": response.status_code,
            "ms": round((time.perf_counter() - g.started) * 1000, 1),
            "bytes": response.content_length,
        }
        log.info(json.dumps(line))
    return response


def _sign(response: Response) -> None:
    """Mark a page as ours, unlike the one of a café's network, and say who is signed in and whether it may be kept."""
    if "unknown" in g:
        return
    known = current_user.is_authenticated
    response.headers["Rung-Page"] = str(me().id) if known else "nobody"
    if known and response.status_code == 200 and request.url_rule and request.url_rule.rule in KEPT:
        response.headers["Rung-Keep"] = "yes"


def _compress_refusal(response: Response) -> Response:
    """Compress a form that comes back (422) too; Flask-Compress leaves alone what is not a success."""
    if response.status_code == 422:
        response.status_code = 200
        response = compress.after_request(response)
        response.status_code = 422
    return response


def _close(_error: BaseException | None) -> None:
    found: Session | None = g.pop("db", None)
    if found is not None:
        found.close()


def error_page(code: int) -> tuple[str, int]:
    """A page of ours for an error, in the words of somebody who wants to help."""
    texts = {
        400: (_("That could not be read"), _("Open the page again and try once more. Nothing was changed.")),
        403: (_("That did not come from here"), _("Open the page again and try once more. Nothing was changed.")),
        404: (_("This page is not here"), _("It may have moved, or it belongs to another account.")),
        405: (_("That does not work this way"), _("Go back to Today and try from there.")),
        409: (_("That has changed meanwhile"), _("Open the page again to see how things stand now.")),
        413: (_("That was too much at once"), _("Please send a shorter text.")),
        429: (_("A few too many tries"), _("Please wait a quarter of an hour and try again. Nothing is lost.")),
    }
    fallback = (_("Something went wrong on our side"), _("What you had saved is safe. Please try again in a moment."))
    title, text = texts.get(code, fallback if code >= 500 else texts[404])
    return render_template("errors/error.html", code=code, title=title, text=text), code


def _crashed(error: Exception) -> tuple[str, int]:
    # Where it happened, without the message: a database's own words quote what a person wrote.
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    route = request.url_rule.rule if request.url_rule else None
    log.error(json.dumps({"time": g.now.isoformat(), "route": route, "error": type(error).__name__, "at": frames}))
    if "_login_user" not in g:
        # Flask-Login could not say who it is. The page asks no second time, and is not marked: the phone shows its own.
        g.setdefault("_login_user", AnonymousUserMixin())
        g.unknown = True
    return error_page(500)
