"""What strangers, long words and looks without news may cost: as ratios to what is ordinary, within one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from sqlalchemy import select
from werkzeug.test import run_wsgi_app

from bench.client import Client, Request
from bench.cpu import ratio
from bench.serving import memory, rate, serving
from erp.domain.account.guessing import is_guessable
from erp.domain.support import invitation as invitations
from erp.storage.exposure import Exposure

ORDINARY = "soup on a rainy evening"
WORST = ("4@8({[<369|1!|0$5+7%2" * 4)[:72], "a" * 72, "qwerty12345" * 7, "(" * 72
ODD_REQUESTS = 500
ROUNDS, LOOKS = 7, 60


def passwords() -> float:
    """How much longer the worst password is judged than an ordinary one."""
    return max(map(_seconds, WORST)) / _seconds(ORDINARY)


def _seconds(password: str) -> float:
    is_guessable(password)
    took = []
    for _ in range(9):
        start = time.thread_time()
        is_guessable(password)
        took.append(time.thread_time() - start)
    return statistics.median(took)


def looks(app: Flask, client: Client, coach: Client) -> Iterator[tuple[str, float]]:
    """What a look without news costs of one with everything, for the page of an exposure and for a coach's card."""
    now = datetime.now(UTC)
    with client.sessions.writing() as session:
        token = invitations.invite(session, client.id, now).token
        support = invitations.accept(session, token, coach.id, now)
        support_id = support.id
        session.commit()
    with client.sessions.reading() as session:
        latest = session.scalars(
            select(Exposure.id).where(Exposure.account_id == client.id).order_by(Exposure.started_at.desc())
        ).first()
    for name, who, path in (
        ("Record of an exposure", client, f"/exposures/{latest}/record"),
        ("Coach's card", coach, f"/people/{support_id}/card"),
    ):
        whole = who.get(path)
        _body, _status, headers = run_wsgi_app(app, whole.environ(), buffered=True)
        again = replace(whole, etag=headers["ETag"])
        yield name, ratio(app, [[whole] * LOOKS] * ROUNDS, [[again] * LOOKS] * ROUNDS)


def strangers(folder: Path) -> float:
    """How many times the memory of a fresh server five hundred odd requests leave it with."""
    with serving(["app.py"], folder) as (port, process_id):
        rate(port, [[Request("GET", "/sign-in")] * ODD_REQUESTS])
        before = memory(process_id)
        odd = [
            Request("GET", f"/sign-in?next=/{number}{'x' * 4000}", language=f"x-{number:08}")
            for number in range(ODD_REQUESTS)
        ]
        rate(port, [odd])
        return memory(process_id) / before
