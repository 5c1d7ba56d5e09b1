"""The database of every release comes up to the tables of today with all that is in it, also when that is cut off."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

from erp import create_app
from erp.services import services_of
from erp.settings import Settings
from erp.storage.db import Sessions, is_current, open_engine
from erp.storage.migrating import alembic_config, migrate
from erp.storage.resealing import Resealing
from tests.make.former import outdated
from tests.make.keys import DATA_KEY, SECRET_KEY, VAPID
from tests.make.releases import RELEASES, Row, left_by, rows_of
from tests.make.server import ROOT, environment


@pytest.fixture(params=RELEASES)
def address(request: pytest.FixtureRequest, tmp_path: Path, migrated: str) -> Iterator[str]:
    """A database as a release left it."""
    with left_by(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def engine(address: str) -> Iterator[Engine]:
    engine = open_engine(address)
    yield engine
    engine.dispose()


def assert_the_same(before: dict[str, list[Row]], after: dict[str, list[Row]]) -> None:
    """Every row, number and text of before is there, and no row beside them in those tables."""
    assert sum(map(len, before.values())) > 500
    for table, rows in before.items():
        kept = [{name: row[name] for name in rows[0]} for row in after[table]] if rows else after[table]
        assert kept == rows, table


def assert_all_holds(address: str, folder: Path) -> None:
    """`flask check` finds nothing."""
    app = create_app(Settings(folder, address, (SECRET_KEY,), (DATA_KEY,), VAPID))
    with app.app_context():
        result = app.test_cli_runner(catch_exceptions=False).invoke(args=["check"])
    services_of(app).sessions.engine.dispose()
    assert result.output == "Everything holds together.\n"


def killed(what: str, address: str, every: int) -> int:
    """How many processes were killed until one came to the end."""
    line = [sys.executable, "-m", "tests.make.killed", what, address, str(every)]
    done = subprocess.run(line, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1])


def test_what_a_release_left_is_the_same_in_the_tables_of_today_and_in_their_form(
    address: str, engine: Engine, tmp_path: Path
):
    before = rows_of(engine)
    migrate(address)
    assert is_current(engine)
    assert_the_same(before, rows_of(engine))
    sessions, left = Sessions(engine), Resealing()
    with sessions.reading() as session:
        assert outdated(session) > 200, "a migration writes no texts anew"
    while not left.done:
        left.piece(sessions)
    with sessions.reading() as session:
        assert outdated(session) == 0
    assert_the_same(before, rows_of(engine))
    assert_all_holds(address, tmp_path)


@pytest.mark.slow
def test_a_migration_that_is_killed_anywhere_begins_again_and_comes_to_the_same_end(
    address: str, engine: Engine, tmp_path: Path
):
    before = rows_of(engine)
    assert killed("migrate", address, every=3) >= 6
    assert is_current(engine)
    assert_the_same(before, rows_of(engine))
    assert_all_holds(address, tmp_path)


@pytest.mark.slow
def test_resealing_that_is_killed_anywhere_begins_again_and_comes_to_the_same_end(address: str, engine: Engine):
    before = rows_of(engine)
    migrate(address)
    assert killed("reseal", address, every=60) >= 3
    assert_the_same(before, rows_of(engine))
    with Sessions(engine).reading() as session:
        assert outdated(session) == 0


@pytest.mark.parametrize("address", ["0.1.0"], indirect=True)
@pytest.mark.parametrize("revision", ["0004", "0005", "0006"])
def test_the_tables_between_go_up_and_down_with_data_in_them(address: str, engine: Engine, revision: str):
    before = rows_of(engine)
    migrate(address, revision)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO sign_in (id, account_id, digest, browser, made_at, seen_at) "
                "SELECT id, id, phone_key, 'Firefox', created_at, created_at FROM account"
            )
        )
        if revision >= "0005":
            connection.execute(
                text(
                    "INSERT INTO form_result (account_id, digest, led_to, at) "
                    "SELECT id, phone_key, '/ladder', created_at FROM account"
                )
            )
    between = rows_of(engine)
    assert len(between["sign_in"]) == 2
    migrate(address)
    assert_the_same(between, rows_of(engine))
    command.downgrade(alembic_config(address), RELEASES["0.1.0"])
    assert_the_same(before, rows_of(engine))
