"""Copies of an SQLite database and the way back: whole or not at all, whatever stands in the way."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import func, select, text, update

from erp import create_app
from erp.domain.support import invitation as invitations
from erp.services import services_of
from erp.settings import Settings
from erp.storage.backup import BackupError, backup, restore
from erp.storage.box import box
from erp.storage.db import Sessions, open_engine
from erp.storage.exposure import EventRow
from erp.storage.migrating import migrate
from erp.storage.tables import Base
from tests.make.clients import Client
from tests.make.keys import DATA_KEY, KEY_SETTINGS, SECRET_KEY, VAPID
from tests.make.patience import PATIENCE
from tests.make.server import ROOT, environment
from tests.make.supporters import person

pytestmark = pytest.mark.slow
OTHER_KEY = Fernet.generate_key().decode()


def told(_done: int, _total: int | None) -> None:
    """Nobody looks at the progress."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with one client who practised."""
    (tmp_path / "var").mkdir()
    address = f"sqlite:///{tmp_path / 'var' / 'rung.db'}"
    migrate(address)
    practise(address)
    return address


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "rung.copy"


def practise(url: str, times: int = 1) -> None:
    """Somebody new practises."""
    engine = open_engine(url)
    with Sessions(engine).writing() as session:
        client = Client(session, "UTC", datetime.now(UTC))
        for _ in range(times):
            client.practises(client.now, 60)
        session.commit()
    engine.dispose()


