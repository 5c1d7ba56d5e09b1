"""A process that migrates or reseals the database of an address, killed at every so many-th statement, each time anew.

`python -m tests.make.killed (migrate|reseal) ADDRESS EVERY`: a child is killed (SIGKILL) at its first statement, the
next at one EVERY statements later, and at the first again after a migration was finished, until one gets to its end.
Says how many were killed.
"""

import os
import signal
import sys

from sqlalchemy import Engine, event, text

from erp.storage import resealing
from erp.storage.box import box
from erp.storage.db import Sessions, open_engine
from erp.storage.migrating import migrate
from erp.storage.resealing import Resealing
from tests.make.keys import DATA_KEY


def reseal(address: str) -> None:
    """Bring all into the form of today, a few rows at a time."""
    resealing.BATCH = 50
    sessions, left = Sessions(open_engine(address)), Resealing()
    while not left.done:
        left.piece(sessions)


def kill_at(statement: int) -> None:
    """Have this process killed when it has come to a statement, before or after that ran."""
    ran = 0

    def count(*_arguments: object) -> None:
        nonlocal ran
        ran += 1
        if ran >= statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", count)


def tables_of(address: str) -> str:
    """Which tables the database has by now."""
    engine = open_engine(address)
    with engine.connect() as connection:
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
    engine.dispose()
    return str(version)


def main() -> None:
    """Kill one after the other, and let the last one be."""
    what, address, every = {"migrate": migrate, "reseal": reseal}[sys.argv[1]], sys.argv[2], int(sys.argv[3])
    box.set_keys((DATA_KEY,))
    killed, statement, tables = 0, 1, tables_of(address)
    while True:
        child = os.fork()
        if not child:
            kill_at(statement)
            what(address)
            os._exit(0)
        _child, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.stdout.write(f"{killed}\n")
            sys.stdout.flush()
            sys.exit(os.waitstatus_to_exitcode(status))
        killed, statement = killed + 1, statement + every
        if tables_of(address) != tables:
            statement, tables = 1, tables_of(address)


if __name__ == "__main__":
    main()
