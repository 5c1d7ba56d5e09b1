"""The worker as the real process that it is: woken through the queue's file or PostgreSQL, and killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from erp.domain.exposure.signals import note_hidden
from erp.jobs.tasks import Jobs
from erp.storage.notification import Delivery, Notification
from tests.make.crew import Crew
from tests.make.keys import KEY_SETTINGS
from tests.make.patience import PATIENCE, until
from tests.make.push_service import HANG, PushService
from tests.make.server import ROOT, environment

Start = Callable[..., subprocess.Popen[bytes]]
# The worker as it is, but for how long it may keep what it took: nobody wants to wait half a minute in a test.
SHORT_LEASE = """
import sys
from datetime import timedelta
from erp.domain import delivery
from flask.cli import main
delivery.LEASE = timedelta(seconds=float(sys.argv.pop(1)))
main()
"""


@pytest.fixture
def woken(crew: Crew, tmp_path: Path) -> Iterator[Jobs]:
    """What a web process has: the same database and queue, and no worker."""
    address = crew.settings.database_url
    queue = address if address.startswith("postgresql") else f"sqlite:///{tmp_path / 'queue.db'}"
    jobs = Jobs(replace(crew.settings, queue=queue), crew.sessions)
    yield jobs
    jobs.close()


@pytest.fixture
def worker(crew: Crew, woken: Jobs, tmp_path: Path) -> Iterator[Start]:
    """Starts worker processes on the queue; they end with the test."""
    settings = woken.settings
    own = environment(
        # Not UTC: an alarm that was taken for local time would ring hours away.
        TZ="America/New_York",
        RUNG_DATA=str(tmp_path),
        DATABASE_URL=settings.database_url,
        RUNG_QUEUE=settings.queue,
        RUNG_PUSH_HOSTS=" ".join(settings.push_hosts),
        **KEY_SETTINGS,
    )
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str, lease: float | None = None) -> subprocess.Popen[bytes]:
        flask = ["-m", "flask"] if lease is None else ["-c", SHORT_LEASE, str(lease)]
        command = [sys.executable, *flask, "--app", "app", "worker", *options]
        log = (tmp_path / "worker.log").open("ab")
        process = subprocess.Popen(command, cwd=ROOT, env=own, stdout=log, stderr=log)
        log.close()
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_a_worker_process_is_woken_by_the_web_process_and_tells_that_it_lives(
    crew: Crew, push_service: PushService, woken: Jobs, worker: Start, tmp_path: Path
):
    phone = push_service.subscribe()
    crew.coach("sam", phone)
    assert not woken.swept_lately()
    process = worker()
    until(woken.swept_lately)
    for number in range(3):
        crew.practise("started")
        woken.wake()
        push_service.wait_for(number + 1, phone)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 0
    assert '"result": "sent"' in (tmp_path / "worker.log").read_text()


def test_something_due_later_is_sent_on_time_without_another_nudge(
    crew: Crew, push_service: PushService, woken: Jobs, worker: Start
):
    phone = push_service.subscribe()
    crew.client_device(phone)
    worker("--no-periodic")
    exposure = crew.practise("started", planned_minutes=1, check_in_minutes=0)
    due = (crew.clock() + timedelta(seconds=3)).replace(microsecond=999_000)
    with crew.writing() as session:
        note_hidden(session, crew.client, exposure, True, crew.clock())
        session.scalars(select(Notification)).one().due_at = due
    woken.wake(due)
    (rung,) = push_service.wait_for(1, phone)
    early = time.monotonic() - rung.at - (crew.clock() - due).total_seconds()
    assert early < 0.5


def test_a_worker_killed_while_it_sends_loses_nothing(
    crew: Crew, push_service: PushService, woken: Jobs, worker: Start
):
    phone = push_service.subscribe(HANG)
    crew.coach("sam", phone)
    process = worker("--no-periodic")
    crew.practise("started")
    woken.wake()
    until(lambda: push_service.received(phone))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with crew.sessions.reading() as session:
        assert session.scalars(select(Delivery.state)).all() == ["waiting"]
    crew.clock.ahead = timedelta(seconds=31)
    crew.jobs.deliver_now()
    assert len(push_service.delivered(phone)) == 1


def test_what_a_killed_worker_had_taken_is_sent_by_another_when_the_lease_is_over_and_without_a_nudge(
    crew: Crew, push_service: PushService, woken: Jobs, worker: Start
):
    phone = push_service.subscribe(HANG)
    crew.coach("sam", phone)
    first = worker("--no-periodic", lease=5)
    crew.practise("started")
    woken.wake()
    until(lambda: push_service.received(phone))
    first.kill()
    assert first.wait() == -signal.SIGKILL
    with crew.sessions.reading() as session:
        lease_ends = session.scalars(select(Delivery.next_at)).one()
    worker("--no-periodic", lease=5)
    (sent,) = push_service.wait_for(1, phone)
    early = time.monotonic() - sent.at - (crew.clock() - lease_ends).total_seconds()
    assert early < 0.5
    until(lambda: states(crew) == ["sent"])


def states(crew: Crew) -> list[str]:
    with crew.sessions.reading() as session:
        return list(session.scalars(select(Delivery.state)))


def test_two_worker_processes_share_the_work(crew: Crew, push_service: PushService, woken: Jobs, worker: Start):
    phones = [push_service.subscribe() for _ in range(20)]
    for number in range(10):
        crew.coach(f"coach{number}", *phones[2 * number : 2 * number + 2])
    worker("--no-periodic")
    worker("--no-periodic")
    for number in range(3):
        crew.practise("started")
        for _ in range(4):
            woken.wake()
        push_service.wait_for(20 * (number + 1))
    time.sleep(0.5)
    assert sorted(len(push_service.received(phone)) for phone in phones) == [3] * 20
