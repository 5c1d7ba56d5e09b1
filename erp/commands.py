"""What the person who runs Rung does on the command line: `flask --app app COMMAND`."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import click
from cryptography.fernet import InvalidToken
from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from erp.domain.account.account import sign_out_everywhere
from erp.domain.account.signing import account_at
from erp.domain.upkeep.finding import Finding
from erp.domain.upkeep.integrity import accounts, check_account, count_accounts
from erp.domain.upkeep.orphans import check_readable, checks_of_links, drop_unreadable
from erp.jobs.queue import worker
from erp.jobs.tasks import Jobs
from erp.services import services, services_of
from erp.storage.backup import BackupError, Progress, backup, restore
from erp.storage.busy import let_others_in
from erp.storage.db import Sessions, is_current, reason_of
from erp.storage.resealing import check_keys, reseal


def install(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(rotate_data_keys)
    app.cli.add_command(sessions)
    for command in (run_worker, check_database, repair_database, back_up, restore_database):
        app.cli.add_command(command)


def jobs_of(app: Flask) -> Jobs:
    """The application's tasks, for whoever runs them."""
    worker = services_of(app).worker
    assert isinstance(worker, Jobs)
    return worker


@click.command("rotate-data-keys")
def rotate_data_keys() -> None:
    """Encrypt all free text anew with the first data key."""
    sessions = _current_sessions()
    try:
        counts: Counter[str] = Counter()
        with _sentences(), sessions.reading() as reading, sessions.writing() as session:
            check_keys(reading)
            for name, count in reseal(session):
                # Piece by piece, so that nobody waits for all of it.
                session.commit()
                counts[name] += count
                if count:
                    let_others_in()
        for name, count in counts.items():
            click.echo(f"{name}: {count} rows")
    except InvalidToken as error:
        raise click.ClickException(
            "Some texts open with none of the data keys. Nothing was changed; put the older keys back."
        ) from error
    click.echo("Everything is encrypted with the first data key. Restart Rung with it first; then the others can go.")


@click.group("sessions")
def sessions() -> None:
    """Where people are signed in."""


@sessions.command("end")
@click.argument("email")
def end_sessions(email: str) -> None:
    """Sign the person with this address out everywhere, and notify their devices no more."""
    with _sentences(), _current_sessions().writing() as session:
        account = account_at(session, email)
        if account is None:
            raise click.ClickException("Nobody has an account with this address.")
        sign_out_everywhere(session, account, services().clock())
        session.commit()
    click.echo("They are signed out everywhere.")


@click.command("worker")
@click.option("--no-periodic", is_flag=True, help="Leave the sweep to another worker; one must run it.")
def run_worker(no_periodic: bool) -> None:
    """Deliver notifications until stopped, beside web processes that have no worker inside."""
    jobs = jobs_of(current_app)
    if not no_periodic:
        jobs.sweep()
    worker(jobs.queue, periodic=not no_periodic).run()


@click.command("check")
def check_database() -> None:
    """Verify the whole database against its events, while Rung goes on; ends with 1 when something does not hold."""
    sessions, clock = _current_sessions(), services().clock
    with _sentences(), sessions.reading() as session:
        links = (check(session, None) for check in checks_of_links())
        found = [_show(finding) for finding in chain(check_readable(session), *links)]
        for account in _each(session):
            found += [_show(finding) for finding in check_account(session, account, clock())]
    if found:
        click.echo(f"{len(found)} do not hold. Make a backup, then `flask --app app repair` rebuilds what can be.")
        raise SystemExit(1)
    click.echo("Everything holds together.")


@click.command("repair")
def repair_database() -> None:
    """Rebuild what does not hold from the events, while Rung goes on; ends with 1 when something cannot be rebuilt."""
    sessions, clock = _current_sessions(), services().clock
    with _sentences():
        with sessions.reading() as session:
            unreadable = list(check_readable(session))
        found = [_show(finding) for finding in unreadable]
        if unreadable:
            with sessions.writing() as session:
                drop_unreadable(session, unreadable, clock())
                session.commit()
        for check in checks_of_links():
            # Found without a lock, and mended one by one with a short one.
            with sessions.reading() as reading, sessions.writing() as session:
                for finding in check(reading, session):
                    session.commit()
                    found.append(_show(finding))
        with sessions.reading() as reading:
            for account in _each(reading):
                # Looked at without a lock first.
                with sessions.reading() as looking:
                    if not any(True for _finding in check_account(looking, account, clock())):
                        continue
                with sessions.writing() as session:
                    found += [_show(finding) for finding in check_account(session, account, clock(), repair=True)]
    click.echo(f"{found.count(True)} rebuilt." if found else "Everything holds together.")
    if not all(found):
        click.echo(f"{found.count(False)} cannot be rebuilt.")
        raise SystemExit(1)


def _current_sessions() -> Sessions:
    sessions = services().sessions
    if not is_current(sessions.engine):
        raise click.ClickException(
            "The database cannot be read, or it is another Rung’s than this one. Start Rung once."
        )
    return sessions


def _each(session: Session) -> Iterator[uuid.UUID]:
    """Every account, saying now and then how far it is when there are many."""
    total, done = count_accounts(session), 0
    some = accounts(session)
    while some:
        yield from some
        done += len(some)
        if done < total:
            click.echo(f"{done} of {total} people", err=True)
        some = accounts(session, some[-1])


def _show(finding: Finding) -> bool:
    """Say what was found; whether it can be rebuilt."""
    click.echo(f"{finding.table} {finding.key}: {finding.what}")
    return not finding.lost


@contextmanager
def _sentences() -> Iterator[None]:
    """Says in a sentence that a database cannot be read."""
    try:
        yield
    except SQLAlchemyError as error:
        raise click.ClickException(f"The database cannot be read: {reason_of(error)}.") from error


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def back_up(file: Path, overwrite: bool) -> None:
    """Copy the whole database into FILE while Rung goes on. Keep data.keys with it: without them texts are gone."""
    with _said() as progress:
        backup(_database_url(), file, progress, overwrite=overwrite)
    click.echo(f"The database is in {file}.")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--overwrite", is_flag=True, help="Replace a database that somebody uses.")
def restore_database(file: Path, overwrite: bool) -> None:
    """Make the database what FILE holds. Stop Rung first."""
    with _said() as progress:
        restore(_database_url(), file, progress, overwrite=overwrite)
    click.echo(f"The database is what {file} held. Start Rung.")


def _database_url() -> str:
    return services().settings.database_url


@contextmanager
def _said() -> Iterator[Progress]:
    """Shows how far a copy is, on one line, and says in a sentence why it did not succeed."""
    shown = ""

    def progress(done: int, total: int | None) -> None:
        nonlocal shown
        share = f"{done * 100 // total:>3} %" if total else f"{done // 1024:,} kB"
        if share != shown:
            click.echo(f"\r{share}", nl=False, err=True)
            shown = share

    try:
        yield progress
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    finally:
        if shown:
            click.echo(err=True)
