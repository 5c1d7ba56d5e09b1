"""Two workers at once: on SQLite they take turns, on PostgreSQL each takes what the other has not."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from erp.domain import delivery as delivering
from erp.domain.exposure import signals
from erp.domain.notification import outbox
from erp.settings import Settings
from erp.storage.db import Sessions, open_engine
from erp.storage.notification import Delivery, Notification
from tests.make.clients import Client
from tests.make.supporters import A_MINUTE, NOON, ZONE, begins, person, phone

MANY = delivering.PEOPLE_AT_ONCE + 50


@pytest.fixture
def sessions(settings: Settings) -> Iterator[Sessions]:
    """A database with more notifications due than one worker takes at a time."""
    engine = open_engine(settings.database_url)
    sessions = Sessions(engine)
    with sessions.writing() as session:
        device = phone(session, person(session).id)
        outbox.tell_device(session, device, NOON)
        first = session.scalars(select(Notification)).one()
        session.add_all(
            Notification(
                account_id=first.account_id,
                device_id=device.id,
                kind=first.kind,
                facts={},
                created_at=NOON,
                due_at=NOON,
                expires_at=first.expires_at,
            )
            for _ in range(MANY - 1)
        )
        session.commit()
    yield sessions
    engine.dispose()


def at_once(sessions: Sessions, work: Callable[[Session], Any], workers: int = 2) -> list[Any]:
    """What each of several workers answers that begin in one moment, each with a connection of its own."""
    ready = Barrier(workers)

    def one(_number: int) -> Any:
        with sessions.writing() as session:
            ready.wait(10)
            answer = work(session)
            session.execute(text("SELECT 1" if sessions.engine.dialect.name == "sqlite" else "SELECT pg_sleep(0.1)"))
            session.commit()
            return answer

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(workers)))


def hand_all_out(sessions: Sessions) -> None:
    with sessions.writing() as session:
        while delivering.hand_out(session, NOON):
            session.commit()


def test_two_workers_at_once_never_take_the_same_delivery(sessions: Sessions):
    hand_all_out(sessions)
    taken: list[uuid.UUID] = []
    for _ in range(-(-MANY // delivering.TAKEN_AT_ONCE)):
        for claimed in at_once(sessions, lambda session: delivering.claim(session, NOON)):
            assert all(each.attempt == 1 for each in claimed)
            taken += [each.id for each in claimed]
    assert len(taken) == len(set(taken)) == MANY


def test_two_workers_at_once_hand_nothing_out_twice(sessions: Sessions):
    for _ in range(2):
        at_once(sessions, lambda session: delivering.hand_out(session, NOON))
    with sessions.reading() as session:
        each = select(func.count()).select_from(Delivery).group_by(Delivery.notification_id)
        assert session.scalars(each).all() == [1] * MANY


def test_on_postgresql_a_worker_takes_what_another_left_without_waiting(sessions: Sessions):
    if sessions.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    hand_all_out(sessions)
    with sessions.writing() as first, sessions.writing() as second:
        second.execute(text("SET LOCAL lock_timeout = '2s'"))
        taken = [len(delivering.claim(session, NOON)) for session in (first, second)]
        assert taken == [delivering.TAKEN_AT_ONCE] * 2


def test_on_postgresql_a_tap_while_a_signal_is_handed_out_leaves_one_signal(settings: Settings):
    engine = open_engine(settings.database_url)
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    sessions = Sessions(engine)
    with sessions.writing() as session:
        client = Client(session, ZONE, NOON)
        phone(session, client.account.id)
        exposure = begins(client, planned_minutes=20, check_in_minutes=5)
        account = client.account.id
        signals.note_hidden(session, account, exposure, hidden=True, now=NOON)
        session.commit()

    def tap() -> None:
        with sessions.writing() as session:
            signals.note_hidden(session, account, exposure, hidden=True, now=NOON + 5 * A_MINUTE)
            session.commit()

    with ThreadPoolExecutor(1) as pool, sessions.writing() as worker:
        delivering.hand_out(worker, NOON + 5 * A_MINUTE)
        tapped = pool.submit(tap)
        worker.execute(text("SELECT pg_sleep(0.5)"))
        assert not tapped.done()
        worker.commit()
        tapped.result(10)
    with sessions.reading() as session:
        waiting = select(func.count()).select_from(Notification).where(Notification.settled_at.is_(None))
        assert session.scalar(waiting) == 1
    engine.dispose()
