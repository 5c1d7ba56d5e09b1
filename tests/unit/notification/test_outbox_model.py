"""Phones with outboxes, a network that does what it likes, and a server, against a reference that knows everything.

The phone is a small model of static/js/outbox/outbox.js; the server is the real `record` with the rules of
POST /events.
"""

import itertools
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from erp.domain.exposure.columns import columns_of
from erp.domain.exposure.event import Event, IncomingEvent, event_of, parse
from erp.domain.exposure.fold import fold
from erp.domain.exposure.timing import JITTER, SANE_SKEW
from erp.domain.practice.days import COUNTS_FROM_SECONDS
from erp.domain.recording import record
from erp.storage.exposure import EventRow, Exposure
from erp.storage.practice import Day, PracticeTotals
from tests.make.clients import Client, local, undone
from tests.make.examples import examples

pytestmark = pytest.mark.slow

ZONE = "Europe/Lisbon"
NOON = local(ZONE, 2026, 11, 18, 12, 0)
# The browser gives a request up after a quarter of a minute; what it sent may be under way for a little longer.
UNDER_WAY = timedelta(seconds=60)
BATCH = 4
OFFSETS = [timedelta(seconds=seconds) for seconds in (0, 0, 0, 100, -100, 3 * 3600, -3 * 3600, -2 * 86_400)]
PHONES, PLACES = st.integers(0, 2), st.integers(0, 1)
Raw = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A batch on its way: the account that its page belongs to, the one whose cookie goes with it, and the events."""

    account: uuid.UUID
    cookie: uuid.UUID
    sent_at: datetime
    skew: timedelta | None
    events: tuple[Raw, ...]
    left: datetime


@dataclass
class Phone:
    """What static/js/outbox/outbox.js does. `stored` outlives pages and sign-outs: id → who made it, and the event.

    `measured`: it knows how wrong its clock is. A page of an older version never does.
    """

    page: uuid.UUID
    cookie: uuid.UUID
    offset: timedelta = timedelta()
    measured: bool = False
    stored: dict[str, tuple[uuid.UUID, Raw]] = field(default_factory=dict)

    def put(self, event: Raw) -> None:
        """Keep an event under the account of the page."""
        self.stored[event["id"]] = (self.page, event)

    def waiting(self) -> list[Raw]:
        """What this page may send, oldest first."""
        return sorted((event for account, event in self.stored.values() if account == self.page), key=lambda e: e["id"])

    def request(self, now: datetime) -> Request:
        """The next batch, stamped with what this phone's clock shows."""
        skew = -self.offset if self.measured else None
        return Request(self.page, self.cookie, now + self.offset, skew, tuple(self.waiting()[:BATCH]), now)

    def hear(self, request: Request, answer: list[str] | None) -> None:
        """Forget what the server has; None is an answer that leaves everything as it is (401, 409, none)."""
        self.measured |= answer is not None
        for event_id in answer or []:
            if event_id in {event["id"] for event in request.events}:
                self.stored.pop(event_id, None)


@dataclass(frozen=True)
class Fact:
    """An event as it really happened: whose it is, when (by the right clock), and how wrong the phone's clock was."""

    account: uuid.UUID
    event: IncomingEvent
    at: datetime
    offset: timedelta


