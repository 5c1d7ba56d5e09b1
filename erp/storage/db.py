"""The engine, the sessions, the base class of every table, and the column types that are ours."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from cryptography.fernet import InvalidToken
from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
    func,
    inspect,
    literal,
    text,
    type_coerce,
)
from sqlalchemy import cast as cast_in_sql
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import NullType, TypeDecorator

from erp import base64url
from erp.storage.box import Misplaced, UnknownKey, box
from erp.storage.busy import CONNECT_SECONDS, SHORT_SECONDS, Probe, bound_waiting

VERSIONS = Path(__file__).parent / "migrations" / "versions"


# How a token begins where text is stored, and where that is a string of JSON. No name and no list does.
MARK, MARK_IN_JSON = "\x02", '"\\u0002'
# So many characters of a token in text are those of its head alone.
HEAD_CHARACTERS = 6


def _begins_otherwise(stored: ColumnElement[Any], mark: str) -> ColumnElement[bool]:
    """Whether stored text does not begin as a token of the newest key does, behind the mark."""
    beginning = mark + base64url.encode(box.head)[:HEAD_CHARACTERS]
    return func.substr(stored, 1, len(beginning)) != beginning


def token_in(stored: object) -> bytes | None:
    """The token in what a column stores; None where that is a plain value, as an earlier version wrote it."""
    if isinstance(stored, bytes | memoryview):
        return bytes(stored)
    for mark in (MARK, MARK_IN_JSON):
        if isinstance(stored, str) and stored.startswith(mark):
            with suppress(ValueError):
                return base64url.decode(stored.removeprefix(mark).rstrip('"'))
            return b""
    return None


class Sealed(TypeDecorator[Any]):
    """A column that is encrypted: a value in Python, a token of the box in the database.

    `place` is the column's "table.column", to which every token is bound. One that belongs elsewhere reads as nothing;
    one whose key is not here raises UnknownKey.
    """

    impl: Any = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def packed(self, text: str) -> Any:
        """The text, encrypted, as the column stores it."""
        return box.seal(text, self.place)

    def opened(self, token: bytes) -> str | None:
        """The text behind a token; None where it belongs elsewhere."""
        try:
            return box.open(token, self.place)
        except Misplaced:
            return None

    def resealed(self, stored: Any) -> Any:
        """What the column should store instead; None where the newest key made it, or it belongs elsewhere."""
        token = token_in(stored)
        if token is None:
            return self.packed(stored if isinstance(stored, str) else json.dumps(stored, separators=(",", ":")))
        text = None if box.is_newest(token) else self.opened(token)
        return None if text is None else self.packed(text)

    def is_outdated(self, column: Column[Any]) -> ColumnElement[bool]:
        """Whether a database sees by how a value begins that it is not of the newest key and in the form of today."""
        return func.substr(type_coerce(column, LargeBinary()), 1, len(box.head)) != literal(box.head, LargeBinary())


class Unread(str):
    """Stands for a text that cannot be read: an empty one, which pages show as […], and which is never stored."""

    __slots__ = ()

    def __html__(self) -> str:
        return "[…]"


UNREAD = Unread()


def legible(text: str) -> str:
    """The text; a plain empty one where it cannot be read: for a form that is to be filled in."""
    return "" if isinstance(text, Unread) else text


class EncryptedText(Sealed):
    """Free text about a person. Where it is `listed` among others, one that cannot be read is UNREAD and hides none."""

    cache_ok = True

    def __init__(self, place: str, *, listed: bool = False) -> None:
        super().__init__(place)
        self.listed = listed

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        if isinstance(value, Unread):
            raise ValueError("what cannot be read stays as it is stored")
        return None if value is None else self.packed(value)

    def process_result_value(self, value: object, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            opened = self.opened(token_in(value) or b"")
        except UnknownKey:
            if not self.listed:
                raise
            opened = None
        return (UNREAD if self.listed else "") if opened is None else opened


class EncryptedJSON(Sealed):
    """A small mapping that holds free text."""

    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> bytes | None:
        return None if value is None else self.packed(json.dumps(value, separators=(",", ":")))

    def process_result_value(self, value: object, dialect: Dialect) -> dict[str, Any] | None:
        text = None if value is None else self.opened(token_in(value) or b"")
        return None if text is None else json.loads(text)


class EncryptedName(Sealed):
    """A name, stored as text: a token behind a mark, or plain as an earlier version wrote it.

    Nobody saves a name that they do not see, so that one whose key is not here reads as nothing as well.
    """

    impl = Text
    cache_ok = True

    def packed(self, text: str) -> str:
        return MARK + base64url.encode(box.seal(text, self.place))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if isinstance(value, Unread):
            raise ValueError("what cannot be read stays as it is stored")
        return None if value is None else self.packed(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        token = token_in(value)
        if token is None:
            return value
        try:
            return box.open(token, self.place)
        except InvalidToken:
            return UNREAD

    def is_outdated(self, column: Column[Any]) -> ColumnElement[bool]:
        return _begins_otherwise(type_coerce(column, Text()), MARK)


class EncryptedList(Sealed):
    """A list of numbers, stored in JSON: as a string with a token, or plain as an earlier version wrote it."""

    impl = JSON
    cache_ok = True

    def packed(self, text: str) -> str:
        return MARK + base64url.encode(box.seal(text, self.place))

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> str | None:
        return None if value is None else self.packed(json.dumps(value, separators=(",", ":")))

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """As the database driver hands it over: text on SQLite, what the JSON says on PostgreSQL."""
        read = super().result_processor(dialect, coltype)

        def process(value: Any) -> Any:
            token = token_in(value)
            if token is not None:
                return json.loads(self.opened(token) or "[]")
            return read(value) if read else value

        return process

    def is_outdated(self, column: Column[Any]) -> ColumnElement[bool]:
        return _begins_otherwise(cast_in_sql(type_coerce(column, NullType()), Text()), MARK_IN_JSON)


def sealed_columns(table: Table) -> list[Column[Any]]:
    """The columns of a table that are encrypted."""
    return [column for column in table.columns if isinstance(column.type, Sealed)]


def sealed_type(column: Column[Any]) -> Sealed:
    """The type of an encrypted column."""
    assert isinstance(column.type, Sealed)
    return column.type


def as_stored(column: Column[Any]) -> ColumnElement[Any]:
    """An encrypted column as the database driver hands it over, to be selected under its name."""
    return type_coerce(column, NullType()).label(column.name)


class Instant(TypeDecorator[datetime]):
    """A moment: aware UTC in Python, UTC with microseconds in the database. A naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base class of every table."""

    type_annotation_map = {datetime: Instant}
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(model: type[Base]) -> Table:
    """The bare table of a model, for statements that need no objects."""
    return cast("Table", model.__table__)


def open_engine(url: str, connections: int = 5) -> Engine:
    """An engine for the address with that many connections kept.

    SQLite gets WAL, durable commits, foreign keys and real transactions.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        timeout = {} if "connect_timeout" in parsed.query else {"connect_timeout": CONNECT_SECONDS}
        engine = create_engine(
            url, connect_args=timeout, pool_pre_ping=True, hide_parameters=True, pool_size=connections
        )
        bound_waiting(engine, connections)
        return engine
    engine = create_engine(url, connect_args={"timeout": 10}, hide_parameters=True, pool_size=connections)
    event.listen(engine, "connect", _prepare_sqlite)
    bound_waiting(engine, connections)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transactions start too late to be of use: BEGIN is ours, below.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock before it reads; two that both read first could not both write.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def is_current(engine: Engine) -> bool:
    """Whether the database has the newest tables already."""
    newest = max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))
    try:
        with engine.connect() as connection:
            return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == newest)
    except SQLAlchemyError:
        return False


