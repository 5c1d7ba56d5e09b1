"""What no browser sends: bodies and headers that cannot be read, on every route. Never an error of ours."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from erp.services import services_of
from erp.storage.db import Sessions
from tests.make.pages import a_ladder, batch, event
from tests.make.routes import found_by_check, requests_of
from tests.web.conftest import Phone

pytestmark = pytest.mark.alike

DEEP = 100_000
HUGE = "1" + "0" * 5000
# Read by the JSON routes as what they are: no batch, and no subscription.
NO_JSON = {
    "deep list": b"[" * DEEP,
    "deep and whole list": b"[" * DEEP + b"]" * DEEP,
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "as deep as can be parsed": b"[" * 900 + b"]" * 900,
    "events that are deep": b'{"events":' + b"[" * 900 + b"]" * 900 + b"}",
    "an account that is deep": b'{"events":[],"subscription":{},"account":' + b"[" * 900 + b"]" * 900 + b"}",
    "subscription that is deep": b'{"subscription":{"endpoint":' + b"[" * 900 + b"]" * 900 + b"}}",
    "nothing": b"",
    "null": b"null",
    "true": b"true",
    "number": b"12",
    "text": b'"events"',
    "list": b"[]",
    "NaN": b"NaN",
    "huge": HUGE.encode(),
    "object": b"{}",
    "half": b'{"events": [',
    "not UTF-8": b'{"events": ["\xff\xfe"]}',
    "UTF-16 half": b"\xff\xfe{\x00",
    "NUL": b"\x00" * 9,
    "wrong types": b'{"events": {}, "subscription": []}',
    "wrong types again": b'{"events": "x", "subscription": "x"}',
    "events huge": b'{"events": ' + HUGE.encode() + b', "subscription": ' + HUGE.encode() + b"}",
    "a key that is a lone surrogate": b'{"\\ud800": 1}',
}
TYPES = [
    "application/json",
    "application/json; charset=utf-7",
    'application/x+json; charset="',
    "application/json; charset=\xff",
]
# In place of any field of a batch, of an event or of a subscription.
ODD_VALUES = [
    None,
    True,
    False,
    0,
    -1,
    10**400,
    -(10**400),
    1.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\ud800",
    "\udfff\ud800",
    "\x00",
    "x" * 5000,
    "１２",
    "²",
    "9999-12-31T23:59:59+00:00",
    "0001-01-01T00:00:00+23:59",
    "2026-11-18T12:00:00+24:00",
    "-inf",
    [],
    {},
    [[]],
    {"a": {"b": []}},
    [None] * 50,
    "../../etc/passwd",
    "https://[",
    "https://fcm.googleapis.com/" + "\ud83d",
]
TOGETHER = {
    "Referer": [
        "http://[",
        "http://[::1",
        "//[x]/",
        "\x7f",
        "http://a:b:c/",
        "http://a:99999999/",
        "\xff\xfe",
        "x" * 8000,
    ],
    "HX-Current-URL": ["http://[", "http://[::1", "\xff", "javascript:1", "%%%", "http://a:b/"],
    "HX-Request": ["false", "\xff", "true, true"],
    "HX-Target": ["\xff", "div#" + "x" * 5000],
    "HX-Trigger": ["{", "\xff%ff; URI-AutoEncoded=true"],
    "Accept": [
        "",
        "*",
        ";;;",
        "a/b;q=x",
        "a/b;q=1e400",
        "application/json;q=nan",
        "," * 5000,
        "\xff/\xfe",
        "text/html;level=\x01",
    ],
    "Accept-Language": [
        "",
        "*",
        "-",
        "de-",
        "en_GB@x",
        "x-" + "y" * 500,
        "\xff",
        "de;q=nan",
        "zh-Hant-\x00",
        "i-klingon",
        "en-" * 900,
    ],
    "Accept-Encoding": ["br;q=x", "*;q=0", "\xff", "gzip;q=nan", "identity;q=0", "," * 3000],
    "Range": ["bytes=", "bytes=5-1", "bytes=-", "x=1-2", "bytes=99999999999999999999-", "\xff", "bytes=0-0," * 500],
    "If-None-Match": ["*", '"', 'W/"', "\xff", '"a",' * 2000, "W/W/"],
    "If-Modified-Since": ["yesterday", "\xff", "Mon, 99 Foo 99999 99:99:99 GMT", "Thu, 01 Jan 0000 00:00:00 GMT"],
    "If-Range": ["\xff", '"', "yesterday"],
    "Origin": ["http://[", "\xff", "null"],
    "X-Forwarded-For": ["", ",", "[", "999.1.1.1", "\xff", "a," * 900],
    "X-Forwarded-Proto": ["gopher", "\xff", ","],
    "X-Forwarded-Host": ["[", "\xff", "a b", ","],
    "Forwarded": ["for=[", "\xff"],
    "User-Agent": ["\xff", "", "\x01"],
    "Authorization": ["Basic \xff", "Digest", "Bearer", "Basic =", "x" * 4000],
    "Expect": ["100-continue", "x"],
    "Priority": ["\xff"],
    "Date": ["x"],
}
# One of these can end a request before the others are looked at.
ALONE = {
    "Cookie": [
        "rung=",
        "rung=.",
        "rung=a.b.c",
        "rung=\xff",
        "=;=;",
        "rung=" + "x" * 5000,
        ";" * 3000,
        "rung=eyJ9.x.y; rung=z",
        '__Host-rung="\\',
    ],
    "Content-Type": [
        "",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="\xff',
        "x",
        "application/x-www-form-urlencoded; charset=utf-7",
        "\xff/\xff",
    ],
    "Content-Encoding": ["gzip", "br", "\xff"],
    "Transfer-Encoding": ["chunked", "x"],
    "Host": [
        "",
        "[",
        "[::1",
        "a b",
        "\xff",
        "a:b",
        "localhost:99999999",
        "x" * 5000,
        "..",
        "@",
        "a/b",
        "xn--\xff",
        "-",
    ],
    "Content-Length": ["-1", "x", "\xff", "9" * 400, "1e3", "²"],
}
BARE = {"CONTENT_LENGTH": "CONTENT_LENGTH", "CONTENT_TYPE": "CONTENT_TYPE"}
LEAVING = ("/sign-out", "/account/sign-out-everywhere")


def ask(phone: Phone, method: str, path: str, headers: dict[str, str]) -> TestResponse:
    """A request whose headers are sent as they stand here, bytes that are no character among them."""
    raw = {name.upper().replace("-", "_"): value for name, value in headers.items()}
    return phone.open(
        path, method=method, environ_overrides={BARE.get(name, f"HTTP_{name}"): raw[name] for name in raw}
    )


@pytest.mark.parametrize("kind", TYPES)
def test_json_that_cannot_be_read_is_400_wherever_json_is_taken(client: Phone, kind: str):
    for path in ("/events", "/devices"):
        for name, body in NO_JSON.items():
            answer = client.post(path, data=body, content_type=kind)
            assert answer.status_code == 400, (path, name)
            assert "Nothing was changed" in answer.text


def test_json_that_cannot_be_read_is_no_error_of_ours_anywhere(
    app: Flask, client: Phone, nobody: Phone, ids: dict[str, object]
):
    for _rule, method, path in requests_of(app, ids):
        if method != "POST" or path in LEAVING:
            continue
        for name in ("deep list", "NaN", "huge", "not UTF-8", "UTF-16 half", "a key that is a lone surrogate"):
            for phone in (client, nobody):
                answer = phone.post(path, data=NO_JSON[name], content_type="application/json")
                assert answer.status_code < 500, (path, name)


def odd(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object with each field in turn missing, and holding each of the odd values."""
    for name in whole:
        yield {key: value for key, value in whole.items() if key != name}
        for value in ODD_VALUES:
            yield whole | {name: value}