def events(path: Path | str) -> int:
    """How many events a database holds."""
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("SELECT count(*) FROM event").fetchone()[0])


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def fill(path: Path, megabytes: int) -> None:
    """Make a database big, so that a copy takes its time."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS ballast (piece BLOB)")
        database.executemany("INSERT INTO ballast VALUES (randomblob(100000))", [()] * megabytes * 10)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def flask(url: str, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """The command as a person runs it."""
    own = {"RUNG_DATA": str(path_of(url).parent), "DATABASE_URL": url} | KEY_SETTINGS
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", *arguments],
        cwd=ROOT,
        env=environment(**(own | environ)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


# There and back.


def test_a_copy_is_one_file_for_its_owner_alone_and_holds_everything(url: str, copy: Path):
    seen: list[tuple[int, int | None]] = []
    backup(url, copy, lambda done, total: seen.append((done, total)))
    assert events(copy) == 2
    assert mode(copy) == 0o600
    assert [path.name for path in copy.parent.iterdir() if path.is_file()] == ["rung.copy"]
    assert seen
    assert seen[-1][0] == seen[-1][1]


def test_what_is_restored_is_what_was_copied(url: str, copy: Path):
    backup(url, copy, told)
    practise(url)
    restore(url, copy, told, overwrite=True)
    assert events(path_of(url)) == 2
    assert mode(path_of(url)) == 0o600
    engine = open_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
    engine.dispose()
    practise(url)
    assert events(path_of(url)) == 4


def test_it_is_restored_where_there_is_nothing_yet(url: str, copy: Path, tmp_path: Path):
    backup(url, copy, told)
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    restore(elsewhere, copy, told)
    assert events(tmp_path / "elsewhere.db") == 2


def test_it_is_restored_over_a_database_without_anybody(url: str, copy: Path, tmp_path: Path):
    backup(url, copy, told)
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    migrate(fresh)
    restore(fresh, copy, told)
    assert events(tmp_path / "fresh.db") == 2


def test_a_log_that_was_left_beside_an_old_database_never_meets_the_new_one(url: str, copy: Path, tmp_path: Path):
    backup(url, copy, told)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    migrate(other)
    with closing(sqlite3.connect(tmp_path / "other.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE stale (piece)")
        database.commit()
        stale = (tmp_path / "other.db-wal").read_bytes()
    (tmp_path / "other.db").unlink()
    (tmp_path / "other.db-wal").write_bytes(stale)
    restore(other, copy, told)
    assert not (tmp_path / "other.db-wal").exists()
    assert events(tmp_path / "other.db") == 2
    with closing(sqlite3.connect(tmp_path / "other.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'stale'").fetchone()


# While it is in use.


@pytest.fixture
def writers(url: str) -> Iterator[list[int]]:
    """People who practise all the time in a big database; how often each of them did."""
    fill(path_of(url), 8)
    stop, done = threading.Event(), [0, 0]

    def write(number: int) -> None:
        engine = open_engine(url)
        sessions = Sessions(engine)
        while not stop.is_set():
            with sessions.writing() as session:
                client = Client(session, "UTC", datetime.now(UTC))
                client.practises(client.now, 60)
                session.commit()
            done[number] += 1
        engine.dispose()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    yield done
    stop.set()
    for thread in threads:
        thread.join()


def test_a_copy_made_while_people_write_holds_together_and_does_not_begin_again(
    url: str, copy: Path, writers: list[int], tmp_path: Path
):
    steps: list[int] = []

    def slowly(done: int, _total: int | None) -> None:
        steps.append(done)
        time.sleep(0.01)

    before = sum(writers)
    backup(url, copy, slowly)
    assert sum(writers) > before
    assert steps == sorted(set(steps))
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert events(copy) % 2 == 0
    assert checked(f"sqlite:///{copy}", tmp_path) == (0, "Everything holds together.\n")


def checked(url: str, folder: Path) -> tuple[int, str]:
    """What `flask check` says of a database."""
    app = create_app(Settings(folder, url, (SECRET_KEY,), (DATA_KEY,), VAPID))
    with app.app_context():
        result = app.test_cli_runner(catch_exceptions=False).invoke(args=["check"])
    services_of(app).sessions.engine.dispose()
    return result.exit_code, result.output


def test_a_database_in_use_is_not_replaced(url: str, copy: Path):
    backup(url, copy, told)
    practise(url)
    engine = open_engine(url)
    with engine.connect() as idle:
        idle.scalar(text("SELECT 1 FROM account"))
        idle.rollback()
        with pytest.raises(BackupError, match=r"Something still uses .*Stop Rung first"):
            restore(url, copy, told, overwrite=True)
        assert idle.scalar(select(func.count()).select_from(EventRow)) == 4
    engine.dispose()
    assert [path.name for path in path_of(url).parent.iterdir()] == ["rung.db"]


# What is refused.


def test_a_file_that_is_there_is_not_replaced_without_being_told(url: str, copy: Path):
    copy.write_text("my shopping list")
    with pytest.raises(BackupError, match="is there already; --overwrite replaces it"):
        backup(url, copy, told)
    assert copy.read_text() == "my shopping list"
    backup(url, copy, told, overwrite=True)
    assert events(copy) == 2
    assert mode(copy) == 0o600


def test_the_database_itself_is_not_replaced_by_its_copy(url: str):
    with pytest.raises(BackupError, match="That file is the database itself"):
        backup(url, path_of(url), told, overwrite=True)
    assert events(path_of(url)) == 2


def test_a_database_with_somebody_in_it_is_not_replaced_without_being_told(url: str, copy: Path):
    backup(url, copy, told)
    practise(url)
    with pytest.raises(BackupError, match="There is a database already; --overwrite replaces it"):
        restore(url, copy, told)
    assert events(path_of(url)) == 4


def test_a_database_that_cannot_be_read_is_not_taken_for_an_empty_one(url: str, copy: Path):
    backup(url, copy, told)
    path_of(url).write_bytes(b"half a database" * 1000)
    with pytest.raises(BackupError, match="There is a database already"):
        restore(url, copy, told)
    restore(url, copy, told, overwrite=True)
    assert events(path_of(url)) == 2


def test_a_damaged_database_can_be_replaced(url: str, copy: Path):
    backup(url, copy, told)
    whole = path_of(url).read_bytes()
    path_of(url).write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    restore(url, copy, told, overwrite=True)
    assert events(path_of(url)) == 2


@pytest.mark.parametrize("junk", [b"", b"my shopping list", b"SQLite format 3\0" + b"?" * 5000, b"PGDMP" + b"?" * 100])
def test_what_is_no_copy_is_refused(url: str, copy: Path, junk: bytes):
    copy.write_bytes(junk)
    with pytest.raises(BackupError, match=r"rung\.copy is no copy of Rung’s database"):
        restore(url, copy, told, overwrite=True)
    assert events(path_of(url)) == 2


def test_a_copy_that_is_damaged_is_refused(url: str, copy: Path):
    fill(path_of(url), 1)
    backup(url, copy, told)
    whole = copy.read_bytes()
    copy.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupError, match=r"rung\.copy"):
        restore(url, copy, told, overwrite=True)
    assert events(path_of(url)) == 2


def test_a_copy_of_a_newer_rung_is_refused_and_one_of_an_older_is_taken(url: str, copy: Path):
    backup(url, copy, told)
    for version, taken in (("9999", False), ("0001", True)):
        with closing(sqlite3.connect(copy)) as database, database:
            database.execute("UPDATE alembic_version SET version_num = ?", (version,))
        if taken:
            restore(url, copy, told, overwrite=True)
        else:
            with pytest.raises(BackupError, match="was made by a newer Rung than this one"):
                restore(url, copy, told, overwrite=True)


def test_a_copy_whose_texts_our_keys_do_not_open_is_refused(url: str, copy: Path):
    backup(url, copy, told)
    box.set_keys((Fernet.generate_key().decode(),))
    try:
        with pytest.raises(BackupError, match=r"Put the data\.keys here that belong to it"):
            restore(url, copy, told, overwrite=True)
    finally:
        box.set_keys((DATA_KEY,))
    assert events(path_of(url)) == 2


def test_so_is_one_that_holds_nothing_but_an_invitation(tmp_path: Path, copy: Path):
    address = f"sqlite:///{tmp_path / 'rung.db'}"
    migrate(address)
    engine = open_engine(address)
    with Sessions(engine).writing() as session:
        invitations.invite(session, person(session).id, datetime.now(UTC))
        session.commit()
    engine.dispose()
    backup(address, copy, told)
    box.set_keys((Fernet.generate_key().decode(),))
    try:
        with pytest.raises(BackupError, match=r"Put the data\.keys here that belong to it"):
            restore(address, copy, told, overwrite=True)
    finally:
        box.set_keys((DATA_KEY,))


@contextmanager
def keys(*newest_first: str) -> Iterator[None]:
    """Other data keys meanwhile."""
    box.set_keys(newest_first)
    try:
        yield
    finally:
        box.set_keys((DATA_KEY,))


def only_somebody(url: str) -> None:
    """A database with one person who has done nothing yet."""
    migrate(url)
    engine = open_engine(url)
    with Sessions(engine).writing() as session:
        person(session)
        session.commit()
    engine.dispose()


def takes(url: str, copy: Path, *newest_first: str) -> bool:
    """Whether a copy is restored with these keys; where it is not, it is for the keys."""
    with keys(*newest_first):
        try:
            restore(url, copy, told, overwrite=True)
        except BackupError as error:
            if "Put the data.keys here that belong to it" not in str(error):
                raise
            return False
    return True


def test_so_is_one_that_holds_nothing_but_a_name(tmp_path: Path, copy: Path):
    address = f"sqlite:///{tmp_path / 'rung.db'}"
    only_somebody(address)
    backup(address, copy, told)
    assert not takes(address, copy, OTHER_KEY)
    assert takes(address, copy, OTHER_KEY, DATA_KEY)


def test_so_is_one_of_the_middle_of_a_rotation_where_one_of_the_two_keys_is_gone(url: str, copy: Path):
    with keys(OTHER_KEY, DATA_KEY):
        practise(url)
    backup(url, copy, told)
    assert not takes(url, copy, DATA_KEY)
    assert not takes(url, copy, OTHER_KEY)
    assert takes(url, copy, OTHER_KEY, DATA_KEY)
    assert events(path_of(url)) == 4


@pytest.mark.parametrize("column", ["fear.name", "account.display_name", "exposure.curve", "event.data"])
def test_one_value_that_another_key_made_is_enough(url: str, copy: Path, column: str):
    practise(url, 3)
    table, name = column.split(".")
    target = Base.metadata.tables[table]
    value: Any = {"exposure.curve": [], "event.data": {}}.get(column, "?")
    one = text(f"rowid = (SELECT max(rowid) FROM {table})")
    with keys(OTHER_KEY):
        engine = open_engine(url)
        with engine.execution_options(writes=True).begin() as connection:
            connection.execute(update(target).where(one).values({name: value}))
        engine.dispose()
    backup(url, copy, told)
    assert not takes(url, copy, DATA_KEY)
    assert takes(url, copy, DATA_KEY, OTHER_KEY)


def test_values_of_earlier_versions_are_looked_at_or_no_trouble(url: str, copy: Path):
    practise(url)
    made = [Fernet(key).encrypt(b"dogs") for key in (DATA_KEY, OTHER_KEY)]
    with closing(sqlite3.connect(path_of(url))) as database, database:
        rows = [key for (key,) in database.execute("SELECT rowid FROM fear")]
        database.executemany("UPDATE fear SET name = ? WHERE rowid = ?", zip(made, rows, strict=True))
        database.execute("UPDATE account SET display_name = 'Noor'")
        database.execute("UPDATE exposure SET curve = '[[0, 40]]'")
    backup(url, copy, told)
    assert not takes(url, copy, DATA_KEY)
    assert takes(url, copy, DATA_KEY, OTHER_KEY)


def test_what_no_key_made_keeps_no_copy_from_being_restored(url: str, copy: Path):
    with closing(sqlite3.connect(path_of(url))) as database, database:
        database.execute("UPDATE fear SET name = x'1234'")
        database.execute("UPDATE account SET display_name = char(2) || '?'")
    backup(url, copy, told)
    assert takes(url, copy, DATA_KEY)


def test_where_nothing_can_be_written_or_read_is_one_sentence(url: str, tmp_path: Path):
    with pytest.raises(BackupError, match="There is no folder"):
        backup(url, tmp_path / "nowhere" / "rung.copy", told)
    with pytest.raises(BackupError, match="There is no folder"):
        backup(url, path_of(url) / "rung.copy", told)
    with pytest.raises(BackupError, match="cannot be written: "):
        backup(url, Path("/proc/rung.copy"), told)
    with pytest.raises(BackupError, match="There is no file"):
        restore(url, tmp_path / "nowhere", told, overwrite=True)
    with pytest.raises(BackupError, match="There is no database"):
        backup(f"sqlite:///{tmp_path / 'nothing.db'}", tmp_path / "rung.copy", told)
    assert not (tmp_path / "nothing.db").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_one_sentence(url: str, tmp_path: Path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(BackupError, match="cannot be written: Permission denied"):
        backup(url, tmp_path / "locked" / "rung.copy", told)


# Cut off midway.


def kill_midway(process: subprocess.Popen[str], folder: Path) -> None:
    """SIGKILL it when part of its draft is written."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        if any(draft.stat().st_size > 1_000_000 for draft in folder.glob(".*.part")):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    assert ran(process)[0] == -signal.SIGKILL


