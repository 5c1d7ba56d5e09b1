import calendar
import gc
import json
import logging
import re
import time
import tracemalloc
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp import create_app
from erp.services import services_of
from erp.settings import Settings
from erp.storage.account import Account
from erp.storage.db import Sessions
from erp.storage.ladder import Fear
from erp.web.edge.guard import HEADERS
from erp.web.edge.request import client_network
from tests.make.pages import HTMX, a_ladder, an_exposure
from tests.web.conftest import PASSWORD, Phone

pytestmark = pytest.mark.alike

ORIGIN = "https://rung.example.org"
WRONG = "not the right password"


@pytest.fixture
def bare(app: Flask, client: Phone) -> Callable[..., int]:
    """Changes something as the client with exactly the given headers; the status."""
    phone = app.test_client()
    assert isinstance(phone, Phone)
    phone.sign_in_as(client.account_id, client.email)

    def change(**headers: str) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return phone.post("/ladder/new", data={"name": "dogs"}, headers=given).status_code

    return change


@pytest.fixture
def public(settings: Settings, built_static: Path) -> Iterator[Flask]:
    """The application behind one proxy, with a public https address."""
    link = settings.data / "static"
    if not link.exists():
        link.symlink_to(built_static)
    app = create_app(replace(settings, origin=ORIGIN, proxies=1, attempts=3))
    app.test_client_class = Phone
    yield app
    services_of(app).sessions.engine.dispose()


@pytest.fixture
def visitor(public: Flask) -> Phone:
    """Somebody's phone on the public address, by https."""
    return a_visitor(public)


def a_visitor(public: Flask) -> Phone:
    phone = public.test_client()
    assert isinstance(phone, Phone)
    phone.environ_base |= {
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_FOR": "203.0.113.5",
        "HTTP_X_FORWARDED_HOST": "rung.example.org",
    }
    return phone


def sign_up(phone: Phone, email: str = "noor@example.org") -> None:
    data = {"email": email, "password": PASSWORD, "display_name": "Noor", "time_zone": "Europe/Lisbon"}
    assert phone.post("/sign-up", data=data).status_code == 303


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "Same-Origin"])
def test_a_change_from_anywhere_but_our_own_pages_is_refused(bare: Callable[..., int], database: Session, site: str):
    assert bare(Sec_Fetch_Site=site) == 403
    assert bare(Sec_Fetch_Site=site, Origin="http://localhost") == 403
    assert database.scalars(select(Fear)).all() == []


def test_a_change_from_our_own_pages_is_taken(bare: Callable[..., int]):
    assert bare(Sec_Fetch_Site="same-origin") == 303


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://localhost", "http://localhost:81", "http://localhost.evil.example", "null", ""],
)
def test_an_old_browser_is_known_by_its_origin_and_a_foreign_one_refused(
    bare: Callable[..., int], database: Session, origin: str
):
    assert bare(Origin=origin) == 403
    assert database.scalars(select(Fear)).all() == []


def test_an_old_browser_on_our_own_origin_is_taken_and_one_that_says_nothing_is_not(bare: Callable[..., int]):
    assert bare(Origin="http://localhost") == 303
    assert bare() == 403
    assert bare(Referer="http://localhost/ladder/new") == 403


def test_behind_a_proxy_the_public_origin_is_the_one_that_counts(public: Flask):
    phone = public.test_client()
    for origin, status in ((ORIGIN, 303), ("http://localhost", 403), ("https://evil.example", 403)):
        assert phone.post("/sign-out", headers={"Origin": origin}).status_code == status


