"""Rung's entry: `create_app()` for servers; `python app.py` serves it here with the embedded defaults."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from flask import Flask
from limits.errors import ConfigurationError
from waitress.server import create_server

from erp import ROOT, create_app
from erp.commands import jobs_of
from erp.jobs.queue import Embedded
from erp.settings import BadSetting, Settings
from erp.storage.db import is_current, open_engine

__all__ = ["create_app", "main"]


def main() -> int:
    """Migrate, serve until Ctrl-C, and say in plain words where; 0 after a clean end, 1 with a sentence otherwise."""
    try:
        settings = Settings.from_env()
        listening = _listen(settings)
        app = _prepare(settings)
    except BadSetting as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    server = create_server(
        app,
        sockets=[listening],
        threads=settings.threads,
        ident=None,
        # ProxyFix alone goes by these headers, and only when there are proxies to trust; the guard's warning sees them.
        clear_untrusted_proxy_headers=False,
    )
    jobs = jobs_of(app)
    worker = Embedded(jobs.queue)
    worker.start()
    jobs.sweep()
    print(_welcome(settings), flush=True)
    # Ctrl-C as well: a shell that started this in the background made it ignore that.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, signal.default_int_handler)
    server.run()
    server.close()
    worker.stop(graceful=True)
    print("Stopped.", flush=True)
    return 0


def _prepare(settings: Settings) -> Flask:
    """The database migrated and the application made, or a BadSetting that says what stood in the way."""
    _migrate(settings)
    try:
        return create_app(settings)
    except OSError as error:
        raise BadSetting(f"The folder {settings.data} cannot be used: {error.strerror} ({error.filename}).") from error
    except ConfigurationError as error:
        raise BadSetting(f"RUNG_LIMITS_STORAGE cannot be used: {error}.") from error


def _migrate(settings: Settings) -> None:
    engine = open_engine(settings.database_url)
    current = is_current(engine)
    engine.dispose()
    if current:
        return
    command = [sys.executable, "-m", "erp.storage.migrating"]
    environment = os.environ | {"DATABASE_URL": settings.database_url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BadSetting(done.stderr.strip().rpartition("\n")[2] or "The database could not be brought up to date.")
    print(done.stdout, end="", flush=True)


def _listen(settings: Settings) -> socket.socket:
    """The socket to serve on, taken before anything else so that a second start touches nothing."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=128)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        reason = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)
        raise BadSetting(
            f"Rung cannot listen on {where} ({reason}). Is it running already? Another port: RUNG_PORT=8001."
        ) from error


def _welcome(settings: Settings) -> str:
    host = "localhost" if settings.host == "127.0.0.1" else settings.host
    sqlite = settings.database_url.startswith("sqlite")
    return f"""
Rung is running:   {settings.origin or f"http://{host}:{settings.port}"}
Your data is in:   {settings.data}{"" if sqlite else " (keys) and in PostgreSQL"}

On this computer everything works. A phone needs https to install the app, to keep
the screen on and to work offline: the README shows two ways that take a minute.

Press Ctrl-C to stop.
"""


if __name__ == "__main__":
    sys.exit(main())