def test_a_batch_with_any_field_of_the_wrong_kind_is_refused_or_taken_and_leaves_all_well(
    app: Flask, client: Phone, sessions: Sessions
):
    step = a_ladder(sessions, client).steps[0]
    at = client.now() - timedelta(minutes=20)
    exposure = uuid.uuid4()
    note = {"suds": 3, "outcome": "no", "learning": "x", "note": "y"}
    texts = {"prediction": "p", "likelihood": 5, "response": "r", "expected_suds": 4}
    whole = [
        event("started", exposure, at, step=step, check_in_minutes=5, stopping_rule="time", **texts),
        event("checked_in", exposure, at, suds=50),
        event("extended", exposure, at, minutes=5),
        event("noted", exposure, at, **note),
    ]
    batches = [batch(client, *whole)]
    batches += [batch(client, *(odd_one | {"id": str(uuid.uuid4())} for odd_one in odd(each))) for each in whole]
    batches += [batch(client, *odd(each)) for each in whole]
    batches += list(odd(batch(client) | {"skew": 0}))
    for each in batches:
        answer = client.post("/events", data=json.dumps(each), content_type="application/json")
        assert answer.status_code in (200, 400, 409), each
    assert found_by_check(app) == []
    assert client.get("/today").status_code == 200


def test_a_subscription_with_any_field_of_the_wrong_kind_is_refused_or_taken(client: Phone):
    whole = {"endpoint": "https://fcm.googleapis.com/x", "keys": {"p256dh": "x", "auth": "x"}, "expirationTime": None}
    sent = [{"subscription": each} for each in odd(whole)]
    sent += [{"subscription": whole | {"keys": each}} for each in odd(dict(whole["keys"]))]  # type: ignore[call-overload]
    sent += list(odd({"subscription": whole, "replaces": str(uuid.uuid4())}))
    for each in sent:
        answer = client.post("/devices", data=json.dumps(each), content_type="application/json")
        assert answer.status_code in (400, 404, 422), each


def rows(kind: str) -> Iterator[dict[str, str]]:
    """Headers to send at once: the odd values of one, or of all that do not end a request, until each was in a row."""
    odd_values = {kind: ALONE[kind]} if kind in ALONE else TOGETHER
    for number in range(max(map(len, odd_values.values()))):
        yield {name: values[number % len(values)] for name, values in odd_values.items()}


@pytest.mark.parametrize("kind", ["together", *ALONE])
def test_headers_that_cannot_be_read_are_no_error_of_ours_on_any_route(
    app: Flask, client: Phone, nobody: Phone, ids: dict[str, object], kind: str
):
    found = [(method, path) for _rule, method, path in requests_of(app, ids) if path not in LEAVING]
    style = f"/static/{services_of(app).version}/css/shell/app.css"
    found += [("GET", style), ("GET", "/nowhere"), ("GET", "/%ff%00"), ("POST", "/about")]
    for headers in rows(kind):
        for method, path in found:
            for phone in (client, nobody):
                with ask(phone, method, path, headers) as answer:
                    assert answer.status_code < 500, (method, path, headers, phone is client)


def test_every_route_says_which_methods_it_has(app: Flask, client: Phone, ids: dict[str, object]):
    methods: dict[str, set[str]] = {}
    for _rule, method, path in requests_of(app, ids):
        methods.setdefault(path, {"OPTIONS"}).update({"GET", "HEAD"} if method == "GET" else {method})
    for path, allowed in methods.items():
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"} - allowed:
            answer = client.open(path, method=method)
            assert answer.status_code == 405, (method, path)
            assert set(answer.headers["Allow"].split(", ")) == allowed, (method, path)
