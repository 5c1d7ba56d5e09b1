"""From the client's event to the coach's device: through the database, the worker and real HTTP."""

import json
import logging
import threading
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from erp.domain.account.account import person_of
from erp.domain.dates import local_day
from erp.domain.exposure.signals import note_hidden
from erp.domain.notification import kinds as supports_kinds
from erp.domain.notification.outbox import tell_device
from erp.domain.practice.plan import add_pause
from erp.domain.support import cheer as cheers
from erp.domain.support import relation as relations
from erp.storage.account import Account
from erp.storage.notification import Delivery, Device, Notification
from tests.make.crew import NOON, SECRET, Crew
from tests.make.push_service import (
    APPLE_BAD_TOKEN,
    APPLE_OTHER_KEY,
    ENDLESS,
    RESET,
    PushService,
    answers,
    busy,
)


def deliveries(crew: Crew) -> list[tuple[str, str | None, int]]:
    """State, reason and attempts of every delivery."""
    with crew.sessions.reading() as session:
        return [tuple(row) for row in session.execute(select(Delivery.state, Delivery.reason, Delivery.attempts))]


def next_attempt_in(crew: Crew) -> float:
    """Seconds until the one delivery that waits is due."""
    with crew.sessions.reading() as session:
        due = session.scalars(select(Delivery.next_at).where(Delivery.state == "waiting")).one()
    return (due - crew.clock()).total_seconds()


def test_a_coach_hears_of_the_start_and_of_the_finish_and_the_second_takes_the_place_of_the_first(
    crew: Crew, push_service: PushService
):
    phone = push_service.subscribe()
    support = crew.coach("sam", phone)
    exposure = crew.practise("started")
    crew.jobs.deliver_now()
    crew.practise("finished", exposure=exposure)
    crew.jobs.deliver_now()
    started, finished = push_service.delivered(phone)
    assert started.json["web_push"] == 8030
    assert started.json["notification"]["title"] == "\u2068Robin\u2069 is practising"
    assert finished.json["notification"]["title"] == "\u2068Robin\u2069 practised"
    assert started.json["notification"]["navigate"] == f"https://rung.example.org/people/{support}"
    assert started.json["notification"]["tag"] == finished.json["notification"]["tag"]
    assert started.headers["topic"] == finished.headers["topic"]
    assert started.headers["urgency"] == "high"
    assert 0 < int(started.headers["ttl"]) <= 15 * 60
    assert started.json["notification"]["actions"][0]["action"] == "cheer"
    assert not push_service.complaints


def test_minutes_and_streak_are_told_and_never_a_title_a_rating_or_a_word_whatever_is_shared(
    crew: Crew, push_service: PushService
):
    phone = push_service.subscribe()
    support = crew.coach("sam", phone)
    with crew.writing() as session:
        relations.share(
            crew.support(session, support),
            {"titles": "1", "suds": "1", "notes": "1", "contact": "every", "told": supports_kinds.PINGS},
        )
    crew.practise("started", "finished", minutes=12, expected_suds=77)
    crew.jobs.deliver_now()
    (told,) = push_service.delivered(phone)
    assert "12 minutes" in told.json["notification"]["body"]
    text = told.payload.decode()
    assert SECRET not in text
    assert "contamination" not in text
    assert "77" not in json.dumps({k: v for k, v in told.json["notification"].items() if k in ("title", "body")})


@pytest.mark.parametrize("careful", ["coach", "client"])
def test_with_discreet_notifications_nothing_shows_what_the_app_is_about(
    crew: Crew, push_service: PushService, careful: str
):
    phone = push_service.subscribe()
    support = crew.coach("sam", phone)
    with crew.writing() as session:
        row = crew.support(session, support)
        account = session.get_one(Account, row.supporter_id if careful == "coach" else row.client_id)
        account.discreet = True
    crew.practise("started", "finished")
    crew.jobs.deliver_now()
    (told,) = push_service.delivered(phone)
    shown = told.json["notification"]
    assert shown["title"] == "Rung"
    for word in ("Robin", "practis", "exposure", "hard", "minute"):
        assert word not in " ".join([shown["body"], *(action["title"] for action in shown["actions"])])


