"""What a supporter hears of practice that is told late: one word about today, never a burst, nothing of older days."""

import json
import uuid
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain import delivery as delivering
from erp.domain.exposure.event import IncomingEvent
from erp.domain.notification import kinds as supports_kinds
from erp.domain.support import relation as relations
from erp.jobs.message import message
from erp.storage.account import Account
from erp.storage.notification import Device, Notification
from erp.storage.support import Support
from tests.make.clients import EVERY_DAY, Client, local
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
    kinds,
    lets,
    notifications,
    practised_before,
    sent,
    takes,
)

AN_HOUR = 60 * A_MINUTE


def done(client: Client, ago: timedelta, minutes: float = 10) -> tuple[IncomingEvent, IncomingEvent]:
    """The events of an exposure that ended so long ago, not sent yet."""
    exposure, end = uuid.uuid4(), client.now - ago
    start = client.event(exposure, "started", end - minutes * A_MINUTE)
    return start, client.event(exposure, "finished", end)


def words(session: Session, now_: timedelta = timedelta()) -> tuple[str, str]:
    """Title and body of the one message that is taken."""
    (claimed,) = takes(session, NOON + now_)
    shown = json.loads(message(claimed, NOON + now_).payload)["notification"]
    return shown["title"], shown["body"]


# One word about today.


def test_practice_told_late_is_one_word_about_today(client: Client, sam: Support, session: Session):
    practised_before(client, 1)
    receipt = client.sends(*done(client, 2 * AN_HOUR, 12))
    (ping,) = notifications(session)
    assert receipt.has_news
    assert (ping.kind, ping.account_id, ping.support_id) == ("earlier", sam.supporter_id, sam.id)
    assert ping.facts == {"name": "Noor", "seconds": 720, "streak": 2}


def test_many_in_one_batch_are_one_ping_with_the_minutes_of_the_day(client: Client, sam: Support, session: Session):
    client.sends(*done(client, 3 * AN_HOUR, 10), *done(client, 2 * AN_HOUR, 5), *done(client, AN_HOUR, 7))
    (ping,) = notifications(session)
    assert ping.facts["seconds"] == 22 * 60


def test_many_in_many_batches_are_one_ping_that_is_brought_up_to_date(client: Client, sam: Support, session: Session):
    client.sends(*done(client, 3 * AN_HOUR, 10))
    (first,) = notifications(session)
    client.now += A_SECOND
    client.sends(*done(client, 2 * AN_HOUR, 5))
    client.now += A_SECOND
    client.sends(*done(client, AN_HOUR, 7))
    (ping,) = notifications(session)
    assert (ping.id, ping.facts["seconds"]) == (first.id, 22 * 60)


def test_what_was_handed_out_is_not_told_again(client: Client, sam: Support, device: Device, session: Session):
    client.sends(*done(client, 3 * AN_HOUR, 10))
    assert len(sent(session, client.now)) == 1
    for _ in range(3):
        client.now += AN_HOUR
        client.sends(*done(client, AN_HOUR, 5))
    assert fates(session) == ["earlier: sent"]
    assert notifications(session)[0].facts["seconds"] == 600


@pytest.mark.parametrize("whole", [True, False])
def test_start_and_finish_may_come_apart_and_in_any_order(client: Client, sam: Support, session: Session, whole: bool):
    start, finish = done(client, AN_HOUR)
    for event in (start, finish) if whole else (finish, start):
        client.sends(event)
    assert kinds(session) == ["earlier"]


def test_a_replay_tells_nothing_again(client: Client, sam: Support, device: Device, session: Session):
    events = done(client, AN_HOUR)
    client.sends(*events)
    sent(session, client.now)
    assert not client.sends(*events).has_news
    assert kinds(session) == ["earlier"]


def test_a_late_start_alone_is_no_news(client: Client, sam: Support, session: Session):
    client.sends(done(client, AN_HOUR)[0])
    assert kinds(session) == []


def test_the_next_day_has_its_own_word(client: Client, sam: Support, device: Device, session: Session):
    for _ in range(2):
        client.sends(*done(client, AN_HOUR))
        sent(session, client.now)
        client.now += A_DAY
    assert fates(session) == ["earlier: sent"] * 2


# Nothing of older days.


def test_older_days_are_never_told(client: Client, sam: Support, session: Session):
    client.sends(*(event for days in range(1, 15) for event in done(client, days * A_DAY)))
    assert kinds(session) == []


def test_two_weeks_offline_are_one_ping_about_today(client: Client, sam: Support, session: Session):
    client.now -= 14 * A_DAY
    events = []
    for _ in range(15):
        events += [*done(client, 3 * AN_HOUR), *done(client, 2 * AN_HOUR)]
        client.now += A_DAY
    client.now -= A_DAY
    for number in range(0, len(events), 7):
        client.sends(*events[number : number + 7])
    (ping,) = notifications(session)
    assert (ping.kind, ping.facts) == ("earlier", {"name": "Noor", "seconds": 20 * 60, "streak": 15})


