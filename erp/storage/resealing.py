"""Encrypting anew what the newest data key did not make in the form of today: at one go or beside all other work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Row, Select, Table, or_, select, tuple_, type_coerce, update
from sqlalchemy.orm import Session

from erp.storage.box import UnknownKey, box
from erp.storage.db import Sessions, as_stored, sealed_columns, sealed_type, token_in
from erp.storage.tables import Base

BATCH = 200
# A piece ends after so long, so that nobody waits for its lock.
PIECE_SECONDS = 0.2


def check_keys(session: Session) -> None:
    """Look at every encrypted value. Raises UnknownKey where none of the keys made one."""
    for _table, columns in _sealed():
        with session.execute(_raw(columns).execution_options(yield_per=BATCH)) as rows:
            tokens = (token_in(stored) for row in rows for stored in row)
            if not all(token is None or box.has_key_of(token) for token in tokens):
                raise UnknownKey


def reseal(session: Session) -> Iterator[tuple[str, int]]:
    """Encrypt every value anew that the newest key did not make, piece by piece; yields each piece's table and rows.

    The caller commits after each: a rotation that is cut off leaves some texts with the newest key and some with
    older ones, all of them readable while the keys are there, and can begin again. What belongs to another column is
    left as it stands: `check` names it.
    """
    for table, columns in _sealed():
        yield from _reseal_table(session, table, columns)


class Resealing:
    """Encrypts anew piece by piece, while people go on: a piece is found without a lock and written with a short one.

    How far it is stands in memory alone. Whoever begins again, after a kill for instance, passes over what is done, by
    the statement that looks. Values that none of the keys opens, or that belong elsewhere, stay as they are.
    """

    def __init__(self) -> None:
        self._left = list(_sealed())
        self._last: Sequence[Any] | None = None

    @property
    def done(self) -> bool:
        """Whether everything was looked at."""
        return not self._left

    def piece(self, sessions: Sessions) -> None:
        """Find and write the next piece. What is raised, by a lock held elsewhere for instance, loses no place."""
        table, columns = self._left[0]
        keys = list(table.primary_key.columns)
        outdated = or_(*(sealed_type(column).is_outdated(column) for column in columns))
        some = select(*keys).where(outdated).order_by(*keys).limit(BATCH)
        with sessions.reading() as session:
            found = session.execute(some.where(tuple_(*keys) > tuple_(*self._last)) if self._last else some).all()
        if not found:
            self._left, self._last = self._left[1:], None
            return
        these = _raw(columns).add_columns(*keys).where(tuple_(*keys).in_([tuple(key) for key in found]))
        with sessions.writing() as session:
            # Read anew: somebody may have written meanwhile.
            until = time.monotonic() + PIECE_SECONDS
            rows = session.execute(these.order_by(*keys).with_for_update()).all()
            count = _write(session, table, rows, until, skip_unknown=True)
            session.commit()
        self._last = rows[count - 1][len(columns) :] if count < len(rows) else found[-1]


def _sealed() -> Iterator[tuple[Table, list[Column[Any]]]]:
    """Each table that holds something encrypted, and those columns."""
    for table in Base.metadata.sorted_tables:
        columns = sealed_columns(table)
        if columns:
            yield table, columns


def _raw(columns: Sequence[Column[Any]]) -> Select[*tuple[Any, ...]]:
    return select(*map(as_stored, columns))


def _reseal_table(session: Session, table: Table, columns: Sequence[Column[Any]]) -> Iterator[tuple[str, int]]:
    keys = list(table.primary_key.columns)
    # Locked, so that what somebody writes meanwhile is not overwritten with what was read before.
    some = _raw(columns).add_columns(*keys).order_by(*keys).limit(BATCH).with_for_update()
    last: Sequence[Any] | None = None
    more = True
    while more:
        until = time.monotonic() + PIECE_SECONDS
        rows = session.execute(some.where(tuple_(*keys) > tuple_(*last)) if last else some).all()
        count = _write(session, table, rows, until)
        more = len(rows) == BATCH or count < len(rows)
        last = rows[count - 1][len(columns) :] if rows else None
        yield table.name, count


def _write(
    session: Session, table: Table, rows: Sequence[Row[Any]], until: float, *, skip_unknown: bool = False
) -> int:
    """Write rows anew, until a moment (monotonic) but one at least; how many were looked at.

    Each row is its encrypted columns and then its key. Raises UnknownKey, unless what has no key here is skipped.
    """
    columns, keys = sealed_columns(table), table.primary_key.columns
    for count, row in enumerate(rows, 1):
        values = _resealed(columns, row[: len(columns)], skip_unknown=skip_unknown)
        if values:
            this_row = (key == value for key, value in zip(keys, row[len(columns) :], strict=True))
            session.execute(update(table).where(*this_row).values(values))
        if time.monotonic() > until:
            return count
    return len(rows)


def _resealed(columns: Sequence[Column[Any]], row: Sequence[Any], *, skip_unknown: bool) -> dict[str, Any]:
    """What a row should store instead, by column, where the newest key did not make it."""
    values: dict[str, Any] = {}
    for column, stored in zip(columns, row, strict=True):
        kind = sealed_type(column)
        try:
            anew = None if stored is None else kind.resealed(stored)
        except UnknownKey:
            if not skip_unknown:
                raise
            continue
        if anew is not None:
            values[column.name] = type_coerce(anew, kind.impl_instance)
    return values
