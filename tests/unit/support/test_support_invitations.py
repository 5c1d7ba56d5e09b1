"""Inviting a supporter: the link, what it is worth and for how long, and who gets in."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from erp.domain.errors import Conflict, NotFound
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.settings import Settings
from erp.storage.box import VERSION
from erp.storage.db import Sessions, open_engine
from erp.storage.support import Invitation, Support
from tests.make.clients import Client
from tests.make.supporters import A_SECOND, NOON, ZONE, accepts, lets, person

WEEK = timedelta(days=7)


def invite(client: Client) -> invitations.InvitationView:
    return invitations.invite(client.session, client.account.id, client.now)


def test_an_invitation_says_who_invites_and_until_when(client: Client, session: Session):
    invitation = invite(client)
    assert (invitation.client, invitation.client_id) == ("Noor", client.account.id)
    assert (invitation.state, invitation.expires_at, invitation.accepted_by) == ("open", NOON + WEEK, None)
    assert invitations.invitation_behind(session, invitation.token, NOON) == invitation


def test_every_invitation_has_a_token_of_its_own_that_nobody_guesses(client: Client):
    tokens = {invite(client).token for _ in range(5)}
    assert len(tokens) == 5
    assert all(len(token) >= 22 for token in tokens)


def test_a_token_is_ciphertext_and_a_digest_in_the_database(client: Client, session: Session):
    token = invite(client).token
    session.expire_all()
    stored, digest = (bytes(value) for value in session.execute(text("SELECT token, digest FROM invitation")).one())
    assert stored.startswith(VERSION)
    assert token.encode() not in stored + digest
    assert len(digest) == 32
    assert invitations.open_invitations(session, client.account.id, NOON)[0].token == token


@pytest.mark.parametrize("wrong", ["", "x", "ünï", "a" * 500, "\x00"])
def test_a_wrong_token_leads_nowhere(client: Client, session: Session, wrong: str):
    invite(client)
    with pytest.raises(NotFound):
        invitations.invitation_behind(session, wrong, NOON)
    with pytest.raises(NotFound):
        invitations.accept(session, wrong, person(session).id, NOON)
    assert session.scalars(select(Support)).all() == []


def test_accepting_makes_a_coach_and_uses_the_invitation_up(client: Client, session: Session):
    invitation, sam = invite(client), person(session)
    relation = invitations.accept(session, invitation.token, sam.id, NOON)
    assert (relation.client_id, relation.supporter_id, relation.created_at) == (client.account.id, sam.id, NOON)
    used = invitations.invitation_behind(session, invitation.token, NOON)
    assert (used.state, used.accepted_by) == ("used", sam.id)
    assert invitations.open_invitations(session, client.account.id, NOON) == []


def test_an_invitation_serves_one_person(client: Client, session: Session):
    token = invite(client).token
    invitations.accept(session, token, person(session).id, NOON)
    with pytest.raises(Conflict):
        invitations.accept(session, token, person(session, "Kim").id, NOON)
    assert [each.name for each in relations.supporters_of(session, client.account.id)] == ["Sam"]


def test_whoever_accepted_gets_the_same_answer_again_however_late(client: Client, session: Session):
    token, sam = invite(client).token, person(session)
    first = invitations.accept(session, token, sam.id, NOON)
    lets(first, contact="weekly", titles=True)
    again = invitations.accept(session, token, sam.id, NOON + 2 * WEEK)
    assert (again.id, again.created_at, again.contact, again.shares_titles) == (first.id, NOON, "weekly", True)
    assert session.scalar(select(func.count()).select_from(Support)) == 1


def test_an_invitation_holds_seven_days_to_the_second(client: Client, session: Session):
    token, sam = invite(client).token, person(session)
    last = NOON + WEEK - A_SECOND
    assert invitations.invitation_behind(session, token, last).state == "open"
    assert len(invitations.open_invitations(session, client.account.id, last)) == 1
    assert invitations.invitation_behind(session, token, NOON + WEEK).state == "expired"
    assert invitations.open_invitations(session, client.account.id, NOON + WEEK) == []
    with pytest.raises(Conflict):
        invitations.accept(session, token, sam.id, NOON + WEEK)
    assert invitations.accept(session, token, sam.id, last)


def test_a_withdrawn_invitation_is_worth_nothing(client: Client, session: Session):
    invitation = invite(client)
    invitations.withdraw(invitations.invitation_of(session, client.account.id, invitation.id), NOON)
    session.flush()
    assert invitations.invitation_behind(session, invitation.token, NOON).state == "withdrawn"
    assert invitations.open_invitations(session, client.account.id, NOON) == []
    with pytest.raises(Conflict):
        invitations.accept(session, invitation.token, person(session).id, NOON)


def test_withdrawing_what_was_accepted_changes_nothing(client: Client, session: Session):
    invitation = invite(client)
    invitations.accept(session, invitation.token, person(session).id, NOON)
    row = invitations.invitation_of(session, client.account.id, invitation.id)
    invitations.withdraw(row, NOON)
    assert row.withdrawn_at is None
    assert invitations.invitation_behind(session, invitation.token, NOON).state == "used"


def test_withdrawing_twice_keeps_the_first_time(client: Client, session: Session):
    row = invitations.invitation_of(session, client.account.id, invite(client).id)
    invitations.withdraw(row, NOON)
    invitations.withdraw(row, NOON + A_SECOND)
    assert row.withdrawn_at == NOON


def test_nobody_coaches_themselves(client: Client, session: Session):
    token = invite(client).token
    with pytest.raises(Conflict):
        invitations.accept(session, token, client.account.id, NOON)
    assert invitations.invitation_behind(session, token, NOON).state == "open"


def test_the_invitation_of_another_client_looks_like_none(client: Client, session: Session):
    mine = invite(client)
    with pytest.raises(NotFound):
        invitations.invitation_of(session, person(session).id, mine.id)
    with pytest.raises(NotFound):
        invitations.invitation_of(session, client.account.id, uuid.uuid4())


def test_open_invitations_are_ones_own_newest_first_and_ten_at_most(client: Client, session: Session):
    Client(session, ZONE, NOON)
    made = []
    for _ in range(10):
        client.now += A_SECOND
        made.append(invite(client).id)
    invite(Client(session, ZONE, NOON))
    listed = [each.id for each in invitations.open_invitations(session, client.account.id, client.now)]
    assert listed == made[::-1]
    with pytest.raises(Conflict):
        invite(client)
    invitations.withdraw(invitations.invitation_of(session, client.account.id, made[3]), client.now)
    assert invite(client).state == "open"


def test_a_second_invitation_for_a_coach_of_now_is_used_up_and_changes_nothing(client: Client, session: Session):
    sam = person(session)
    relation = accepts(client, sam)
    lets(relation, contact="finished", suds=True)
    client.now += A_SECOND
    token = invite(client).token
    again = invitations.accept(session, token, sam.id, client.now)
    assert (again.id, again.contact, again.shares_suds, again.created_at) == (relation.id, "finished", True, NOON)
    assert invitations.invitation_behind(session, token, client.now).state == "used"


def test_of_two_who_accept_at_once_one_is_let_in(settings: Settings):
    engine = open_engine(settings.database_url)
    sessions = Sessions(engine)
    with sessions.writing() as setting_up:
        client = Client(setting_up, ZONE, NOON)
        token, sam, kim = invite(client).token, person(setting_up, "Sam").id, person(setting_up, "Kim").id
        setting_up.commit()

    def too_late() -> None:
        with sessions.writing() as session, pytest.raises(Conflict):
            invitations.accept(session, token, kim, NOON)

    with ThreadPoolExecutor() as second, sessions.writing() as session:
        invitations.accept(session, token, sam, NOON)
        answer = second.submit(too_late)
        with pytest.raises(TimeoutError):
            answer.result(0.2)
        session.commit()
        answer.result(20)
    with sessions.reading() as session:
        assert session.scalars(select(Support.supporter_id)).all() == [sam]
    engine.dispose()


def test_the_used_invitation_does_not_bring_back_what_ended(client: Client, session: Session):
    token, sam = invite(client).token, person(session)
    relations.end(session, invitations.accept(session, token, sam.id, NOON), NOON)
    with pytest.raises(Conflict):
        invitations.accept(session, token, sam.id, NOON)
    assert relations.supporters_of(session, client.account.id) == []


def test_an_account_that_goes_takes_its_relations_along_and_leaves_the_invitation_used(
    client: Client, session: Session, migrated_engine: Engine
):
    invitation, sam = invite(client), person(session)
    invitations.accept(session, invitation.token, sam.id, NOON)
    session.execute(text("DELETE FROM account WHERE id = :id"), {"id": _raw(migrated_engine, sam.id)})
    session.expire_all()
    assert session.scalars(select(Support)).all() == []
    assert session.scalars(select(Invitation.accepted_by)).one() is None
    assert invitations.invitation_behind(session, invitation.token, NOON).state == "used"


def _raw(engine: Engine, key: uuid.UUID) -> str | uuid.UUID:
    return key.hex if engine.dialect.name == "sqlite" else key
