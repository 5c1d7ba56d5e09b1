"""Many connections at once: 2,000 that are idle while 1,000 ask something each few seconds.

usage: python -m bench.crowd [--port PORT --process PROCESS_ID] [--path /healthz] [--seconds 20]
Without a port it starts `python app.py` in a folder of its own.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from bench.serving import memory, serving

IDLE, POLLING, EVERY = 2_000, 1_000, 5.0


async def ask(port: int, path: str, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """One request, and its answer read to the end; a connection that closed raises."""
    reader, writer = streams
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    async with asyncio.timeout(30):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].split(b"\r")[0]
        await reader.readexactly(int(length or 0))


async def poll(port: int, path: str, number: int, until: float, took: list[float]) -> None:
    """Ask every few seconds over one connection; the seconds of each answer are added to `took`."""
    await asyncio.sleep(EVERY * number / POLLING)
    streams = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        begun = time.perf_counter()
        await ask(port, path, streams)
        took.append(time.perf_counter() - begun)
        await asyncio.sleep(max(0.0, EVERY - took[-1]))
    streams[1].close()


async def crowd(port: int, path: str, seconds: float) -> tuple[list[float], int, int]:
    """The seconds that the answers took, how many polls broke off, and how many idle connections closed meanwhile."""
    idle = []
    for _ in range(IDLE):
        idle.append(await asyncio.open_connection("127.0.0.1", port))
        await ask(port, "/healthz", idle[-1])
    took: list[float] = []
    until = time.monotonic() + seconds
    polls = (poll(port, path, number, until, took) for number in range(POLLING))
    broken = [one for one in await asyncio.gather(*polls, return_exceptions=True) if one]
    return sorted(took), len(broken), sum(reader.at_eof() for reader, _ in idle)


def seconds_of(process: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(port: int, process: int, path: str, seconds: float) -> None:
    """Print what a crowd gets and costs."""
    before, begun = seconds_of(process), time.monotonic()
    took, broken, closed = asyncio.run(crowd(port, path, seconds))
    used = (seconds_of(process) - before) / (time.monotonic() - begun)
    print(f"{IDLE} idle, {POLLING} polling {path} every {EVERY:.0f} s: {len(took)} answers, {broken} broken off")
    print(f"half within {took[len(took) // 2] * 1000:.0f} ms, 99 % within {took[len(took) * 99 // 100] * 1000:.0f} ms")
    print(f"{closed} idle ones closed; {used:.2f} of a core; {memory(process) / 1_000_000:.0f} MB")


def main() -> None:
    """Measure a server that runs, or one that is started for it."""
    parser = argparse.ArgumentParser(prog="python -m bench.crowd")
    parser.add_argument("--port", type=int)
    parser.add_argument("--process", type=int)
    parser.add_argument("--path", default="/healthz")
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    if asked.port:
        measure(asked.port, asked.process, asked.path, asked.seconds)
        return
    with tempfile.TemporaryDirectory(prefix="rung-crowd-") as folder, serving(["app.py"], Path(folder)) as (port, pid):
        measure(port, pid, asked.path, asked.seconds)


if __name__ == "__main__":
    main()
