"""Any events, in any order, any batches and more than once: the state, the row and the day stay the same."""

import itertools
import random
import uuid
from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, inspect
from sqlalchemy.orm import Session

from erp.domain.exposure.event import Event, EventKind
from erp.domain.exposure.fold import fold
from erp.storage.exposure import Exposure
from tests.make.clients import Client, undone
from tests.make.events import NOON, happens

pytestmark = pytest.mark.slow

EXPOSURE = uuid.UUID("0190f3c0-0000-7000-8000-00000000000e")
AFTER_FINISH = ("paused", "checked_in", "resisted", "ritual", "noted")
SUDS = st.integers(0, 100)
MAYBE_SUDS = st.none() | SUDS
DATA = {
    "started": st.fixed_dictionaries({"expected_suds": MAYBE_SUDS, "planned_minutes": st.integers(1, 240)}),
    "checked_in": st.fixed_dictionaries({"suds": SUDS}),
    "extended": st.fixed_dictionaries({"minutes": st.integers(1, 120)}),
    "noted": st.fixed_dictionaries(
        {
            "suds": MAYBE_SUDS,
            "outcome": st.sampled_from([None, "no", "partly", "yes"]),
            "learning": st.sampled_from(["", "it passed"]),
            "note": st.sampled_from(["", "a", "b"]),
        }
    ),
}
# Few distinct moments, so that events fall together often; the odd milliseconds catch a wrong rounding.
MOMENTS = st.sampled_from([0, 1, 999, 1000, 59_999, 60_000, 60_001, 299_500, 300_000]) | st.integers(-5_000, 400_000)


@st.composite
def event_lists(draw: st.DrawFn, started: bool = False, starts_once: bool = False) -> list[Event]:
    kinds = draw(st.lists(st.sampled_from(list(EventKind)[1:] if starts_once else list(EventKind)), max_size=14))
    if started:
        kinds.append("started")
    numbers = draw(st.permutations(range(len(kinds))))
    return [
        happens(number, kind, draw(MOMENTS) / 60_000, **draw(DATA.get(kind, st.just({}))))
        for number, kind in zip(numbers, kinds, strict=True)
    ]


@settings(max_examples=150)
@given(event_lists(), st.randoms(use_true_random=False), st.integers(0, 5))
def test_replays_duplicates_and_any_order_fold_to_the_same_state(
    events: list[Event], shuffler: random.Random, repeats: int
):
    again = events + [shuffler.choice(events) for _ in range(repeats) if events]
    shuffler.shuffle(again)
    assert fold(again) == fold(events)
    assert fold(iter(again + again)) == fold(events)


@settings(max_examples=150)
@given(event_lists(started=True))
def test_the_seconds_and_the_curve_are_those_that_a_slow_count_finds(events: list[Event]):
    state = fold(events)
    slow = SlowCount(events)
    assert state.seconds == slow.seconds
    assert state.curve == slow.curve
    assert (state.finished_at is not None) == (slow.doing == "finished")
    assert state.phase == slow.phase


@settings(max_examples=80)
@given(event_lists(started=True))
def test_neither_ratings_nor_rituals_nor_urges_move_the_time_of_a_finished_exposure(events: list[Event]):
    last = happens(99, "finished", 8)
    quiet = [event for event in events if event.kind not in ("checked_in", "resisted", "ritual")]
    full, bare = fold([*events, last]), fold([*quiet, last])
    assert (full.phase, full.seconds, full.finished_at) == (bare.phase, bare.seconds, bare.finished_at)


@settings(max_examples=80)
@given(event_lists(started=True), st.sampled_from(AFTER_FINISH))
def test_after_the_finish_only_going_on_and_extending_take_it_back(events: list[Event], kind: str):
    finished = fold([*events, happens(98, "finished", 8)])
    data = {"suds": 50} if kind == "checked_in" else {"note": "later"} if kind == "noted" else {}
    later = fold([*events, happens(98, "finished", 8), happens(99, kind, 9, **data)])
    assert (later.finished_at, later.seconds) == (finished.finished_at, finished.seconds)


# The same, through the record.


@settings(max_examples=40)
@given(
    events=event_lists(started=True, starts_once=True),
    shuffler=st.randoms(use_true_random=False),
    cuts=st.lists(st.integers(0, 20), max_size=4),
)
def test_recorded_in_any_order_in_any_batches_and_twice_the_row_is_the_same(
    migrated_engine: Engine, events: list[Event], shuffler: random.Random, cuts: list[int]
):
    arriving = events + [shuffler.choice(events) for _ in range(4)]
    shuffler.shuffle(arriving)
    edges = sorted({0, *(min(cut, len(arriving)) for cut in cuts), len(arriving)})
    batches = [arriving[begin:end] for begin, end in itertools.pairwise(edges)]
    assert recorded(migrated_engine, batches) == recorded(migrated_engine, [events])


