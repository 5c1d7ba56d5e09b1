"""A push service for each test, and a sender that may reach it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from erp.push import Push
from erp.settings import Settings, VapidKeys
from erp.storage.db import Sessions, open_engine
from tests.make.crew import Crew, a_crew
from tests.make.keys import VAPID
from tests.make.push_service import PushService

CONTACT = "mailto:somebody@rung.example.org"
MakePush = Callable[..., Push]


@pytest.fixture
def push_service() -> Iterator[PushService]:
    """A push service that listens on 127.0.0.1."""
    service = PushService()
    yield service
    service.close()


@pytest.fixture
def other_service() -> Iterator[PushService]:
    """Another one, on another port."""
    service = PushService()
    yield service
    service.close()


@pytest.fixture
def make_push() -> Iterator[MakePush]:
    """Makes senders that may reach what they are told, with the timeout and the clock that they are told."""
    made: list[Push] = []

    def make(*hosts: str, keys: VapidKeys = VAPID, **options: Any) -> Push:
        made.append(Push(keys, CONTACT, hosts, **options))
        return made[-1]

    yield make
    for push in made:
        push.close()


@pytest.fixture
def push(make_push: MakePush, push_service: PushService) -> Push:
    """A sender that may reach the push service."""
    return make_push(push_service.origin)


@pytest.fixture
def crew(settings: Settings, push_service: PushService) -> Iterator[Crew]:
    """A client, and a worker that may reach the push service; coaches and devices come with the test."""
    engine = open_engine(settings.database_url, 8)
    crew = a_crew(settings, Sessions(engine), push_service.origin)
    yield crew
    crew.jobs.close()
    engine.dispose()
