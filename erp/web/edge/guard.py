"""What keeps strangers out: changes only from our own pages, and the headers of every answer."""

from __future__ import annotations

from ipaddress import ip_address

from flask import Response, abort, current_app, request

from erp.services import services
from erp.web.edge.log import Event, log_warning, note
from erp.web.edge.request import SAFE_METHODS, client_network, own_origin

WARNED = "rung-proxy-warned"

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


def refuse_foreign() -> None:
    """Take changes only from our own pages: by fetch metadata, else by Origin. There is no token to go stale."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    allowed = site == "same-origin" if site is not None else request.headers.get("Origin") == own_origin()
    if not allowed:
        note(Event.foreign)
        abort(403)


def add_headers(response: Response) -> None:
    """Give an answer the headers that all have; without a word of its own on keeping it, nobody keeps it."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    response.vary.update(("HX-Request", "HX-Request-Type"))


def warn_of_proxy() -> None:
    """Say once in the log that a proxy stands in front and is not counted: everybody seems to come from one place."""
    app = current_app
    if WARNED in app.extensions or "X-Forwarded-For" not in request.headers or services().settings.proxies:
        return
    if not _is_private(client_network()):
        return
    app.extensions[WARNED] = True
    log_warning(
        "Requests come from a private address with X-Forwarded-For in them, and RUNG_PROXIES is 0: whoever comes by "
        "that proxy counts as one place. Set RUNG_PROXIES to how many proxies of yours stand in front."
    )


def _is_private(place: str) -> bool:
    try:
        return ip_address(place.partition("/")[0]).is_private
    except ValueError:
        return True  # a socket file, where a proxy of the same machine asks