def is_empty(url: str) -> bool:
    """Whether nobody has an account in the database at the address, or there are no tables or no file at all.

    What cannot be read is not empty. Raises SQLAlchemyError when PostgreSQL does not answer.
    """
    parsed = make_url(url)
    file = Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
    if file and not (file.exists() and file.stat().st_size):
        return True
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            there = inspect(connection).has_table("account")
            return not there or connection.scalar(text("SELECT 1 FROM account LIMIT 1")) is None
    except SQLAlchemyError:
        if file is None:
            raise
        return False
    finally:
        engine.dispose()


def damages(session: Session) -> list[str]:
    """What SQLite finds wrong with the pages of its file; PostgreSQL looks after its own."""
    if session.get_bind().dialect.name != "sqlite":
        return []
    return [answer for answer in session.scalars(text("PRAGMA integrity_check(10)")) if answer != "ok"]


def reason_of(error: SQLAlchemyError) -> str:
    """What the database itself says, in one line without a full stop."""
    return str(getattr(error, "orig", None) or error).splitlines()[0].rstrip("?. ")


class Sessions:
    """Makes sessions on one engine: `reading()` and `writing()`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # SQLite's transactions see one snapshot anyway.
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = engine if engine.dialect.name == "sqlite" else engine.execution_options(**snapshot)
        self._writer = engine.execution_options(writes=True)
        self._hurried = engine.execution_options(writes=True, hurried=True)
        self._brief = engine.execution_options(writes=True, hurried=True, wait=SHORT_SECONDS)
        self._probe = Probe(engine)

    def reading(self) -> Session:
        """A session that sees one snapshot and changes nothing."""
        return Session(self._reader, autoflush=False, expire_on_commit=False)

    def writing(self, *, hurried: bool = False) -> Session:
        """A session whose transaction holds the write lock from its first statement on (SQLite).

        Where many wait for the lock, one that is hurried raises Busy or OperationalError within seconds.
        """
        return Session(self._hurried if hurried else self._writer, expire_on_commit=False)

    def writing_briefly(self) -> Session:
        """A session that writes where it can at once, beside a request that only reads.

        Raises Busy or OperationalError within a second where the lock is held elsewhere.
        """
        return Session(self._brief, expire_on_commit=False)

    def can_write(self, folder: Path) -> bool:
        """Whether the database takes a row and the folder a file, as of a second ago at most."""
        return self._probe.writes(folder)
