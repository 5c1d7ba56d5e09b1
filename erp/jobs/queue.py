"""The huey object: what wakes the worker, in this process or in others.

The rows in the database are the truth, and a task that is lost costs a minute. So the queue holds no work of its own.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any

from huey import Huey, MemoryHuey, PostgresHuey, SqliteHuey
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer
from sqlalchemy import make_url

NAME = "rung"
WORKERS = 2
# An idle worker looks into an SQLite queue at least so often; PostgreSQL notifies it.
MAX_WAIT_SECONDS = 0.5
SHUTDOWN_SECONDS = 15


class Json(Serializer):
    """Writes what the queue keeps as JSON: whoever can write into its store must not be able to run anything here."""

    def _serialize(self, data: Message | str) -> bytes:
        """A task's message as an object of what it carries, or a text as it is. Raises TypeError for anything else."""
        if isinstance(data, Message):
            # Lists would come back where huey wants tuples, and what a task is followed by is a message again.
            if data.args or data.kwargs or data.on_complete or data.on_error or data.chord_config:
                raise TypeError("a task of this queue carries nothing and is followed by nothing")
            fields = {name: value for name, value in data._asdict().items() if value is not None}
            return json.dumps(fields, default=datetime.isoformat).encode()
        if isinstance(data, str):
            return json.dumps(data).encode()
        raise TypeError(f"{type(data).__name__} has no place in the queue")

    def _deserialize(self, data: bytes) -> Message | str:
        """What was serialized. Raises ValueError for anything else, such as what older versions pickled."""
        try:
            read: Any = json.loads(bytes(data))
            if isinstance(read, str):
                return read
            eta = read.get("eta")
            return Message(**read | {"args": (), "kwargs": {}, "eta": eta and datetime.fromisoformat(eta)})
        except (AttributeError, TypeError, ValueError, RecursionError):
            raise ValueError("something in the queue was not written by this version; it is left out") from None


def open_queue(address: str) -> Huey:
    """The queue at an address: sqlite:///FILE, postgresql://…, or memory:// for one process alone."""
    logging.getLogger("huey").setLevel(logging.WARNING)
    url = make_url(address)
    match url.get_backend_name():
        case "sqlite":
            return SqliteHuey(NAME, filename=url.database, results=False, serializer=Json())
        case "postgresql":
            dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
            return PostgresHuey(NAME, dsn=dsn, results=False, serializer=Json())
        case _:
            return MemoryHuey(NAME, results=False, serializer=Json())


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
