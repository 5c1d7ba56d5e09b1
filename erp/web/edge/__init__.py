"""The web's edge: what every request goes through, put together here from its rooms."""

from __future__ import annotations

import time

from flask import Flask, Response, g
from htmx_flask import Htmx

from erp.services import services
from erp.settings import Settings
from erp.web.edge import attempts, compression, errors, forms, guard, log, paths, signin
from erp.web.edge.marks import mark_page
from erp.web.edge.request import close_db

MAX_BODY_BYTES = 512 * 1024

htmx = Htmx()


def install(app: Flask, settings: Settings) -> None:
    """Put the edge around an application: sessions, sign-in, checks, headers, errors and the log."""
    log.install()
    paths.install(app)
    forms.install(app)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
    )
    app.after_request(_finish)  # registered first, so it runs last and sees what really goes out
    compression.install(app)
    htmx.init_app(app)
    attempts.install(app, settings)
    signin.install(app, settings)
    app.before_request(_start)
    app.before_request(guard.warn_of_proxy)
    app.before_request(guard.refuse_foreign)
    app.before_request(signin.ask_who)
    app.after_request(compression.compress_refusal)
    app.teardown_request(close_db)
    errors.install(app)


def _start() -> None:
    g.now = services().clock()
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    guard.add_headers(response)
    mark_page(response)
    log.log_request(response)
    return response
