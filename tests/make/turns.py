"""Two transactions that meet: the second begins while the first is open, and goes on once that is committed."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from erp.storage.db import Sessions

Answer = TypeVar("Answer")
SECONDS = 30


def during(sessions: Sessions, first: Callable[[Session], object], second: Callable[[Session], Answer]) -> Answer:
    """What the second answers, which begins when the first has written everything and committed nothing.

    The first is committed once the second waits for it, or has come to its end without waiting. Only on PostgreSQL.
    """
    if sessions.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")

    def later() -> Answer:
        with sessions.writing() as session:
            answer = second(session)
            session.commit()
            return answer

    with ThreadPoolExecutor(1) as pool, sessions.writing() as session:
        first(session)
        session.flush()
        mine = session.scalar(text("SELECT pg_backend_pid()"))
        answer = pool.submit(later)
        _until_it_waits(sessions.engine, answer, mine)
        session.commit()
        return answer.result(SECONDS)


def _until_it_waits(engine: Engine, answer: Future[Answer], mine: int) -> None:
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE :mine = ANY(pg_blocking_pids(pid))")
    end = time.monotonic() + SECONDS
    while not answer.done() and time.monotonic() < end:
        with engine.connect() as connection:
            if connection.scalar(waits, {"mine": mine}):
                return
        time.sleep(0.01)