def test_following_a_link_from_elsewhere_is_fine(client: Phone):
    assert client.get("/today", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_every_answer_carries_the_headers_that_protect_it(app: Flask, client: Phone, nobody: Phone, sessions: Sessions):
    ladder = a_ladder(sessions, client)
    exposure = an_exposure(sessions, client, ladder.steps[0])
    app.testing = False
    answers = [
        client.get("/today"),
        client.get("/nowhere"),
        client.get(f"/exposures/{exposure}/record"),
        client.get("/calendar", headers=HTMX),
        client.post("/today"),
        client.post("/plan"),
        client.post("/ladder/new", headers={"Sec-Fetch-Site": "cross-site"}),
        client.post("/events", data=b"{", content_type="application/json"),
        client.post("/events", data=b"x" * 600_000, content_type="application/json"),
        nobody.get("/today"),
        nobody.get("/today", headers=HTMX),
        nobody.get("/"),
        nobody.get("/sw.js"),
        nobody.get("/manifest.webmanifest"),
        nobody.get("/healthz"),
        nobody.open("/today", method="OPTIONS"),
    ]
    assert len({answer.status_code for answer in answers}) >= 8
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers.get(name) == value, (answer.request.path, name)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert {"HX-Request", "HX-Request-Type"} <= set(answer.vary)


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere():
    policy = {part.split()[0]: part.split()[1:] for part in HEADERS["Content-Security-Policy"].split("; ")}
    assert policy["default-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == ["'self'"]
    assert {source for sources in policy.values() for source in sources} == {"'none'", "'self'", "data:"}
    assert [name for name, sources in policy.items() if "data:" in sources] == ["img-src"]
    assert HEADERS["Referrer-Policy"] == "same-origin"
    assert HEADERS["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["css/shell/app.css", "js/shell/app.js", "icons/icon.svg", "vendor/htmx@4.0.1/htmx.min.js"]
)
def test_static_files_carry_the_headers_too(app: Flask, nobody: Phone, path: str):
    answer = nobody.get(f"/static/{services_of(app).version}/{path}", buffered=True)
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    # Only a drawing can do something when it is opened alone.
    assert ("default-src 'none'" in answer.headers.get("Content-Security-Policy", "")) == path.endswith(".svg")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_https_is_insisted_on_only_where_there_is_https(nobody: Phone, visitor: Phone):
    assert "Strict-Transport-Security" not in nobody.get("/").headers
    for path in ("/", "/nowhere", "/today"):
        assert (
            int(visitor.get(path).headers["Strict-Transport-Security"].partition("max-age=")[2].split(";")[0])
            >= 31536000
        )
    plain = visitor.get("/", headers={"X-Forwarded-Proto": "http"})
    assert "Strict-Transport-Security" not in plain.headers


def cookie_of(phone: Phone) -> str:
    answer = phone.post("/sign-in", data={"email": "noor@example.org", "password": PASSWORD})
    (cookie,) = answer.headers.getlist("Set-Cookie")
    return str(cookie)


def test_the_cookie_is_for_this_site_alone_for_ninety_days_and_by_https_only_where_there_is_https(
    nobody: Phone, visitor: Phone
):
    sign_up(nobody)
    flags = {part.strip().partition("=")[0] for part in cookie_of(nobody).split(";")[1:]}
    assert {"HttpOnly", "SameSite", "Expires", "Path"} <= flags
    assert "Secure" not in flags
    assert "Domain" not in flags
    assert "SameSite=Lax" in cookie_of(nobody)
    secure = cookie_of(visitor)
    assert "; Secure" in secure
    assert "; HttpOnly" in secure
    expires = re.search(r"Expires=\w+, (.*?) GMT", secure)
    assert expires
    left = calendar.timegm(time.strptime(expires[1], "%d %b %Y %H:%M:%S")) - time.time()
    assert 89 < left / 86400 <= 90


def test_the_cookie_is_worthless_when_somebody_changed_it(client: Phone, app: Flask):
    kept = client.get_cookie("rung")
    assert kept
    forged = app.test_client()
    forged.set_cookie("rung", kept.value[:-2] + ("aa" if kept.value[-2:] != "aa" else "bb"))
    assert forged.get("/today").status_code == 303


def test_what_is_private_is_kept_by_no_cache(client: Phone, nobody: Phone, sessions: Sessions):
    ladder = a_ladder(sessions, client)
    exposure = an_exposure(sessions, client, ladder.steps[0])
    for path in (
        "/today",
        "/calendar",
        "/account",
        f"/exposures/{exposure}",
        f"/exposures/{exposure}/record",
        "/nowhere",
    ):
        assert client.get(path).headers["Cache-Control"] == "no-store", path
    assert nobody.get("/today").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "HTTPS:/evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: x=y",
        "//[",
        "evil.example",
        "@evil.example",
        "",
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_after_signing_in_nobody_is_sent_to_another_site(
    client: Phone, nobody: Phone, target: str, headers: dict[str, str]
):
    data = {"email": client.email, "password": PASSWORD, "next": target}
    answer = nobody.post("/sign-in", data=data, headers=headers)
    assert (answer.headers.get("HX-Redirect") or answer.location) == "/today"


def test_a_path_of_ours_is_gone_on_to(client: Phone, nobody: Phone):
    data = {"email": client.email, "password": PASSWORD, "next": "/exposures/5?step=a&b=//c#d"}
    assert nobody.post("/sign-in", data=data).location == "/exposures/5?step=a&b=//c#d"


def attempts(phone: Phone, path: str, **data: str) -> list[tuple[int, str]]:
    """Five tries; the status and the text of each answer."""
    answers = [phone.post(path, data=data) for _ in range(5)]
    return [(answer.status_code, answer.text.replace(data["email"], "")) for answer in answers]


@pytest.mark.parametrize(("path", "more"), [("/sign-in", {}), ("/recover", {"code": "aaaa-bbbb-cccc-dddd"})])
def test_attempts_are_limited_alike_whether_the_address_exists_or_not(
    visitor: Phone, public: Flask, path: str, more: dict[str, str]
):
    sign_up(visitor, "real@example.org")
    visitor = a_visitor(public)
    visitor.environ_base["HTTP_X_FORWARDED_FOR"] = "203.0.113.77"
    real = attempts(visitor, path, email="real@example.org", password=WRONG, **more)
    nobodys = attempts(visitor, path, email="fake@example.org", password=WRONG, **more)
    assert [status for status, _text in real] == [422, 422, 422, 429, 429]
    assert nobodys == real
    assert "quarter of an hour" in real[-1][1]
    right = visitor.post("/sign-in", data={"email": "real@example.org", "password": PASSWORD})
    assert right.status_code == 429
    elsewhere = {"X-Forwarded-For": "203.0.113.78"}
    data = {"email": "real@example.org", "password": PASSWORD}
    assert visitor.post("/sign-in", data=data, headers=elsewhere).status_code == 303


def test_trying_many_addresses_from_one_place_is_limited_too(visitor: Phone):
    statuses = [
        visitor.post("/sign-in", data={"email": f"{number}@example.org", "password": WRONG}).status_code
        for number in range(14)
    ]
    assert statuses == [422] * 12 + [429] * 2


def test_no_other_way_of_asking_gets_around_the_limit(visitor: Phone):
    sign_up(visitor)
    visitor.post("/sign-out")
    data = {"email": "noor@example.org", "password": PASSWORD}
    answer = visitor.open("/sign-in", method="HEAD", data=data)
    assert answer.status_code == 200
    assert not answer.headers.getlist("Set-Cookie")
    assert visitor.get("/today").status_code == 303


def test_a_wrong_password_takes_about_as_long_as_an_address_that_nobody_has(
    costly_passwords: None, client: Phone, nobody: Phone
):
    def cost(email: str) -> float:
        begun = time.process_time()
        nobody.post("/sign-in", data={"email": email, "password": WRONG})
        return time.process_time() - begun

    cost("warm@example.org")
    known = sorted(cost(client.email) for _ in range(3))[1]
    unknown = sorted(cost(f"nobody{number}@example.org") for number in range(3))[1]
    assert 0.4 < known / unknown < 2.5


def test_the_password_is_kept_as_argon2id_only(client: Phone, database: Session):
    (hash_,) = database.scalars(select(Account.password_hash)).all()
    assert hash_.startswith("$argon2id$")


def test_every_request_is_one_line_without_personal_text(
    client: Phone, nobody: Phone, sessions: Sessions, app: Flask, caplog: pytest.LogCaptureFixture
):
    ladder = a_ladder(sessions, client, "secret fear", [("secret step", 30)])
    exposure = an_exposure(sessions, client, ladder.steps[0])
    caplog.set_level(logging.DEBUG)
    client.get("/today?secret=1")
    client.get(f"/exposures/{exposure}?secret")
    client.post(f"/steps/{ladder.steps[0]}/edit", data={"title": "secret title", "suds": "999"})
    for _ in range(12):
        nobody.post("/sign-in", data={"email": "secret@example.org", "password": "secret password", "next": "/secret"})
    client.get("/secret-page", headers={"User-Agent": "secret", "Referer": "http://localhost/secret"})
    lines = [json.loads(entry.message) for entry in caplog.records if entry.name == "rung.request"]
    assert [(line["method"], line["route"], line["status"]) for line in lines[:3]] == [
        ("GET", "/today", 200),
        ("GET", "/exposures/<uuid:exposure_id>", 200),
        ("POST", "/steps/<uuid:step_id>/edit", 422),
    ]
    assert [line["status"] for line in lines[3:]] == [422] * 10 + [429] * 2 + [404]
    assert all(line["ms"] >= 0 and line["time"] for line in lines)
    told = "\n".join(f"{entry.getMessage()} {entry.exc_text or ''}" for entry in caplog.records).lower()
    for private in ("secret", str(exposure), client.account_id, client.email, "127.0.0.1"):
        assert private not in told.replace("secret_key", ""), private


def test_an_unexpected_error_is_logged_without_what_somebody_wrote(
    client: Phone, app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    app.testing = False
    monkeypatch.setattr("erp.domain.ladder.ladder.MAX_NAME_LENGTH", None)
    answer = client.post("/ladder/new", data={"name": "secret fear"})
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    (entry,) = [json.loads(entry.message) for entry in caplog.records if entry.levelname == "ERROR"]
    assert (entry["route"], entry["error"]) == ("/ladder/new", "TypeError")
    assert any("name_fear" in frame for frame in entry["at"])
    assert "secret fear" not in caplog.text


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_attempts_from_one_ipv6_network_are_counted_together(app: Flask, address: str, counted_as: str):
    with app.test_request_context("/sign-in", environ_base={"REMOTE_ADDR": address}):
        assert client_network() == counted_as


@pytest.mark.parametrize("header", ["Referer", "HX-Current-URL"])
@pytest.mark.parametrize("address", ["http://[", "http://[::1", "//[x]/", "\x7f"])
def test_an_address_that_is_none_is_no_page_to_come_back_to(nobody: Phone, header: str, address: str):
    for headers in ({header: address}, {header: address, "HX-Request": "true"}):
        assert nobody.post("/ladder/new", headers=headers).status_code in (303, 401)
        assert nobody.get("/today", headers=headers).status_code in (303, 401)


def test_pages_to_go_to_next_do_not_fill_the_memory(nobody: Phone):
    def ask(number: int) -> None:
        assert nobody.get(f"/sign-in?next=/{number}{'x' * 20_000}").status_code == 200

    for number in range(20):
        ask(number)
    tracemalloc.start()
    try:
        before, _peak = tracemalloc.get_traced_memory()
        for number in range(100, 400):
            ask(number)
        urllib.parse.urlsplit.cache_clear()  # what the test's own client asked for: 128 addresses
        gc.collect()
        after, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2_000_000
