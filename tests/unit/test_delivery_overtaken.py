"""What changed since a notification was handed out: its delivery must know before it is sent."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from erp.domain import delivery as delivering
from erp.domain.delivery import Claimed
from erp.domain.support import cheer as cheers
from erp.domain.support import relation as relations
from erp.storage.notification import Device
from erp.storage.support import Support
from tests.make.clients import Client, local
from tests.make.supporters import (
    A_MINUTE,
    A_SECOND,
    NOON,
    ZONE,
    begins,
    fates,
    goes_on,
    lets,
    marks,
    phone,
    sent,
    takes,
)


def test_what_was_handed_out_before_the_end_is_not_sent_after_it(
    client: Client, sam: Support, device: Device, session: Session
):
    begins(client)
    delivering.hand_out(session, NOON)
    sam.ended_at = NOON  # as another worker sees it whose rows were there before
    assert delivering.claim(session, NOON) == []
    assert fates(session) == ["started: ended"]


def test_with_the_end_what_was_handed_out_is_gone(client: Client, sam: Support, taken: Claimed, session: Session):
    marks(session, taken, "later", NOON)
    relations.end(session, sam, NOON)
    assert fates(session) == []
    assert takes(session, NOON + A_MINUTE) == []
    marks(session, taken, "sent", NOON + A_MINUTE)
    assert fates(session) == []


@pytest.mark.parametrize("change", [lambda each: lets(each, contact="none"), lambda each: relations.want(each, {})])
def test_a_kind_that_was_switched_off_since_is_not_sent(
    client: Client, sam: Support, device: Device, session: Session, change: Any
):
    begins(client)
    delivering.hand_out(session, NOON)
    change(sam)
    session.flush()
    assert delivering.claim(session, NOON) == []
    assert fates(session) == ["started: unwanted"]


def test_a_retry_waits_for_the_end_of_the_quiet_hours(client: Client, device: Device, session: Session):
    client.now = local(ZONE, 2026, 11, 18, 20, 59, 58)
    client.practises(client.now - 60 * A_SECOND, 60)
    sent(session, client.now, "later")
    assert takes(session, local(ZONE, 2026, 11, 18, 21, 0, 3)) == []
    morning = local(ZONE, 2026, 11, 19, 8)
    assert delivering.next_due(session) == morning
    assert [each.kind for each in takes(session, morning)] == ["finished"]


def test_a_retry_of_what_nobody_wants_to_hear_in_the_morning_is_given_up(
    client: Client, device: Device, session: Session
):
    client.now = local(ZONE, 2026, 11, 18, 20, 59, 58)
    begins(client)
    sent(session, client.now, "later")
    assert takes(session, local(ZONE, 2026, 11, 18, 21, 0, 3)) == []
    assert fates(session) == ["started: quiet"]


def test_a_start_that_is_tried_again_does_not_come_after_its_finish(client: Client, device: Device, session: Session):
    exposure = begins(client)
    sent(session, NOON, "later", retry_after=3 * A_MINUTE)
    goes_on(client, exposure, "finished", 2 * A_MINUTE)
    assert [each.kind for each in sent(session, client.now)] == ["finished"]
    assert takes(session, NOON + 3 * A_MINUTE) == []
    assert fates(session) == ["started: superseded", "finished: sent"]


def test_a_start_is_tried_again_when_its_finish_was_not_wanted(
    client: Client, sam: Support, device: Device, session: Session
):
    exposure = begins(client)
    sent(session, NOON, "later", retry_after=3 * A_MINUTE)
    goes_on(client, exposure, "finished", 2 * A_MINUTE)
    relations.want(sam, {"wanted": ["started"]})
    assert takes(session, client.now) == []
    assert [each.kind for each in takes(session, NOON + 3 * A_MINUTE)] == ["started"]


def test_cheers_do_not_stand_for_each_other_on_their_way(client: Client, sam: Support, session: Session):
    phone(session, client.account.id)
    begins(client)
    for number in range(2):
        cheers.send(session, sam, {"text": f"number {number}"}, NOON + number * A_MINUTE)
        sent(session, NOON + number * A_MINUTE, "later", retry_after=2 * A_MINUTE)
    assert len(takes(session, NOON + 3 * A_MINUTE)) == 2
