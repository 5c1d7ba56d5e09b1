"""Requests per second and memory, with the server that `python app.py` uses and the load from another process."""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.client import Request

ROOT = Path(__file__).parents[1]
CONNECTIONS = 8


@contextmanager
def serving(command: Sequence[str], data: Path, more: Mapping[str, str] | None = None) -> Iterator[tuple[int, int]]:
    """A server as a process of its own, with more settings where they are given: its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNG_", "DATABASE_URL"))}
    environment = kept | {"RUNG_DATA": str(data), "RUNG_PORT": str(port), **(more or {})}
    with (data / "server.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_for(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the port answers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise SystemExit("the server to measure did not start")


def rate(port: int, rounds: Sequence[Sequence[Request]]) -> float:
    """Requests answered in a second; the median of the rounds."""
    rates = []
    for requests in rounds:
        given = [[request.method, request.path, request.headers, request.body.decode()] for request in requests]
        load = subprocess.run(
            [sys.executable, "-m", "bench.load", str(port), str(CONNECTIONS)],
            cwd=ROOT,
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if load.returncode:
            raise SystemExit(load.stderr)
        rates.append(float(load.stdout))
    return statistics.median(rates)


def memory(process_id: int) -> int:
    """Bytes of the process in memory."""
    status = Path(f"/proc/{process_id}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024
    answer = subprocess.run(["ps", "-o", "rss=", "-p", str(process_id)], capture_output=True, text=True, check=True)
    return int(answer.stdout) * 1024