def test_every_device_of_every_coach_is_told_once(crew: Crew, push_service: PushService):
    phones = [push_service.subscribe() for _ in range(5)]
    crew.coach("sam", *phones[:3])
    crew.coach("ada", *phones[3:])
    crew.practise("started")
    crew.jobs.deliver_now()
    crew.jobs.deliver_now()
    assert [len(push_service.received(phone)) for phone in phones] == [1] * 5


@pytest.mark.parametrize("answer", [answers(404), answers(410), APPLE_OTHER_KEY])
def test_a_device_that_is_gone_is_dropped_and_its_person_is_told_so(crew: Crew, push_service: PushService, answer):
    phone, other = push_service.subscribe(answer), push_service.subscribe()
    support = crew.coach("sam", phone, other)
    crew.practise("started")
    crew.jobs.deliver_now()
    assert sorted(deliveries(crew)) == [("given_up", "gone", 1), ("sent", None, 1)]
    with crew.sessions.reading() as session:
        coach = crew.support(session, support).supporter_id
        person = person_of(session, coach)
        assert person
        assert person.has_stopped_device
        gone = session.scalars(select(Device).where(Device.stopped_at.is_not(None))).one()
        assert gone.subscription is None
        assert gone.digest is None
        works = session.scalars(select(Device).where(Device.stopped_at.is_(None))).one()
        assert works.worked_at
    crew.practise("started")
    crew.jobs.deliver_now()
    assert len(push_service.received(phone)) == 1
    assert len(push_service.received(other)) == 2


@pytest.mark.parametrize("answer", [answers(500), answers(503), answers(429), RESET, APPLE_BAD_TOKEN])
def test_what_may_pass_is_tried_again_later(crew: Crew, push_service: PushService, answer):
    phone = push_service.subscribe(answer, answer)
    crew.coach("sam", phone)
    crew.practise("started")
    crew.jobs.deliver_now()
    assert deliveries(crew) == [("waiting", None, 1)]
    assert 3 < next_attempt_in(crew) < 7
    crew.jobs.deliver_now()
    assert len(push_service.received(phone)) == 1
    crew.clock.ahead += timedelta(seconds=7)
    crew.jobs.deliver_now()
    assert 6 < next_attempt_in(crew) < 13
    crew.clock.ahead += timedelta(seconds=13)
    crew.jobs.deliver_now()
    assert deliveries(crew) == [("sent", None, 3)]


def test_a_push_service_that_asks_to_wait_is_left_alone_for_as_long(crew: Crew, push_service: PushService):
    phone = push_service.subscribe(busy(120))
    crew.coach("sam", phone)
    crew.practise("started")
    crew.jobs.deliver_now()
    assert 118 < next_attempt_in(crew) <= 121
    crew.clock.ahead = timedelta(seconds=100)
    crew.jobs.deliver_now()
    assert len(push_service.received(phone)) == 1
    crew.clock.ahead = timedelta(seconds=121)
    crew.jobs.deliver_now()
    assert deliveries(crew) == [("sent", None, 2)]


@pytest.mark.parametrize("answer", [answers(413), answers(302, location="http://127.0.0.1:1/"), answers(400)])
def test_what_will_never_go_through_is_given_up_and_the_device_stays(crew: Crew, push_service: PushService, answer):
    phone = push_service.subscribe(answer)
    crew.coach("sam", phone)
    crew.practise("started")
    crew.jobs.deliver_now()
    assert deliveries(crew) == [("given_up", "refused", 1)]
    crew.practise("started")
    crew.jobs.deliver_now()
    assert len(push_service.delivered(phone)) == 1


def test_an_answer_without_an_end_delivers_and_holds_nobody_up(crew: Crew, push_service: PushService):
    phone, other = push_service.subscribe(ENDLESS), push_service.subscribe()
    crew.coach("sam", phone, other)
    crew.practise("started")
    crew.jobs.deliver_now()
    assert deliveries(crew) == [("sent", None, 1)] * 2


