"""What keeps strangers out: changes only from our own pages, limits to guessing, and the headers of every answer."""

from __future__ import annotations

from flask import Response, abort, request
from flask_limiter import Limiter

from erp.domain.account.address import normal_email
from erp.services import services
from erp.web.edge.request import SAFE_METHODS, client_network, own_origin

ATTEMPTS_PER_NETWORK = 4  # times those for one address
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


def _attempts() -> str:
    return f"{services().settings.attempts} per 15 minutes"


def _attempts_per_network() -> str:
    return f"{services().settings.attempts * ATTEMPTS_PER_NETWORK} per 15 minutes"


def _email_and_network() -> str:
    return f"{normal_email(request.form.get('email', ''))[:254]} {client_network()}"


limiter = Limiter(key_func=client_network)
# For a view that checks a password or a code, these count its POSTs: per e-mail address and network, and per network.
limited = limiter.shared_limit(_attempts, scope="attempts", key_func=_email_and_network, methods=["POST"])
limited_by_network = limiter.shared_limit(_attempts_per_network, scope="places", methods=["POST"])
