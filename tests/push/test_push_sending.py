import json
import logging
import re
import time
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from erp.domain.notification.subscription import Subscription
from erp.push import Message, Outcome, Push, Result
from erp.settings import VapidKeys
from tests.make.addresses import REFUSED
from tests.make.keys import VAPID
from tests.make.patience import PATIENCE
from tests.make.ports import free_port
from tests.make.push_service import (
    APPLE_BAD_TOKEN,
    APPLE_OTHER_KEY,
    APPLE_UNKNOWN_DEVICE,
    CREATED,
    DRIP,
    ENDLESS,
    FCM_BAD_TOKEN,
    FCM_OTHER_KEY,
    FCM_OTHER_KEY_ONCE,
    HANG,
    MICROSOFT_BAD_TOKEN,
    MOZILLA_BAD_TOKEN,
    MOZILLA_OTHER_KEY,
    RESET,
    STALL,
    Answer,
    PushService,
    answers,
    busy,
)
from tests.push.conftest import CONTACT, MakePush

STARTED = {"web_push": 8030, "notification": {"title": "Sam is practising", "navigate": "https://rung.example.org/"}}
HELLO = Message(json.dumps(STARTED).encode(), ttl=600)


class Clock:
    """The real time, and a bit more."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def nowhere() -> str:
    """An origin where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def verdict(result: Result) -> tuple[str, str, int | None]:
    return result.outcome, result.reason, result.status


# What arrives


def test_a_message_arrives_readable_for_the_device_and_signed_with_our_key(push: Push, push_service: PushService):
    phone = push_service.subscribe(application_server_key=VAPID.application_server_key)
    message = Message(json.dumps(STARTED).encode(), ttl=90, urgency="high", topic="exposure-1_A")
    before = time.time()
    assert push.send(phone, message) == Result(Outcome.sent, "accepted", 201)
    (came,) = push_service.received()
    assert push_service.complaints == []
    assert came.json == STARTED
    assert came.headers | {"ttl": "90", "urgency": "high", "topic": "exposure-1_A"} == came.headers
    assert came.claims["aud"] == push_service.origin
    assert came.claims["sub"] == CONTACT
    assert came.headers["user-agent"] == "Rung"
    assert before + 11 * 3600 < came.claims["exp"] <= time.time() + 12 * 3600


def test_a_message_without_a_topic_replaces_no_other(push: Push, push_service: PushService):
    push.send(push_service.subscribe(), HELLO)
    (came,) = push_service.received()
    assert "topic" not in came.headers
    assert came.headers["urgency"] == "normal"


@pytest.mark.parametrize("length", [0, 1, 100, 512, 513, 1500, 2048])
def test_the_length_of_a_message_does_not_tell_which_it_is(push: Push, push_service: PushService, length: int):
    phone = push_service.subscribe()
    push.send(phone, HELLO)
    push.send(phone, Message(b"1" * length, ttl=60))
    known, other = push_service.received()
    assert len(known.body) == len(other.body)
    assert other.payload == b"1" * length + b" " * (2048 - length)


def test_the_largest_message_is_taken_whole(push: Push, push_service: PushService):
    text = json.dumps("x" * 2046)
    assert push.send(push_service.subscribe(), Message(text.encode(), ttl=60)).outcome is Outcome.sent
    assert push_service.received()[0].payload == text.encode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"payload": b"x" * 2049},
        {"ttl": -1},
        {"ttl": 28 * 24 * 60 * 60 + 1},
        {"urgency": "urgent"},
        {"topic": ""},
        {"topic": "x" * 33},
        {"topic": "two words"},
        {"topic": "a\r\nauthorization: none"},
    ],
)
def test_a_message_that_no_service_would_take_cannot_be_made(wrong: dict[str, object]):
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("ttl", "time to live")):
        Message(**{"payload": b"{}", "ttl": 60} | wrong)  # type: ignore[arg-type]


