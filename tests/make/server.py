"""The real server as a process of its own."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.make.patience import PATIENCE
from tests.make.ports import free_port

ROOT = Path(__file__).parents[2]


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
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNG_", "DATABASE_URL"))}
        own = {"RUNG_DATA": str(self.data), "RUNG_PORT": str(self.port), "RUNG_PROXIES": "1"}
        return kept | own | self.extra

    def start(self) -> None:
        """Start, and return when it is ready to serve."""
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=self.root, env=self.environment(), stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail("the server did not start:\n" + (self.data / "server.log").read_text()[-3000:])
            time.sleep(0.05)

    def ready(self) -> bool:
        """Whether /readyz says yes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

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