def test_today_is_the_clients(session: Session):
    client = Client(session, "Pacific/Kiritimati", local("Pacific/Kiritimati", 2026, 11, 18, 0, 40))
    coach(client)
    client.sends(*done(client, 35 * A_MINUTE, 10))  # it began five minutes before midnight
    assert kinds(session) == []
    client.now = local("Pacific/Kiritimati", 2026, 11, 18, 2)
    client.sends(*done(client, AN_HOUR, 10))
    assert kinds(session) == ["earlier"]


# After a fresh ping about today.


@pytest.mark.parametrize(("days", "goal", "told"), [(0, 60, "finished"), (0, 1, "goal"), (2, 60, "milestone")], ids=str)
def test_who_was_told_of_todays_practice_hears_nothing_late(
    client: Client, sam: Support, device: Device, session: Session, days: int, goal: int, told: str
):
    practised_before(client, days)
    client.plans_weekdays(goal, EVERY_DAY)
    exposes(client)
    sent(session, client.now)
    client.now += 3 * AN_HOUR
    client.sends(*done(client, AN_HOUR))
    assert kinds(session) == ["started", told]


def test_a_ping_about_yesterday_does_not_speak_for_today(client: Client, sam: Support, session: Session):
    client.now = local(ZONE, 2026, 11, 17, 23, 55)
    exposes(client)
    client.now = NOON
    client.sends(*done(client, AN_HOUR))
    assert kinds(session) == ["started", "finished", "earlier"]


def test_each_supporter_is_told_what_they_were_not_told_yet(client: Client, sam: Support, session: Session):
    exposes(client)
    kim = coach(client, "Kim")
    client.now += 2 * AN_HOUR
    client.sends(*done(client, AN_HOUR))
    assert kinds(session, sam.supporter_id) == ["started", "finished"]
    assert kinds(session, kim.supporter_id) == ["earlier"]


def test_what_is_fresh_takes_the_place_of_what_was_earlier(
    client: Client, sam: Support, device: Device, session: Session
):
    client.sends(*done(client, AN_HOUR))
    client.now += A_MINUTE
    begins(client)
    (claimed,) = sent(session, client.now)
    assert claimed.kind == "started"
    assert fates(session) == ["earlier: superseded", "started: sent"]


@pytest.mark.parametrize("late_first", [True, False])
def test_in_one_batch_a_start_of_now_wins_over_what_was_earlier(
    client: Client, sam: Support, device: Device, session: Session, late_first: bool
):
    late, fresh = done(client, AN_HOUR), (client.event(uuid.uuid4(), "started", client.now),)
    client.sends(*(late + fresh if late_first else fresh + late))
    assert [each.kind for each in sent(session, client.now)] == ["started"]


# The finish that came by itself.


def test_a_finish_that_came_by_itself_while_the_phone_slept_is_told_as_earlier(
    client: Client, sam: Support, device: Device, session: Session
):
    exposure = begins(client)  # twenty minutes by the rule of time
    assert [each.kind for each in sent(session, client.now)] == ["started"]
    client.now += 51 * A_MINUTE
    client.sends(client.event(exposure, "finished", NOON + 20 * A_MINUTE))
    title, body = words(session, 51 * A_MINUTE)
    assert (title, body) == ("\u2068Noor\u2069 practised earlier today", "20 minutes")
    ping = notifications(session)[1]
    assert (ping.exposure_id, fates(session)[0]) == (exposure, "started: sent")


def test_it_takes_the_place_of_its_start_on_the_same_screen(
    client: Client, sam: Support, device: Device, session: Session
):
    exposure = begins(client)
    (start,) = sent(session, client.now, "later", retry_after=40 * A_MINUTE)
    client.now += 55 * A_MINUTE
    client.sends(client.event(exposure, "finished", NOON + 20 * A_MINUTE))
    (earlier,) = sent(session, client.now)
    assert message(start, NOON).topic == message(earlier, NOON).topic


# Who hears it, and when.


@pytest.mark.parametrize(
    ("contact", "told", "wanted", "heard"),
    [
        ("every", supports_kinds.PINGS, supports_kinds.WANTED, ["earlier"]),
        ("every", ["started", "goal", "milestone"], supports_kinds.WANTED, []),
        ("every", supports_kinds.PINGS, ["started", "goal", "milestone", "weekly"], []),
        ("every", ["finished"], ["finished"], ["earlier"]),
        ("finished", [], supports_kinds.WANTED, ["earlier"]),
        ("weekly", supports_kinds.PINGS, supports_kinds.WANTED, []),
        ("none", supports_kinds.PINGS, supports_kinds.WANTED, []),
    ],
)
def test_who_hears_of_a_finish_hears_of_a_late_one(
    client: Client, sam: Support, session: Session, contact: str, told: list[str], wanted: list[str], heard: list[str]
):
    lets(sam, contact=contact, told=told)
    relations.want(sam, {"wanted": wanted})
    client.sends(*done(client, AN_HOUR))
    assert kinds(session) == heard