class Network(RuleBasedStateMachine):
    """Two people, three phones (two of them the first person's), one server."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.end = ExitStack()
        self.session: Session = self.end.enter_context(undone(self.engine))
        self.clients = [Client(self.session, ZONE, NOON - timedelta(hours=1)) for _ in range(2)]
        self.session.commit()
        self.now = NOON
        self.numbers = itertools.count(1)
        robin, noor = (client.account.id for client in self.clients)
        self.exposures = {account: [uuid.uuid4(), uuid.uuid4()] for account in (robin, noor)}
        self.phones = [Phone(robin, robin), Phone(robin, robin), Phone(noor, noor)]
        self.facts: dict[tuple[uuid.UUID, uuid.UUID], Fact] = {}
        self.flying: list[Request] = []

    def teardown(self) -> None:
        with self.end:
            self.everything_arrives_in_the_end()

    @initialize(offsets=st.tuples(*[st.sampled_from(OFFSETS)] * 3))
    def phones_come_with_clocks(self, offsets: tuple[timedelta, ...]) -> None:
        for phone, offset in zip(self.phones, offsets, strict=True):
            phone.offset = offset

    # What people do.

    @rule(which=PHONES, place=PLACES, minutes=st.integers(1, 240), suds=st.none() | st.integers(0, 100))
    def start(self, which: int, place: int, minutes: int, suds: int | None) -> None:
        step = next(str(one.step.id) for one in self.clients if one.account.id == self.phones[which].page)
        words = {"prediction": f"fear {minutes}", "expected_suds": suds, "zone": ZONE}
        self.put(which, place, "started", step=step, planned_minutes=minutes, **words)

    @rule(which=PHONES, place=PLACES, suds=st.integers(0, 100))
    def check_in(self, which: int, place: int, suds: int) -> None:
        self.put(which, place, "checked_in", suds=suds)

    @rule(which=PHONES, place=PLACES, kind=st.sampled_from(("resisted", "ritual", "paused", "resumed")))
    def tap(self, which: int, place: int, kind: str) -> None:
        self.put(which, place, kind)

    @rule(which=PHONES, place=PLACES)
    def finish(self, which: int, place: int) -> None:
        self.put(which, place, "finished")

    @rule(which=PHONES, place=PLACES, seconds=st.sampled_from((59.9, 60, 600)))
    def a_whole_exposure(self, which: int, place: int, seconds: float) -> None:
        self.start(which, place, 10, 50)
        self.time_passes(seconds)
        self.finish(which, place)

    @rule(which=PHONES, place=PLACES, minutes=st.integers(1, 120))
    def extend(self, which: int, place: int, minutes: int) -> None:
        self.put(which, place, "extended", minutes=minutes)

    @rule(which=PHONES, place=PLACES, note=st.sampled_from(("", "well", "so so")))
    def note(self, which: int, place: int, note: str) -> None:
        self.put(which, place, "noted", note=note, suds=20)

    def put(self, which: int, place: int, kind: str, **data: Any) -> None:
        """A tap in one of the exposures of whoever the page belongs to: it never shows anybody else's."""
        phone = self.phones[which]
        exposure, number = self.exposures[phone.page][place], uuid.UUID(int=next(self.numbers))
        shown = (self.now + phone.offset).isoformat()
        raw = {"id": str(number), "exposure": str(exposure), "kind": kind, "at": shown, **data}
        phone.put(raw)
        self.facts[phone.page, number] = Fact(phone.page, parse(raw), self.now, phone.offset)

    @rule(seconds=st.sampled_from((0.25, 1, 45, 300, 1500)))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.flying = [one for one in self.flying if self.now - one.left <= UNDER_WAY]

    @rule(which=PHONES, offset=st.sampled_from(OFFSETS))
    def the_clock_is_set(self, which: int, offset: timedelta) -> None:
        # What happened by the old clock and waits would be measured by the new one.
        if not self.phones[which].stored:
            self.phones[which].offset, self.phones[which].measured = offset, False

    @rule(which=PHONES, whose=st.integers(0, 1))
    def somebody_signs_in(self, which: int, whose: int) -> None:
        self.phones[which].page = self.phones[which].cookie = self.clients[whose].account.id

    @rule(which=PHONES, whose=st.integers(0, 1))
    def somebody_signs_in_in_another_tab(self, which: int, whose: int) -> None:
        self.phones[which].cookie = self.clients[whose].account.id

    # What the network and the server do.

    @rule(which=PHONES)
    def a_batch_is_answered(self, which: int) -> None:
        phone = self.phones[which]
        request = phone.request(self.now)
        phone.hear(request, self.take(request))

    @rule(which=PHONES)
    def a_batch_is_taken_and_the_answer_lost(self, which: int) -> None:
        request = self.phones[which].request(self.now)
        self.take(request)
        self.flying.append(request)

    @rule(which=PHONES)
    def a_batch_is_held_up(self, which: int) -> None:
        self.flying.append(self.phones[which].request(self.now))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), again=st.booleans())
    def a_batch_arrives_late_or_twice(self, data: st.DataObject, again: bool) -> None:
        request = data.draw(st.sampled_from(self.flying))
        if not again:
            self.flying.remove(request)
        self.take(request)

    @rule(which=PHONES)
    def the_server_dies_before_it_commits(self, which: int) -> None:
        self.take(self.phones[which].request(self.now), commits=False)

    def take(self, request: Request, *, commits: bool = True) -> list[str] | None:
        """POST /events: the ids that are safe now, or None."""
        if not request.events or request.account != request.cookie:
            return None
        events = [parse(raw) for raw in request.events]
        attempt = self.session.begin_nested()
        receipt = record(self.session, request.cookie, events, request.sent_at, self.now, request.skew)
        if not commits:
            attempt.rollback()
            self.session.expire_all()
            return None
        attempt.commit()
        self.session.commit()
        assert receipt.refused == {}
        return [str(event_id) for event_id in receipt.accepted]

    # What must hold.

    def rows(self) -> dict[tuple[uuid.UUID, uuid.UUID], EventRow]:
        self.session.expire_all()
        return {(row.account_id, row.id): row for row in self.session.scalars(select(EventRow))}

    @invariant()
    def nothing_is_lost(self) -> None:
        stored = {(account, uuid.UUID(key)) for phone in self.phones for key, (account, _) in phone.stored.items()}
        assert self.facts.keys() <= self.rows().keys() | stored

    @invariant()
    def nothing_is_there_that_did_not_happen_and_each_as_it_did(self) -> None:
        rows = self.rows()
        assert rows.keys() <= self.facts.keys()
        for key, row in rows.items():
            fact = self.facts[key]
            event = fact.event
            said = (row.exposure_id, row.kind, row.happened_at, row.value, row.data)
            assert said == (event.exposure_id, event.kind, event.at, event.value, event.data)
            shift = timedelta(milliseconds=row.shift_ms)
            # A phone that did not measure its clock goes by what another one of the same exposure was shifted by.
            if not any(one.offset for one in self.facts.values() if one.event.exposure_id == event.exposure_id):
                assert not shift
            assert abs(row.happened_at + shift - fact.at) <= SANE_SKEW + JITTER + UNDER_WAY

    @invariant()
    def every_row_is_what_the_reference_folds_to(self) -> None:
        rows = self.rows()
        for exposure in self.session.scalars(select(Exposure)):
            state = fold(self.known(rows, exposure))
            folded = columns_of(state).values()
            assert {name: getattr(exposure, name) for name in folded} == folded
            assert exposure.account_id in {self.facts[key].account for key in rows if self.of(key, exposure)}

    def known(self, rows: dict[tuple[uuid.UUID, uuid.UUID], EventRow], exposure: Exposure) -> list[Event]:
        """The facts that have arrived, with the times that they were given."""
        arrived = [(self.facts[key].event, row.shift_ms) for key, row in rows.items() if self.of(key, exposure)]
        return [event_of(one.id, one.kind, one.at, shift, one.value, one.data) for one, shift in arrived]

    def of(self, key: tuple[uuid.UUID, uuid.UUID], exposure: Exposure) -> bool:
        return self.facts[key].event.exposure_id == exposure.id

    @invariant()
    def days_and_totals_are_those_of_the_exposures(self) -> None:
        self.session.expire_all()
        for client in self.clients:
            days: dict[Any, tuple[int, int]] = {}
            for one in self.session.scalars(select(Exposure).where(Exposure.account_id == client.account.id)):
                if one.started_at is None or not one.ended or one.seconds < COUNTS_FROM_SECONDS:
                    continue
                seconds, count = days.get(one.local_date, (0, 0))
                days[one.local_date] = (seconds + one.seconds, count + 1)
            kept = self.session.scalars(select(Day).where(Day.account_id == client.account.id))
            assert {day.date: (day.seconds, day.exposures) for day in kept} == days
            tally = self.session.get_one(PracticeTotals, client.account.id)
            assert tally.days == len(days)
            assert tally.seconds == sum(seconds for seconds, _count in days.values())
            assert tally.exposures == sum(count for _seconds, count in days.values())

    def everything_arrives_in_the_end(self) -> None:
        """Whoever has something waiting signs in and finishes, and the network is good."""
        self.time_passes(300)
        for which, phone in enumerate(self.phones):
            for client in self.clients:
                phone.page = phone.cookie = client.account.id
                for place in range(2):
                    self.put(which, place, "finished")
                while phone.waiting():
                    request = phone.request(self.now)
                    phone.hear(request, self.take(request))
        assert self.rows().keys() == self.facts.keys()
        self.nothing_is_there_that_did_not_happen_and_each_as_it_did()
        self.every_row_is_what_the_reference_folds_to()
        self.days_and_totals_are_those_of_the_exposures()


def test_nothing_is_lost_or_doubled_whatever_the_network_the_server_and_the_people_do(migrated_engine: Engine):
    machine: Callable[[], Network] = type("Network", (Network,), {"engine": migrated_engine})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples(25), stateful_step_count=30))
