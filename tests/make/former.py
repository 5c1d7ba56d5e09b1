"""A database as version 0.1.0 wrote it, and all that it says, whatever the form."""

import json
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import Table, select, type_coerce, update
from sqlalchemy.orm import Session
from sqlalchemy.types import LargeBinary, NullType

from erp.storage.box import box
from erp.storage.db import EncryptedName, as_stored, sealed_columns, sealed_type, token_in
from erp.storage.tables import Base
from tests.make.keys import DATA_KEY


def said(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """What every row of every table says, by table, encrypted or not."""
    return {
        table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
        for table in Base.metadata.sorted_tables
    }


def write_as_before(session: Session, key: str = DATA_KEY) -> int:
    """Write names and curves plainly and all other texts as Fernet's tokens; how many values that were."""
    return sum(_write_table(session, table, key) for table in Base.metadata.sorted_tables if sealed_columns(table))


def _write_table(session: Session, table: Table, key: str) -> int:
    columns, keys, count = sealed_columns(table), list(table.primary_key.columns), 0
    for row in session.execute(select(*keys, *map(as_stored, columns))).all():
        where = [each == value for each, value in zip(keys, row, strict=False)]
        for column, stored in zip(columns, row[len(keys) :], strict=True):
            if stored is None:
                continue
            kind = sealed_type(column)
            text = box.open(token_in(stored) or b"", kind.place)
            former: Any = type_coerce(Fernet(key).encrypt(text.encode()), LargeBinary())
            if not isinstance(kind.impl_instance, LargeBinary):
                former = text if isinstance(kind, EncryptedName) else json.loads(text)
                former = type_coerce(former, kind.impl_instance)
            session.execute(update(table).where(*where).values({column.name: former}))
            count += 1
    session.flush()
    return count


def outdated(session: Session) -> int:
    """How many values are not of the newest key and in the form of today."""
    count = 0
    for table in Base.metadata.sorted_tables:
        for column in sealed_columns(table):
            values = session.scalars(select(as_stored(column)).where(type_coerce(column, NullType()).is_not(None)))
            count += sum(not box.is_newest(token_in(stored) or b"") for stored in values)
    return count
