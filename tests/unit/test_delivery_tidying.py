"""What is forgotten after 30 days, and what is kept."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from erp.domain import delivery as delivering
from erp.domain.errors import NotFound
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.storage.notification import Delivery
from tests.make.clients import Client
from tests.make.supporters import A_DAY, A_SECOND, NOON, begins, coach, fates, phone, sent


def test_what_is_thirty_days_old_is_forgotten_and_nothing_else(client: Client, session: Session):
    sam = coach(client)
    phone(session, sam.supporter_id)
    begins(client)
    sent(session, NOON)
    invitations.invite(session, client.account.id, NOON - 7 * A_DAY)
    delivering.tidy(session, NOON + 30 * A_DAY)
    assert fates(session) == ["started: sent"]
    delivering.tidy(session, NOON + 30 * A_DAY + A_SECOND)
    assert fates(session) == []
    assert session.scalar(select(func.count()).select_from(Delivery)) == 0
    assert [each.id for each in relations.supporters_of(session, client.account.id)] == [sam.id]


def test_invitations_that_nobody_took_are_forgotten_thirty_days_after_they_expired(client: Client, session: Session):
    token = invitations.invite(session, client.account.id, NOON).token
    delivering.tidy(session, NOON + 37 * A_DAY)
    assert invitations.invitation_behind(session, token, NOON).state == "open"
    delivering.tidy(session, NOON + 37 * A_DAY + A_SECOND)
    with pytest.raises(NotFound):
        invitations.invitation_behind(session, token, NOON)


def test_an_accepted_invitation_is_kept_for_who_opens_its_link_again(client: Client, session: Session):
    token = invitations.invite(session, client.account.id, NOON).token
    relation = invitations.accept(session, token, coach(client).supporter_id, NOON)
    delivering.tidy(session, NOON + 100 * A_DAY)
    assert invitations.accept(session, token, relation.supporter_id, NOON + 100 * A_DAY).id == relation.id
