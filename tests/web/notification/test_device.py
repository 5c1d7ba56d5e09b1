import base64
import json
import os
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain import limits
from erp.services import services_of
from erp.storage.account import Account
from erp.storage.db import Sessions
from erp.storage.notification import Device, Notification
from erp.web.edge.browsers import name_of
from tests.make.clock import NOW, ZONE, Clock
from tests.make.pages import HTMX, error_beside, is_page
from tests.web.conftest import PASSWORD, Phone

ANDROID = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    """A person who lives in ZONE."""
    return person("robin", ZONE)


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def a_subscription(endpoint: str = "https://fcm.googleapis.com/wp/one") -> dict[str, Any]:
    """What a browser's `PushSubscription.toJSON()` gives."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    p256dh = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {
        "endpoint": endpoint,
        "expirationTime": None,
        "keys": {"p256dh": text(p256dh), "auth": text(os.urandom(16))},
    }


def registered(phone: Phone, endpoint: str = "https://fcm.googleapis.com/wp/one", **more: Any) -> str:
    """The id of a device that this phone registered."""
    body = {"subscription": a_subscription(endpoint)} | more
    answer = phone.post("/devices", json=body, headers={"User-Agent": ANDROID})
    assert answer.status_code == 200, answer.text
    assert answer.json
    return str(answer.json["id"])


def rows(database: Session) -> list[Device]:
    database.rollback()
    database.expire_all()
    return list(database.scalars(select(Device).order_by(Device.created_at)))


def change(sessions: Sessions, device_id: str, **values: Any) -> None:
    with sessions.writing() as session:
        device = session.get_one(Device, uuid.UUID(device_id))
        for name, value in values.items():
            setattr(device, name, value)
        session.commit()


def test_the_page_explains_and_asks_for_nothing_by_itself(client: Phone):
    html = client.get("/notifications").text
    assert "Turn on notifications here" in html
    assert "Home Screen" in html
    assert html.count('<button type="button" class="button primary" data-turn-on>') == 2
    assert re.search(r'name="quiet_from" type="time" value="21:00"', html)
    assert re.search(r'name="quiet_until" type="time" value="08:00"', html)
    assert not re.search(r'name="discreet" value="1" checked', html)
    assert "Your devices" not in html


def test_every_page_of_somebody_says_which_key_the_server_has(app: Flask, client: Phone, nobody: Phone):
    key = services_of(app).settings.vapid.application_server_key
    assert f'data-push="{key}"' in client.get("/today").text
    assert "data-push" not in nobody.get("/").text


def test_a_browser_that_allows_notifications_is_a_device_with_a_name(client: Phone, database: Session):
    subscription = a_subscription()
    headers = {"User-Agent": ANDROID, "Accept-Language": "en-US"}
    answer = client.post("/devices", json={"subscription": subscription}, headers=headers)
    assert answer.status_code == 200
    (device,) = rows(database)
    assert answer.json == {"id": str(device.id), "name": "Firefox on Android", "stopped": False}
    assert (str(device.account_id), device.name, device.locale) == (client.account_id, "Firefox on Android", "en_US")
    assert device.subscription == {
        "endpoint": subscription["endpoint"],
        **subscription["keys"],
        "origin": "http://localhost",
    }
    html = client.get("/notifications").text
    assert "Firefox on Android" in html
    assert "Nothing was sent to it yet." in html
    assert subscription["endpoint"] not in html


def test_telling_it_again_changes_nothing_and_a_new_subscription_takes_the_old_ones_place(
    client: Phone, database: Session
):
    first = registered(client)
    assert registered(client) == first
    assert registered(client, replaces=first) == first
    assert registered(client, "https://fcm.googleapis.com/wp/two", replaces=first) == first
    (device,) = rows(database)
    assert device.subscription
    assert device.subscription["endpoint"] == "https://fcm.googleapis.com/wp/two"


def test_the_same_browser_under_another_account_moves(client: Phone, other: Phone, database: Session):
    registered(client)
    registered(other)
    (device,) = rows(database)
    assert str(device.account_id) == other.account_id
    assert "Your devices" not in client.get("/notifications").text


def test_a_device_that_its_person_removed_does_not_come_back_by_itself(client: Phone, other: Phone, database: Session):
    first = registered(client)
    client.post(f"/devices/{first}/remove")
    answer = client.post("/devices", json={"subscription": a_subscription(), "replaces": first})
    assert answer.status_code == 404
    theirs = registered(other, "https://fcm.googleapis.com/wp/two")
    answer = client.post("/devices", json={"subscription": a_subscription(), "replaces": theirs})
    assert answer.status_code == 404
    assert [str(row.id) for row in rows(database)] == [theirs]


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        ({"endpoint": "https://127.0.0.1/internal"}, "endpoint"),
        ({"endpoint": "http://fcm.googleapis.com/wp/one"}, "endpoint"),
        ({"endpoint": None}, "endpoint"),
        ({"keys": {"p256dh": "AAAA", "auth": text(bytes(16))}}, "p256dh"),
        ({"keys": None}, "auth"),
    ],
)
def test_a_subscription_that_cannot_be_used_is_refused_with_a_sentence(
    client: Phone, database: Session, spoil: dict[str, Any], field: str
):
    answer = client.post("/devices", json={"subscription": a_subscription() | spoil})
    assert answer.status_code == 422
    assert answer.json
    assert answer.json["errors"][field].endswith(".")
    assert rows(database) == []


@pytest.mark.parametrize(
    "body", [None, [], {}, {"subscription": "x"}, {"subscription": {}, "replaces": "soon"}], ids=json.dumps
)
def test_what_is_no_subscription_is_a_bad_request(client: Phone, body: object):
    assert client.post("/devices", json=body).status_code == 400
    assert client.post("/devices", data={"subscription": "x"}).status_code == 400


def test_a_person_with_too_many_devices_is_told_so(client: Phone):
    for number in range(limits.MAX_DEVICES):
        registered(client, f"https://fcm.googleapis.com/wp/{number}")
    answer = client.post("/devices", json={"subscription": a_subscription("https://fcm.googleapis.com/wp/more")})
    assert answer.status_code == 409
    assert answer.json
    assert "Remove one" in answer.json["errors"][""]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (ANDROID, "Firefox on Android"),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10) SamsungBrowser/28.0 Chrome/130.0 Safari/537.36",
            "Samsung Internet on Android",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_4) AppleWebKit/605.1.15 Version/18.4 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.4 Safari/605.1.15", "Safari on Mac"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("curl/8", "A browser"),
        ("", "A browser"),
    ],
)
def test_a_device_is_named_by_what_its_browser_says(app: Flask, agent: str, name: str):
    with app.test_request_context():
        assert name_of(agent) == name


def test_when_a_device_last_worked_and_that_it_stopped_can_be_read(client: Phone, sessions: Sessions):
    first = registered(client)
    change(sessions, first, worked_at=NOW - timedelta(seconds=5))
    assert "Last worked today at" in client.get("/notifications").text
    change(sessions, first, worked_at=datetime(2026, 1, 5, 12, tzinfo=UTC))
    assert "Last worked on 5 Jan 2026" in client.get("/notifications").text
    assert "Notifications stopped on one of your devices." not in client.get("/today").text
    change(sessions, first, stopped_at=NOW, digest=None, subscription=None)
    html = client.get("/notifications").text
    assert "It has stopped." in html
    assert f'action="/devices/{first}/test"' not in html
    assert 'href="/notifications"' in client.get("/today").text
    assert "Notifications stopped on one of your devices." in client.get("/today").text


def test_a_device_that_stopped_and_subscribes_again_is_well(client: Phone, sessions: Sessions):
    first = registered(client)
    change(sessions, first, stopped_at=NOW, digest=None, subscription=None)
    body = {"subscription": a_subscription("https://fcm.googleapis.com/wp/new"), "replaces": first}
    answer = client.post("/devices", json=body)
    assert answer.json
    assert (answer.json["id"], answer.json["stopped"]) == (first, True)
    assert "Notifications stopped" not in client.get("/today").text


def test_a_test_is_added_before_the_worker_is_woken_and_the_fragment_asks_for_itself(
    client: Phone, sessions: Sessions, database: Session, woken: list[datetime | None], clock: Clock
):
    first = registered(client)
    answer = client.post(f"/devices/{first}/test", headers=HTMX)
    assert answer.status_code == 200
    assert not is_page(answer)
    assert woken == [None]
    (told,) = database.scalars(select(Notification))
    assert (told.kind, str(told.device_id), str(told.account_id)) == ("test", first, client.account_id)
    found = re.search(rf'hx-get="(/devices/{first}\?tested=(\d+))" hx-trigger="load delay:1s"', answer.text)
    assert found
    waiting = client.get(found[1], headers=HTMX)
    assert "On its way" in waiting.text
    change(sessions, first, worked_at=clock())
    done = client.get(found[1], headers=HTMX)
    assert "Sent just now." in done.text
    assert "hx-trigger" not in done.text
    change(sessions, first, worked_at=None)
    clock.go_on(timedelta(seconds=25))
    late = client.get(found[1], headers=HTMX)
    assert "Nothing came yet." in late.text
    assert "hx-trigger" not in late.text
    for nonsense in ("soon", "-1", "9" * 30):
        assert client.get(f"/devices/{first}?tested={nonsense}", headers=HTMX).status_code == 200


def test_without_htmx_a_device_leads_back_to_its_page(client: Phone, woken: list[datetime | None]):
    first = registered(client)
    for answer in (
        client.get(f"/devices/{first}"),
        client.post(f"/devices/{first}/test"),
        client.post(f"/devices/{first}/name", data={"name": "My phone"}),
        client.post(f"/devices/{first}/remove"),
    ):
        assert (answer.status_code, answer.location) == (303, "/notifications")


def test_a_device_takes_another_name(client: Phone, database: Session):
    first = registered(client)
    answer = client.post(f"/devices/{first}/name", data={"name": " The <old> phone "}, headers=HTMX)
    assert answer.status_code == 200
    assert "The &lt;old&gt; phone" in answer.text
    assert rows(database)[0].name == "The <old> phone"
    for headers in (HTMX, {}):
        refused = client.post(f"/devices/{first}/name", data={"name": "x" * 81}, headers=headers)
        assert refused.status_code == 422
        assert is_page(refused) == (not headers)
        assert error_beside(refused, f"name-{first}")
        assert "<details open>" in refused.text
    assert rows(database)[0].name == "The <old> phone"


def test_a_removed_device_is_gone_and_the_list_comes_back(client: Phone, database: Session):
    first = registered(client)
    second = registered(client, "https://fcm.googleapis.com/wp/two")
    answer = client.post(f"/devices/{first}/remove", headers=HTMX)
    assert answer.status_code == 200
    assert first not in answer.text
    assert second in answer.text
    assert [str(row.id) for row in rows(database)] == [second]
    assert client.post(f"/devices/{first}/remove").status_code == 404


@pytest.mark.parametrize("way", ["GET", "POST test", "POST name", "POST remove"])
def test_a_device_is_there_for_its_person_only(
    client: Phone, other: Phone, nobody: Phone, database: Session, woken: list[datetime | None], way: str
):
    mine = registered(client)
    method, _space, verb = way.partition(" ")
    path = f"/devices/{mine}/{verb}".rstrip("/")
    for headers in (HTMX, {}):
        answer = other.open(path, method=method, data={"name": "taken"}, headers=headers)
        assert answer.status_code == 404
        assert "Firefox" not in answer.text
    assert nobody.open(path, method=method).status_code == 303
    assert [row.name for row in rows(database)] == ["Firefox on Android"]
    assert woken == []


def test_nobody_has_notifications_without_signing_in(nobody: Phone):
    assert nobody.get("/notifications").status_code == 303
    assert nobody.post("/notifications", data={"quiet_from": "20:00", "quiet_until": "07:00"}).status_code == 303
    answer = nobody.post("/devices", json={"subscription": a_subscription()})
    assert (answer.status_code, answer.data) == (401, b"{}")


def test_quiet_hours_and_discretion_are_kept(client: Phone, database: Session):
    form = {"quiet_from": "22:30", "quiet_until": "07:15", "discreet": "1"}
    answer = client.post("/notifications", data=form)
    assert (answer.status_code, answer.location) == (303, "/notifications?saved=1")
    account = database.scalars(select(Account)).one()
    assert (account.quiet_from, account.quiet_until, account.discreet) == (22 * 60 + 30, 7 * 60 + 15, True)
    html = client.get("/notifications?saved=1").text
    assert 'value="22:30"' in html
    assert re.search(r'name="discreet" value="1" checked', html)
    assert "Saved." in html
    answer = client.post("/notifications", data={"quiet_from": "00:00", "quiet_until": "00:00"}, headers=HTMX)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "Saved." in answer.text
    database.rollback()
    database.refresh(account)
    assert (account.quiet_from, account.quiet_until, account.discreet) == (0, 0, False)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_quiet_hours_that_are_no_times_are_refused_beside_their_field(
    client: Phone, database: Session, headers: dict[str, str]
):
    form = {"quiet_from": "late", "quiet_until": "07:00", "discreet": "1"}
    answer = client.post("/notifications", data=form, headers=headers)
    assert answer.status_code == 422
    assert is_page(answer) == (not headers)
    assert error_beside(answer, "quiet_from") == "Please give a time, like 21:00."
    assert 'value="07:00"' in answer.text
    account = database.scalars(select(Account)).one()
    assert (account.quiet_from, account.discreet) == (21 * 60, False)


def test_the_account_page_leads_to_notifications(client: Phone):
    assert 'href="/notifications"' in client.get("/account").text


def test_a_sign_out_ends_the_notifications_here_and_only_here(
    client: Phone, phone: Callable[[], Phone], database: Session
):
    laptop = phone()
    laptop.sign_in_as(client.account_id, client.email)
    there = registered(laptop, "https://fcm.googleapis.com/wp/two")
    registered(client)
    assert client.post("/sign-out").status_code == 303
    assert [str(device.id) for device in database.scalars(select(Device))] == [there]
    assert client.post("/sign-out").status_code == 303


def test_who_signs_in_once_more_on_the_same_phone_stays_known_by_its_device(client: Phone, database: Session):
    here = registered(client)
    client.post("/sign-in", data={"email": client.email, "password": PASSWORD})
    data = {"current": PASSWORD, "password": "eleven quiet herons"}
    assert client.post("/account/password", data=data).status_code == 303
    assert [str(device.id) for device in database.scalars(select(Device))] == [here]


def test_a_new_password_notifies_only_the_device_on_which_it_was_set(
    client: Phone, phone: Callable[[], Phone], database: Session
):
    here = registered(client)
    elsewhere = phone()
    elsewhere.sign_in_as(client.account_id, client.email)
    registered(elsewhere, "https://fcm.googleapis.com/wp/two")
    assert len(rows(database)) == 2
    data = {"current": PASSWORD, "password": "eleven quiet herons"}
    assert client.post("/account/password", data=data).status_code == 303
    assert [str(device.id) for device in rows(database)] == [here]
    # And it is still the one here with the next password.
    data = {"current": "eleven quiet herons", "password": "nine loud magpies"}
    assert client.post("/account/password", data=data).status_code == 303
    assert [str(device.id) for device in rows(database)] == [here]


def test_signing_out_everywhere_notifies_no_device_any_more(client: Phone, database: Session):
    registered(client)
    assert client.post("/account/sign-out-everywhere").status_code == 303
    assert rows(database) == []