def test_news_that_nobody_could_take_is_given_up_when_it_is_old(crew: Crew, push_service: PushService):
    phone = push_service.subscribe(*[answers(503)] * 50)
    crew.coach("sam", phone)
    crew.practise("started")
    for _ in range(20):
        crew.jobs.deliver_now()
        crew.clock.ahead += timedelta(minutes=1)
    assert [row[:2] for row in deliveries(crew)] == [("given_up", "expired")]
    tries = len(push_service.received(phone))
    assert 3 <= tries < 15
    crew.clock.ahead += timedelta(hours=1)
    crew.jobs.deliver_now()
    assert len(push_service.received(phone)) == tries


def test_an_endpoint_that_was_changed_behind_our_back_is_never_called(crew: Crew, push_service: PushService):
    phone = push_service.subscribe()
    crew.coach("sam", phone)
    with crew.writing() as session:
        device = session.scalars(select(Device)).one()
        device.subscription = (device.subscription or {}) | {"endpoint": "https://169.254.169.254/latest/meta-data"}
    crew.practise("started")
    crew.jobs.deliver_now()
    assert deliveries(crew) == [("given_up", "refused", 1)]


def test_nothing_is_sent_after_a_relation_ended_not_even_what_was_on_its_way(crew: Crew, push_service: PushService):
    queued, retried = push_service.subscribe(), push_service.subscribe(answers(503))
    first, second = crew.coach("sam", queued), crew.coach("ada", retried)
    crew.practise("started")
    with crew.writing() as session:
        relations.end(session, crew.support(session, first), crew.clock())
    crew.jobs.deliver_now()
    assert push_service.received(queued) == []
    assert len(push_service.received(retried)) == 1
    with crew.writing() as session:
        relations.end(session, crew.support(session, second), crew.clock())
    crew.clock.ahead = timedelta(minutes=1)
    crew.jobs.deliver_now()
    assert len(push_service.received(retried)) == 1


def test_what_is_switched_off_meanwhile_does_not_arrive(crew: Crew, push_service: PushService):
    phone = push_service.subscribe(answers(503))
    support = crew.coach("sam", phone)
    crew.practise("started")
    crew.jobs.deliver_now()
    with crew.writing() as session:
        relations.want(crew.support(session, support), {"wanted": ["finished"]})
    crew.clock.ahead = timedelta(minutes=1)
    crew.jobs.deliver_now()
    assert [row[:2] for row in deliveries(crew)] == [("given_up", "unwanted")]


def test_what_waits_for_the_morning_sets_one_alarm_however_often_it_is_looked_at(crew: Crew, push_service: PushService):
    support = crew.coach("sam", push_service.subscribe())
    here = crew.clock().astimezone(ZoneInfo(NOON))
    with crew.writing() as session:
        coach = session.get_one(Account, crew.support(session, support).supporter_id)
        coach.quiet_from, coach.quiet_until = (here.hour * 60 - 60) % 1440, (here.hour * 60 + 120) % 1440
    crew.practise("started", "finished")
    for _ in range(5):
        crew.jobs.sweep_now()
        # Something else is due sooner, and rings.
        crew.jobs.wake(crew.clock() + timedelta(minutes=3))
        crew.clock.ahead += timedelta(minutes=3)
        crew.jobs.deliver_now()
    alarms = [task.eta for task in crew.jobs.queue.pending() if task.eta]
    assert len(set(alarms)) == len(alarms) == 6


def test_in_quiet_hours_a_finish_waits_for_the_morning_and_a_start_is_dropped(crew: Crew, push_service: PushService):
    phone = push_service.subscribe()
    crew.coach("sam", phone)
    with crew.writing() as session:
        coach = session.scalars(select(Account).where(Account.email == "sam@example.org")).one()
        here = crew.clock().astimezone(ZoneInfo(NOON))
        coach.quiet_from, coach.quiet_until = (here.hour * 60 - 60) % 1440, (here.hour * 60 + 120) % 1440
    exposure = crew.practise("started")
    crew.jobs.deliver_now()
    crew.practise("finished", exposure=exposure)
    crew.jobs.deliver_now()
    assert push_service.received() == []
    crew.clock.ahead = timedelta(hours=3)
    crew.jobs.deliver_now()
    (told,) = push_service.delivered(phone)
    assert told.json["notification"]["data"]["kind"] == "finished"
    with crew.sessions.reading() as session:
        assert session.scalars(select(Notification.given_up).where(Notification.kind == "started")).one() == "quiet"


