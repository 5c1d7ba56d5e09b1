"""Bringing a database to the newest tables. `python -m erp.storage.migrating` does it for DATABASE_URL.

Serving runs it as a process of its own, and only when there is something to do: the tool weighs as much in memory
as all of Rung's own code, and is needed once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from erp.storage.db import reason_of

MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config(url: str) -> Config:
    """Alembic's configuration for the database at `url`, without a file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Bring the database at `url` to `revision`; what is in it stays."""
    command.upgrade(alembic_config(url), revision)


def main() -> str | None:
    """Migrate DATABASE_URL; what stood in the way in one sentence, or None."""
    os.umask(0o077)
    url = os.environ["DATABASE_URL"]
    where = make_url(url).render_as_string()
    try:
        migrate(url)
    except SQLAlchemyError as error:
        return f"The database {where} cannot be used: {reason_of(error)}."
    except CommandError:
        return f"The database {where} was made by a newer Rung than this one."
    return None


if __name__ == "__main__":
    sys.exit(main())
