"""The real server as a process of its own."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.make.patience import PATIENCE
from tests.make.ports import free_port

ROOT = Path(__file__).parents[2]


def environment(**own: str) -> dict[str, str]:
    """The environment for a process of Rung's: no settings but its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNG_", "DATABASE_"))}
    return kept | own


def status(port: int, path: str, timeout: float = PATIENCE) -> int:
    """With what the server on the port answers."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status


def ready(port: int) -> bool:
    """Whether /readyz says yes."""
    try:
        return status(port, "/readyz", 2) == 200
    except OSError:
        return False


def wait_for(port: int, process: subprocess.Popen[Any], log: Path | None = None) -> None:
    """Return when the server is ready; else fail with what stands in its log, or with what it said."""
    deadline = time.monotonic() + PATIENCE
    while not ready(port):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"it did not start: {log.read_text()[-3000:] if log else process.communicate(timeout=5)}")
        time.sleep(0.05)


class Server:
    """`python app.py` on a port of its own with a data folder of its own; `extra` are more settings."""

    def __init__(self, data: Path, extra: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.extra = extra or {}
        self.root = ROOT
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """The settings of the process; one proxy, so that each phone of a test has an address of its own."""
        own = {"RUNG_DATA": str(self.data), "RUNG_PORT": str(self.port), "RUNG_PROXIES": "1"}
        return environment(**own) | self.extra

    def start(self) -> None:
        """Start, and return when it is ready to serve."""
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=self.root, env=self.environment(), stdout=log, stderr=log
            )
        wait_for(self.port, self.process, self.data / "server.log")

    def stop(self) -> None:
        """Stop as Ctrl-C does, and wait until it is gone."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