def test_a_backup_killed_midway_leaves_the_old_copy_and_the_next_one_is_whole(url: str, copy: Path):
    backup(url, copy, told)
    fill(path_of(url), 60)
    practise(url)
    kill_midway(flask(url, "backup", "--overwrite", str(copy)), copy.parent)
    assert events(copy) == 2
    (left,) = copy.parent.glob(".*.part")
    assert mode(left) == 0o600
    status, out, err = ran(flask(url, "backup", "--overwrite", str(copy)))
    assert (status, out) == (0, f"The database is in {copy}.\n")
    assert "100 %" in err
    assert events(copy) == 4
    assert not list(copy.parent.glob(".*"))


def test_a_restore_killed_midway_leaves_the_old_database_and_the_next_one_is_whole(url: str, copy: Path):
    fill(path_of(url), 60)
    backup(url, copy, told)
    practise(url)
    kill_midway(flask(url, "restore", "--overwrite", str(copy)), path_of(url).parent)
    assert events(path_of(url)) == 4
    status, out, err = ran(flask(url, "restore", "--overwrite", str(copy)))
    assert (status, out) == (0, f"The database is what {copy} held. Start Rung.\n")
    assert "100 %" in err
    assert events(path_of(url)) == 2
    assert not list(path_of(url).parent.glob(".*"))


