"""A push service that is slow or hangs: it holds up nobody but its own, and what has ended is marked."""

import threading
import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from erp.domain.delivery import Attempt, Claimed
from erp.domain.notification.kinds import Outcome
from erp.domain.notification.subscription import Subscription
from erp.jobs.lanes import OF_ONE_SERVICE, SLOW_SENDERS, Lanes
from erp.jobs.tasks import Jobs
from erp.storage.notification import Delivery
from tests.make.crew import Crew
from tests.make.patience import until
from tests.make.push_service import HANG, PushService


def states(crew: Crew) -> Counter[str]:
    with crew.sessions.reading() as session:
        return Counter(session.scalars(select(Delivery.state)))


def test_services_that_hang_hold_up_nobody_else_and_what_ended_is_marked_meanwhile(
    crew: Crew, push_service: PushService, other_service: PushService
):
    jobs = Jobs(
        replace(crew.settings, push_hosts=(push_service.origin, other_service.origin)), crew.sessions, crew.clock
    )
    hanging = [other_service.subscribe(HANG, HANG) for _ in range(3)]
    for number, phone in enumerate(hanging):
        crew.coach(f"slow{number}", phone)
    well = push_service.subscribe()
    crew.coach("sam", well)
    try:
        crew.practise("started")
        # As a worker does it: back as soon as all is on its way.
        jobs._deliver()
        push_service.wait_for(1, well)
        until(lambda: states(crew) == {"sent": 1, "waiting": 3})
        crew.practise("started")
        jobs._deliver()
        push_service.wait_for(2, well)
        # All of it came to pass before the service that hangs said a word.
        assert other_service.delivered() == []
        assert any(jobs._under_way)
    finally:
        other_service.close()
        jobs.close()


def claimed(service: str) -> Claimed:
    subscription = Subscription(f"https://{service}/send/x", b"", b"")
    one = object.__new__(Claimed)
    for name in ("attempt", "kind", "facts", "support_id", "exposure_id", "origin", "locale", "discreet"):
        object.__setattr__(one, name, None)
    object.__setattr__(one, "id", uuid.uuid4())
    object.__setattr__(one, "subscription", subscription)
    return one


def test_however_much_one_service_has_to_take_there_is_room_for_the_others():
    held, begun, marked = threading.Event(), threading.Semaphore(0), []

    def send(one: Claimed) -> Attempt:
        if "hangs" in one.subscription.endpoint:
            begun.release()
            held.wait(30)
        return Attempt(one, Outcome.sent)

    lanes = Lanes(send, marked.extend)
    stuck = [lanes.take(claimed("hangs.example")) for _ in range(100)]
    for _ in range(OF_ONE_SERVICE + SLOW_SENDERS):
        assert begun.acquire(timeout=30)
    try:
        for _ in range(50):
            lanes.take(claimed("well.example")).result(30)
        assert len(marked) == 50
        assert not any(one.done() for one in stuck)
    finally:
        held.set()
    lanes.close()
    assert len(marked) == 150


def test_what_could_not_end_within_its_lease_is_left_to_whoever_takes_it_next(monkeypatch):
    sent, marked = [], []
    monkeypatch.setattr("erp.jobs.lanes.LATEST_START_SECONDS", timedelta(seconds=-1).total_seconds())
    lanes = Lanes(lambda one: sent.append(one) or Attempt(one, Outcome.sent), marked.extend)
    lanes.take(claimed("late.example")).result(30)
    lanes.close()
    assert (sent, marked) == ([], [])