def test_nobody_can_choose_it_by_itself(client: Client, sam: Support):
    relations.want(sam, {"wanted": ["earlier"]})
    lets(sam, told=["earlier"])
    assert (sam.asked_kinds, sam.allowed_kinds) == ([], [])


def test_what_is_switched_off_before_it_is_sent_is_not_sent(
    client: Client, sam: Support, device: Device, session: Session
):
    client.sends(*done(client, AN_HOUR))
    delivering.hand_out(session, client.now)
    relations.want(sam, {"wanted": ["started"]})
    session.flush()
    assert delivering.claim(session, client.now) == []
    assert fates(session) == ["earlier: unwanted"]


def test_a_pause_holds_it_back(client: Client, sam: Support, session: Session):
    client.pauses_for(date(2026, 11, 18), date(2026, 11, 18))
    client.sends(*done(client, AN_HOUR))
    assert kinds(session) == []


def test_it_waits_for_the_end_of_the_quiet_hours_while_the_day_lasts(
    client: Client, sam: Support, device: Device, session: Session
):
    account = session.get_one(Account, sam.supporter_id)
    account.quiet_from, account.quiet_until = 11 * 60, 15 * 60
    client.sends(*done(client, AN_HOUR))
    assert takes(session, client.now) == []
    client.now += 2 * AN_HOUR
    client.sends(*done(client, AN_HOUR, 5))
    title, body = words(session, 3 * AN_HOUR)
    assert (title, body) == ("\u2068Noor\u2069 practised earlier today", "15 minutes")


def test_tomorrow_it_is_not_true_any_more_and_is_dropped(
    client: Client, sam: Support, device: Device, session: Session
):
    client.now = local(ZONE, 2026, 11, 18, 21, 30)
    client.sends(*done(client, AN_HOUR))
    (ping,) = notifications(session)
    assert ping.expires_at == local(ZONE, 2026, 11, 19, 0)
    assert takes(session, client.now) == []
    assert fates(session) == ["earlier: quiet"]


def test_tomorrow_begins_where_the_client_is(session: Session):
    zone = "America/New_York"
    client = Client(session, zone, local(zone, 2026, 11, 18, 20))
    coach(client, zone="Asia/Kathmandu")
    client.sends(*done(client, AN_HOUR))
    assert notifications(session)[0].expires_at.astimezone(ZoneInfo(zone)).isoformat() == "2026-11-19T00:00:00-05:00"


def test_before_noon_it_is_worth_hearing_for_twelve_hours(client: Client, sam: Support, session: Session):
    client.now = local(ZONE, 2026, 11, 18, 9)
    client.sends(*done(client, AN_HOUR))
    (ping,) = notifications(session)
    assert ping.expires_at - ping.created_at == timedelta(hours=12)


@pytest.mark.parametrize("careful", ["coach", "client"])
def test_discretion_says_nothing_of_it(client: Client, sam: Support, device: Device, session: Session, careful: str):
    session.get_one(Account, sam.supporter_id if careful == "coach" else client.account.id).discreet = True
    client.sends(*done(client, AN_HOUR))
    assert words(session) == ("Rung", "There is news.")


def test_a_short_one_counts_too(client: Client, sam: Support, device: Device, session: Session):
    client.sends(*done(client, AN_HOUR, 0.5))
    assert words(session) == ("\u2068Noor\u2069 practised earlier today", "A short try. Trying is practice.")


def test_it_leads_to_the_client_and_is_answered_with_a_cheer(
    client: Client, sam: Support, device: Device, session: Session
):
    client.sends(*done(client, AN_HOUR))
    (claimed,) = takes(session, NOON)
    sent_off = message(claimed, NOON)
    shown = json.loads(sent_off.payload)["notification"]
    assert shown["navigate"] == f"https://rung.example/people/{sam.id}"
    assert [action["action"] for action in shown["actions"]] == ["cheer"]
    assert sent_off.urgency == "normal"


def test_nothing_private_is_in_it(client: Client, sam: Support, session: Session):
    exposure, end = uuid.uuid4(), client.now - AN_HOUR
    client.sends(
        client.event(exposure, "started", end - 10 * A_MINUTE, expected_suds=73, prediction="it bites me"),
        client.event(exposure, "checked_in", end - A_MINUTE, suds=87),
        client.event(exposure, "finished", end),
        client.event(exposure, "noted", end, learning="it slept"),
    )
    assert session.scalars(select(Notification.facts)).one() == {"name": "Noor", "seconds": 600, "streak": 1}


def test_a_late_finish_of_a_running_one_does_not_repeat_what_goes_on(
    client: Client, sam: Support, device: Device, session: Session
):
    client.sends(*done(client, AN_HOUR))
    sent(session, client.now)
    exposure = begins(client)
    goes_on(client, exposure, "finished", 10 * A_MINUTE)
    sent(session, client.now)
    assert fates(session) == ["earlier: sent", "started: superseded", "finished: sent"]
