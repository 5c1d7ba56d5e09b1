"""`make bench`: every figure in one run, as ratios to a bare Flask view.

usage: python -m bench [--profile today|calendar|practice|event]
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from flask import Flask

from bench import bounds, push
from bench.bare import bare_app
from bench.client import Client, Request, make
from bench.cpu import compare, profile, ratio
from bench.serving import memory, rate, serving
from erp.settings import Settings

ROUNDS = 7
PAGES = 120
EXPOSURES = 12
LOADED = 400
YEARS = 3653
MONTH = 30
NAMES = {
    "ours": "ours",
    "pywebpush": "pywebpush, as documented",
    "pywebpush_object": "pywebpush, its key read once",
    "floor": "key pair made and exchanged",
}
PYWEBPUSH_GOAL, FLOOR_GOAL, FAN_OUT_GOAL = 2.0, 0.5, 4.0
PASSWORD_GOAL, LOOK_GOAL, STRANGERS_GOAL = 5.0, 0.75, 1.1
PAGE_GOAL, EVENT_GOAL, HISTORY_GOAL, MEMORY_GOAL = 12.0, 15.0, 1.2, 110.0


def main() -> int:
    """Measure and print; what misses its goal is marked, and the exit code stays 0."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--profile", choices=("today", "calendar", "practice", "event"))
    asked = parser.parse_args().profile
    with tempfile.TemporaryDirectory(prefix="rung-bench-") as folder:
        # The request log belongs to the cost of a request; only where it goes does not matter here.
        logging.basicConfig(filename=Path(folder) / "bench.log", format="%(message)s", level=logging.INFO)
        measure(Path(folder), asked)
    return 0


def measure(folder: Path, asked: str | None) -> None:
    """Set up two clients, one with a month and one with ten years, and go through the figures."""
    app, settings = make(folder)
    client, veteran = Client(app, settings, "month"), Client(app, settings, "years")
    client.practise(MONTH)
    pages = {
        "today": client.get("/today"),
        "calendar": client.get("/calendar"),
        "practice": client.get(f"/steps/{client.step}/practice"),
    }
    if asked:
        profile(app, [pages[asked]] * 300 if asked in pages else client.posts(25))
        return
    print("Ten years of history are being written.", file=sys.stderr)
    veteran.practise(YEARS)

    print("CPU time in process, a request              ms   × bare")
    bare = bare_app()
    warm = [Request("GET", "/")] * 400
    floor, _ = compare(bare, bare, [warm] * ROUNDS)
    row("bare Flask view", floor * 1000, None, None)
    for name, request in pages.items():
        cost, ratio = compare(bare, app, [[request] * PAGES] * ROUNDS)
        row(name.capitalize(), cost * 1000, ratio, PAGE_GOAL)
    posts = [client.posts(EXPOSURES) for _ in range(ROUNDS)]
    cost, ratio = compare(bare, app, posts)
    row("Event post, committed", cost * 1000, ratio, EVENT_GOAL)
    history(app, client, veteran)
    bounded(folder, app, client, settings)
    served(folder, client, pages)
    pushed(folder, settings, client)


def bounded(folder: Path, app: Flask, client: Client, settings: Settings) -> None:
    """What is bounded: a long password, a look without news, and what strangers leave in memory."""
    print("\nBounds                                            ×")
    row("Worst password against an ordinary one", None, bounds.passwords(), PASSWORD_GOAL)
    for name, found in bounds.looks(app, client, Client(app, settings, "coach")):
        row(f"{name} without news, of a whole one", None, found, LOOK_GOAL)
    row("Memory after 500 odd requests", None, bounds.strangers(folder), STRANGERS_GOAL)


def pushed(folder: Path, settings: Settings, client: Client) -> None:
    """Messages per second, and the time from an event to its arrival at the push service."""
    print("\nMessages encrypted and signed                /s")
    rates = push.rates(settings)
    for name, found in rates.items():
        row(NAMES[name], found, None, None)
    row("against pywebpush, as documented", None, rates["ours"] / rates["pywebpush"], -PYWEBPUSH_GOAL)
    row("against the floor", None, rates["ours"] / rates["floor"], -FLOOR_GOAL)
    print("\nFrom the event to its arrival                 s")
    one, many = (push.arrival(folder, client, devices) for devices in (1, 200))
    row("1 subscription", one, None, None)
    row("200 subscriptions", many, None, None)
    row("200, beyond a second, against 1", None, max(many - 1, 0) / one, FAN_OUT_GOAL)


def history(app: Flask, client: Client, veteran: Client) -> None:
    """What ten years of history add to a page and to an event post."""
    print("\nTen years of history against one month          ×")
    for name, path in (("Today", "/today"), ("Calendar", "/calendar")):
        one, ten = ([[who.get(path)] * PAGES] * ROUNDS for who in (client, veteran))
        row(name, None, ratio(app, one, ten), HISTORY_GOAL)
    one, ten = ([who.posts(EXPOSURES) for _ in range(ROUNDS)] for who in (client, veteran))
    row("Event post", None, ratio(app, one, ten), HISTORY_GOAL)


def served(folder: Path, client: Client, pages: dict[str, Request]) -> None:
    """Requests per second over a real socket, and the memory of the process that answered them."""
    with serving(["-m", "bench.bare"], folder) as (port, _):
        floor = rate(port, [[Request("GET", "/")] * LOADED * 3] * 3)
    print("\nOn the server, 8 connections            req/s   of bare")
    row("bare Flask view", floor, None, None)
    with serving(["app.py"], folder) as (port, process_id):
        for name, request in pages.items():
            answered = rate(port, [[request] * LOADED] * 3)
            row(name.capitalize(), answered, answered / floor, None)
        answered = rate(port, [client.posts(LOADED // 12) for _ in range(3)])
        row("Event post, committed", answered, answered / floor, None)
        size = memory(process_id) / 1_000_000
    print(f"\nMemory of the process after serving: {size:.0f} MB{verdict(size, MEMORY_GOAL)}")


def row(name: str, figure: float | None, ratio: float | None, goal: float | None) -> None:
    """Print one line of a table."""
    shown = "" if figure is None else f"{figure:.3f}" if figure < 100 else f"{figure:.0f}"
    share = "" if ratio is None else f"{ratio:.2f}"
    print(f"  {name:<34}{shown:>10}{share:>9}{verdict(ratio, goal)}", flush=True)


def verdict(figure: float | None, goal: float | None) -> str:
    """The goal, and whether it was missed; a negative one is the least that is wanted."""
    if figure is None or goal is None:
        return ""
    if goal < 0:
        return f"   goal ≥ {-goal:g}" + ("" if figure >= -goal else ", missed")
    return f"   goal ≤ {goal:g}" + ("" if figure <= goal else ", missed")


if __name__ == "__main__":
    sys.exit(main())