# What an answer means


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (answers(200), Outcome.sent, "accepted"),
        (answers(202), Outcome.sent, "accepted"),
        (answers(404), Outcome.gone, "status"),
        (answers(410, '{"reason":"Unregistered"}'), Outcome.gone, "status"),
        (APPLE_UNKNOWN_DEVICE, Outcome.gone, "status"),
        (FCM_OTHER_KEY, Outcome.gone, "key_mismatch"),
        (FCM_OTHER_KEY_ONCE, Outcome.gone, "key_mismatch"),
        (answers(403, "MismatchSenderId"), Outcome.gone, "key_mismatch"),
        (MOZILLA_OTHER_KEY, Outcome.gone, "key_mismatch"),
        (APPLE_OTHER_KEY, Outcome.gone, "key_mismatch"),
        (answers(403, APPLE_OTHER_KEY.body), Outcome.gone, "key_mismatch"),
        (APPLE_BAD_TOKEN, Outcome.later, "bad_token"),
        (answers(400, APPLE_BAD_TOKEN.body), Outcome.later, "bad_token"),
        (FCM_BAD_TOKEN, Outcome.later, "bad_token"),
        (MOZILLA_BAD_TOKEN, Outcome.later, "bad_token"),
        (MICROSOFT_BAD_TOKEN, Outcome.later, "bad_token"),
        (answers(400, "UnauthorizedRegistration"), Outcome.later, "bad_token"),
        (answers(401), Outcome.later, "bad_token"),
        (answers(403), Outcome.later, "bad_token"),
        (answers(406), Outcome.later, "status"),
        (answers(408), Outcome.later, "status"),
        (answers(429), Outcome.later, "status"),
        (answers(500), Outcome.later, "status"),
        (answers(503, FCM_OTHER_KEY.body), Outcome.later, "status"),
        (answers(413, '{"reason":"PayloadTooLarge"}'), Outcome.refused, "too_large"),
        (answers(400, '{"reason":"BadWebPushTopic"}'), Outcome.refused, "status"),
        (answers(418), Outcome.refused, "status"),
    ],
    ids=lambda value: f"{value.status} {value.body[:40]}".strip() if isinstance(value, Answer) else None,
)
def test_only_a_dead_subscription_is_dropped_and_only_what_can_pass_is_tried_again(
    push: Push, push_service: PushService, answer: Answer, outcome: Outcome, reason: str
):
    phone = push_service.subscribe(answer)
    assert verdict(push.send(phone, HELLO)) == (outcome, reason, answer.status)
    assert push_service.complaints == []


def test_a_device_that_went_or_has_another_key_or_never_was_is_gone(push: Push, push_service: PushService):
    left, theirs = push_service.subscribe(), push_service.subscribe(application_server_key="B" * 87)
    push_service.unsubscribe(left)
    never = Subscription(left.endpoint + "x", left.p256dh, left.auth)
    assert verdict(push.send(left, HELLO)) == (Outcome.gone, "status", 410)
    assert verdict(push.send(theirs, HELLO)) == (Outcome.gone, "key_mismatch", 403)
    assert verdict(push.send(never, HELLO)) == (Outcome.gone, "status", 404)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta(0)),
        ("999999999", timedelta(days=1)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 -0000", timedelta(days=1)),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
    ],
)
def test_the_wait_that_a_service_asks_for_is_passed_on_within_reason(
    push: Push, push_service: PushService, asked: str, wait: timedelta | None
):
    result = push.send(push_service.subscribe(busy(asked)), HELLO)
    assert result == Result(Outcome.later, "status", 429, wait)


def test_the_wait_may_be_given_as_a_date(push: Push, push_service: PushService):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    wait = push.send(push_service.subscribe(answers(503, retry_after=date)), HELLO).retry_after
    assert wait
    assert timedelta(seconds=80) < wait <= timedelta(seconds=90)


# When the network or the service misbehaves


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (HANG, (Outcome.later, "timeout", None)),
        (DRIP, (Outcome.later, "timeout", None)),
        (RESET, (Outcome.later, "reset", None)),
        (STALL, (Outcome.sent, "accepted", 201)),
        (Answer(410, act="stall"), (Outcome.gone, "status", 410)),
    ],
    ids=lambda value: f"{value.act}-{value.status}" if isinstance(value, Answer) else "",
)
def test_nothing_that_a_service_does_holds_a_message_beyond_its_time_or_raises(
    make_push: MakePush, push_service: PushService, act: Answer, expected: tuple[Outcome, str, int | None]
):
    # Long enough for a machine that has much to do, and no longer where nothing else comes anyway.
    push = make_push(push_service.origin, timeout=0.4 if expected[1] == "timeout" else 3)
    phone = push_service.subscribe(act)
    began = time.monotonic()
    assert verdict(push.send(phone, HELLO)) == expected
    assert time.monotonic() - began < PATIENCE / 4, "the service itself would have gone on for four times as long"
    # More than once, for a machine that has much to do.
    assert any(push.send(phone, HELLO).outcome is Outcome.sent for _ in range(5))


@pytest.mark.parametrize(("status", "outcome"), [(201, Outcome.sent), (410, Outcome.gone), (503, Outcome.later)])
def test_little_is_read_of_an_answer_that_never_ends(
    push: Push, push_service: PushService, status: int, outcome: Outcome
):
    phone = push_service.subscribe(Answer(status, act="endless"))
    began = time.monotonic()
    assert push.send(phone, HELLO).outcome is outcome
    assert time.monotonic() - began < PATIENCE / 4
    assert push_service.wait_until_left_alone()