def test_two_backups_at_once_into_one_file_do_not_touch_each_others_draft(url: str, copy: Path):
    fill(path_of(url), 2)

    def second(done: int, total: int | None) -> None:
        if done and not copy.exists():
            backup(url, copy, told)

    backup(url, copy, second)
    assert events(copy) == 2
    assert not list(copy.parent.glob(".*"))


# The commands.


def test_a_refusal_is_one_sentence_and_exit_code_1(url: str, copy: Path):
    copy.write_text("my shopping list")
    for arguments in (("backup", str(copy)), ("restore", str(copy))):
        status, out, err = ran(flask(url, *arguments))
        assert (status, out) == (1, "")
        assert err.startswith("Error: ")
        assert len(err.splitlines()) == 1


def test_check_and_repair_tell_what_they_did_by_their_exit_code(url: str, tmp_path: Path):
    app = create_app(Settings(tmp_path, url, (SECRET_KEY,), (DATA_KEY,), VAPID))
    runner = app.test_cli_runner(catch_exceptions=False)

    def says(command: str) -> tuple[int, str]:
        with app.app_context():
            result = runner.invoke(args=[command])
        return result.exit_code, result.output

    assert says("check") == says("repair") == (0, "Everything holds together.\n")
    with closing(sqlite3.connect(path_of(url))) as database, database:
        database.execute("UPDATE exposure SET seconds = 61, resisted = 4")
        database.execute("UPDATE step SET runs = 7")
    status, out = says("check")
    assert status == 1
    assert "not what its events fold to: resisted, seconds\n" in out
    assert out.splitlines()[-1].startswith("4 do not hold.")
    assert says("check") == (status, out)
    status, out = says("repair")
    # With the exposure right, its day and the totals are.
    assert (status, out.splitlines()[-1]) == (0, "2 rebuilt.")
    assert says("check") == (0, "Everything holds together.\n")
    with closing(sqlite3.connect(path_of(url))) as database, database:
        database.execute("UPDATE fear SET name = ?", (Fernet(Fernet.generate_key()).encrypt(b"?"),))
    assert says("repair")[0] == 1
    services_of(app).sessions.engine.dispose()


