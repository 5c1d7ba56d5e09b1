"""Writers that wait: by turns, not for ever, and not all threads of them; and what cannot be written is found out."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from erp.settings import Settings
from erp.storage.busy import Busy, Turns, comes_again
from erp.storage.db import Sessions, open_engine
from erp.storage.migrating import migrate

WRITE = text("UPDATE alembic_version SET version_num = version_num")


@pytest.fixture
def engines(settings: Settings) -> Iterator[Callable[..., Engine]]:
    """Makes engines on the same database, as other processes have them."""
    made: list[Engine] = []

    def make(connections: int = 4) -> Engine:
        made.append(open_engine(settings.database_url, connections))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def refused(sessions: Sessions) -> Exception | None:
    """Why somebody who is hurried cannot write now."""
    try:
        with sessions.writing(hurried=True) as session:
            session.execute(WRITE)
            session.commit()
    except (Busy, SQLAlchemyError) as error:
        return error
    return None


def test_with_the_lock_held_elsewhere_one_thread_waits_and_the_others_are_let_go(engines: Callable[..., Engine]):
    elsewhere, here = engines(), Sessions(engines())
    with elsewhere.execution_options(writes=True).begin() as holder, ThreadPoolExecutor(8) as threads:
        holder.execute(WRITE)
        answers = [threads.submit(refused, here) for _ in range(8)]
        done = [answer.result() for answer in answers]
        assert all(error is not None and comes_again(error) for error in done)
        if here.engine.dialect.name == "sqlite":
            assert sum(isinstance(error, OperationalError) for error in done) == 1
        with here.reading() as reading:
            assert reading.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    assert refused(here) is None


def test_whoever_is_patient_gets_its_turn_when_the_lock_is_given_back(engines: Callable[..., Engine]):
    elsewhere, here = engines(), Sessions(engines())
    begun = threading.Event()

    def patient() -> None:
        begun.set()
        with here.writing() as session:
            session.execute(WRITE)
            session.commit()

    with ThreadPoolExecutor(2) as threads:
        with elsewhere.execution_options(writes=True).begin() as holder:
            holder.execute(WRITE)
            waiting = [threads.submit(patient), threads.submit(patient)]
            begun.wait(30)
        assert [one.result(30) for one in waiting] == [None, None]


def test_turns_are_given_back_however_a_transaction_ends(engines: Callable[..., Engine]):
    sessions = Sessions(engines())
    for _ in range(3):
        with sessions.writing() as session:
            session.execute(WRITE)
            session.rollback()
            session.execute(WRITE)
            session.commit()
        with pytest.raises(SQLAlchemyError), sessions.writing() as session:
            session.execute(text("SELECT nothing FROM nowhere"))
        with sessions.writing() as session:
            session.execute(WRITE)
            session.connection().invalidate()
    assert refused(sessions) is None


def test_after_one_waited_in_vain_nobody_waits_until_a_turn_is_given_back():
    turns = Turns(1)
    turns.take(hurried=True)
    with pytest.raises(Busy):
        turns.take(hurried=True)
    assert turns._jammed
    turns.leave()
    turns.take(hurried=True)
    turns.leave()


def test_many_writers_of_one_process_all_come_through(engines: Callable[..., Engine]):
    sessions = Sessions(engines(8))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: refused(sessions), range(100))) == [None] * 100


@pytest.mark.parametrize(("code", "expected"), [(5, True), (261, True), (6, True), (13, True), (11, False), (1, False)])
def test_locked_and_full_come_again_and_damage_does_not(code: int, expected: bool):
    cause = sqlite3.OperationalError("something")
    cause.sqlite_errorcode = code
    assert comes_again(OperationalError("SELECT", {}, cause)) is expected


def test_where_no_server_answers_it_may_be_tried_again():
    engine = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(OperationalError) as refusal, engine.connect():
        pass
    assert comes_again(refusal.value)
    engine.dispose()


def test_what_may_be_written_is_known(engines: Callable[..., Engine], tmp_path: Path):
    assert Sessions(engines()).can_write(tmp_path)
    assert not Sessions(engines()).can_write(tmp_path / "nowhere")


def test_a_lock_that_stays_is_as_bad_as_a_full_disk(engines: Callable[..., Engine], tmp_path: Path):
    elsewhere = engines()
    with elsewhere.execution_options(writes=True).begin() as holder:
        holder.execute(WRITE)
        assert not Sessions(engines()).can_write(tmp_path)
    assert Sessions(engines()).can_write(tmp_path)


def test_a_database_that_takes_no_row_is_found_out(engines: Callable[..., Engine], tmp_path: Path):
    engine = engines()
    sqlite = engine.dialect.name == "sqlite"

    def connect(connection: Any, _entry: object) -> None:
        connection.execute("PRAGMA query_only = ON" if sqlite else "SET default_transaction_read_only = on")
        connection.commit()

    event.listen(engine, "connect", connect)
    assert not Sessions(engine).can_write(tmp_path)


@pytest.mark.slow
def test_a_full_disk_is_found_out(tmp_path: Path):
    """In a process whose files may not grow, which is what a full disk looks like."""
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    migrate(url)
    script = f"""
import resource, sys
from pathlib import Path
from erp.storage.db import Sessions, open_engine
sessions = Sessions(open_engine({url!r}))
before = sessions.can_write(Path({str(tmp_path)!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
import time; time.sleep(1.1)
print(before, sessions.can_write(Path({str(tmp_path)!r})))
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "False"], done.stderr
