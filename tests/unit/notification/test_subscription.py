import base64
import hashlib
import string
from fnmatch import fnmatch
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from erp.domain.errors import Invalid
from erp.domain.notification.subscription import KNOWN_HOSTS, Subscription, allowed, digest, origin_of, parse
from tests.make.addresses import REFUSED

FCM = "https://fcm.googleapis.com/fcm/send/dQw4w9WgXcQ:APA91bF-x_y"
POINT = (
    ec.derive_private_key(7, ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)
AUTH = bytes(range(16))


def text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


P256DH, SECRET = text(POINT), text(AUTH)


def raw(endpoint: Any = FCM, p256dh: Any = P256DH, auth: Any = SECRET) -> dict[str, Any]:
    """What a browser's PushSubscription.toJSON() gives."""
    return {"endpoint": endpoint, "expirationTime": None, "keys": {"p256dh": p256dh, "auth": auth}}


def wrong(given: dict[str, Any], *extra: str) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        parse(given, extra)
    return {name: problem.code for name, problem in refused.value.problems.items()}


@pytest.mark.parametrize("padding", ["", "="])
def test_what_a_browser_gives_is_taken(padding: str):
    given = raw(p256dh=text(POINT) + padding, auth=text(AUTH) + padding * 2)
    assert parse(given, ()) == Subscription(FCM, POINT, AUTH)


@pytest.mark.parametrize(
    "endpoint",
    [
        FCM,
        "https://fcm.googleapis.com:443/wp/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABn-_x",
        "https://web.push.apple.com/QGuQyavXutnMH-8Q",
        "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAC%2fx%3d%3d",
        "https://fcm.googleapis.com/" + "x" * 1973,
    ],
)
def test_the_push_services_of_the_browsers_are_allowed(endpoint: str):
    assert allowed(endpoint, ())


@pytest.mark.parametrize("endpoint", REFUSED, ids=ascii)
def test_every_other_address_is_refused(endpoint: str):
    assert not allowed(endpoint, ())
    assert wrong(raw(endpoint)) == {"endpoint": "not_a_push_service"}


@pytest.mark.parametrize(
    ("endpoint", "entry", "fits"),
    [
        ("https://push.example.org/up", "push.example.org", True),
        ("https://push.example.org:443/up", "push.example.org", True),
        ("http://push.example.org/up", "push.example.org", False),
        ("https://push.example.org:8443/up", "push.example.org", False),
        ("https://a.push.example.org/up", "push.example.org", False),
        ("https://push.example.org:8443/up", "https://push.example.org:8443", True),
        ("https://push.example.org/up", "https://push.example.org:443", True),
        ("https://push.example.org/up", "https://push.example.org:8443", False),
        ("http://127.0.0.1:8123/send/x", "http://127.0.0.1:8123", True),
        ("http://127.0.0.1:8124/send/x", "http://127.0.0.1:8123", False),
        ("http://127.0.0.1/send/x", "http://127.0.0.1:8123", False),
        ("http://127.0.0.1:80/send/x", "http://127.0.0.1", True),
        ("https://127.0.0.1:8123/send/x", "http://127.0.0.1:8123", False),
        ("http://user@127.0.0.1:8123/send/x", "http://127.0.0.1:8123", False),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123", False),
        ("http://127.0.0.1:8123\\/send/x", "http://127.0.0.1:8123", False),
    ],
)
def test_a_host_or_an_origin_can_be_allowed_beyond_them_and_nothing_beside_it(endpoint: str, entry: str, fits: bool):
    assert allowed(endpoint, ("other.example.org", entry)) is fits


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({}, {"endpoint": "not_a_push_service", "p256dh": "not_a_key", "auth": "not_a_key"}),
        ({"endpoint": FCM}, {"p256dh": "not_a_key", "auth": "not_a_key"}),
        ({"endpoint": FCM, "keys": [text(POINT)]}, {"p256dh": "not_a_key", "auth": "not_a_key"}),
        ({"endpoint": FCM, "keys": None}, {"p256dh": "not_a_key", "auth": "not_a_key"}),
        (raw(None), {"endpoint": "not_a_push_service"}),
        (raw(FCM.encode()), {"endpoint": "not_a_push_service"}),
        (raw([FCM]), {"endpoint": "not_a_push_service"}),
        (raw(p256dh=None), {"p256dh": "not_a_key"}),
        (raw(p256dh=5), {"p256dh": "not_a_key"}),
        (raw(p256dh=text(POINT[:-1])), {"p256dh": "not_a_key"}),
        (raw(p256dh=text(POINT + b"\0")), {"p256dh": "not_a_key"}),
        (raw(p256dh=text(POINT[:-1] + bytes([POINT[-1] ^ 1]))), {"p256dh": "not_a_key"}),
        (raw(p256dh=text(b"\4" + bytes(64))), {"p256dh": "not_a_key"}),
        (raw(p256dh=text(b"\4" + b"\xff" * 64)), {"p256dh": "not_a_key"}),
        (raw(p256dh=text(b"\2" + POINT[1:33])), {"p256dh": "not_a_key"}),
        (raw(p256dh=text(b"\6" + POINT[1:])), {"p256dh": "not_a_key"}),
        (raw(p256dh=text(POINT)[:-2] + "\ud800"), {"p256dh": "not_a_key"}),
        (raw(auth=text(AUTH[:-1])), {"auth": "not_a_key"}),
        (raw(auth=text(AUTH + b"\0")), {"auth": "not_a_key"}),
        (raw(auth=text(AUTH) + "==="), {"auth": "not_a_key"}),
        (raw(auth=text(AUTH)[:-1]), {"auth": "not_a_key"}),
        (raw(auth=text(AUTH) + "\n"), {"auth": "not_a_key"}),
        (raw(auth="!" * 22), {"auth": "not_a_key"}),
        (raw(auth="é" * 22), {"auth": "not_a_key"}),
        (raw(auth="A" * 10**6), {"auth": "not_a_key"}),
    ],
    ids=range(25),
)
def test_what_is_no_subscription_is_refused_field_by_field(given: dict[str, Any], problems: dict[str, str]):
    assert wrong(given) == problems


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(string.ascii_letters + "-_="),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["p256dh", "auth", "x"]), inner),
)
junk = st.dictionaries(st.sampled_from(["endpoint", "keys", "expirationTime"]), anything)
keys = st.binary(min_size=64, max_size=64).map(lambda key: text(b"\4" + key)) | st.binary(max_size=70).map(text)


