"""Both folds, the server's and the phone's, on the same random lists of events: what one says, the other says."""

import json
import os
import random
import shutil
import subprocess
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from erp.domain.exposure.event import EventKind, event_of, parse
from erp.domain.exposure.fold import fold
from tests.make.events import NOON, START

ROOT = Path(__file__).parents[3]
LISTS = 3000
A_DAY = 24 * 60 * 60_000
# Ends of seconds, of pauses and of the longest day, in ms after the first moment: where a rounding would show.
MOMENTS = (0, 1, 999, 1000, 59_999, 60_000, 90_500, 300_000, A_DAY - 1, A_DAY, A_DAY + 1, 3 * A_DAY, 9000 * A_DAY)
KINDS = (*EventKind, EventKind.paused, EventKind.resumed, EventKind.noted, EventKind.finished)


def stamp(milliseconds: int) -> str:
    moment = NOON - timedelta(days=9001) + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def said(dice: random.Random, kind: EventKind) -> dict[str, Any]:
    """What an event of the kind carries."""
    maybe_suds = dice.choice([None, 0, 40, 100])
    match kind:
        case EventKind.started:
            return {**START, "expected_suds": maybe_suds, "planned_minutes": dice.choice([1, 2, 20, 240])}
        case EventKind.checked_in:
            return {"suds": dice.randrange(101)}
        case EventKind.extended:
            return {"minutes": dice.choice([1, 5, 120])}
        case EventKind.noted:
            words = {name: dice.choice(["", "a", "b"]) for name in ("learning", "note")}
            return {"suds": maybe_suds, "outcome": dice.choice([None, "no", "yes"]), **words}
        case EventKind.finished if dice.random() < 0.6:
            return {"gave_way_to": str(uuid.UUID(int=1))}
    return {}


def a_list(dice: random.Random) -> dict[str, Any]:
    """A list as a phone sends it, in any order and some of it twice, and the moment to look at it."""
    latest = dice.choice([3_000, 400_000, 2 * A_DAY])

    def moment() -> str:
        return stamp(dice.choice([dice.choice(MOMENTS), dice.randrange(-2_000, latest)]))

    kinds = dice.choices(KINDS, k=dice.randrange(14)) + [EventKind.started] * dice.choice([0, 1, 1, 1, 1])
    events = [
        {"id": str(uuid.UUID(int=dice.getrandbits(128))), "kind": kind, "at": moment(), **said(dice, kind)}
        for kind in kinds
    ]
    events += dice.sample(events, k=min(len(events), dice.randrange(3)))
    dice.shuffle(events)
    return {"events": events, "now": moment()}


def on_the_server(told: dict[str, Any]) -> dict[str, Any]:
    """What the server's fold says of the list, in the words of tests/js/fold-lists.js."""
    came = [parse({"exposure": str(uuid.UUID(int=0)), **raw}) for raw in told["events"]]
    state = fold(event_of(one.id, one.kind, one.at, 0, one.value, one.data) for one in came)
    last = state.last_at
    now = max(datetime.fromisoformat(told["now"]), last) if last else NOON
    running, due = state.phase == "running", state.due_at

    def iso(moment: datetime | None) -> str | None:
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None

    return {
        "phase": state.phase,
        "paused": state.paused_at is not None and state.finished_at is None,
        "seconds": state.seconds_at(now),
        "planned": state.planned_seconds,
        "finished": iso(state.finished_at),
        "ends": iso(due) if running and due and last and due > last else None,
        "curve": [list(point) for point in state.curve],
        "resisted": state.resisted,
        "rituals": state.rituals,
        "peak": max(state.suds, default=None),
        "last": state.suds[-1] if state.suds else None,
        "noted": dict(sorted(state.notes.items())),
    }


def test_both_folds_say_the_same_of_any_list():
    node = shutil.which("node")
    if node is None and not os.environ.get("CI"):
        pytest.skip("both folds are compared where there is node")
    assert node
    dice = random.Random(20261127)
    lists = [a_list(dice) for _ in range(LISTS)]
    script = [node, ROOT / "tests/js/fold-lists.js"]
    answer = subprocess.run(script, input=json.dumps(lists), capture_output=True, text=True, check=True)
    on_the_phone = json.loads(answer.stdout)
    assert len(on_the_phone) == LISTS
    for told, phone in zip(lists, on_the_phone, strict=True):
        assert phone == on_the_server(told), json.dumps(told, indent=1)
    # Lists in which nothing happens would agree as well.
    assert {one["phase"] for one in on_the_phone} == {"before", "running", "after", "done"}
    assert any(one["seconds"] == A_DAY // 1000 for one in on_the_phone)
    assert any(one["paused"] for one in on_the_phone)
    assert any(one["ends"] for one in on_the_phone)
