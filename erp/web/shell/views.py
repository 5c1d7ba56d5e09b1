"""What stands around the rooms: the first page, the manifest, the service worker, and the health checks."""

from __future__ import annotations

import json

from flask import Blueprint, Response, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from erp.services import services
from erp.settings import SignUp
from erp.storage.db import is_current
from erp.web.edge import assets
from erp.web.edge.assets import asset
from erp.web.edge.formats import language
from erp.web.edge.signin import public

blueprint = Blueprint("shell", __name__)

# What every page needs from the first on.
SHELL = (
    "css/shell/app.css",
    "css/practice/practice.css",
    "js/shell/app.js",
    "js/lib/device-clock.js",
    "js/outbox/outbox.js",
    "vendor/htmx@4.0.1/htmx.min.js",
)
# What it takes on top to practise at once, wherever the person stands, and what the kept pages need.
# The worker fetches it as one file: together they are smaller, and the headers of fifteen answers stay away.
BUNDLE = (
    "css/exposure/exposure.css",
    "css/ladder/ladder.css",
    "js/practice/month.js",
    "js/practice/waiting.js",
    "js/exposure/offline.js",
    "js/exposure/ask-end.js",
    "js/exposure/fold.js",
    "js/exposure/record.js",
    "js/exposure/signals.js",
    "js/exposure/practice.js",
    "js/exposure/draft.js",
    "js/exposure/timer.js",
    "js/exposure/curve.js",
    "js/lib/store.js",
    "js/lib/uuid7.js",
    "js/support/cheers.js",
    "js/shell/slider.js",
    "js/lib/format.js",
    "js/account/zone-notice.js",
)


@blueprint.get("/")
@public
def home() -> ResponseReturnValue:
    """Show what Rung is, or Today to those who are signed in."""
    if current_user.is_authenticated:
        return redirect(url_for("practice.today"))
    return render_template("shell/landing.html", may_sign_up=services().settings.sign_up == SignUp.open)


@blueprint.get("/about")
@public
def about() -> str:
    """Say what Rung is and is not, where help is, what is kept and who sees it."""
    return render_template("shell/about.html")


@blueprint.get("/offline")
@public
def offline() -> str:
    """Show the page that the phone keeps for when there is no network; it holds nothing private."""
    return render_template("shell/offline.html")


@blueprint.get("/manifest.webmanifest")
@public
def manifest() -> Response:
    """Describe the app to the phone that installs it."""
    answer = jsonify(
        id="/",
        name="Rung",
        short_name="Rung",
        description=_("Exposure practice, one step at a time"),
        lang=language().locale.replace("_", "-"),
        start_url="/today",
        scope="/",
        display="standalone",
        background_color="#faf7f1",
        theme_color="#faf7f1",
        icons=[
            _icon("icons/icon.svg", "image/svg+xml", "any"),
            _icon("icons/icon-192.png", "image/png", "192x192"),
            _icon("icons/icon-512.png", "image/png", "512x512"),
            _icon("icons/maskable-512.png", "image/png", "512x512", "maskable"),
        ],
        shortcuts=[
            {"name": _("Start practice"), "url": url_for("exposure.next_practice")},
            {"name": _("Calendar"), "url": url_for("practice.calendar")},
        ],
    )
    answer.mimetype = "application/manifest+json"
    answer.headers["Cache-Control"] = "max-age=3600"
    answer.vary.add("Accept-Language")
    return answer


def _icon(path: str, kind: str, sizes: str, purpose: str = "any") -> dict[str, str]:
    return {"src": asset(path), "type": kind, "sizes": sizes, "purpose": purpose}


@blueprint.get("/sw.js")
@public
def worker() -> Response:
    """Serve the service worker from the root, so that it may look after every page."""
    lines = (
        f"const VERSION = {json.dumps(services().version)};",
        f"const SHELL = {json.dumps([asset(path) for path in SHELL])};",
        f"const BUNDLE = {json.dumps(asset(assets.BUNDLE))};",
        f"const OFFLINE = {json.dumps(url_for('shell.offline'))};",
        'const ASSETS = "/static/";',
        f"importScripts({json.dumps(asset('js/worker/worker.js'))});",
    )
    return Response("\n".join(lines), mimetype="text/javascript", headers={"Cache-Control": "no-cache"})


@blueprint.get("/healthz")
@public
def alive() -> Response:
    """Say that the process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
@public
def ready() -> Response:
    """Say whether the tables are those that this code knows, something can be written, and a worker is at work."""
    if not is_current(services().sessions.engine):
        return Response("database\n", 503, mimetype="text/plain")
    if not services().sessions.can_write(services().settings.data):
        return Response("writing\n", 503, mimetype="text/plain")
    if not services().worker.swept_lately():
        return Response("worker\n", 503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
