"""Encrypting everything anew with the newest data key, so that an older one can be thrown away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Select, Table, select, tuple_, type_coerce, update
from sqlalchemy.orm import Session

from erp.storage.box import UnknownKey, box
from erp.storage.db import as_stored, sealed_columns, sealed_type, token_in
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
        until, count = time.monotonic() + PIECE_SECONDS, 0
        rows = session.execute(some.where(tuple_(*keys) > tuple_(*last)) if last else some).all()
        more = len(rows) == BATCH
        for row in rows:
            count, last = count + 1, row[len(columns) :]
            values = _resealed(columns, row[: len(columns)])
            if values:
                this_row = (key == value for key, value in zip(keys, last, strict=True))
                session.execute(update(table).where(*this_row).values(values))
            if time.monotonic() > until and count < len(rows):
                more = True
                break
        yield table.name, count


def _resealed(columns: Sequence[Column[Any]], row: Sequence[Any]) -> dict[str, Any]:
    """What a row should store instead, by column, where the newest key did not make it."""
    values: dict[str, Any] = {}
    for column, stored in zip(columns, row, strict=True):
        kind = sealed_type(column)
        anew = None if stored is None else kind.resealed(stored)
        if anew is not None:
            values[column.name] = type_coerce(anew, kind.impl_instance)
    return values
