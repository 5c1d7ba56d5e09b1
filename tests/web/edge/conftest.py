"""A client with one of everything that an address can name, and their coach."""

import hashlib
import uuid
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from erp.commands import jobs_of
from erp.storage.account import SignIn
from erp.storage.db import Sessions
from erp.storage.notification import Device
from erp.storage.support import Invitation
from tests.make.clock import NOW
from tests.make.pages import a_cheer, a_coach, a_ladder, a_pause, a_plan, an_exposure, an_invitation
from tests.web.conftest import Phone


@pytest.fixture
def coach(person: Callable[..., Phone]) -> Phone:
    """The first client's coach, with whom nothing is shared."""
    return person("anna")


@pytest.fixture
def ids(app: Flask, sessions: Sessions, client: Phone, coach: Phone) -> dict[str, object]:
    """Real ids of the first client for everything that an address can name; a worker was seen."""
    jobs_of(app).sweep_now()
    words = {"details": "private details", "response": "private response"}
    steps = [("private step", 40), ("private running step", 50), ("private goal", 90)]
    ladder = a_ladder(sessions, client, "private fear", steps, **words)
    a_plan(sessions, client)
    support = a_coach(sessions, client, coach)
    noted = {"suds": 62, "note": "private note", "learning": "private learning"}
    told = {"prediction": "private prediction", "likelihood": 77, "response": "private response"}
    begun = NOW - timedelta(minutes=30)
    exposure = an_exposure(sessions, client, ladder.steps[0], begun, noted=noted, expected_suds=61, **told)
    cheer = a_cheer(sessions, support, "private cheer", NOW - timedelta(minutes=25))
    token, device = an_invitation(sessions, client), uuid.uuid4()
    with sessions.writing() as session:
        account = uuid.UUID(client.account_id)
        session.add(Device(id=device, account_id=account, name="private phone", locale="en", created_at=begun))
        digest = hashlib.sha256(token.encode()).digest()
        invitation = session.scalars(select(Invitation.id).where(Invitation.digest == digest)).one()
        sign_in = session.scalars(select(SignIn.id).where(SignIn.account_id == account)).one()
        session.commit()
    return {
        "fear_id": ladder.fear,
        "step_id": ladder.steps[1],
        "exposure_id": exposure,
        "pause_id": a_pause(sessions, client, 1, 3),
        "support_id": support,
        "cheer_id": cheer,
        "invitation_id": invitation,
        "sign_in_id": sign_in,
        "device_id": device,
        "token": token,
        "year": 2026,
        "month": 11,
        "day": date(2026, 11, 20).isoformat(),
    }
