"""Encrypting everything anew with the newest data key, so that an older one can be thrown away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Table, select, tuple_, update
from sqlalchemy.orm import Session

from erp.storage.db import EncryptedJSON, EncryptedText
from erp.storage.tables import Base

BATCH = 200
# A piece ends after so long, so that nobody waits for its lock.
PIECE_SECONDS = 0.2


def open_everything(session: Session) -> None:
    """Read every encrypted column. Raises InvalidToken where none of the keys opens something."""
    for table, names in _sealed():
        with session.execute(select(*(table.c[name] for name in names)).execution_options(yield_per=BATCH)) as rows:
            for _row in rows:
                pass


def reseal(session: Session) -> Iterator[tuple[str, int]]:
    """Read and write back every encrypted column, piece by piece; yields each piece's table and number of rows.

    The caller commits after each: a rotation that is cut off leaves some texts with the newest key and some with
    older ones, all of them readable while the keys are there, and can begin again.
    """
    for table, names in _sealed():
        yield from _reseal_table(session, table, names)


def _sealed() -> Iterator[tuple[Table, list[str]]]:
    """Each table that holds something encrypted, and the names of those columns."""
    for table in Base.metadata.sorted_tables:
        names = [column.name for column in table.columns if isinstance(column.type, EncryptedText | EncryptedJSON)]
        if names:
            yield table, names


def _reseal_table(session: Session, table: Table, names: list[str]) -> Iterator[tuple[str, int]]:
    keys = list(table.primary_key.columns)
    # Locked, so that what somebody writes meanwhile is not overwritten with what was read before.
    some = select(*keys, *(table.c[name] for name in names)).order_by(*keys).limit(BATCH).with_for_update()
    last: Sequence[Any] | None = None
    more = True
    while more:
        until, count = time.monotonic() + PIECE_SECONDS, 0
        rows = session.execute(some.where(tuple_(*keys) > tuple_(*last)) if last else some).all()
        more = len(rows) == BATCH
        for row in rows:
            this_row = (key == value for key, value in zip(keys, row, strict=False))
            values = dict(zip(names, row[len(keys) :], strict=True))
            session.execute(update(table).where(*this_row).values(values))
            count, last = count + 1, row[: len(keys)]
            if time.monotonic() > until and count < len(rows):
                more = True
                break
        yield table.name, count
