"""What an earlier version or an older key encrypted comes into today's form in the worker, a little each minute."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, event, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from erp.domain.upkeep.integrity import check_account
from erp.jobs.tasks import Jobs
from erp.settings import Settings
from erp.storage import busy, resealing
from erp.storage.account import Account
from erp.storage.box import Box, box
from erp.storage.db import Sessions, open_engine
from erp.storage.exposure import Exposure
from erp.storage.ladder import Fear, Step
from erp.storage.practice import Day, PracticeTotals
from tests.make.clients import Client
from tests.make.clock import NOON, ZONE
from tests.make.former import outdated, said, write_as_before
from tests.make.keys import DATA_KEY
from tests.make.supporters import exposes

NEW, LOST = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = open_engine(settings.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    """On a database with three people as version 0.1.0 wrote it."""
    sessions = Sessions(engine)
    with sessions.writing() as session:
        for _ in range(3):
            exposes(Client(session, ZONE, NOON))
        session.flush()
        assert write_as_before(session) > 20
        session.commit()
    return sessions


@pytest.fixture
def jobs(settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """A worker that takes two rows in a piece, and as many pieces a minute as there are."""
    monkeypatch.setattr(resealing, "BATCH", 2)
    monkeypatch.setattr("erp.storage.busy.LOOKS_AGAIN_SECONDS", 0)
    monkeypatch.setattr("erp.jobs.tasks.RESEAL_SECONDS", 1e9)
    jobs = Jobs(settings, sessions, lambda: NOON)
    yield jobs
    jobs.close()


@pytest.fixture
def one_piece_a_minute(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erp.jobs.tasks.RESEAL_SECONDS", 0)


@pytest.fixture
def keys_of_the_tests() -> Iterator[None]:
    yield
    box.set_keys((DATA_KEY,))


def look(sessions: Sessions, what: Any) -> Any:
    with sessions.reading() as session:
        return what(session)


@pytest.mark.usefixtures("one_piece_a_minute")
def test_each_minute_a_piece_is_done_and_all_can_be_read_meanwhile(jobs: Jobs, sessions: Sessions):
    before, left = look(sessions, said), [look(sessions, outdated)]
    assert left[0] > 20
    while left[-1]:
        jobs.reseal_now()
        left.append(look(sessions, outdated))
        assert look(sessions, said) == before
        # Two rows at most, with six encrypted columns at most; tables without any take a minute too.
        assert 0 <= left[-2] - left[-1] <= 12
        assert len(left) < 100
    assert len(set(left)) > 5


@pytest.mark.usefixtures("one_piece_a_minute")
def test_a_worker_that_is_killed_after_each_piece_gets_to_the_end(settings: Settings, jobs: Jobs, sessions: Sessions):
    before = look(sessions, said)
    for _ in range(200):
        if not look(sessions, outdated):
            break
        killed = Jobs(settings, sessions, lambda: NOON)
        for _table in range(30):
            left = look(sessions, outdated)
            killed.reseal_now()
            if look(sessions, outdated) < left:
                break
        killed.close()
    assert look(sessions, outdated) == 0
    assert look(sessions, said) == before


def test_when_all_was_looked_at_nothing_is_asked_any_more(jobs: Jobs, sessions: Sessions, engine: Engine):
    jobs.reseal_now()
    assert look(sessions, outdated) == 0
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    jobs.reseal_now()
    assert asked == []


def test_where_nothing_is_left_each_table_is_looked_at_once_without_the_write_lock(
    settings: Settings, jobs: Jobs, sessions: Sessions, engine: Engine
):
    jobs.reseal_now()
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    again = Jobs(settings, sessions, lambda: NOON)
    again.reseal_now()
    again.close()
    looks = [statement for statement in asked if not statement.startswith("BEGIN")]
    # One more looks for what was folded by other rules.
    assert len(looks) == len(set(looks)) == len(list(resealing._sealed())) + 1
    assert not any("UPDATE" in statement or "IMMEDIATE" in statement for statement in asked)


def test_an_exposure_of_thirty_hours_that_an_earlier_version_counted_is_counted_anew_with_its_day_and_its_totals(
    jobs: Jobs, sessions: Sessions
):
    with sessions.writing() as session:
        client = Client(session, ZONE, NOON - timedelta(days=3))
        exposes(client, minutes=30 * 60)
        account = client.account.id
        session.flush()
        for table in (Exposure, Day, PracticeTotals):
            session.execute(update(table).where(table.account_id == account).values(seconds=108_000))
        session.commit()
    jobs.reseal_now()
    with sessions.reading() as session:
        counted = select(Exposure.seconds).where(Exposure.account_id == account)
        totals = select(PracticeTotals.seconds).where(PracticeTotals.account_id == account)
        assert (session.scalar(counted), session.scalar(totals)) == (86_400, 86_400)
        assert list(check_account(session, account, NOON)) == []


@pytest.mark.usefixtures("keys_of_the_tests")
def test_after_a_new_key_everything_is_encrypted_with_it(jobs: Jobs, sessions: Sessions):
    before = look(sessions, said)
    box.set_keys((NEW, DATA_KEY))
    jobs.reseal_now()
    box.set_keys((NEW,))
    assert look(sessions, said) == before


def lost(place: str) -> bytes:
    """A token of a key that nobody has."""
    other = Box()
    other.set_keys((LOST,))
    return other.seal("dogs", place)


def test_what_cannot_be_opened_or_belongs_elsewhere_stays_and_stops_nothing(jobs: Jobs, sessions: Sessions):
    strange = {
        "fear": ("name", [lost("fear.name"), box.seal("dogs", "step.title"), Fernet(LOST).encrypt(b"dogs")]),
        "step": ("title", [b"", b"\x01", b"no token at all"]),
    }
    with sessions.writing() as session:
        for table, (column, values) in strange.items():
            keys = session.scalars(text(f"SELECT id FROM {table} ORDER BY id")).all()
            for key, value in zip(keys, values, strict=True):
                change = text(f"UPDATE {table} SET {column} = :value WHERE id = :id")
                session.execute(change.bindparams(value=value, id=key))
        session.execute(text("UPDATE account SET display_name = '\x02no token'"))
        session.commit()
    jobs.reseal_now()
    for table, (column, values) in strange.items():
        statement = text(f"SELECT {column} FROM {table} ORDER BY id")
        assert [bytes(each) for each in look(sessions, lambda each, what=statement: each.scalars(what).all())] == values
    # The title at a fear's place is one of the newest key.
    assert look(sessions, outdated) == 2 + 3 + 3


@pytest.mark.usefixtures("one_piece_a_minute")
def test_what_somebody_writes_between_the_look_and_the_piece_is_not_overwritten(jobs: Jobs, sessions: Sessions):
    class Busy(Sessions):
        """Where somebody always writes just before the lock is taken."""

        def writing(self, *, hurried: bool = False) -> Session:
            with sessions.writing() as session:
                session.execute(update(Account).values(display_name="Written meanwhile"))
                session.commit()
            return super().writing(hurried=hurried)

    jobs.sessions = Busy(sessions.engine)
    for _ in range(30):
        jobs.reseal_now()
    assert set(look(sessions, lambda session: session.scalars(select(Account.display_name)).all())) == {
        "Written meanwhile"
    }


def test_while_the_lock_is_held_elsewhere_the_place_is_kept(
    settings: Settings, jobs: Jobs, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(busy, "PATIENT_SECONDS", 0.05)
    elsewhere = open_engine(settings.database_url)
    with Sessions(elsewhere).writing() as session:
        for model in (Account, Fear, Step):
            session.execute(select(model.id).with_for_update()).all()
        with pytest.raises(OperationalError):
            jobs.reseal_now()
        assert look(sessions, outdated) > 20
    elsewhere.dispose()
    jobs.reseal_now()
    assert look(sessions, outdated) == 0


def test_it_runs_each_minute_in_the_worker(jobs: Jobs):
    assert "reseal" in {type(task).__name__ for task in jobs.queue.read_periodic(datetime(2026, 3, 1, 12, 17))}  # noqa: DTZ001
