"""Encrypting everything anew with the newest data key, so that an older one can be thrown away."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from erp.storage.db import EncryptedJSON, EncryptedText
from erp.storage.tables import Base

BATCH = 500


def reseal(session: Session) -> Iterator[tuple[str, int]]:
    """Read and write back every encrypted column, table by table; yields each table's name and number of rows.

    The caller commits, once: a rotation that is cut off leaves everything as it was, readable with the old keys.
    """
    for table in Base.metadata.sorted_tables:
        columns = [column for column in table.columns if isinstance(column.type, EncryptedText | EncryptedJSON)]
        if columns:
            yield table.name, _reseal_table(session, table, [column.name for column in columns])


def _reseal_table(session: Session, table: Table, names: list[str]) -> int:
    keys = list(table.primary_key.columns)
    count = 0
    # Locked, so that what somebody writes meanwhile is not overwritten with what was read before.
    everything = select(*keys, *(table.c[name] for name in names)).with_for_update().execution_options(yield_per=BATCH)
    with session.execute(everything) as rows:
        for row in rows.mappings():
            this_row = (key == row[key] for key in keys)
            session.execute(update(table).where(*this_row).values({name: row[name] for name in names}))
            count += 1
    return count
