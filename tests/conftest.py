"""What every test may use: a database made by the migrations, settings for it, and a session that is undone.

On SQLite the migrated file is made once and copied for each test that needs its own. With RUNG_TEST_DATABASE
the same tests run on that PostgreSQL, in a schema of their own that is dropped at the end.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session

from erp.settings import Settings
from erp.storage.box import box
from erp.storage.db import open_engine
from erp.storage.migrating import migrate
from erp.storage.tables import Base
from tests.make.keys import DATA_KEY, SECRET_KEY, VAPID
from tests.make.releases import own_schema

hypothesis.settings.register_profile("rung", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("rung")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest begin first; on PostgreSQL only those that use a database run, as the others cannot differ."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if not os.environ.get("RUNG_TEST_DATABASE"):
        return
    with_database = (item for item in items if "migrated" in getattr(item, "fixturenames", ()))
    chosen = [item for item in with_database if item.get_closest_marker("alike") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.fixture(scope="session", autouse=True)
def keys() -> None:
    """The key that encrypts free text, for tests that make no application."""
    box.set_keys((DATA_KEY,))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty database that the migrations made, one for each test process."""
    server = os.environ.get("RUNG_TEST_DATABASE")
    if not server:
        url = f"sqlite:///{tmp_path_factory.mktemp('migrated') / 'rung.db'}"
        migrate(url)
        yield url
        return
    with own_schema(server) as address:
        migrate(address)
        yield address


@pytest.fixture(scope="session")
def migrated_engine(migrated: str) -> Iterator[Engine]:
    engine = open_engine(migrated)
    yield engine
    engine.dispose()


@pytest.fixture
def session(migrated_engine: Engine) -> Iterator[Session]:
    """A session whose work, commits included, is taken back at the end of the test."""
    with migrated_engine.execution_options(writes=True).connect() as connection:
        transaction = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()


@pytest.fixture
def settings(migrated: str, migrated_engine: Engine, tmp_path: Path) -> Iterator[Settings]:
    """Settings with an empty migrated database of the test's own."""
    url = make_url(migrated)
    own = migrated
    if url.get_backend_name() == "sqlite":
        shutil.copyfile(str(url.database), tmp_path / "rung.db")
        own = f"sqlite:///{tmp_path / 'rung.db'}"
    yield Settings(data=tmp_path, database_url=own, secret_keys=(SECRET_KEY,), data_keys=(DATA_KEY,), vapid=VAPID)
    if own == migrated:
        empty(migrated_engine)


def empty(engine: Engine) -> None:
    """Delete every row of PostgreSQL's, at one go; for the few small rows of a test this is quicker than TRUNCATE."""
    deletes = " ".join(f"DELETE FROM {table.name};" for table in reversed(Base.metadata.sorted_tables))
    with engine.begin() as connection:
        connection.execute(text(f"DO $$ BEGIN {deletes} END $$"))