@pytest.mark.parametrize("command", ["check", "repair"])
def test_where_all_is_well_a_check_and_a_repair_lock_nothing(url: str, command: str):
    elsewhere = open_engine(url)
    with elsewhere.execution_options(writes=True).begin() as holder:
        holder.execute(text("UPDATE account SET display_name = display_name"))
        status, out, _err = ran(flask(url, command))
    elsewhere.dispose()
    assert (status, out) == (0, "Everything holds together.\n")


@pytest.mark.parametrize("command", ["check", "repair"])
def test_a_database_that_cannot_be_checked_is_one_sentence(url: str, tmp_path: Path, command: str):
    for content in (b"my shopping list" * 500, None):
        if content:
            path_of(url).write_bytes(content)
        else:
            path_of(url).unlink()
        status, out, err = ran(flask(url, command))
        assert (status, out) == (1, "")
        assert len(err.splitlines()) == 1
        assert "Traceback" not in err


def test_where_there_are_many_people_it_says_how_far_it_is(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("erp.domain.upkeep.integrity.AT_ONCE", 1)
    practise(url)
    practise(url)
    app = create_app(Settings(tmp_path, url, (SECRET_KEY,), (DATA_KEY,), VAPID))
    with app.app_context():
        for command in ("check", "repair"):
            result = app.test_cli_runner(catch_exceptions=False).invoke(args=[command])
            assert result.stdout == "Everything holds together.\n"
            assert result.stderr == "1 of 3 people\n2 of 3 people\n"
    services_of(app).sessions.engine.dispose()


def test_a_rotation_without_the_old_key_is_one_sentence(url: str):
    other = Fernet.generate_key().decode()
    status, _out, err = ran(flask(url, "rotate-data-keys", RUNG_DATA_KEYS=other))
    assert (status, err) == (
        1,
        "Error: Some texts open with none of the data keys. Nothing was changed; put the older keys back.\n",
    )
    status, out, err = ran(flask(url, "rotate-data-keys", RUNG_DATA_KEYS=f"{other} {DATA_KEY}"))
    assert (status, err) == (0, "")
    assert "Everything is encrypted with the first data key." in out
    status, out, _err = ran(flask(url, "check", RUNG_DATA_KEYS=other))
    assert (status, out) == (0, "Everything holds together.\n")
