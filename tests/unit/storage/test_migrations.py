from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.orm import Session

from erp.storage.db import open_engine
from erp.storage.migrating import alembic_config, migrate
from erp.storage.tables import Base
from tests.make.clients import Client
from tests.make.supporters import NOON, ZONE


def test_the_migrations_make_exactly_the_tables_that_the_models_describe(migrated_engine: Engine):
    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        # On PostgreSQL the queue keeps tables of its own beside these.
        return kind != "table" or not str(name).startswith("huey_")

    with migrated_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"render_as_batch": True, "include_name": is_ours})
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrations_can_be_taken_back_and_made_again(tmp_path):
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    migrate(url)
    command.downgrade(alembic_config(url), "base")
    engine = open_engine(url)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate(url)
    assert set(inspect(engine).get_table_names()) >= set(Base.metadata.tables)
    engine.dispose()


def test_a_table_that_is_made_anew_takes_nothing_with_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    migrate(url)
    engine = open_engine(url)
    with Session(engine) as session:
        client = Client(session, ZONE, NOON)
        client.practises(client.now, 420)
        session.commit()
    command.downgrade(alembic_config(url), "0002")
    migrate(url)
    with engine.connect() as connection:
        for table in ("account", "fear", "step", "exposure", "event"):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")), table
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    engine.dispose()


def test_migrating_twice_changes_nothing(migrated, migrated_engine: Engine):
    before = inspect(migrated_engine).get_table_names()
    migrate(migrated)
    assert inspect(migrated_engine).get_table_names() == before


def with_accounts_of_before(url: str, count: int) -> Engine:
    """A database with the tables of the second migration and so many accounts."""
    migrate(url)
    command.downgrade(alembic_config(url), "0002")
    engine = open_engine(url)
    columns = "id, email, password_hash, display_name, time_zone, created_at, session_epoch, sound, vibration"
    with engine.begin() as connection:
        for number in range(count):
            who = f"'{number:032x}', 'noor{number}@example.org'"
            values = f"{who}, '-', 'Noor', 'UTC', '2026-01-01 00:00:00.000000', 0, 1, 1, 5"
            connection.execute(text(f"INSERT INTO account ({columns}, check_in_minutes) VALUES ({values})"))
    return engine


def test_the_migrations_take_as_many_statements_for_many_people_as_for_one(tmp_path):
    counts = []
    for many in (1, 150):
        url = f"sqlite:///{tmp_path / f'{many}.db'}"
        with_accounts_of_before(url, many).dispose()
        ran: list[str] = []

        def count(_connection: object, _cursor: object, statement: str, *_rest: object, ran: list[str] = ran) -> None:
            ran.append(statement)

        event.listen(Engine, "before_cursor_execute", count)
        try:
            migrate(url)
        finally:
            event.remove(Engine, "before_cursor_execute", count)
        counts.append(len(ran))
    assert counts[0] == counts[1] > 20


def test_every_account_from_before_gets_a_phone_key_of_its_own(tmp_path):
    url = f"sqlite:///{tmp_path / 'rung.db'}"
    engine = with_accounts_of_before(url, 2)
    migrate(url)
    with engine.connect() as connection:
        keys = connection.scalars(text("SELECT phone_key FROM account")).all()
    engine.dispose()
    assert len(set(keys)) == 2
    assert {len(key) for key in keys} == {32}
