"""Of several pings the one that says the most and is freshest is sent, once, also after a night, an outage, a pause."""

import uuid
from collections import Counter
from datetime import timedelta

from sqlalchemy.orm import Session

from erp.domain.exposure import signals
from erp.domain.support import cheer as cheers
from erp.storage.notification import Device
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
    goes_on,
    kinds,
    notifications,
    phone,
    practised_before,
    sent,
)

EVENING = local(ZONE, 2026, 11, 18, 21, 30)  # in the coach's quiet hours
MORNING = local(ZONE, 2026, 11, 19, 8)


def in_the_evening(session: Session) -> Client:
    """A client with a coach who has a phone."""
    client = Client(session, ZONE, EVENING)
    phone(session, coach(client).supporter_id)
    return client


def told(session: Session, client: Client) -> list[str]:
    """The kinds of what goes out now."""
    return [each.kind for each in sent(session, client.now)]


def test_the_goal_that_five_more_minutes_reach_is_told(client: Client, device: Device, session: Session):
    client.plans_per_week(20, 7)
    exposure = begins(client, planned_minutes=15)
    goes_on(client, exposure, "finished", 15 * A_MINUTE)
    assert told(session, client) == ["finished"]
    goes_on(client, exposure, "extended", 10 * A_SECOND, minutes=5)
    goes_on(client, exposure, "finished", 5 * A_MINUTE)
    assert told(session, client) == ["goal"]
    goes_on(client, exposure, "resumed", A_SECOND)
    goes_on(client, exposure, "finished", A_MINUTE)
    assert told(session, client) == []


def test_a_milestone_of_the_evening_is_what_the_morning_hears(session: Session):
    client = in_the_evening(session)
    practised_before(client, 6)
    exposes(client)
    client.now += 20 * A_MINUTE
    exposes(client)
    assert kinds(session) == ["started", "milestone", "started", "finished"]
    client.now = MORNING
    assert told(session, client) == ["milestone"]


def test_a_start_is_news_beside_the_milestone_before_it(client: Client, device: Device, session: Session):
    practised_before(client, 6)
    first, second = uuid.uuid4(), uuid.uuid4()
    client.sends(
        client.event(first, "started", NOON - 12 * A_MINUTE),
        client.event(first, "finished", NOON - 2 * A_MINUTE),
        client.event(second, "started", NOON - A_MINUTE),
    )
    assert sorted(told(session, client)) == ["milestone", "started"]


def test_a_milestone_is_told_once_a_day(client: Client, device: Device, session: Session):
    practised_before(client, 6)
    exposes(client)
    assert told(session, client) == ["milestone"]
    client.now += A_MINUTE
    exposes(client)
    assert told(session, client) == ["finished"]


def test_a_day_that_came_late_makes_the_next_practice_a_milestone(client: Client, device: Device, session: Session):
    for ago in (6, 5, 4, 3, 2):
        _practised(client, ago)
    exposes(client)
    assert told(session, client) == ["finished"]
    _practised(client, 1)
    assert told(session, client) == []
    client.now += A_MINUTE
    exposes(client)
    assert told(session, client) == ["milestone"]


def _practised(client: Client, days_ago: int) -> None:
    start, exposure = client.now - days_ago * A_DAY, uuid.uuid4()
    client.sends(client.event(exposure, "started", start), client.event(exposure, "finished", start + 2 * A_MINUTE))


def test_sixty_coaches_wake_up_to_one_ping_each(session: Session):
    clients = []
    for number in range(60):
        client = Client(session, ZONE, EVENING)
        phone(session, coach(client, f"Sam {number}").supporter_id)
        clients.append(client)
    for later in (0, 40):
        for client in clients:
            client.now = EVENING + later * A_MINUTE
            exposes(client)
    pings: Counter[uuid.UUID | None] = Counter()
    sent(session, EVENING + timedelta(hours=2))
    while taken := sent(session, MORNING):
        pings.update(each.support_id for each in taken)
    assert len(pings) == 60
    assert set(pings.values()) == {1}