def recorded(engine: Engine, batches: list[list[Event]]) -> dict[str, object]:
    """What the exposure's row, its day and the totals are after the batches."""
    with undone(engine) as session:
        client = Client(session, "America/New_York", NOON)
        for batch in batches:
            client.now += timedelta(hours=1)
            again = [
                client.event(EXPOSURE, event.kind, event.at, **event.data | {"id": event.id, "step": client.step.id})
                for event in batch
            ]
            assert client.sends(*again).accepted == [event.id for event in batch]
        client.now = NOON + timedelta(hours=9)
        row = session.get_one(Exposure, EXPOSURE)
        kept = {column.key: getattr(row, column.key) for column in inspect(Exposure).column_attrs}
        for other in ("id", "account_id", "step_id"):
            del kept[other]
        return {**kept, "totals": client.counted(), "days": client.days(client.today, client.today)}


def test_an_event_that_comes_again_with_other_contents_changes_nothing(session: Session):
    client = Client(session, "America/New_York", NOON)
    client.now += timedelta(minutes=20)
    start, check_in = (
        client.event(EXPOSURE, "started", NOON),
        client.event(EXPOSURE, "checked_in", NOON + timedelta(minutes=5), suds=40),
    )
    client.sends(start, check_in)
    other = client.event(EXPOSURE, "checked_in", NOON + timedelta(minutes=9), suds=90, id=check_in.id)
    assert client.sends(other).accepted == [check_in.id]
    row = session.get_one(Exposure, EXPOSURE)
    assert (row.seconds, row.curve) == (300, [[300, 40]])


@pytest.mark.parametrize("slow", [timedelta(hours=3), timedelta(days=-2)])
def test_a_phone_whose_clock_is_far_off_is_set_right_and_durations_stay_exact(session: Session, slow: timedelta):
    client = Client(session, "America/New_York", NOON)
    start = client.event(EXPOSURE, "started", NOON - slow)
    client.sends(start, slow=slow)
    client.now += timedelta(minutes=10)
    finish = client.event(EXPOSURE, "finished", client.now - slow)
    client.sends(finish, slow=slow + timedelta(seconds=2))
    row = session.get_one(Exposure, EXPOSURE)
    assert (row.started_at, row.finished_at, row.seconds) == (NOON, client.now, 600)


def test_a_phone_whose_clock_is_a_little_off_is_believed(session: Session):
    client = Client(session, "America/New_York", NOON)
    client.sends(client.event(EXPOSURE, "started", NOON - timedelta(seconds=90)), slow=timedelta(seconds=90))
    assert session.get_one(Exposure, EXPOSURE).started_at == NOON - timedelta(seconds=90)


class SlowCount:
    """The fold a second time: walks from event to event and adds up the stretches that were practice."""

    def __init__(self, events: Iterable[Event]) -> None:
        in_order = sorted(events, key=lambda event: (event.at, event.id))
        self.start = next(event for event in in_order if event.kind == "started")
        self.doing = "running"
        self.practised = timedelta()
        self.noted: list[Event] = []
        expected = self.start.data.get("expected_suds")
        self.curve: list[tuple[int, int]] = [] if expected is None else [(0, expected)]
        clock = self.start.at
        for event in in_order:
            at = max(event.at, self.start.at)
            if self.doing == "running":
                self.practised += at - clock
            clock = at
            self.meet(event)
        ratings = [event.data["suds"] for event in self.noted if event.data.get("suds") is not None]
        if ratings:
            self.curve.append((self.seconds, ratings[-1]))

    def meet(self, event: Event) -> None:
        if event.kind == "paused" and self.doing == "running":
            self.doing = "paused"
        elif event.kind == "finished":
            self.doing = "finished"
        elif self.doing == "finished" and self.noted and event.kind in ("resumed", "extended"):
            pass  # what was written about stays finished
        elif event.kind == "resumed" or (event.kind == "extended" and self.doing == "finished"):
            self.doing = "running"
        elif event.kind == "checked_in":
            self.curve.append((self.seconds, event.data["suds"]))
        elif event.kind == "noted":
            self.noted.append(event)

    @property
    def seconds(self) -> int:
        return self.practised // timedelta(seconds=1)

    @property
    def phase(self) -> str:
        if self.doing != "finished":
            return "running"
        return "done" if self.noted else "after"
