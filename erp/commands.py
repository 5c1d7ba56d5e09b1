"""What the person who runs Rung does on the command line: `flask --app app COMMAND`."""

from __future__ import annotations

import click
from flask import Flask, current_app

from erp.jobs.queue import worker
from erp.jobs.tasks import Jobs
from erp.storage.db import Sessions
from erp.storage.resealing import reseal


def install(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(rotate_data_keys)
    app.cli.add_command(run_worker)


@click.command("rotate-data-keys")
def rotate_data_keys() -> None:
    """Encrypt all free text anew with the first data key."""
    sessions: Sessions = current_app.extensions["rung.sessions"]
    with sessions.writing() as session:
        for name, count in reseal(session):
            click.echo(f"{name}: {count} rows")
        session.commit()
    click.echo("Everything is encrypted with the first data key. Restart Rung with it first; then the others can go.")


@click.command("worker")
@click.option("--no-periodic", is_flag=True, help="Leave the sweep to another worker; one must run it.")
def run_worker(no_periodic: bool) -> None:
    """Deliver notifications until stopped, beside web processes that have no worker inside."""
    jobs: Jobs = current_app.extensions["rung.jobs"]
    if not no_periodic:
        jobs.sweep()
    worker(jobs.queue, periodic=not no_periodic).run()