def test_a_cheer_reaches_the_clients_own_devices_and_no_one_elses(crew: Crew, push_service: PushService):
    mine, theirs = push_service.subscribe(), push_service.subscribe()
    support = crew.coach("sam", theirs)
    crew.client_device(mine)
    exposure = crew.practise("started")
    crew.jobs.deliver_now()
    with crew.writing() as session:
        cheers.send(session, crew.support(session, support), {"text": "Still with you."}, crew.clock())
    crew.jobs.deliver_now()
    (cheer,) = push_service.delivered(mine)
    assert (cheer.json["notification"]["title"], cheer.json["notification"]["body"]) == (
        "\u2068Sam\u2069",
        "\u2068Still with you.\u2069",
    )
    assert cheer.json["notification"]["navigate"].endswith(f"/exposures/{exposure}")
    assert len(push_service.received(theirs)) == 1


def test_the_locked_phone_of_the_client_rings_at_each_check_in_and_at_the_end(crew: Crew, push_service: PushService):
    mine = push_service.subscribe()
    crew.client_device(mine)
    exposure = crew.practise("started", planned_minutes=10, check_in_minutes=4)
    with crew.writing() as session:
        note_hidden(session, crew.client, exposure, True, crew.clock())
    rung = []
    for _ in range(24):
        crew.clock.ahead += timedelta(seconds=30)
        crew.jobs.deliver_now()
        rung += [crew.clock.ahead.total_seconds() / 60] * (len(push_service.delivered(mine)) - len(rung))
    kinds = [one.json["notification"]["data"]["kind"] for one in push_service.delivered(mine)]
    assert kinds == ["check_in", "check_in", "end"]
    assert rung == [4.0, 8.0, 10.0]


def test_who_looks_at_the_timer_again_is_not_rung(crew: Crew, push_service: PushService):
    mine = push_service.subscribe()
    crew.client_device(mine)
    exposure = crew.practise("started", planned_minutes=10, check_in_minutes=4)
    with crew.writing() as session:
        note_hidden(session, crew.client, exposure, True, crew.clock())
        note_hidden(session, crew.client, exposure, False, crew.clock())
    crew.clock.ahead = timedelta(minutes=11)
    crew.jobs.deliver_now()
    assert push_service.received() == []


def test_a_test_goes_to_one_device_alone_and_in_its_language(crew: Crew, push_service: PushService):
    first, second = push_service.subscribe(), push_service.subscribe()
    crew.client_device(first)
    with crew.writing() as session:
        device = crew.device(session, crew.client, second, locale="en_US")
        assert tell_device(session, device, crew.clock())
        assert not tell_device(session, device, crew.clock())
    crew.jobs.deliver_now()
    assert push_service.received(first) == []
    (test,) = push_service.delivered(second)
    assert test.json["notification"]["lang"] == "en-US"