def test_a_service_that_cannot_be_reached_is_tried_later(make_push: MakePush):
    origin = nowhere()
    push = make_push(origin)
    gone = Subscription(f"{origin}/send/x", VAPID.public, b"a" * 16)
    assert verdict(push.send(gone, HELLO)) == (Outcome.later, "unreachable", None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(push: Push, push_service: PushService, status: int):
    inside = push_service.subscribe()
    phone = push_service.subscribe(answers(status, location=inside.endpoint))
    assert verdict(push.send(phone, HELLO)) == (Outcome.refused, "redirect", status)
    assert push_service.received(inside) == []


def test_an_address_that_is_no_push_service_is_not_called(make_push: MakePush, push_service: PushService):
    push = make_push("https://push.example.org", timeout=0.01)
    phone = push_service.subscribe()
    for endpoint in [phone.endpoint, phone.endpoint.replace("127.0.0.1", "localhost"), *REFUSED]:
        result = push.send(Subscription(endpoint, phone.p256dh, phone.auth), HELLO)
        assert verdict(result) == (Outcome.refused, "blocked", None), endpoint
    assert push_service.connections == 0


def test_a_proxy_in_the_environment_sees_nothing(
    make_push: MakePush, push_service: PushService, monkeypatch: pytest.MonkeyPatch
):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nowhere())
    push = make_push(push_service.origin)
    assert push.send(push_service.subscribe(), HELLO).outcome is Outcome.sent


def test_a_cookie_of_a_service_does_not_come_back(push: Push, push_service: PushService):
    phone = push_service.subscribe(answers(201, set_cookie="who=me; Path=/"))
    push.send(phone, HELLO)
    push.send(phone, HELLO)
    assert "cookie" not in push_service.received()[1].headers


# Connections


def test_messages_one_after_the_other_share_a_connection(push: Push, push_service: PushService):
    for _ in range(5):
        push.send(push_service.subscribe(answers(500, "x" * 3000), CREATED), HELLO)
    assert {one.connection for one in push_service.received()} == {1}


def test_closing_closes_the_connections(push: Push, push_service: PushService):
    push.send(push_service.subscribe(), HELLO)
    assert push_service.open_connections == 1
    push.close()
    assert push_service.wait_until_left_alone()
    assert push.send(push_service.subscribe(), HELLO).outcome is Outcome.sent
    assert push_service.wait_until_left_alone()


def test_messages_from_many_threads_do_not_mix(push: Push, push_service: PushService):
    phones = [push_service.subscribe() for _ in range(8)]

    def send(number: int) -> Outcome:
        message = Message(
            json.dumps(number).encode(),
            ttl=number,
            urgency=("low", "normal", "high")[number % 3],
            topic=None if number % 2 else f"topic-{number}",
        )
        return push.send(phones[number % 8], message).outcome

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(send, range(240))) == {Outcome.sent}
    assert push_service.complaints == []
    came = push_service.received()
    assert sorted(one.json for one in came) == list(range(240))
    for one in came:
        assert one.path in phones[one.json % 8].endpoint
        assert one.headers["ttl"] == str(one.json)
        assert one.headers["urgency"] == ("low", "normal", "high")[one.json % 3]
        assert one.headers.get("topic") == (None if one.json % 2 else f"topic-{one.json}")
    assert push_service.connections <= 6


# Tokens


def test_a_token_serves_every_subscription_of_a_service_and_no_other_service(
    make_push: MakePush, push_service: PushService, other_service: PushService
):
    push = make_push(push_service.origin, other_service.origin)
    for _ in range(2):
        assert push.send(push_service.subscribe(), HELLO).outcome is Outcome.sent
        assert push.send(other_service.subscribe(), HELLO).outcome is Outcome.sent
    here, there = (
        {one.headers["authorization"] for one in where.received()} for where in (push_service, other_service)
    )
    assert (len(here), len(there)) == (1, 1)
    assert here != there


def test_a_token_is_made_anew_an_hour_before_its_end(make_push: MakePush, push_service: PushService):
    clock = Clock()
    push = make_push(push_service.origin, clock=clock)
    phone = push_service.subscribe()
    for ahead in (0, 10 * 3600 + 3500, 11 * 3600 + 1, 11 * 3600 + 2):
        clock.ahead = ahead
        assert push.send(phone, HELLO).outcome is Outcome.sent
    tokens = [one.headers["authorization"] for one in push_service.received()]
    assert tokens[0] == tokens[1] != tokens[2] == tokens[3]
    ends = [one.claims["exp"] for one in push_service.received()]
    assert 11 * 3600 <= ends[2] - ends[0] <= 11 * 3600 + 5


