"""What the person who runs Rung does on the command line: `flask --app app COMMAND`."""

from __future__ import annotations

import click
from flask import Flask, current_app

from erp.storage.db import Sessions
from erp.storage.resealing import reseal


def install(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(rotate_data_keys)


@click.command("rotate-data-keys")
def rotate_data_keys() -> None:
    """Encrypt all free text anew with the first data key."""
    sessions: Sessions = current_app.extensions["rung.sessions"]
    with sessions.writing() as session:
        for name, count in reseal(session):
            click.echo(f"{name}: {count} rows")
        session.commit()
    click.echo("Everything is encrypted with the first data key. Restart Rung with it first; then the others can go.")