def test_after_an_outage_only_the_newest_end_is_sent(client: Client, device: Device, session: Session):
    begun = client.now
    for _ in range(4):
        exposes(client)
        sent(session, client.now, "later")
        client.now += 4 * A_MINUTE
    client.now = begun + 75 * A_MINUTE
    (claimed,) = sent(session, client.now)
    assert (claimed.kind, claimed.created_at) == ("finished", notifications(session)[-1].created_at)


def test_a_start_that_is_over_takes_no_end_with_it(client: Client, device: Device, session: Session):
    exposes(client)
    sent(session, client.now, "later")
    client.now += 5 * A_MINUTE
    begins(client)
    sent(session, client.now, "later")
    client.now += 60 * A_MINUTE
    assert told(session, client) == ["finished"]


def test_a_pause_holds_back_what_was_handed_out_already(client: Client, device: Device, session: Session):
    exposes(client)
    sent(session, client.now, "later")
    client.pauses_for(client.today, client.today + 3 * A_DAY)
    client.now += A_MINUTE
    assert told(session, client) == []


def test_the_streak_of_whose_phone_is_further_east_than_their_days_is_told_whole(session: Session):
    now = local("Asia/Tokyo", 2026, 11, 19, 6)  # still the day before in Berlin
    client = Client(session, "Europe/Berlin", now)
    phone(session, coach(client, zone="Asia/Tokyo").supporter_id)
    for ago in (2, 1):
        start, exposure = now - ago * A_DAY, uuid.uuid4()
        client.sends(
            client.event(exposure, "started", start, zone="Asia/Tokyo"),
            client.event(exposure, "finished", start + 2 * A_MINUTE),
        )
    exposes(client, zone="Asia/Tokyo")
    milestone = notifications(session)[-1]
    assert (milestone.kind, milestone.facts["streak"]) == ("milestone", 3)


def test_a_cheer_belongs_to_the_practice_that_the_coach_sees_and_not_to_a_forgotten_one(session: Session):
    client = Client(session, ZONE, local(ZONE, 2026, 11, 17, 20))
    sam = coach(client)
    begins(client)
    client.now = local(ZONE, 2026, 11, 18, 10)
    seen = exposes(client)
    client.now += A_MINUTE
    cheer = cheers.send(session, sam, {"text": "That took courage."}, client.now)
    assert (cheer.exposure_id, cheer.local_date) == (seen, client.today)


# The client's own signal.


def hidden(client: Client, session: Session, minutes: int = 1) -> uuid.UUID:
    """An exposure that runs on a phone of the client which was put away."""
    phone(session, client.account.id)
    exposure = begins(client, planned_minutes=minutes, check_in_minutes=0)
    signals.note_hidden(session, client.account.id, exposure, hidden=True, now=client.now)
    return exposure


def test_the_end_is_told_also_when_the_hidden_page_finished_by_itself(client: Client, session: Session):
    exposure = hidden(client, session)
    goes_on(client, exposure, "finished", A_MINUTE)
    assert told(session, client) == ["end"]
    client.now += A_MINUTE
    assert told(session, client) == []


def test_who_looks_again_before_it_is_sent_hears_no_end(client: Client, session: Session):
    exposure = hidden(client, session)
    goes_on(client, exposure, "finished", A_MINUTE)
    signals.note_hidden(session, client.account.id, exposure, hidden=False, now=client.now)
    assert told(session, client) == []


def test_who_finished_early_hears_no_end(client: Client, session: Session):
    exposure = hidden(client, session, minutes=5)
    goes_on(client, exposure, "finished", A_MINUTE)
    client.now += 5 * A_MINUTE
    assert told(session, client) == []


def test_an_end_that_was_handed_out_and_is_tried_again_goes_on_after_the_finish(client: Client, session: Session):
    exposure = hidden(client, session)
    client.now += A_MINUTE
    sent(session, client.now, "later")
    goes_on(client, exposure, "finished", A_SECOND)
    client.now += A_MINUTE
    assert told(session, client) == ["end"]


def test_taking_up_a_practice_again_after_its_end_lets_the_end_come_anew(client: Client, session: Session):
    exposure = hidden(client, session)
    goes_on(client, exposure, "finished", A_MINUTE)
    assert told(session, client) == ["end"]
    goes_on(client, exposure, "extended", A_SECOND, minutes=1)
    client.now += 2 * A_MINUTE
    assert told(session, client) == ["end"]