def test_old_tokens_of_other_services_are_forgotten(
    make_push: MakePush, push_service: PushService, other_service: PushService
):
    clock = Clock()
    push = make_push(push_service.origin, other_service.origin, clock=clock)
    push.send(push_service.subscribe(), HELLO)
    clock.ahead = 11 * 3600 + 1
    push.send(other_service.subscribe(), HELLO)
    assert list(push._tokens._made) == [other_service.origin]


def test_a_token_that_was_refused_is_not_used_again(push: Push, push_service: PushService):
    phone = push_service.subscribe(MOZILLA_BAD_TOKEN)
    push.send(phone, HELLO)
    push.send(phone, HELLO)
    first, second = (one.headers["authorization"] for one in push_service.received())
    assert first != second


def test_keys_that_are_no_pair_are_refused_by_the_service_and_drop_nothing(
    make_push: MakePush, push_service: PushService
):
    phone = push_service.subscribe()
    push = make_push(push_service.origin, keys=VapidKeys(VAPID.private, phone.p256dh))
    assert verdict(push.send(phone, HELLO)) == (Outcome.later, "bad_token", 403)
    assert push_service.received() == []


# What is logged


def test_a_refused_token_is_said_loudly_once_an_hour(
    make_push: MakePush, push_service: PushService, caplog: pytest.LogCaptureFixture
):
    clock = Clock()
    push = make_push(push_service.origin, clock=clock)
    for ahead, loud in ((0, 1), (1, 1), (3590, 1), (3610, 2)):
        clock.ahead = ahead
        assert push.send(push_service.subscribe(APPLE_BAD_TOKEN), HELLO).outcome is Outcome.later
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == loud
    assert "RUNG_CONTACT" in errors[0].getMessage()
    assert "BadJwtToken" in errors[0].getMessage()


def test_what_a_service_complains_about_is_logged_on_one_short_line(
    push: Push, push_service: PushService, caplog: pytest.LogCaptureFixture
):
    said = "TTL is\nnot\x1b[31m what " + "we like " * 300
    push.send(push_service.subscribe(answers(400, said)), HELLO)
    (record,) = (one for one in caplog.records if one.name == "rung.push")
    assert record.levelno == logging.WARNING
    assert "400" in record.getMessage()
    assert "TTL is not [31m what we like" in record.getMessage()
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 600


def test_microsofts_words_come_from_the_header(push: Push, push_service: PushService, caplog: pytest.LogCaptureFixture):
    push.send(push_service.subscribe(MICROSOFT_BAD_TOKEN), HELLO)
    assert "unable to validate token signature" in caplog.text


def test_neither_an_endpoint_nor_a_key_nor_a_token_gets_into_a_log(
    make_push: MakePush, push_service: PushService, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    dead = nowhere()
    patient, hasty = make_push(push_service.origin), make_push(push_service.origin, timeout=0.4)
    strict, lonely = make_push("https://push.example.org"), make_push(dead)
    secrets: set[str] = set()
    for answer in (CREATED, RESET, HANG, ENDLESS, APPLE_BAD_TOKEN, FCM_OTHER_KEY, busy(1)):
        phone = push_service.subscribe(answer)
        (hasty if answer is HANG else patient).send(phone, HELLO)
        strict.send(phone, HELLO)
        lonely.send(Subscription(phone.endpoint.replace(push_service.origin, dead), phone.p256dh, phone.auth), HELLO)
        (came,) = push_service.wait_for_any(phone)
        path, authorization = came.path, came.headers["authorization"]
        push_service.script(phone, answers(400, f"no {path} at {phone.endpoint} with {authorization}"))
        patient.send(phone, HELLO)
        secrets |= set(re.findall(r"[\w-]{12,}", path + authorization))
        secrets |= {urlsafe_b64encode(key).decode().rstrip("=") for key in (phone.p256dh, phone.auth)}
    assert len(secrets) > 7 * 4
    assert [secret for secret in secrets if secret in caplog.text] == []
    assert {record.name for record in caplog.records} == {"rung.push"}
    assert len(caplog.records) > 7 * 3


def test_nothing_that_is_printed_tells_an_endpoint(push: Push, push_service: PushService):
    phone = push_service.subscribe()
    shown = repr((phone, push, push.send(phone, HELLO)))
    assert phone.endpoint.removeprefix(push_service.origin) not in shown
    assert "/send/" not in shown
