"""What releases left behind: their databases, on SQLite or PostgreSQL, and what their pages sent (`make fixtures`)."""

import gzip
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, Table, insert, make_url, select, text

from erp.storage.box import box
from erp.storage.db import Sealed, open_engine, token_in
from erp.storage.migrating import migrate
from erp.storage.tables import Base

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "releases"
# The tables of each.
RELEASES = {"tables-0001": "0001", "tables-0002": "0002", "0.1.0": "0003"}
Row = dict[str, Any]


@contextmanager
def own_schema(server: str) -> Iterator[str]:
    """An empty schema on a PostgreSQL, dropped afterwards; the address with which it is the only one."""
    schema = f"rung_test_{secrets.token_hex(6)}"
    admin = open_engine(server)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        url = make_url(server).update_query_dict({"options": f"-csearch_path={schema}"})
        yield url.render_as_string(hide_password=False)
    finally:
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        admin.dispose()


@contextmanager
def left_by(release: str, folder: Path) -> Iterator[str]:
    """The address of a database as a release left it: a file in the folder, or a schema of RUNG_TEST_DATABASE."""
    file = folder / "rung.db"
    file.write_bytes(gzip.decompress((FOLDER / release / "rung.sqlite3.gz").read_bytes()))
    server = os.environ.get("RUNG_TEST_DATABASE")
    if not server:
        yield f"sqlite:///{file}"
        return
    with own_schema(server) as url:
        migrate(url, RELEASES[release])
        _copy(f"sqlite:///{file}", url)
        yield url


def _copy(source: str, target: str) -> None:
    """Copy every row from a file to the same tables of PostgreSQL."""
    reading, writing = open_engine(source), open_engine(target)
    tables = _tables(writing)
    with reading.connect() as old, writing.begin() as new:
        # What the file says without a zone is UTC.
        new.execute(text("SET LOCAL TIME ZONE 'UTC'"))
        for table in tables:
            rows = [row._asdict() for row in old.execute(select(table)).all()]
            if rows and table.name != "alembic_version":
                new.execute(insert(table).values(rows))
    reading.dispose()
    writing.dispose()


def _tables(engine: Engine) -> list[Table]:
    """The tables that are there, with types that any database reads."""
    found = MetaData()
    found.reflect(engine)
    for table in found.sorted_tables:
        for column in table.columns:
            column.type = column.type.as_generic()
            ours = Base.metadata.tables.get(table.name)
            # A file knows a UUID as characters, a number of three widths as one.
            if ours is not None and column.name in ours.c and not isinstance(ours.c[column.name].type, Sealed):
                column.type = ours.c[column.name].type
    return list(found.sorted_tables)


def rows_of(engine: Engine) -> dict[str, list[Row]]:
    """All that is in a database, whatever its tables are, decrypted, by table and in the order of the keys."""
    with engine.connect() as connection:
        return {
            table.name: [
                {name: _plain(table.name, name, value) for name, value in row._asdict().items()}
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in _tables(engine)
            if table.name != "alembic_version"
        }


def _plain(table: str, column: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    kind = Base.metadata.tables[table].c[column].type
    if not isinstance(kind, Sealed) or value is None:
        return value
    token = token_in(value)
    if token is None:
        return value
    opened = box.open(token, kind.place)
    return json.loads(opened) if column == "curve" else opened


def requests_of(release: str) -> list[Row]:
    """What the pages of a release sent, in order."""
    return [json.loads(line) for line in (FOLDER / release / "requests.jsonl").read_text("utf-8").splitlines()]


def phones_of(release: str) -> Row:
    """The cookies of who was signed in then, and what the release's database said after all requests."""
    read: Row = json.loads((FOLDER / release / "phones.json").read_text("utf-8"))
    return read
