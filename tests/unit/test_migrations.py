from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from erp.storage.db import Base, open_engine
from erp.storage.migrating import alembic_config, migrate


def test_the_migrations_make_exactly_the_tables_that_the_models_describe(migrated_engine: Engine):
    with migrated_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"render_as_batch": True})
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


def test_migrating_twice_changes_nothing(migrated, migrated_engine: Engine):
    before = inspect(migrated_engine).get_table_names()
    migrate(migrated)
    assert inspect(migrated_engine).get_table_names() == before
