"""Somebody who practises, who coaches them, and the coach's phone, for the rules of coaching and notification."""

import pytest
from sqlalchemy.orm import Session

from erp.domain.delivery import Claimed
from erp.storage.notification import Device
from erp.storage.support import Support
from tests.make.clients import Client
from tests.make.supporters import NOON, ZONE, begins, coach, phone, takes


@pytest.fixture
def client(session: Session) -> Client:
    return Client(session, ZONE, NOON)


@pytest.fixture
def sam(client: Client) -> Support:
    return coach(client)


@pytest.fixture
def device(sam: Support, session: Session) -> Device:
    """The coach's phone."""
    return phone(session, sam.supporter_id)


@pytest.fixture
def taken(client: Client, device: Device, session: Session) -> Claimed:
    """A start that a worker took at noon."""
    begins(client)
    (claimed,) = takes(session, NOON)
    return claimed
