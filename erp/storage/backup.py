"""Copies of the whole database while it is in use, and the way back. What is cut off midway leaves nothing half done.

SQLite goes through its own backup interface, PostgreSQL through pg_dump, pg_restore and psql.
"""

from __future__ import annotations

import fcntl
import math
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from sqlalchemy import URL, Column, LargeBinary, make_url
from sqlalchemy.exc import SQLAlchemyError

from erp.storage.box import HEAD, VERSION, box
from erp.storage.db import (
    MARK,
    MARK_IN_JSON,
    VERSIONS,
    EncryptedList,
    is_empty,
    reason_of,
    sealed_columns,
    sealed_type,
    token_in,
)
from erp.storage.tables import Base

PAGES = 256
NULL, BYTES = r"\N", r"\\x"  # as a dump writes nothing, and how it begins bytes
PIECE = 256 * 1024
# The journals that SQLite keeps beside a database. They must never meet another file than their own.
BESIDE = ("-wal", "-shm", "-journal")
MAGIC = b"SQLite format 3\0"
# How a token begins, that of an earlier version too. What begins otherwise was never one and is no key's.
TOKENS = (VERSION, b"g")
# So many characters of a token in text hold its head.
HEAD_IN_TEXT = math.ceil(HEAD * 4 / 3)

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
        _check_file(source)
        try:
            with closing(_reading(source)) as copy:
                _check_keys(source, _sealed(copy))
        except sqlite3.Error as error:
            raise BackupError(f"{source} cannot be read: {error}.") from error
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


def _check_file(source: Path) -> None:
    """Refuse what is no database of ours, and one of a newer Rung."""
    if not source.is_file():
        raise BackupError(f"There is no database {source}.")
    try:
        with closing(_reading(source)) as copy:
            version = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            if not _columns_there(copy, "fear"):
                raise BackupError(f"{source} is no copy of Rung’s database.")
    except sqlite3.Error as error:
        raise BackupError(f"{source} is no copy of Rung’s database.") from error
    _check_version(source, version[0] if version else "")


def _columns_there(copy: sqlite3.Connection, table: str) -> set[str]:
    return {name for (name,) in copy.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _sealed(copy: sqlite3.Connection) -> Iterator[object]:
    """Of every key that made a value, two such values of each column as they are stored: an early and a late one.

    Those of an earlier version do not name their key, but begin with the time at which they were made.
    """
    for table in Base.metadata.tables.values():
        there = _columns_there(copy, table.name)
        for column in sealed_columns(table):
            if column.name in there:
                mark, name = _mark(column), column.name
                head = f"substr({name}, 1, {len(mark) + HEAD_IN_TEXT if mark else HEAD})"
                which = f"substr({name}, 1, {len(mark)}) = ?" if mark else f"{name} IS NOT NULL AND ? = ''"
                # Our own names of tables and columns alone.
                ends = f"SELECT min({name}), max({name}) FROM {table.name} WHERE {which} GROUP BY {head}"  # noqa: S608
                for row in copy.execute(ends, (mark,)):
                    yield from row


def _mark(column: Column[Any]) -> str:
    """How what is encrypted begins in a column of text, as it is stored; "" in one of bytes, where all of it is."""
    kind = sealed_type(column)
    if isinstance(kind.impl, LargeBinary):
        return ""
    return MARK_IN_JSON if isinstance(kind, EncryptedList) else MARK


def _check_version(source: Path, version: str) -> None:
    known = {path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py")}
    if version not in known:
        raise BackupError(f"{source} was made by a newer Rung than this one.")


def _check_keys(source: Path, sealed: Iterable[object]) -> None:
    """Refuse a copy in which there is a stored value whose key is not here; what is no token at all is no trouble."""
    for stored in sealed:
        token = token_in(stored)
        if token and token[:1] in TOKENS and not box.has_key_of(token):
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
    versions = [row for _table, row in _rows(source, ["alembic_version"])] if ours else []
    if not versions:
        raise BackupError(f"{source} is no copy of Rung’s database.")
    _check_version(source, versions[0]["version_num"])
    _check_keys(source, _sealed_in_dump(source))


def _sealed_in_dump(source: Path) -> Iterator[object]:
    """As _sealed, of a dump: the first and the last value of each key in a column."""
    sealed = {table.name: sealed_columns(table) for table in Base.metadata.tables.values() if sealed_columns(table)}
    ends: dict[tuple[str, str], tuple[str, str]] = {}
    for table, row in _rows(source, sealed):
        for column in sealed[table]:
            stored = row.get(column.name, NULL)
            beginning = _mark(column).replace("\\", r"\\") or BYTES
            if stored.startswith(beginning):
                head = stored[: len(beginning) + (2 * HEAD if beginning == BYTES else HEAD_IN_TEXT)]
                place = f"{table}.{column.name}", head
                ends[place] = ends.get(place, (stored, stored))[0], stored
    for stored in (each for both in ends.values() for each in both):
        is_bytes = stored.startswith(BYTES)
        yield bytes.fromhex(stored.removeprefix(BYTES)) if is_bytes else stored.replace(r"\\", "\\")


def _rows(source: Path, tables: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Every row of some tables in a dump, as it is written there, with the name of its table."""
    asked = [f"--table={table}" for table in tables]
    with _tool("pg_restore", "--data-only", *asked, "--file=-", str(source)) as said:
        assert said.stdout
        table, names = "", None
        for line in said.stdout:
            row = line.decode().removesuffix("\n")
            if names is None and row.startswith("COPY "):
                table = row.removeprefix("COPY ").partition(" ")[0].rpartition(".")[2].strip('"')
                names = [name.strip('"') for name in row.partition("(")[2].partition(")")[0].split(", ")]
            elif row == r"\.":
                names = None
            elif names is not None:
                yield table, dict(zip(names, row.split("\t"), strict=True))


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
