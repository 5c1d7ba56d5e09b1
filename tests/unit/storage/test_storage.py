import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import Session

from erp.storage import resealing
from erp.storage.account import Account
from erp.storage.box import VERSION, box
from erp.storage.db import Sessions, open_engine
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Fear, Step
from erp.storage.migrating import migrate
from erp.storage.resealing import reseal
from tests.make.keys import DATA_KEY

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
SECRETS = ("Spiders in the attic", "Under the eaves", "Not leaving", "It jumps on me", "It sat still", "Proud of it")
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def keys_of_the_tests() -> Iterator[None]:
    yield
    box.set_keys((DATA_KEY,))


def account() -> Account:
    return Account(
        id=uuid.uuid4(),
        email=f"{uuid.uuid4()}@example.org",
        password_hash="-",
        display_name="Noor",
        time_zone="Europe/Lisbon",
        created_at=NOW,
    )


def write_everything(session: Session) -> Account:
    """One row of every table that holds free text."""
    name, details, response, prediction, learning, note = SECRETS
    person = account()
    session.add(person)
    session.flush()
    fear = Fear(account_id=person.id, name=name, created_at=NOW)
    session.add(fear)
    session.flush()
    step = Step(
        account_id=person.id,
        fear_id=fear.id,
        title=name,
        details=details,
        response=response,
        first_suds=50,
        suds=50,
        planned_minutes=20,
        check_in_minutes=5,
        created_at=NOW,
    )
    session.add(step)
    session.flush()
    exposure = Exposure(
        id=uuid.uuid4(),
        account_id=person.id,
        step_id=step.id,
        prediction=prediction,
        response=response,
        learning=learning,
        note=note,
    )
    session.add(exposure)
    session.flush()
    data = {"prediction": prediction, "learning": learning, "note": note}
    session.add(
        EventRow(
            account_id=person.id,
            id=uuid.uuid4(),
            exposure_id=exposure.id,
            kind="noted",
            happened_at=NOW,
            received_at=NOW,
            data=data,
        )
    )
    return person


