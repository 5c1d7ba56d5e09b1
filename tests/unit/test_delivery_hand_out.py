"""Notifications that are due become deliveries to devices, or are given up with a reason."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from erp.domain import delivery as delivering
from erp.domain.exposure import signals
from erp.domain.notification import outbox
from erp.domain.notification.facts import CheerFacts, Facts
from erp.domain.support import cheer as cheers
from erp.domain.support import invitation as invitations
from erp.domain.support import pings
from erp.domain.support import relation as relations
from erp.storage.account import Account
from erp.storage.exposure import Exposure
from erp.storage.support import Support
from tests.make.clients import Client, local
from tests.make.supporters import (
    A_DAY,
    A_MINUTE,
    A_SECOND,
    NOON,
    ZONE,
    begins,
    coach,
    exposes,
    fates,
    goes_on,
    lets,
    notifications,
    phone,
    sent,
    takes,
)


@pytest.fixture
def sam(client: Client) -> Support:
    """A coach with a phone."""
    relation = coach(client)
    phone(client.session, relation.supporter_id)
    return relation


def account(session: Session, relation: Support) -> Account:
    return session.get_one(Account, relation.supporter_id)


def test_what_is_due_is_handed_to_every_device_of_its_person_once(client: Client, sam: Support, session: Session):
    laptop = phone(session, sam.supporter_id, "laptop")
    phone(session, client.account.id)
    begins(client)
    assert delivering.hand_out(session, NOON) == 1
    assert delivering.hand_out(session, NOON) == 0
    taken = delivering.claim(session, NOON)
    assert len(taken) == 2
    assert laptop.subscription in [each.subscription.stored(each.origin) for each in taken]
    assert fates(session) == ["started: waiting waiting"]


def test_of_two_practices_that_are_told_at_once_the_later_is_heard(client: Client, sam: Support, session: Session):
    events = []
    for ago, lasts in ((20, 6), (12, 8)):
        exposure, start = uuid.uuid4(), client.now - ago * A_MINUTE
        events.append(client.event(exposure, "started", start))
        events.append(client.event(exposure, "finished", start + lasts * A_MINUTE))
    client.sends(*events)
    (heard,) = takes(session, NOON)
    assert heard.facts.stored()["seconds"] == 480
    assert sorted(fates(session)) == ["finished: superseded", "finished: waiting"]


def test_nothing_is_handed_out_before_it_is_due(client: Client, session: Session):
    phone(session, client.account.id)
    signals.note_hidden(session, client.account.id, begins(client, check_in_minutes=5), hidden=True, now=NOON)
    due = NOON + 5 * A_MINUTE
    assert takes(session, due - A_SECOND) == []
    assert [each.kind for each in takes(session, due)] == ["check_in"]


def test_without_a_device_it_is_given_up(client: Client, session: Session):
    coach(client)
    begins(client)
    assert takes(session, NOON) == []
    assert fates(session) == ["started: no_device"]


def test_a_device_that_is_added_later_hears_what_comes_then(client: Client, session: Session):
    relation = coach(client)
    exposure = begins(client)
    takes(session, NOON)
    phone(session, relation.supporter_id)
    assert takes(session, NOON) == []
    goes_on(client, exposure, "finished", A_MINUTE)
    assert [each.kind for each in takes(session, client.now)] == ["finished"]


def test_a_device_that_stopped_gets_nothing(client: Client, sam: Support, session: Session):
    first = begins(client)
    sent(session, NOON, "gone")
    goes_on(client, first, "finished", 10 * A_MINUTE)
    begins(client)
    assert takes(session, client.now) == []
    assert fates(session)[1:] == ["finished: no_device", "started: no_device"]


def test_a_test_goes_to_its_own_device_alone_at_any_hour(sam: Support, session: Session):
    laptop = phone(session, sam.supporter_id, "laptop")
    night = local(ZONE, 2026, 11, 18, 23)
    outbox.tell_device(session, laptop, night)
    (claimed,) = takes(session, night)
    assert claimed.subscription.stored(claimed.origin) == laptop.subscription
    assert (claimed.kind, claimed.facts) == ("test", Facts())
    assert claimed.expires_at == night + timedelta(minutes=5)


# Time.


@pytest.mark.parametrize(("late", "fate"), [(899, "waiting"), (900, "expired")])
def test_what_is_too_old_is_dropped(client: Client, sam: Support, session: Session, late: int, fate: str):
    begins(client)
    takes(session, NOON + late * A_SECOND)
    assert fates(session) == [f"started: {fate}"]


def test_quiet_hours_postpone_what_is_still_worth_hearing_when_they_end(client: Client, sam: Support, session: Session):
    client.now = local(ZONE, 2026, 11, 18, 21, 5)
    client.practises(client.now, 600)
    assert takes(session, client.now) == []
    morning = local(ZONE, 2026, 11, 19, 8)
    assert (fates(session), notifications(session)[0].due_at) == (["finished: open"], morning)
    assert takes(session, morning - A_SECOND) == []
    assert [each.kind for each in takes(session, morning)] == ["finished"]


def test_quiet_hours_give_up_what_is_not(client: Client, sam: Support, session: Session):
    client.now = local(ZONE, 2026, 11, 18, 21, 5)
    begins(client)
    assert takes(session, client.now) == []
    assert fates(session) == ["started: quiet"]


def test_in_the_last_minutes_of_the_quiet_hours_a_start_waits(client: Client, sam: Support, session: Session):
    client.now = local(ZONE, 2026, 11, 19, 7, 50)
    begins(client)
    assert takes(session, client.now) == []
    assert [each.kind for each in takes(session, local(ZONE, 2026, 11, 19, 8))] == ["started"]


def test_the_quiet_hours_are_those_of_who_hears_it_in_their_zone(client: Client, session: Session):
    for name, zone in (("Sam", "Asia/Tokyo"), ("Kim", "America/New_York")):
        phone(session, coach(client, name, zone).supporter_id, name)
    begins(client)  # noon in Lisbon, 21:00 in Tokyo, 7:00 in New York
    assert takes(session, NOON) == []
    client.now += 3 * 60 * A_MINUTE
    begins(client)  # midnight in Tokyo, 10:00 in New York
    (claimed,) = takes(session, client.now)
    assert claimed.subscription.endpoint.split("/")[-1].startswith("Kim")


def test_who_has_no_quiet_hours_hears_at_night(client: Client, sam: Support, session: Session):
    account(session, sam).quiet_from = account(session, sam).quiet_until = 0
    client.now = local(ZONE, 2026, 11, 18, 23)
    begins(client)
    assert [each.kind for each in takes(session, client.now)] == ["started"]


def test_ones_own_timer_rings_in_quiet_hours(client: Client, session: Session):
    client.now = local(ZONE, 2026, 11, 18, 23)
    phone(session, client.account.id)
    signals.note_hidden(session, client.account.id, begins(client, check_in_minutes=0), hidden=True, now=client.now)
    assert [each.kind for each in takes(session, client.now + 20 * A_MINUTE)] == ["end"]


def test_a_cheer_waits_for_the_morning_of_the_client(client: Client, sam: Support, session: Session):
    phone(session, client.account.id)
    client.now = local(ZONE, 2026, 11, 18, 22)
    cheers.send(session, sam, {"text": "Still with you."}, client.now)
    assert takes(session, client.now) == []
    (claimed,) = takes(session, local(ZONE, 2026, 11, 19, 8))
    assert (claimed.kind, claimed.facts) == ("cheer", CheerFacts(name="Sam", text="Still with you."))


# What changed meanwhile.


def test_after_the_end_nothing_queued_is_handed_out(client: Client, sam: Support, session: Session):
    begins(client)
    sam.ended_at = NOON  # as another worker sees it whose rows were there before
    assert takes(session, NOON) == []
    assert fates(session) == ["started: ended"]


@pytest.mark.parametrize("contact", ["finished", "weekly", "none"])
def test_what_the_client_switched_off_meanwhile_is_not_handed_out(
    client: Client, sam: Support, session: Session, contact: str
):
    begins(client)
    lets(sam, contact=contact)
    assert takes(session, NOON) == []
    assert fates(session) == ["started: unwanted"]


@pytest.mark.parametrize("change", [lambda each: lets(each, told=["goal"]), lambda each: relations.want(each, {})])
def test_a_kind_that_either_side_switched_off_meanwhile_is_not_handed_out(
    client: Client, sam: Support, session: Session, change: Any
):
    begins(client)
    change(sam)
    assert takes(session, NOON) == []
    assert fates(session) == ["started: unwanted"]


def test_a_cheer_needs_no_kind_to_be_wanted(client: Client, sam: Support, session: Session):
    phone(session, client.account.id)
    lets(sam, contact="none")
    cheers.send(session, sam, {"text": "Still with you."}, NOON)
    assert [each.kind for each in takes(session, NOON)] == ["cheer"]


def test_of_several_pings_of_one_client_that_come_due_together_the_newest_is_heard(
    client: Client, sam: Support, session: Session
):
    other = Client(session, ZONE, NOON)
    invitations.accept(session, invitations.invite(session, other.account.id, NOON).token, sam.supporter_id, NOON)
    client.now = local(ZONE, 2026, 11, 18, 21, 5)
    for each in (client, client, other):
        each.practises(client.now + A_MINUTE, 60)
        takes(session, client.now)
    assert [each.exposure_id for each in takes(session, local(ZONE, 2026, 11, 19, 8))] == [
        each.exposure_id for each in notifications(session)[:0:-1]
    ]
    assert fates(session) == ["finished: superseded", "finished: waiting", "finished: waiting"]


def test_a_cheer_does_not_stand_for_a_ping_where_each_coaches_the_other(client: Client, session: Session):
    other = Client(session, ZONE, NOON)
    token = invitations.invite(session, client.account.id, NOON).token
    relation = invitations.accept(session, token, other.account.id, NOON)
    for each in (client, other):
        phone(session, each.account.id)
    begins(client)
    cheers.send(session, relation, {"text": "Go"}, NOON + A_SECOND)
    assert sorted(each.kind for each in takes(session, NOON + A_SECOND)) == ["cheer", "started"]


# The client's own timer goes on.


def test_the_next_signal_follows_the_last_until_the_end(client: Client, session: Session):
    phone(session, client.account.id)
    signals.note_hidden(session, client.account.id, begins(client, check_in_minutes=5), hidden=True, now=NOON)
    rung = []
    while (due := delivering.next_due(session)) and due < NOON + A_DAY:
        rung += [(each.kind, (due - NOON) / A_MINUTE) for each in sent(session, due)]
    assert rung == [("check_in", 5), ("check_in", 10), ("check_in", 15), ("end", 20)]


def test_a_worker_that_slept_rings_once_and_goes_on_from_now(client: Client, session: Session):
    phone(session, client.account.id)
    signals.note_hidden(session, client.account.id, begins(client, check_in_minutes=5), hidden=True, now=NOON)
    assert takes(session, NOON + 12 * A_MINUTE) == []
    assert fates(session) == ["check_in: expired", "check_in: open"]
    assert delivering.next_due(session) == NOON + 15 * A_MINUTE


def test_who_came_back_meanwhile_is_not_called(client: Client, session: Session):
    phone(session, client.account.id)
    exposure = begins(client, check_in_minutes=5)
    signals.note_hidden(session, client.account.id, exposure, hidden=True, now=NOON)
    sent(session, NOON + 5 * A_MINUTE, "later")
    assert fates(session) == ["check_in: waiting", "check_in: open"]
    signals.note_hidden(session, client.account.id, exposure, hidden=False, now=NOON + 5 * A_MINUTE + A_SECOND)
    assert takes(session, NOON + 6 * A_MINUTE) == []
    assert fates(session) == ["check_in: superseded"]


def test_a_summary_is_handed_out_like_any_ping(client: Client, sam: Support, session: Session):
    lets(sam, contact="weekly")
    exposes(client)
    monday = local(ZONE, 2026, 11, 23, 9)
    pings.tell_of_weeks(session, monday)
    (claimed,) = takes(session, monday)
    assert (claimed.kind, claimed.exposure_id, claimed.support_id) == ("weekly", None, sam.id)


def test_an_exposure_that_is_deleted_takes_its_notifications_along(client: Client, sam: Support, session: Session):
    exposure = begins(client)
    sent(session, NOON)
    session.delete(session.get_one(Exposure, exposure))
    assert fates(session) == []
