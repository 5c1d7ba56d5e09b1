"""What the queue keeps is data: nothing that somebody else put into its store is ever run."""

import os
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from huey.registry import Message

from erp.jobs.queue import NAME, Embedded, Json
from erp.jobs.tasks import LAST_SWEEP, Jobs
from erp.settings import Settings
from erp.storage.db import Sessions, open_engine
from tests.make.patience import until

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def jobs(settings: Settings, tmp_path: Path):
    """Tasks on a queue in a file, as `make run` has them."""
    engine = open_engine(settings.database_url)
    jobs = Jobs(replace(settings, queue=f"sqlite:///{tmp_path / 'queue.db'}"), Sessions(engine), lambda: NOON)
    yield jobs
    jobs.close()
    engine.dispose()


def put(tmp_path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(tmp_path / "queue.db")) as store, store:
        store.execute(statement, (NAME, *values))


HEARTBEAT = f"INSERT OR REPLACE INTO kv (queue, key, value) VALUES (?, '{LAST_SWEEP}', ?)"
TASK = "INSERT INTO task (queue, data, priority) VALUES (?, ?, 0)"
LATER = "INSERT INTO schedule (queue, data, timestamp) VALUES (?, ?, 0)"


def test_a_pickle_in_the_place_of_the_sign_of_life_is_no_sign_of_life_and_never_runs(jobs: Jobs, tmp_path: Path):
    jobs.queue.put(LAST_SWEEP, NOON.isoformat())
    assert jobs.swept_lately()
    put(tmp_path, HEARTBEAT, pickle.dumps(Trap(tmp_path / "sprung")))
    assert not jobs.swept_lately()
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("written", [b"", b"\xff", b"[" * 100_000, b"{}", b"17", b'"soon"', b'"2026-11-27T12:00:00"'])
def test_whatever_stands_in_the_place_of_the_sign_of_life_is_none_and_breaks_nothing(
    jobs: Jobs, tmp_path: Path, written: bytes
):
    put(tmp_path, HEARTBEAT, written)
    assert not jobs.swept_lately()


def test_pickled_tasks_never_run_and_those_of_ours_go_on(jobs: Jobs, tmp_path: Path):
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    put(tmp_path, TASK, trap)
    put(tmp_path, LATER, trap)
    put(tmp_path, TASK, b"[" * 100_000)
    worker = Embedded(jobs.queue)
    worker.start()
    try:
        jobs.sweep()
        until(jobs.swept_lately, 30)
        until(lambda: not jobs.queue.storage.schedule_size(), 30)
        until(lambda: not jobs.queue.storage.queue_size(), 30)
    finally:
        worker.stop(graceful=True)
    assert not (tmp_path / "sprung").exists()


def test_a_task_comes_back_from_the_queue_as_it_went_in_and_is_readable_text(jobs: Jobs, tmp_path: Path):
    eta = NOON + timedelta(hours=1)
    jobs.deliver.schedule(eta=eta)
    with closing(sqlite3.connect(tmp_path / "queue.db")) as store:
        ((stored,),) = store.execute("SELECT data FROM task").fetchall()
    assert bytes(stored).startswith(b'{"id": ')
    task = jobs.queue.dequeue()
    assert task.name == "deliver"
    # huey keeps moments in UTC without saying so.
    assert task.eta.replace(tzinfo=UTC) == eta


@pytest.mark.parametrize(
    "data", [NOON, object(), Message("1", "deliver", args=(object(),)), Message("1", "deliver", on_error=Message("2"))]
)
def test_what_is_neither_a_bare_task_nor_a_text_is_not_taken(data: object):
    with pytest.raises(TypeError):
        Json().serialize(data)
