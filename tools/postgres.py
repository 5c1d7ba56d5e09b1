"""Says whether the PostgreSQL for the tests answers: exit code 0 and its address, or 1 and the reason."""

import os
import sys

import sqlalchemy as sa

DEFAULT = "postgresql+psycopg://postgres@127.0.0.1:5432/test"


def address() -> str:
    """The PostgreSQL that the tests use: RUNG_TEST_POSTGRES, or the usual local one."""
    return os.environ.get("RUNG_TEST_POSTGRES") or DEFAULT


def trouble(url: str) -> str | None:
    """Why the database cannot be used, in one line; None when it answers."""
    engine = sa.create_engine(url, connect_args={"connect_timeout": 3})
    try:
        with engine.connect() as connection:
            connection.execute(sa.select(1))
    except sa.exc.OperationalError as error:
        return str(error.orig).strip().splitlines()[0]
    finally:
        engine.dispose()
    return None


if __name__ == "__main__":
    shown = sa.make_url(address()).render_as_string(hide_password=True)
    reason = trouble(address())
    print(f"PostgreSQL for the tests: {shown}" + (f" does not answer ({reason})" if reason else ""))
    sys.exit(1 if reason else 0)
