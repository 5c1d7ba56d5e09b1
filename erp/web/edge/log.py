"""The log of requests: one line for each, which names the route and nobody."""

from __future__ import annotations

import json
import logging
import time
import traceback
from enum import StrEnum, auto

from flask import Response, g, request

from erp.log import logger

NAME = "rung.request"

log = logging.getLogger(NAME)


class Event(StrEnum):
    """What a request's line says of safety, beside its route: docs/security.md, The log."""

    signed_up = auto()
    signed_in = auto()
    signed_out = auto()
    signed_out_everywhere = auto()
    sign_in_ended = auto()
    password_changed = auto()
    codes_made = auto()
    codes_confirmed = auto()
    failed = auto()
    held_up = auto()
    not_signed_in = auto()
    not_found = auto()
    foreign = auto()


def install() -> None:
    """Set the log up."""
    logger(NAME)


def note(event: Event) -> None:
    """Have the request's line say that this happened. It names nobody."""
    g.setdefault("events", []).append(event)


def log_request(response: Response) -> None:
    """Write down how long a request took, and what went out."""
    if not log.isEnabledFor(logging.INFO):
        return
    line: dict[str, object] = {
        "time": g.now.isoformat(timespec="milliseconds"),
        "method": request.method,
        "route": _route(),
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.started) * 1000, 1),
        "bytes": response.content_length,
    }
    if "events" in g:
        line["events"] = g.events
    log.info(json.dumps(line))


def log_warning(text: str) -> None:
    """Write down what who runs Rung should put right."""
    log.warning(json.dumps({"time": g.now.isoformat(timespec="milliseconds"), "warning": text}))


def log_crash(error: Exception) -> None:
    """Write down where it happened, without the message: a database's own words quote what a person wrote."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    line = {"time": g.now.isoformat(), "route": _route(), "error": type(error).__name__, "at": frames}
    log.error(json.dumps(line))


def log_set_aside(error: str) -> None:
    """Write down that an exposure could not be folded, by the name of the error alone; `flask check` names it."""
    log.error(json.dumps({"time": g.now.isoformat(), "route": _route(), "error": error, "at": "set aside"}))


def _route() -> str | None:
    return request.url_rule.rule if request.url_rule else None
