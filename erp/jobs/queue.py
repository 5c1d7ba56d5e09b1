"""The huey object: what wakes the worker, in this process or in others.

The rows in the database are the truth, and a task that is lost costs a minute. So the queue holds no work of its own.
"""

from __future__ import annotations

import logging

from huey import Huey, MemoryHuey, PostgresHuey, SqliteHuey
from huey.consumer import Consumer
from sqlalchemy import make_url

NAME = "rung"
WORKERS = 2
# An idle worker looks into an SQLite queue at least so often; PostgreSQL notifies it.
MAX_WAIT_SECONDS = 0.5
SHUTDOWN_SECONDS = 15


def open_queue(address: str) -> Huey:
    """The queue at an address: sqlite:///FILE, postgresql://…, or memory:// for one process alone."""
    logging.getLogger("huey").setLevel(logging.WARNING)
    url = make_url(address)
    match url.get_backend_name():
        case "sqlite":
            return SqliteHuey(NAME, filename=url.database, results=False)
        case "postgresql":
            dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
            return PostgresHuey(NAME, dsn=dsn, results=False)
        case _:
            return MemoryHuey(NAME, results=False)


class Embedded(Consumer):
    """A worker in threads of this process, which leaves the process's signals alone."""

    def __init__(self, queue: Huey) -> None:
        super().__init__(queue, workers=WORKERS, max_delay=MAX_WAIT_SECONDS, shutdown_timeout=SHUTDOWN_SECONDS)

    def _set_signal_handlers(self) -> None:
        """Nothing: the server has its own."""


def worker(queue: Huey, *, periodic: bool) -> Consumer:
    """A worker that is the whole process; of several, one runs the periodic tasks."""
    return Consumer(
        queue,
        workers=WORKERS,
        periodic=periodic,
        max_delay=MAX_WAIT_SECONDS,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