def test_a_worker_that_died_between_taking_and_marking_is_followed_by_another_within_a_minute(
    crew: Crew, push_service: PushService, monkeypatch: pytest.MonkeyPatch
):
    phone = push_service.subscribe()
    crew.coach("sam", phone)
    crew.practise("started")
    monkeypatch.setattr(crew.jobs, "_mark", lambda _outcomes: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        crew.jobs.deliver_now()
    second = crew.another_worker()
    second.deliver_now()
    assert len(push_service.received(phone)) == 1
    crew.clock.ahead = timedelta(seconds=59)
    second.deliver_now()
    second.close()
    assert deliveries(crew) == [("sent", None, 2)]
    first, again = push_service.delivered(phone)
    # At least once, and the device shows it once: the tag and the topic are the same.
    assert first.json["notification"]["tag"] == again.json["notification"]["tag"]
    assert first.headers["topic"] == again.headers["topic"]


def test_a_message_that_cannot_be_made_holds_nobody_up(crew: Crew, push_service: PushService):
    broken, fine = push_service.subscribe(), push_service.subscribe()
    crew.coach("sam", broken)
    crew.coach("ada", fine)
    with crew.writing() as session:
        device = session.scalars(select(Device).join(Account).where(Account.email == "sam@example.org")).one()
        device.subscription = (device.subscription or {}) | {"origin": "https://" + "x" * 2000}
    crew.practise("started")
    crew.jobs.deliver_now()
    assert sorted(deliveries(crew)) == [("given_up", "refused", 1), ("sent", None, 1)]
    assert len(push_service.delivered(fine)) == 1


def test_a_pause_that_begins_meanwhile_holds_back_what_waits(crew: Crew, push_service: PushService):
    phone = push_service.subscribe()
    crew.coach("sam", phone)
    crew.practise("started")
    with crew.writing() as session:
        today = local_day(crew.clock(), NOON)
        add_pause(session, crew.client, {"first_day": str(today), "last_day": str(today)}, today, crew.clock())
    crew.jobs.deliver_now()
    assert push_service.received() == []


def test_a_practice_that_goes_on_past_its_end_is_asked_about_until_it_counts_as_forgotten(
    crew: Crew, push_service: PushService
):
    mine = push_service.subscribe()
    crew.client_device(mine)
    exposure = crew.practise("started", planned_minutes=10, check_in_minutes=5, stopping_rule="tested")
    with crew.writing() as session:
        note_hidden(session, crew.client, exposure, True, crew.clock())
    for _ in range(60):
        crew.clock.ahead += timedelta(minutes=1)
        crew.jobs.deliver_now()
    kinds = [one.json["notification"]["data"]["kind"] for one in push_service.delivered(mine)]
    assert kinds == ["check_in", "end", *["check_in"] * 5]


def test_two_workers_at_once_send_each_notification_once(crew: Crew, push_service: PushService):
    phones = [push_service.subscribe() for _ in range(20)]
    for number in range(10):
        crew.coach(f"coach{number}", *phones[2 * number : 2 * number + 2])
    crew.practise("started")
    workers = [crew.another_worker() for _ in range(2)]
    threads = [threading.Thread(target=worker.deliver_now) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.close()
    assert sorted(len(push_service.received(phone)) for phone in phones) == [1] * 20
    assert deliveries(crew) == [("sent", None, 1)] * 20


def test_a_delivery_is_one_line_of_the_log_with_no_person_and_no_endpoint(
    crew: Crew, push_service: PushService, caplog: pytest.LogCaptureFixture
):
    phone = push_service.subscribe()
    support = crew.coach("sam", phone)
    with caplog.at_level(logging.DEBUG):
        exposure = crew.practise("started")
        crew.jobs.deliver_now()
    (line,) = [json.loads(entry.message) for entry in caplog.records if entry.name == "rung.delivery"]
    assert (line["kind"], line["result"], line["status"], line["attempt"]) == ("started", "sent", 201, 1)
    assert line["ms"] > 0
    assert not any(secret in caplog.text for secret in ("Robin", "sam@", str(support), str(exposure), "/send/"))


def test_endpoints_lie_encrypted_in_the_database(crew: Crew, push_service: PushService):
    phone = push_service.subscribe()
    crew.coach("sam", phone)
    with crew.sessions.reading() as session:
        raw = session.connection().exec_driver_sql("SELECT subscription, digest FROM device").one()
    token = phone.endpoint.rpartition("/")[2].encode()
    assert all(token not in bytes(part) for part in raw)


def test_a_coach_whose_device_is_added_later_is_told_from_then_on(crew: Crew, push_service: PushService):
    support = crew.coach("sam")
    crew.practise("started")
    crew.jobs.deliver_now()
    phone = push_service.subscribe()
    with crew.writing() as session:
        crew.device(session, crew.support(session, support).supporter_id, phone)
    crew.jobs.deliver_now()
    assert push_service.received(phone) == []
    crew.practise("started", "finished")
    crew.jobs.deliver_now()
    assert len(push_service.delivered(phone)) == 1


def test_old_rows_are_tidied_away(crew: Crew, push_service: PushService):
    crew.coach("sam", push_service.subscribe())
    crew.practise("started")
    crew.jobs.deliver_now()
    crew.clock.ahead = timedelta(days=29)
    crew.jobs.tidy_now()
    with crew.sessions.reading() as session:
        assert session.scalars(select(Notification)).all()
    crew.clock.ahead = timedelta(days=31)
    crew.jobs.tidy_now()
    with crew.sessions.reading() as session:
        assert session.scalars(select(Notification)).all() == []
        assert session.scalars(select(Delivery)).all() == []
