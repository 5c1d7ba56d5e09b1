"""What a view asks of its request: the session, the moment, who is signed in, and how to answer."""

from __future__ import annotations

from datetime import date, datetime
from ipaddress import ip_address, ip_network
from typing import Any

from flask import Response, abort, g, redirect, request
from flask_login import current_user
from htmx_flask import request as htmx_request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.account.account import Person
from erp.domain.dates import local_day
from erp.services import services

MAX_LEVELS = 8  # of JSON
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def db() -> Session:
    """The request's session: one that reads for GET, one that holds the write lock otherwise."""
    if "db" not in g:
        sessions = services().sessions
        g.db = sessions.reading() if request.method in SAFE_METHODS else sessions.writing(hurried=True)
    found: Session = g.db
    return found


def only_read() -> None:
    """Let a POST only read: it was refused before it took the write lock, and changes nothing."""
    g.setdefault("db", services().sessions.reading())


def close_db(_error: BaseException | None) -> None:
    """Close the session at the request's end, where one was opened."""
    found: Session | None = g.pop("db", None)
    if found is not None:
        found.close()


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


def wants_json() -> bool:
    """Whether a script asks for data: it would not know what to do with a page."""
    return request.accept_mimetypes.best == "application/json"


def sent_json() -> dict[str, Any]:
    """The JSON object that the request brings; 400 where it brings none, or one nested deeper than any of ours."""
    try:
        raw = request.get_json(silent=True)
    except RecursionError:
        raw = None
    if not isinstance(raw, dict) or not _is_shallow(raw, MAX_LEVELS):
        abort(400)
    return raw


def _is_shallow(value: object, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inside)


def wake(at: datetime | None = None) -> None:
    """Let the worker look at what is due: now, after a commit that added something, or at a moment to come."""
    services().worker.wake(at)


def see_other(url: str) -> BaseResponse:
    """Send the person to another page after a POST: by 303, or by a header where htmx asked."""
    if by_htmx():
        return Response(headers={"HX-Redirect": url})
    return redirect(url, 303)


def own_origin() -> str:
    """The address under which people reach Rung, like https://rung.example: the setting, else what was asked for."""
    return services().settings.origin or request.host_url.rstrip("/")


def client_network() -> str:
    """Where a request comes from, for counting attempts: an address, or the /64 that one IPv6 customer has."""
    given = (request.remote_addr or "").partition("%")[0]
    try:
        address = ip_address(given)
        # A proxy that listens on both may write an IPv4 address in the form of the other.
        address = getattr(address, "ipv4_mapped", None) or address
    except ValueError:
        return given
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
