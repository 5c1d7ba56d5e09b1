"""A delivery on its way: taken for a lease, sent, tried again, or given up with a reason."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from erp.domain import delivery as delivering
from erp.domain.delivery import Claimed
from erp.domain.exposure import signals
from erp.domain.notification import device as devices
from erp.domain.notification import outbox
from erp.domain.notification.facts import StartFacts
from erp.domain.notification.kinds import Kind
from erp.domain.support import invitation as invitations
from erp.storage.account import Account
from erp.storage.notification import Device
from erp.storage.support import Support
from tests.make.clients import Client
from tests.make.supporters import (
    A_MINUTE,
    A_SECOND,
    NOON,
    ZONE,
    begins,
    coach,
    exposes,
    fates,
    marks,
    person,
    phone,
    sent,
    subscription,
    takes,
)

LEASE = 30 * A_SECOND


# What is taken.


def test_what_is_taken_holds_all_that_sending_needs(client: Client, sam: Support, device: Device, taken: Claimed):
    assert taken == Claimed(
        id=taken.id,
        attempt=1,
        kind=Kind.started,
        facts=StartFacts("Noor"),
        support_id=sam.id,
        exposure_id=taken.exposure_id,
        subscription=subscription(f"phone-{sam.supporter_id}"),
        origin="https://rung.example",
        locale="en",
        discreet=False,
        created_at=NOON,
        expires_at=NOON + 15 * A_MINUTE,
    )


@pytest.mark.parametrize(("coachs", "clients"), [(True, False), (False, True), (True, True)])
def test_where_either_side_is_discreet_the_text_is(
    client: Client, sam: Support, device: Device, session: Session, coachs: bool, clients: bool
):
    session.get_one(Account, sam.supporter_id).discreet = coachs
    client.account.discreet = clients
    begins(client)
    assert [each.discreet for each in takes(session, NOON)] == [True]


def test_the_discretion_of_a_stranger_changes_nothing(client: Client, device: Device, session: Session):
    person(session, "Kim").discreet = True
    begins(client)
    assert [each.discreet for each in takes(session, NOON)] == [False]


def test_a_test_is_as_discreet_as_its_person(sam: Support, device: Device, session: Session):
    outbox.tell_device(session, device, NOON)
    session.get_one(Account, sam.supporter_id).discreet = True
    assert [each.discreet for each in takes(session, NOON)] == [True]


def test_the_freshest_is_taken_first(client: Client, session: Session):
    people = [Client(session, ZONE, NOON) for _ in range(3)]
    for number in (1, 2, 0):
        each = people[number]
        phone(session, coach(each, f"coach {number}").supporter_id)
        each.now = NOON + number * A_SECOND
        begins(each)
    created = [each.created_at for each in takes(session, NOON + A_MINUTE)]
    assert created == [NOON + 2 * A_SECOND, NOON + A_SECOND, NOON]


# The lease.


def test_what_is_taken_is_nobody_elses_for_thirty_seconds_and_then_free_again(taken: Claimed, session: Session):
    assert takes(session, NOON) == []
    assert takes(session, NOON + LEASE - A_SECOND) == []
    (again,) = takes(session, NOON + LEASE)
    assert (again.id, again.attempt) == (taken.id, 2)


@pytest.mark.parametrize("result", ["later", "gone", "refused"])
def test_a_late_answer_of_a_lost_lease_changes_nothing(taken: Claimed, device: Device, session: Session, result: str):
    takes(session, NOON + LEASE)
    marks(session, taken, result, NOON + LEASE + A_SECOND)
    assert fates(session) == ["started: waiting"]
    assert delivering.next_due(session) == NOON + 2 * LEASE
    assert (device.stopped_at, device.subscription) == (None, taken.subscription.stored(taken.origin))


def test_a_late_answer_that_it_got_through_ends_it(taken: Claimed, device: Device, session: Session):
    (again,) = takes(session, NOON + LEASE)
    marks(session, taken, "sent", NOON + LEASE + A_SECOND)
    assert fates(session) == ["started: sent"]
    marks(session, again, "refused", NOON + LEASE + 2 * A_SECOND)
    assert fates(session) == ["started: sent"]
    assert device.worked_at == NOON + LEASE + A_SECOND


# What comes of it.


def test_what_was_sent_is_done_and_the_device_worked(taken: Claimed, device: Device, session: Session):
    marks(session, taken, "sent", NOON + A_SECOND)
    assert fates(session) == ["started: sent"]
    assert device.worked_at == NOON + A_SECOND
    assert takes(session, NOON + A_MINUTE) == []
    assert delivering.next_due(session) is None


def test_what_was_refused_for_good_is_not_tried_again(taken: Claimed, device: Device, session: Session):
    marks(session, taken, "refused", NOON + A_SECOND)
    assert fates(session) == ["started: refused"]
    assert takes(session, NOON + A_MINUTE) == []
    assert (device.stopped_at, device.worked_at) == (None, None)


def test_a_device_that_is_gone_keeps_its_row_and_loses_its_endpoint(taken: Claimed, device: Device, session: Session):
    marks(session, taken, "gone", NOON + A_SECOND)
    assert fates(session) == ["started: gone"]
    assert (device.digest, device.subscription, device.stopped_at) == (None, None, NOON + A_SECOND)
    assert [each.stopped for each in devices.devices_of(session, device.account_id)] == [True]


def test_what_else_waited_for_a_device_that_is_gone_is_given_up(client: Client, taken: Claimed, session: Session):
    marks(session, taken, "later", NOON)
    other = Client(session, ZONE, NOON)
    invitations.accept(
        session,
        invitations.invite(session, other.account.id, NOON).token,
        session.get_one(Support, taken.support_id).supporter_id,
        NOON,
    )
    begins(other)
    (newer,) = takes(session, NOON + A_SECOND)
    marks(session, newer, "gone", NOON + A_SECOND)
    assert takes(session, NOON + A_MINUTE) == []
    assert fates(session) == ["started: gone", "started: gone"]


def test_a_device_that_subscribed_anew_meanwhile_does_not_stop(taken: Claimed, device: Device, session: Session):
    new = subscription("new")
    devices.register(
        session, device.account_id, new, NOON, name="phone", locale="en", origin="https://x", replaces=device.id
    )
    marks(session, taken, "gone", NOON + A_SECOND)
    assert fates(session) == ["started: gone"]
    assert device.stopped_at is None
    assert device.subscription
    assert device.subscription["endpoint"] == new.endpoint


def test_a_device_that_moved_to_another_person_does_not_tell_them(
    client: Client, sam: Support, device: Device, session: Session
):
    begins(client)
    delivering.hand_out(session, NOON)
    moved = subscription(f"phone-{sam.supporter_id}")
    devices.register(session, person(session, "Kim").id, moved, NOON, name="x", locale="en", origin="https://x")
    assert delivering.claim(session, NOON) == []
    assert fates(session) == ["started: gone"]


# Trying again.


def test_a_retry_waits_twice_as_long_each_time(client: Client, device: Device, session: Session):
    exposes(client)
    now, waits = client.now, []
    for _ in range(6):
        sent(session, now, "later")
        due = delivering.next_due(session)
        assert due
        waits.append((due - now).total_seconds())
        assert takes(session, due - A_SECOND) == []
        now = due
    assert waits == [5, 10, 20, 40, 80, 160]


def test_the_wait_is_a_quarter_of_an_hour_at_most_give_or_take():
    waits = [delivering.retry_in(attempts, None, 1.0).total_seconds() for attempts in range(1, 3000)]
    assert waits[6:10] == [320, 640, 900, 900]
    assert max(waits) == 900


@given(st.integers(1, 50), st.floats(0.5, 1.5), st.none() | st.integers(0, 7200))
def test_jitter_spreads_the_wait_and_never_undercuts_what_the_service_asked_for(
    attempts: int, jitter: float, asked: int | None
):
    even = delivering.retry_in(attempts, None, 1.0)
    wait = delivering.retry_in(attempts, None if asked is None else timedelta(seconds=asked), jitter)
    assert wait >= timedelta(seconds=asked or 0)
    assert wait == max(even * jitter, timedelta(seconds=asked or 0))


def test_jitter_and_retry_after_reach_the_row(taken: Claimed, session: Session):
    first = session.begin_nested()
    marks(session, taken, "later", NOON, jitter=1.2)
    assert delivering.next_due(session) == NOON + 6 * A_SECOND
    first.rollback()
    marks(session, taken, "later", NOON, retry_after=timedelta(seconds=90), jitter=1.2)
    assert delivering.next_due(session) == NOON + 90 * A_SECOND


def test_a_retry_that_would_come_too_late_is_given_up(taken: Claimed, session: Session):
    marks(session, taken, "later", NOON, retry_after=timedelta(minutes=15))
    assert fates(session) == ["started: expired"]


def test_a_retry_that_a_worker_found_too_late_is_given_up(taken: Claimed, session: Session):
    marks(session, taken, "later", NOON)
    assert takes(session, NOON + 15 * A_MINUTE) == []
    assert fates(session) == ["started: expired"]


# When to look again.


def test_the_next_look_is_at_whatever_is_due_first(client: Client, device: Device, session: Session):
    assert delivering.next_due(session) is None
    phone(session, client.account.id)
    signals.note_hidden(session, client.account.id, begins(client, check_in_minutes=5), hidden=True, now=NOON)
    assert delivering.next_due(session) == NOON
    takes(session, NOON)
    assert delivering.next_due(session) == NOON + LEASE
    sent(session, NOON + LEASE)
    assert delivering.next_due(session) == NOON + 5 * A_MINUTE
