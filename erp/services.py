"""What one application runs with, in one typed record: web, commands, entry and tests read it from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast

from flask import Flask, current_app

from erp.settings import Settings
from erp.storage.db import Sessions

Clock = Callable[[], datetime]


class Worker(Protocol):
    """The delivery of notifications, as far as a page knows it."""

    def wake(self, at: datetime | None = None) -> None:
        """Have what is due delivered: now, or at a moment (UTC)."""

    def swept_lately(self) -> bool:
        """Whether a worker is at work."""


@dataclass(frozen=True, slots=True)
class Services:
    """`clock` gives the moment (UTC); `version` names the static files; `languages` are those with translations."""

    settings: Settings
    sessions: Sessions
    worker: Worker
    clock: Clock
    version: str
    languages: frozenset[str]


def provide(app: Flask, services: Services) -> None:
    """Give an application what it runs with."""
    app.extensions["rung"] = services


def services_of(app: Flask) -> Services:
    """What this application runs with."""
    return cast(Services, app.extensions["rung"])


def services() -> Services:
    """What the application at work runs with."""
    return services_of(current_app)
