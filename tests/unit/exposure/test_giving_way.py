"""A minute counts once: what the finish of an exposure that gave way to another one comes to."""

import uuid
from datetime import timedelta

import pytest

from erp.domain.exposure.event import Event, EventKind, Finish, event_of
from erp.domain.exposure.fold import State, fold
from erp.domain.exposure.giving_way import giving_way
from tests.make.events import NOON, START

B = uuid.UUID(int=2)
NUMBERS = iter(range(1, 10**6))
RAN = ("started", 0)
GAVE_WAY = ("gave way", 5)


def happened(*told: tuple[str, float]) -> list[Event]:
    """Events by their kind and minute."""
    events = []
    for kind, minute in told:
        data = {"started": START, "gave way": Finish(gave_way_to=str(B))}.get(kind)
        value = {"checked_in": 40, "extended": 5}.get(kind)
        known = "finished" if kind == "gave way" else kind
        at = NOON + timedelta(minutes=minute)
        events.append(event_of(uuid.UUID(int=next(NUMBERS)), known, at, 0, value, data))
    return events


def stands(state: State) -> tuple[str, float]:
    return state.phase, state.seconds / 60


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param([RAN, GAVE_WAY], ("after", 5), id="it ends then"),
        pytest.param([RAN, GAVE_WAY, ("noted", 9)], ("done", 5), id="a note is no practice"),
        pytest.param([RAN, GAVE_WAY, ("resumed", 9)], ("running", 5), id="taken back"),
        pytest.param([RAN, GAVE_WAY, ("resumed", 9), ("finished", 19)], ("after", 15), id="taken back, and ended"),
        pytest.param([RAN, GAVE_WAY, ("noted", 8), ("resumed", 9)], ("done", 5), id="not once it was noted"),
        pytest.param([RAN, ("paused", 3), GAVE_WAY], ("after", 3), id="in a pause"),
        pytest.param([RAN, ("paused", 3), GAVE_WAY, ("resumed", 9)], ("running", 3), id="in a pause, taken back"),
        pytest.param([RAN, GAVE_WAY, ("checked_in", 9)], ("after", 9), id="a phone that did not know went on"),
        pytest.param([RAN, GAVE_WAY, ("checked_in", 9), ("resumed", 12)], ("running", 9), id="and then knew"),
        pytest.param([RAN, GAVE_WAY, ("extended", 19), ("finished", 25)], ("after", 25), id="it asked for more"),
        pytest.param(
            [RAN, GAVE_WAY, ("paused", 10), ("resisted", 11), ("resumed", 12)], ("after", 10), id="a pause of its own"
        ),
        pytest.param(
            [RAN, GAVE_WAY, ("paused", 10), ("resumed", 12), ("finished", 22)], ("after", 20), id="to its own end"
        ),
        pytest.param([RAN, ("finished", 4), GAVE_WAY], ("after", 4), id="it had ended before"),
        pytest.param([RAN, GAVE_WAY, ("resumed", 9), ("gave way", 12)], ("after", 8), id="twice"),
    ],
)
def test_an_exposure_that_gave_way(told: list[tuple[str, float]], expected: tuple[str, float]):
    state = fold(happened(*told))
    assert stands(state) == expected
    assert state.ended
    assert (state.finished_at is None) == (expected[0] == "running")


@pytest.mark.parametrize(
    ("rule", "told", "begins", "ends"),
    [
        ("time", [RAN], 5, 5),
        ("time", [RAN], 25, 20),
        ("halved", [RAN], 25, 25),
        ("halved", [RAN], 51, 20),
        ("time", [RAN, ("checked_in", 9)], 5, 9),
        ("time", [RAN, ("paused", 3)], 90, 90),
    ],
)
def test_the_end_is_when_the_other_one_began_but_for_what_was_told_and_for_what_was_missed(
    rule: str, told: list[tuple[str, float]], begins: float, ends: float
):
    exposure = uuid.UUID(int=1)
    start, *rest = happened(*told)
    start = Event(start.id, start.kind, start.at, {**START, "planned_minutes": 20, "stopping_rule": rule})
    finish = giving_way(exposure, fold([start, *rest]), B, NOON + timedelta(minutes=begins))
    assert (finish.exposure_id, finish.kind, finish.data) == (exposure, EventKind.finished, {"gave_way_to": str(B)})
    assert finish.at == NOON + timedelta(minutes=ends)
