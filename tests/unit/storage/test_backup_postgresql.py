"""Copies of a PostgreSQL database and the way back, through its own tools, in a database of the test's own."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, make_url, select, text, update

from erp.storage.backup import BackupError, backup, restore
from erp.storage.db import Sessions, open_engine
from erp.storage.exposure import EventRow
from erp.storage.migrating import migrate
from erp.storage.tables import Base
from tests.make.clients import Client
from tests.make.keys import DATA_KEY, KEY_SETTINGS
from tests.make.patience import PATIENCE
from tests.make.server import ROOT, environment
from tests.unit.storage.test_backup import OTHER_KEY, checked, keys, mode, only_somebody, practise, takes, told

pytestmark = pytest.mark.slow

Make = Callable[[], str]


@pytest.fixture
def make(migrated: str) -> Iterator[Make]:
    """Makes databases on the server of the tests; they are dropped at the end."""
    server = make_url(migrated)
    if server.get_backend_name() != "postgresql":
        pytest.skip("for PostgreSQL")
    admin = open_engine(os.environ["RUNG_TEST_DATABASE"]).execution_options(isolation_level="AUTOCOMMIT")
    names: list[str] = []

    def new() -> str:
        names.append(f"rung_backup_{secrets.token_hex(6)}")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {names[-1]}"))
        return server.set(database=names[-1], query={}).render_as_string(hide_password=False)

    yield new
    with admin.connect() as connection:
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def url(make: Make) -> str:
    """A database with one client who practised."""
    address = make()
    migrate(address)
    practise(address)
    return address


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "rung.copy"


def events(url: str) -> int:
    engine = open_engine(url)
    with engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(EventRow))
    engine.dispose()
    assert count is not None
    return count


def execute(url: str, statement: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def flask(url: str, folder: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """The command as a person runs it."""
    own = {"RUNG_DATA": str(folder), "DATABASE_URL": url} | KEY_SETTINGS
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", *arguments],
        cwd=ROOT,
        env=environment(**(own | environ)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_is_restored_is_what_was_copied_and_what_is_not_ours_stays(url: str, copy: Path, tmp_path: Path):
    execute(url, "CREATE TABLE neighbour (piece TEXT)")
    seen: list[int] = []
    backup(url, copy, lambda done, _total: seen.append(done))
    assert mode(copy) == 0o600
    assert seen[-1] == copy.stat().st_size
    practise(url)
    execute(url, "INSERT INTO neighbour VALUES ('stays')")
    restore(url, copy, lambda done, _total: seen.append(done), overwrite=True)
    assert events(url) == 2
    execute(url, "DELETE FROM neighbour WHERE piece = 'stays'")
    assert checked(url, tmp_path) == (0, "Everything holds together.\n")
    practise(url)
    assert events(url) == 4


def test_it_is_restored_where_there_is_nothing_yet(url: str, make: Make, copy: Path):
    backup(url, copy, told)
    elsewhere = make()
    restore(elsewhere, copy, told)
    assert events(elsewhere) == 2


def test_a_copy_of_an_older_rung_takes_the_place_of_newer_tables(make: Make, copy: Path):
    url, old = make(), make()
    migrate(url)
    practise(url)
    migrate(old, "0001")
    backup(old, copy, told)
    restore(url, copy, told, overwrite=True)
    migrate(url)
    assert events(url) == 0


def test_a_copy_made_while_people_write_holds_together(url: str, make: Make, copy: Path, tmp_path: Path):
    stop, done = threading.Event(), []
    engine = open_engine(url)

    def write() -> None:
        while not stop.is_set():
            with Sessions(engine).writing() as session:
                client = Client(session, "UTC", datetime.now(UTC))
                client.practises(client.now, 60)
                session.commit()
            done.append(1)

    thread = threading.Thread(target=write)
    thread.start()
    backup(url, copy, told)
    stop.set()
    thread.join()
    engine.dispose()
    elsewhere = make()
    restore(elsewhere, copy, told)
    assert done
    assert events(elsewhere) % 2 == 0
    assert checked(elsewhere, tmp_path) == (0, "Everything holds together.\n")


def test_a_database_with_somebody_in_it_is_not_replaced_without_being_told(url: str, copy: Path):
    backup(url, copy, told)
    with pytest.raises(BackupError, match="There is a database already; --overwrite replaces it"):
        restore(url, copy, told)


@pytest.mark.parametrize("junk", [b"", b"my shopping list", b"PGDMP" + b"?" * 1000])
def test_what_is_no_copy_is_refused(url: str, copy: Path, junk: bytes):
    copy.write_bytes(junk)
    with pytest.raises(BackupError):
        restore(url, copy, told, overwrite=True)
    assert events(url) == 2


def test_a_copy_that_was_cut_off_changes_nothing(url: str, copy: Path):
    backup(url, copy, told)
    whole = copy.read_bytes()
    copy.write_bytes(whole[: len(whole) - 400])
    practise(url)
    with pytest.raises(BackupError):
        restore(url, copy, told, overwrite=True)
    assert events(url) == 4


def test_a_copy_of_a_newer_rung_is_refused(url: str, copy: Path):
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    backup(url, copy, told)
    with pytest.raises(BackupError, match="was made by a newer Rung than this one"):
        restore(url, copy, told, overwrite=True)


def test_what_postgresql_refuses_is_one_sentence_without_the_password(url: str, make: Make, copy: Path):
    backup(url, copy, told)
    nowhere = make_url(url).set(port=1, password="open-sesame").render_as_string(hide_password=False)
    for attempt in (lambda: backup(nowhere, copy, told, overwrite=True), lambda: restore(nowhere, copy, told)):
        with pytest.raises(BackupError) as refusal:
            attempt()
        assert "\n" not in str(refusal.value)
        assert "open-sesame" not in str(refusal.value)
    elsewhere = make()
    execute(elsewhere, "CREATE VIEW account AS SELECT 1 AS id WHERE false")
    with pytest.raises(BackupError, match=r"psql did not succeed: .*account.* is not a table\."):
        restore(elsewhere, copy, told)


@pytest.mark.parametrize(("command", "tool"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_without_postgresqls_tools_it_is_one_sentence(url: str, copy: Path, tmp_path: Path, command: str, tool: str):
    if command == "restore":
        backup(url, copy, told)
    process = flask(url, tmp_path, command, "--overwrite", str(copy), PATH=str(tmp_path))
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert err == f"Error: {tool} is not here; it comes with PostgreSQL’s client programs.\n"
    assert events(url) == 2


def fill(url: str) -> None:
    """Make the copy take its time: with rows that cannot be packed."""
    execute(
        url,
        """
        INSERT INTO recovery_code (id, account_id, digest)
        SELECT gen_random_uuid(), account.id, sha256(number::text::bytea)
        FROM account, generate_series(1, 60000) AS number
        """,
    )


def killed_midway(process: subprocess.Popen[str], begun: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not begun():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL


def test_a_backup_killed_midway_leaves_the_old_copy_and_the_next_one_is_whole(url: str, copy: Path, tmp_path: Path):
    backup(url, copy, told)
    old = copy.read_bytes()
    fill(url)

    def begun() -> bool:
        return any(draft.stat().st_size > 200_000 for draft in tmp_path.glob(".*.part"))

    killed_midway(flask(url, tmp_path, "backup", "--overwrite", str(copy)), begun)
    assert copy.read_bytes() == old
    process = flask(url, tmp_path, "backup", "--overwrite", str(copy))
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, f"The database is in {copy}.\n")
    assert " kB" in err
    assert not list(tmp_path.glob(".*.part"))


def test_a_restore_killed_midway_changes_nothing_and_the_next_one_is_whole(url: str, copy: Path, tmp_path: Path):
    fill(url)
    backup(url, copy, told)
    practise(url)
    process = flask(url, tmp_path, "restore", "--overwrite", str(copy))
    assert process.stderr
    reading = process.stderr
    killed_midway(process, lambda: "kB" in reading.read(8))
    assert events(url) == 4
    process = flask(url, tmp_path, "restore", "--overwrite", str(copy))
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, f"The database is what {copy} held. Start Rung.\n")
    assert " kB" in err
    assert events(url) == 2


def test_a_copy_of_which_a_key_is_gone_is_refused(url: str, make: Make, copy: Path):
    execute(url, "UPDATE account SET display_name = 'Noor'")
    execute(url, "UPDATE exposure SET curve = '[[0, 40]]'")
    with keys(OTHER_KEY, DATA_KEY):
        practise(url)
    backup(url, copy, told)
    for kept in ((DATA_KEY,), (OTHER_KEY,)):
        assert not takes(make(), copy, *kept)
    again = make()
    assert takes(again, copy, OTHER_KEY, DATA_KEY)
    assert events(again) == 4


@pytest.mark.parametrize("column", ["fear.name", "account.display_name", "exposure.curve", "event.data"])
def test_one_value_that_another_key_made_is_enough(url: str, make: Make, copy: Path, column: str):
    practise(url, 3)
    table, name = column.split(".")
    target = Base.metadata.tables[table]
    value: Any = {"exposure.curve": [], "event.data": {}}.get(column, "?")
    one = text(f"{table}.ctid = (SELECT max(ctid) FROM {table})")
    with keys(OTHER_KEY):
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.execute(update(target).where(one).values({name: value}))
        engine.dispose()
    backup(url, copy, told)
    assert not takes(make(), copy, DATA_KEY)
    assert takes(make(), copy, DATA_KEY, OTHER_KEY)


def test_nothing_but_a_name_tells_of_a_key_that_is_gone(make: Make, copy: Path):
    url = make()
    only_somebody(url)
    backup(url, copy, told)
    assert not takes(make(), copy, OTHER_KEY)
    assert takes(make(), copy, DATA_KEY)
