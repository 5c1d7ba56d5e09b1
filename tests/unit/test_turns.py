"""What two requests do at once, they do in turn: each of these row locks is needed (PostgreSQL)."""

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from erp.domain.account.account import account_of, sign_out_everywhere
from erp.domain.errors import Conflict
from erp.domain.exposure.signals import note_hidden
from erp.domain.notification import device as devices
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.settings import Settings
from erp.storage.account import Account
from erp.storage.db import Sessions, open_engine
from erp.storage.notification import Device, Notification
from erp.storage.support import Support
from tests.make.clients import Client
from tests.make.supporters import A_MINUTE, NOON, ZONE, begins, person, phone
from tests.make.turns import during


@pytest.fixture
def sessions(settings: Settings) -> Iterator[Sessions]:
    engine = open_engine(settings.database_url)
    yield Sessions(engine)
    engine.dispose()


@pytest.fixture
def client(sessions: Sessions) -> Iterator[Client]:
    with sessions.writing() as session:
        client = Client(session, ZONE, NOON)
        session.commit()
        yield client
        session.rollback()


@pytest.fixture
def sam(client: Client) -> uuid.UUID:
    """Somebody who was invited."""
    sam = person(client.session).id
    client.session.commit()
    return sam


def invited(client: Client) -> str:
    token = invitations.invite(client.session, client.account.id, NOON).token
    client.session.commit()
    return token


def test_two_links_of_one_client_make_one_relation(client: Client, sam: uuid.UUID, sessions: Sessions):
    first, second = invited(client), invited(client)

    def accept(session: Session, token: str) -> uuid.UUID:
        return invitations.accept(session, token, sam, NOON).id

    relation = during(sessions, lambda session: accept(session, first), lambda session: accept(session, second))
    assert client.session.scalars(select(Support.id)).all() == [relation]


def test_one_link_makes_one_person_a_coach(client: Client, sam: uuid.UUID, sessions: Sessions):
    token, other = invited(client), person(client.session).id
    client.session.commit()
    with pytest.raises(Conflict):
        during(
            sessions,
            lambda session: invitations.accept(session, token, sam, NOON),
            lambda session: invitations.accept(session, token, other, NOON),
        )
    assert client.session.scalars(select(Support.supporter_id)).all() == [sam]


def test_who_accepts_while_the_relation_is_ended_begins_it_anew(client: Client, sam: uuid.UUID, sessions: Sessions):
    relation = invitations.accept(client.session, invited(client), sam, NOON).id
    token = invited(client)

    def end(session: Session) -> None:
        relations.end(session, session.get_one(Support, relation), NOON)

    during(sessions, end, lambda session: invitations.accept(session, token, sam, NOON))
    client.session.expire_all()
    assert client.session.scalars(select(Support.ended_at)).all() == [None]


def test_one_browser_that_registers_twice_is_one_device(client: Client, sessions: Sessions):
    def register(session: Session) -> uuid.UUID:
        return phone(session, client.account.id).id

    device = during(sessions, register, register)
    assert client.session.scalars(select(Device.id)).all() == [device]


def test_no_two_browsers_at_once_are_one_device_too_many(client: Client, sessions: Sessions):
    for number in range(devices.MAX_DEVICES - 1):
        phone(client.session, client.account.id, f"phone {number}")
    client.session.commit()
    with pytest.raises(Conflict):
        during(
            sessions,
            lambda session: phone(session, client.account.id, "the last"),
            lambda session: phone(session, client.account.id, "one too many"),
        )
    assert client.session.scalar(select(func.count()).select_from(Device)) == devices.MAX_DEVICES


def test_a_finish_while_the_phone_is_put_away_leaves_no_signal(client: Client, sessions: Sessions):
    phone(client.session, client.account.id)
    exposure = begins(client, planned_minutes=20, check_in_minutes=5)
    client.session.commit()
    client.now += 2 * A_MINUTE
    finish = client.event(exposure, "finished", client.now)

    def put_away(session: Session) -> None:
        assert note_hidden(session, client.account.id, exposure, hidden=True, now=NOON + A_MINUTE)

    def record(session: Session) -> None:
        client.session = session
        client.sends(finish)

    during(sessions, put_away, record)
    with sessions.reading() as session:
        waiting = select(func.count()).select_from(Notification).where(Notification.settled_at.is_(None))
        assert session.scalar(waiting) == 0


def test_two_changes_of_an_account_miss_nothing_of_each_other(client: Client, sessions: Sessions):
    def change(session: Session) -> None:
        sign_out_everywhere(session, account_of(session, client.account.id), NOON)

    during(sessions, change, change)
    client.session.expire_all()
    assert client.session.scalars(select(Account.session_epoch)).one() == 2
