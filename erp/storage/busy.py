"""A database that somebody else writes to, or that cannot be written: how long to wait, and what its refusals mean."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

# A worker or a command waits so long for the lock, a request less: its thread is missed by those who only read.
PATIENT_SECONDS = 30.0
HURRIED_SECONDS = 5.0
# With one thread nobody else is served meanwhile.
SHORT_SECONDS = 0.4
# A turn takes milliseconds, unless it is held up itself: where none ends for so long, the lock is held elsewhere.
TURN_SECONDS = 0.6
CONNECT_SECONDS = 5
# SQLite looks so seldom whether a lock is free again that who takes it anew at once keeps everybody else out.
LOOKS_AGAIN_SECONDS = 0.1
PROBED_BYTES = 64 * 1024
PROBE_EVERY_SECONDS = 1.0

SQLITE_LATER = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}
# Connections (08), what a transaction lost to another (40), resources (53), a server that stops (57); a lock that did
# not come in time, and a server that takes no writes.
POSTGRESQL_LATER = ("08", "40", "53", "57", "55P03", "25006")


class Busy(Exception):
    """So many writers of this process wait already that one more would keep those out who only read."""


class Turns:
    """Lets the writers of one process to the database by turns, so that few threads wait for a lock held elsewhere."""

    def __init__(self, places: int, crowd: int = 0) -> None:
        """So many may have a turn at once, and so many more may wait for long though they are hurried."""
        self._free, self._crowd = places, crowd
        self._waiting = 0
        self._moved = threading.Condition()
        self._moved_at = 0.0
        self._jammed = False

    def take(self, *, hurried: bool, seconds: float | None = None) -> None:
        """Wait for a turn, for so many seconds at most; every turn that is taken is given back by leave().

        Raises Busy: one of the crowd that is hurried waits while turns end, but for TURN_SECONDS at most in which none
        does, and not at all where another waited in vain.
        """
        began = time.monotonic()
        until = began + (seconds or (HURRIED_SECONDS if hurried else PATIENT_SECONDS))
        with self._moved:
            one_too_many = hurried and self._waiting >= self._crowd
            self._waiting += 1
            try:
                while not self._free:
                    self._wait(began, until, one_too_many=one_too_many)
            finally:
                self._waiting -= 1
            self._free -= 1
            self._jammed = False

    def _wait(self, began: float, until: float, *, one_too_many: bool) -> None:
        if one_too_many:
            until = min(until, max(began, self._moved_at) + TURN_SECONDS)
        left = 0 if one_too_many and self._jammed else until - time.monotonic()
        if left <= 0:
            self._jammed = self._jammed or one_too_many
            raise Busy
        self._moved.wait(left)

    def leave(self) -> None:
        """Let the next one in."""
        with self._moved:
            self._free += 1
            self._moved_at = time.monotonic()
            self._jammed = False
            self._moved.notify()


def bound_waiting(engine: Engine, connections: int) -> None:
    """Have the writers of an engine take turns and wait for locks as long as their execution option `wait` says.

    Of so many connections some are left to those who read. To be called before what begins a transaction is set.
    """
    sqlite = engine.dialect.name == "sqlite"
    # Beside the one that writes and those that wait for it, two threads are left to those who read.
    turns = Turns(1, connections - 3) if sqlite else Turns(max(1, connections - 1))
    hurried = HURRIED_SECONDS if connections > 1 else SHORT_SECONDS

    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("writes"):
            return
        record = connection.connection.record_info
        assert record is not None
        if not record.get("turn"):
            turns.take(hurried=bool(options.get("hurried")), seconds=options.get("wait"))
            record["turn"] = True
        most = hurried if options.get("hurried") else PATIENT_SECONDS
        _wait_for_locks(connection, min(options.get("wait", most), most))

    def checkin(_connection: object, entry: ConnectionPoolEntry) -> None:
        if entry.record_info and entry.record_info.pop("turn", None):
            turns.leave()

    event.listen(engine, "begin", begin)
    event.listen(engine, "checkin", checkin)


def _wait_for_locks(connection: Connection, seconds: float) -> None:
    # Past SQLAlchemy, for which this is no statement of ours. PostgreSQL's holds for the transaction.
    driver = connection.connection.dbapi_connection
    assert driver is not None
    name = "PRAGMA busy_timeout" if connection.dialect.name == "sqlite" else "SET LOCAL lock_timeout"
    cursor = driver.cursor()
    cursor.execute(f"{name} = {int(seconds * 1000)}")
    cursor.close()


def let_others_in() -> None:
    """Wait between two pieces of long work until whoever waits for the lock has it."""
    time.sleep(LOOKS_AGAIN_SECONDS)


def comes_again(error: Exception) -> bool:
    """Whether what a database refused may be tried again as it is: locked, full, out of reach, lost to another."""
    if isinstance(error, Busy | PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        # The lowest byte is the kind; above it are its finer shades.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in SQLITE_LATER
    state = getattr(cause, "sqlstate", None)
    if state is None:  # no server answered
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return str(state).startswith(POSTGRESQL_LATER)


class Probe:
    """Finds out whether anything can be written: a row and a file, once a second at most, whoever asks."""

    def __init__(self, engine: Engine) -> None:
        self._writer = engine.execution_options(writes=True, hurried=True, wait=SHORT_SECONDS)
        self._lock = threading.Lock()
        self._until, self._well = 0.0, False

    def writes(self, folder: Path) -> bool:
        """Whether a row of the database and a file in the folder can be written now."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._well = self._row() and self._file(folder)
                self._until = time.monotonic() + PROBE_EVERY_SECONDS
            return self._well

    def _row(self) -> bool:
        # Only what is committed reaches the disk.
        try:
            with self._writer.begin() as connection:
                connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        except (SQLAlchemyError, Busy):
            return False
        return True

    def _file(self, folder: Path) -> bool:
        # A database may still have room inside of a file that cannot grow.
        database = self._writer.url.database
        sqlite = self._writer.dialect.name == "sqlite" and database
        try:
            for place in {folder, Path(database).parent if sqlite and database else folder}:
                with tempfile.TemporaryFile(dir=place) as file:
                    file.write(bytes(PROBED_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
        except OSError:
            return False
        return True