@given(junk | st.builds(raw, anything, keys | anything, keys | anything))
def test_whatever_comes_is_either_sound_or_refused(given: dict[str, Any]):
    try:
        found = parse(given, ())
    except Invalid as refused:
        problems = set(refused.problems)
    else:
        problems = set()
        assert (len(found.p256dh), len(found.auth)) == (65, 16)
    assert problems <= {"endpoint", "p256dh", "auth"}


odd = st.text("ab.:/@\\#?%[]-_~ \n0189", max_size=12)
hosts = st.sampled_from([*(host.replace("*", "x") for host in KNOWN_HOSTS), "evil.example", "127.0.0.1"])


@given(st.builds("{}{}{}{}{}".format, st.sampled_from(["https://", "http://", "https:"]), odd, hosts, odd, hosts | odd))
def test_an_address_that_is_allowed_leads_the_http_client_to_a_push_service(endpoint: str):
    if allowed(endpoint, ()):
        url = httpx.URL(endpoint)
        assert (url.scheme, url.port, url.userinfo) == ("https", None, b"")
        assert any(fnmatch(url.host, known) for known in KNOWN_HOSTS)
        assert origin_of(endpoint) == f"https://{url.host}"


def test_nothing_of_a_subscription_shows_in_what_is_printed():
    shown = repr(parse(raw(), ()))
    assert "googleapis" not in shown
    assert repr(POINT)[4:20] not in shown
    assert repr(AUTH)[4:20] not in shown


def test_an_endpoint_is_found_again_by_its_digest():
    assert digest(FCM) == hashlib.sha256(FCM.encode()).digest()
    assert len(digest("\ud800")) == 32