def test_free_text_is_ciphertext_in_every_file_of_the_database(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    migrate(url)
    engine = open_engine(url)
    with Sessions(engine).writing() as session:
        write_everything(session)
        session.commit()
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    engine.dispose()
    assert b"Europe/Lisbon" in stored
    for secret in SECRETS:
        assert secret.encode() not in stored


def test_free_text_is_ciphertext_in_the_rows_and_text_again_in_python(session: Session):
    write_everything(session)
    session.flush()
    session.expire_all()
    raw = [bytes(value) for value in session.execute(text("SELECT name FROM fear")).scalars()]
    assert all(value.startswith(VERSION) for value in raw)
    assert session.scalars(select(Fear.name)).all() == [SECRETS[0]]
    exposure = session.scalars(select(Exposure)).one()
    assert (exposure.prediction, exposure.response) == (SECRETS[3], SECRETS[2])
    event = session.scalars(select(EventRow)).one()
    assert event.data == {"prediction": SECRETS[3], "learning": SECRETS[4], "note": SECRETS[5]}


@pytest.mark.usefixtures("keys_of_the_tests")
def test_after_a_rotation_the_old_key_can_be_thrown_away(session: Session):
    box.set_keys((OLD,))
    write_everything(session)
    session.flush()
    box.set_keys((NEW, OLD))
    counts = dict(reseal(session))
    assert {table: count for table, count in counts.items() if count} == {
        "account": 1,
        "fear": 1,
        "step": 1,
        "exposure": 1,
        "event": 1,
    }
    session.flush()
    session.expire_all()
    box.set_keys((NEW,))
    assert session.scalars(select(Fear.name)).all() == [SECRETS[0]]
    step = session.scalars(select(Step)).one()
    assert (step.title, step.details, step.response) == SECRETS[:3]
    exposure = session.scalars(select(Exposure)).one()
    assert (exposure.prediction, exposure.learning, exposure.note) == SECRETS[3:]
    assert session.scalars(select(EventRow.data)).one() == {
        "prediction": SECRETS[3],
        "learning": SECRETS[4],
        "note": SECRETS[5],
    }


@pytest.mark.usefixtures("keys_of_the_tests")
@pytest.mark.parametrize("limit", ["BATCH", "PIECE_SECONDS"])
def test_a_rotation_goes_in_pieces_and_meets_every_row_once(
    session: Session, monkeypatch: pytest.MonkeyPatch, limit: str
):
    box.set_keys((OLD,))
    write_everything(session)
    owner = session.scalars(select(Fear.account_id)).one()
    session.add_all(Fear(account_id=owner, name=f"fear {number}", created_at=NOW) for number in range(6))
    session.flush()
    box.set_keys((NEW, OLD))
    monkeypatch.setattr(resealing, limit, 3 if limit == "BATCH" else -1)
    pieces = []
    for name, count in reseal(session):
        # Whatever was written up to here stays readable by itself.
        session.commit()
        pieces += [count] if name == "fear" else []
    assert pieces == ([3, 3, 1] if limit == "BATCH" else [1] * 7)
    session.expire_all()
    box.set_keys((NEW,))
    assert sorted(session.scalars(select(Fear.name))) == sorted([SECRETS[0], *(f"fear {n}" for n in range(6))])


@pytest.mark.usefixtures("keys_of_the_tests")
def test_a_rotation_without_the_old_key_changes_nothing(session: Session):
    box.set_keys((OLD,))
    write_everything(session)
    session.flush()
    box.set_keys((NEW,))
    with pytest.raises(InvalidToken):
        dict(reseal(session))
    box.set_keys((OLD,))
    session.expire_all()
    assert session.scalars(select(Fear.name)).all() == [SECRETS[0]]


def test_a_time_without_a_zone_is_refused(session: Session):
    person = account()
    person.created_at = datetime(2026, 11, 22, 12, 0)  # noqa: DTZ001  (that is what is refused)
    session.add(person)
    with pytest.raises(StatementError, match="without a zone"):
        session.flush()


def test_times_come_back_as_utc_to_the_microsecond_wherever_they_came_from(session: Session):
    person = account()
    person.created_at = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    session.add(person)
    session.flush()
    session.expire_all()
    found = session.scalars(select(Account.created_at)).one()
    assert (found, found.utcoffset()) == (NOW, timedelta(0))
    assert session.scalars(select(Account.id).where(Account.created_at == person.created_at)).one() == person.id
    earlier = NOW - timedelta(microseconds=1)
    assert session.scalars(select(Account.id).where(Account.created_at <= earlier)).all() == []


def test_a_row_cannot_belong_to_an_account_that_is_not_there(session: Session):
    session.add(Fear(account_id=uuid.uuid4(), name="dogs", created_at=NOW))
    with pytest.raises(IntegrityError):
        session.flush()


def test_an_address_cannot_have_two_accounts(session: Session):
    session.add(account())
    session.flush()
    twin = account()
    twin.email = session.scalars(select(Account.email)).one()
    session.add(twin)
    with pytest.raises(IntegrityError):
        session.flush()


@pytest.fixture
def file_engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    migrate(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


def test_sqlite_keeps_a_journal_that_survives_a_power_cut_and_checks_references(file_engine: Engine):
    with file_engine.connect() as connection:
        answers = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert answers == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_writer_holds_the_lock_from_its_first_statement_and_readers_go_on(file_engine: Engine):
    sessions = Sessions(file_engine)
    with sessions.writing() as writer, sessions.reading() as reader:
        writer.execute(select(Account.id)).all()
        assert reader.execute(select(Account.id)).all() == []
        with (
            closing(sqlite3.connect(str(file_engine.url.database), timeout=0)) as another,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            another.execute("BEGIN IMMEDIATE")


def test_an_engine_tells_no_values_in_its_errors(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with engine.connect() as connection, pytest.raises(OperationalError) as failed:
        connection.execute(select(Account.id).where(Account.email == "noor@example.org"))
    engine.dispose()
    assert "noor" not in str(failed.value)
    plain = create_engine("sqlite://")
    with plain.connect() as connection, pytest.raises(OperationalError, match="noor"):
        connection.execute(select(Account.id).where(Account.email == "noor@example.org"))
    plain.dispose()
