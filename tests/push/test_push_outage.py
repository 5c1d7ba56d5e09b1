"""When phones or push services were away for long: caught up with once, the freshest first, nothing that is stale."""

import re
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from erp.domain.exposure.event import parse
from erp.domain.notification.subscription import Subscription
from erp.domain.recording import record
from erp.domain.support import cheer as cheers
from erp.storage.notification import Delivery, Notification
from tests.make.crew import NOON, SECRET, Crew
from tests.make.push_service import PushService, answers


def practised(crew: Crew, minutes_ago: int, minutes: int = 10) -> uuid.UUID:
    """A phone that was offline tells of a whole exposure that ended so long ago."""
    now = datetime.now(UTC)
    end, exposure = now - timedelta(minutes=minutes_ago), uuid.uuid4()
    start = {"step": str(crew.step), "planned_minutes": 20, "zone": NOON, "prediction": SECRET}
    told = [
        {"kind": "started", "at": end - timedelta(minutes=minutes), **start},
        {"kind": "finished", "at": end},
    ]
    events = [
        parse({**each, "id": str(uuid.uuid4()), "exposure": str(exposure), "at": each["at"].isoformat()})
        for each in told
    ]
    with crew.writing() as session:
        assert not record(session, crew.client, events, now, now).refused
    return exposure


def kinds(push_service: PushService, phone: Subscription) -> list[str]:
    """The kinds of what the phone took, in order."""
    return [one.json["notification"]["data"]["kind"] for one in push_service.delivered(phone)]


def fates(crew: Crew) -> Counter[tuple[str, str]]:
    """Of each kind, what became of its deliveries: the reason, else the state."""
    with crew.sessions.reading() as session:
        rows = session.execute(
            select(Notification.kind, Delivery.state, Delivery.reason).join(
                Delivery, Delivery.notification_id == Notification.id
            )
        )
        return Counter((row.kind, row.reason or row.state) for row in rows)


def test_practice_that_is_told_late_is_one_word_about_today(crew: Crew, push_service: PushService):
    phone = push_service.subscribe()
    support = crew.coach("sam", phone)
    for minutes_ago in (24 * 60 * 3, 240, 180):
        practised(crew, minutes_ago)
    crew.jobs.deliver_now()
    practised(crew, 120)
    crew.jobs.deliver_now()
    (told,) = push_service.delivered(phone)
    shown = told.json["notification"]
    assert (shown["title"], shown["body"]) == (
        "\u2068Robin\u2069 practised earlier today",
        "20 minutes, 2 days in a row",
    )
    assert shown["navigate"].endswith(f"/people/{support}")
    assert SECRET not in told.payload.decode()
    assert told.headers["urgency"] == "normal"
    assert 0 < int(told.headers["ttl"]) <= 12 * 60 * 60
    assert not push_service.complaints


def test_a_push_service_that_was_down_for_an_hour_is_caught_up_with_and_stale_news_are_dropped(
    crew: Crew, push_service: PushService
):
    phone, mine = push_service.subscribe(*[answers(503)] * 200), push_service.subscribe(*[answers(503)] * 200)
    support = crew.coach("sam", phone)
    crew.client_device(mine)
    first = crew.practise("started")
    crew.jobs.deliver_now()
    crew.practise("finished", exposure=first)
    crew.jobs.deliver_now()
    crew.practise("started")
    with crew.writing() as session:
        cheers.send(session, crew.support(session, support), {"text": "Still with you."}, crew.clock())
    for _ in range(60):
        crew.jobs.deliver_now()
        crew.clock.ahead += timedelta(minutes=1)
    tries = len(push_service.received())
    assert push_service.delivered() == []
    assert tries < 45, "a service that is down is not hammered"
    push_service.script(phone)
    push_service.script(mine)
    crew.clock.ahead += timedelta(minutes=20)
    crew.jobs.deliver_now()
    assert kinds(push_service, phone) == ["finished"]
    assert kinds(push_service, mine) == ["cheer"]
    assert fates(crew) == Counter(
        {
            ("started", "superseded"): 1,
            ("finished", "sent"): 1,
            ("started", "expired"): 1,
            ("cheer", "sent"): 1,
        }
    )


def test_after_an_outage_the_freshest_goes_first(crew: Crew, push_service: PushService):
    phones = [push_service.subscribe(*[answers(503)] * 60) for _ in range(2)]
    for phone in phones:
        crew.client_device(phone)
    coaches = [crew.coach(f"coach{number}") for number in range(10)]
    for number in range(3):
        with crew.writing() as session:
            for each in coaches:
                cheers.send(session, crew.support(session, each), {"text": f"Cheer {number}."}, crew.clock())
        crew.jobs.deliver_now()
        crew.clock.ahead += timedelta(minutes=20)
    for phone in phones:
        push_service.script(phone)
    crew.jobs.deliver_now()
    got = [int(re.search(r"Cheer (\d)", one.payload.decode())[1]) for one in push_service.delivered()]
    assert len(got) == 60
    # Within one lot they go side by side; between the lots the order holds.
    assert got[:32].count(2) == 20
    assert got[:32].count(0) == 0
    assert got[32:].count(0) == 20


def test_after_an_outage_each_coach_hears_of_the_newest_practice_alone(crew: Crew, push_service: PushService):
    phone = push_service.subscribe(*[answers(503)] * 60)
    crew.coach("sam", phone)
    for _ in range(4):
        newest = crew.practise("started", "finished")
        crew.jobs.deliver_now()
        crew.clock.ahead += timedelta(minutes=15)
    push_service.script(phone)
    crew.clock.ahead += timedelta(minutes=15)
    crew.jobs.deliver_now()
    assert kinds(push_service, phone) == ["finished"]
    with crew.sessions.reading() as session:
        sent = session.scalars(select(Notification).join(Delivery).where(Delivery.state == "sent")).one()
        assert sent.exposure_id == newest


def test_whatever_is_sent_twice_is_shown_once(crew: Crew, push_service: PushService):
    phone = push_service.subscribe()
    crew.coach("sam", phone)
    practised(crew, 60)
    crew.jobs.deliver_now()
    with crew.writing() as session:
        # As if its worker had died before it could write down that it was sent.
        delivery = session.scalars(select(Delivery)).one()
        delivery.state, delivery.next_at = "waiting", crew.clock()
    crew.jobs.deliver_now()
    first, again = push_service.delivered(phone)
    assert first.json["notification"]["tag"] == again.json["notification"]["tag"]
    assert first.headers["topic"] == again.headers["topic"]
