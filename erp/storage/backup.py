"""Copies of the whole database while it is in use, and the way back. What is cut off midway leaves nothing half done.

SQLite goes through its own backup interface, PostgreSQL through pg_dump, pg_restore and psql.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Container, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from erp.storage.box import box
from erp.storage.db import VERSIONS, is_empty, reason_of
from erp.storage.tables import Base

PAGES = 256
NULL = r"\N"  # as a dump writes it
PIECE = 256 * 1024
# The journals that SQLite keeps beside a database. They must never meet another file than their own.
BESIDE = ("-wal", "-shm", "-journal")
MAGIC = b"SQLite format 3\0"
# Where encrypted texts are if there are any at all: without a fear there is no step, and no exposure without that.
SEALED = {"fear": "name", "invitation": "token", "cheer": "text", "device": "subscription", "notification": "facts"}

# Told now and then how much is done, and of how much; how much PostgreSQL has to say nobody knows before: None.
Progress = Callable[[int, int | None], None]


class BackupError(Exception):
    """A copy cannot be made or used; the message is one sentence for a person."""


def backup(url: str, target: Path, progress: Progress, *, overwrite: bool = False) -> None:
    """Copy the database at `url` into the file `target`, which is whole when it is there. Raises BackupError."""
    if target.exists() and not overwrite:
        raise BackupError(f"{target} is there already; --overwrite replaces it.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}.")
    parsed = make_url(url)
    with _draft(target) as draft:
        if parsed.get_backend_name() == "sqlite":
            source = Path(str(parsed.database))
            _check_file(source)
            if target.exists() and target.samefile(source):
                raise BackupError("That file is the database itself.")
            _copy(source, draft, progress)
        else:
            _dump(parsed, draft, progress)
        _into_place(draft, target)


def restore(url: str, source: Path, progress: Progress, *, overwrite: bool = False) -> None:
    """Make the database at `url` what the file `source` holds. Raises BackupError.

    A database with anybody in it is refused without `overwrite`, and SQLite's while something still has it open.
    """
    if not source.is_file():
        raise BackupError(f"There is no file {source}.")
    parsed = make_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if sqlite:
        text = _check_file(source)
        if text:
            _check_keys(source, text)
    try:
        if not overwrite and not is_empty(url):
            raise BackupError("There is a database already; --overwrite replaces it with the copy.")
    except SQLAlchemyError as error:
        raise BackupError(f"The database cannot be used: {reason_of(error)}.") from error
    if not sqlite:
        _load(parsed, source, progress)
        return
    target = Path(str(parsed.database))
    with _draft(target) as draft:
        _copy(source, draft, progress)
        with _closed_for_all(target):
            _into_place(draft, target)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """An empty file of our own beside the target, which only we may read; what others left behind is swept away."""
    try:
        for left in target.parent.glob(f".{target.name}.*.part"):
            _sweep(left)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}.") from error
    draft = Path(name)
    try:
        # Held for as long as we live, however we end: by this others know that the draft is in use.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield draft
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        for ending in ("", *BESIDE):
            draft.with_name(draft.name + ending).unlink(missing_ok=True)
        os.close(descriptor)


def _sweep(left: Path) -> None:
    # Gone already, or held by one that lives.
    with suppress(FileNotFoundError, BlockingIOError), left.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for ending in (*BESIDE, ""):
            left.with_name(left.name + ending).unlink(missing_ok=True)


def _copy(source: Path, target: Path, progress: Progress) -> None:
    """Copy an SQLite database page by page, as it is at this moment."""

    def tell(_status: int, left: int, total: int) -> None:
        progress(total - left, total)

    try:
        with closing(_reading(source)) as before, closing(sqlite3.connect(target, isolation_level=None)) as after:
            # Nobody needs half a draft, and it is synced before it is moved into place.
            after.execute("PRAGMA synchronous=OFF")
            # One snapshot for the whole copy: without it every writer would make it begin again.
            before.execute("BEGIN")
            before.execute("SELECT 1 FROM sqlite_master").fetchone()
            before.backup(after, pages=PAGES, progress=tell)
            # One file, without the log beside it that WAL would leave.
            after.execute("PRAGMA journal_mode=DELETE").fetchone()
            (answer,) = after.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied: {error}.") from error
    if answer != "ok":
        raise BackupError(f"{source} is damaged: {answer}.")


def _check_file(source: Path) -> bytes | None:
    """Refuse what is no database of ours, and one of a newer Rung; one of its encrypted texts, if there are any."""
    if not source.is_file():
        raise BackupError(f"There is no database {source}.")
    try:
        with closing(_reading(source)) as copy:
            version = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "fear" not in tables:
                raise BackupError(f"{source} is no copy of Rung’s database.")
            text = next((found[0] for found in _sealed(copy, tables) if found), None)
    except sqlite3.Error as error:
        raise BackupError(f"{source} is no copy of Rung’s database.") from error
    _check_version(source, version[0] if version else "")
    return text


def _sealed(copy: sqlite3.Connection, tables: Container[str]) -> Iterator[tuple[bytes] | None]:
    for table, column in SEALED.items():
        if table in tables:
            yield copy.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1").fetchone()  # noqa: S608


def _check_version(source: Path, version: str) -> None:
    known = {path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py")}
    if version not in known:
        raise BackupError(f"{source} was made by a newer Rung than this one.")


def _check_keys(source: Path, text: bytes) -> None:
    if not box.has_key_of(text):
        raise BackupError(
            f"The data keys here do not open the texts in {source}. Put the data.keys here that belong to it."
        )


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


@contextmanager
def _closed_for_all(target: Path) -> Iterator[None]:
    """Make sure that nothing has the database open: it would go on writing into a file that is gone."""
    beside = [target.with_name(target.name + ending) for ending in BESIDE]
    if not _is_sqlite(target):
        for path in beside:
            path.unlink(missing_ok=True)
        yield
        return
    with closing(sqlite3.connect(target, timeout=1, isolation_level=None)) as connection:
        try:
            # Fails while anybody else is there, and leaves the database in one file.
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise BackupError(f"Something still uses {target}. Stop Rung first.") from error
        except sqlite3.DatabaseError:
            # Too damaged to be closed.
            for path in beside:
                path.unlink(missing_ok=True)
        yield


def _is_sqlite(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _into_place(draft: Path, target: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _dump(url: URL, draft: Path, progress: Progress) -> None:
    """Write what pg_dump says about our tables; others in the same database are not ours to keep."""
    tables = [f"--table={name}" for name in _tables()]
    done = 0
    with draft.open("wb") as file, _tool("pg_dump", "--format=custom", *tables, _address(url), url=url) as said:
        assert said.stdout
        while piece := said.stdout.read(PIECE):
            file.write(piece)
            done += len(piece)
            progress(done, None)


def _load(url: URL, source: Path, progress: Progress) -> None:
    """Put the tables in place of ours in one transaction: cut off, it never happened."""
    _check_dump(source)
    names = ", ".join(f'"{name}"' for name in _tables())
    command = ("psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file=-", _address(url))
    with _tool(*command, url=url, stdin=subprocess.PIPE) as psql:
        assert psql.stdin
        # When it ends early it says why.
        with suppress(BrokenPipeError):
            psql.stdin.write(f"BEGIN; SET LOCAL lock_timeout = '10s'; DROP TABLE IF EXISTS {names} CASCADE;\n".encode())
            _feed(psql.stdin, source, progress)
            # Nothing was wrong so far, and the copy is whole: without this word all of it is taken back.
            psql.stdin.write(b"COMMIT;\n")


def _feed(taker: IO[bytes], source: Path, progress: Progress) -> None:
    done = 0
    with _tool("pg_restore", "--no-owner", "--no-privileges", "--file=-", str(source)) as said:
        assert said.stdout
        while piece := said.stdout.read(PIECE):
            taker.write(piece)
            done += len(piece)
            progress(done, None)


def _check_dump(source: Path) -> None:
    """Refuse what is no copy of ours, one of a newer Rung, and one whose texts our keys do not open."""
    with source.open("rb") as file:
        ours = file.read(5) == b"PGDMP"
    version = _first_row(source, "alembic_version") if ours else None
    if version is None:
        raise BackupError(f"{source} is no copy of Rung’s database.")
    _check_version(source, version["version_num"])
    for table, column in SEALED.items():
        row = _first_row(source, table)
        if row and row[column] != NULL:
            _check_keys(source, bytes.fromhex(row[column].removeprefix(r"\\x")))
            return


def _first_row(source: Path, table: str) -> dict[str, str] | None:
    """The first row of a table in a dump, as it is written there; None without one."""
    with _tool("pg_restore", "--data-only", f"--table={table}", "--file=-", str(source)) as said:
        assert said.stdout
        lines = iter(said.stdout.read().decode().splitlines())
    head = next((line for line in lines if line.startswith("COPY ")), None)
    row = next(lines, r"\.")
    if head is None or row == r"\.":
        return None
    names = head.partition("(")[2].partition(")")[0].split(", ")
    return dict(zip(names, row.split("\t"), strict=True))


def _tables() -> list[str]:
    return [*sorted(Base.metadata.tables), "alembic_version"]


def _address(url: URL) -> str:
    """The database for PostgreSQL's tools. Not the password: everybody could read it among the processes."""
    return "--dbname=" + url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


@contextmanager
def _tool(*command: str, url: URL | None = None, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of PostgreSQL's tools; a password goes by the environment. Raises BackupError with what it said last."""
    if shutil.which(command[0]) is None:
        raise BackupError(f"{command[0]} is not here; it comes with PostgreSQL’s client programs.")
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url is not None and url.password else {})
    # What a tool says that is fed goes nowhere, or it would wait for us while we wait for it.
    stdout = subprocess.DEVNULL if stdin == subprocess.PIPE else subprocess.PIPE
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=said) as process,  # noqa: S603
    ):
        try:
            yield process
            if process.stdin:
                with suppress(BrokenPipeError):
                    process.stdin.close()
        except BaseException:
            process.kill()
            raise
        if process.wait():
            said.seek(0)
            raise BackupError(f"{command[0]} did not succeed: {_complaint(said.read().decode(errors='replace'))}.")


def _complaint(said: str) -> str:
    """The first thing that a tool says is wrong."""
    lines = said.strip().splitlines() or ["it gave no reason"]
    wrong = next((line for line in lines if "error" in line.lower()), lines[-1])
    return re.split(r"(?i)\berror:\s*", wrong)[-1].strip().rstrip(".")
