"""Where a person is signed in: sessions that end on the server, cookies of before, and codes that an answer lost."""

import re
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from erp.domain.account.sign_in import adopt, person_at, start
from erp.domain.limits import MAX_SIGN_INS
from erp.storage.account import Account, SignIn
from erp.storage.db import Sessions
from tests.make.clock import Clock
from tests.web.conftest import PASSWORD, Phone

CODE = re.compile(r"\b[a-z0-9]{4}(?:-[a-z0-9]{4}){5}\b")
HTTPS = {"base_url": "https://localhost"}


def sign_in(phone: Phone, email: str, **more: object) -> None:
    answer = phone.post("/sign-in", data={"email": email, "password": PASSWORD}, **more)  # type: ignore[arg-type]
    assert answer.status_code == 303


def cookie_of(phone: Phone, name: str = "rung") -> str:
    found = phone.get_cookie(name)
    assert found
    return found.value


def former_cookie(app: Flask, account_id: str) -> str:
    """A cookie as it was before sign-ins were rows."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    written: str = serializer.dumps({"_user_id": f"{account_id}.0", "_fresh": True, "_permanent": True})
    return written


def test_a_cookie_that_was_kept_is_worthless_after_the_sign_out(client: Phone, phone: Callable[[], Phone]):
    kept = phone()
    kept.set_cookie("rung", cookie_of(client))
    assert kept.get("/account").status_code == 200
    client.post("/sign-out")
    assert kept.get("/account").status_code == 303
    assert kept.post("/events", json={}).status_code == 401


def test_signing_in_leaves_nothing_of_who_was_signed_in_before(client: Phone, other: Phone, phone: Callable[[], Phone]):
    with client.session_transaction() as cookie:
        cookie["codes"] = cookie["device"] = cookie["more"] = "first"
    kept = phone()
    kept.set_cookie("rung", cookie_of(client))
    sign_in(client, other.email)
    with client.session_transaction() as cookie:
        assert {"codes", "device", "more"}.isdisjoint(cookie)
    assert kept.get("/account").status_code == 303


def test_a_cookie_of_before_signs_in_once_more_and_is_replaced(
    app: Flask, client: Phone, phone: Callable[[], Phone], database: Session
):
    before = former_cookie(app, client.account_id)
    visitor, twin = phone(), phone()
    for each in (visitor, twin):
        each.set_cookie("rung", before)
        assert each.get("/account").status_code == 200
        assert cookie_of(each) != before
    assert database.scalar(select(func.count()).select_from(SignIn)) == 2
    assert visitor.post("/account/zone", data={"time_zone": "Europe/Paris"}).status_code == 303
    visitor.post("/sign-out")
    replay = phone()
    replay.set_cookie("rung", before)
    assert replay.get("/account").status_code == 303
    assert twin.get("/account").status_code == 303


@pytest.mark.parametrize("key", ["x.0", ".", "{}.1", "{}.", "{}"])
def test_a_cookie_of_before_that_names_nobody_signs_nobody_in(app: Flask, client: Phone, nobody: Phone, key: str):
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    nobody.set_cookie("rung", serializer.dumps({"_user_id": key.format(client.account_id)}))
    assert nobody.get("/account").status_code == 303


def test_a_change_may_be_the_first_that_comes_with_a_cookie_of_before(app: Flask, client: Phone, nobody: Phone):
    nobody.set_cookie("rung", former_cookie(app, client.account_id))
    assert nobody.post("/ladder/new", data={"name": "Dogs"}).status_code == 303
    assert nobody.get("/ladder").status_code == 200


def test_by_https_the_cookie_is_this_hosts_alone_and_takes_over_the_one_of_before(app: Flask, client: Phone):
    client.set_cookie("rung", former_cookie(app, client.account_id))
    answer = client.get("/account", **HTTPS)  # type: ignore[arg-type]
    assert answer.status_code == 200
    new, gone = sorted(answer.headers.getlist("Set-Cookie"))
    assert new.startswith("__Host-rung=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(new.split("; "))
    assert gone.startswith("rung=;")
    assert client.get("/account", **HTTPS).status_code == 200  # type: ignore[arg-type]


@pytest.mark.parametrize("https", [False, True])
@pytest.mark.parametrize("first", ["/sw.js", "/manifest.webmanifest", "/healthz", "/about", "/today"])
def test_two_people_with_cookies_of_before_each_come_to_their_own_account(
    app: Flask, client: Phone, other: Phone, phone: Callable[[], Phone], first: str, https: bool
):
    more = HTTPS if https else {}
    phones = []
    for person in (client, other):
        each = phone()
        each.set_cookie("rung", former_cookie(app, person.account_id))
        each.get(first, **more)  # type: ignore[arg-type]
        phones.append(each)
    for each, person in zip(phones, (client, other), strict=True):
        page = each.get("/account", **more)  # type: ignore[arg-type]
        assert page.status_code == 200
        assert person.email.split("@")[0].capitalize() in page.text
        assert each.get_cookie("rung") is None or not https


def test_no_sign_in_of_somebody_else_is_taken_for_ones_own(client: Phone, other: Phone, sessions: Sessions):
    with sessions.writing() as session:
        token = start(session, uuid.UUID(client.account_id), client.now(), browser="A browser")
        adopted = adopt(session, uuid.UUID(other.account_id), "0", token, other.now(), browser="A browser")
        assert not adopted


def test_yesterdays_copy_of_a_cookie_of_before_is_worthless_after_the_sign_out(
    app: Flask, client: Phone, phone: Callable[[], Phone]
):
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    visitor, copy = phone(), phone()
    for each, day in ((visitor, "2026-11-18"), (copy, "2026-11-17")):
        key = f"{client.account_id}.0"
        each.set_cookie("rung", serializer.dumps({"_user_id": key, "_fresh": True, "_permanent": True, "day": day}))
    assert visitor.get("/account").status_code == 200
    visitor.post("/sign-out")
    assert copy.get("/account").status_code == 303


def test_by_https_a_cookie_that_another_host_could_have_set_signs_nobody_in(client: Phone, phone: Callable[[], Phone]):
    planted = phone()
    planted.set_cookie("rung", cookie_of(client))
    assert planted.get("/account").status_code == 200
    assert planted.get("/account", **HTTPS).status_code == 303  # type: ignore[arg-type]


def test_a_sign_in_ends_after_ninety_idle_days_and_after_a_year(clock: Clock, client: Phone, database: Session):
    clock.go_on(timedelta(days=89))
    client.get("/today")
    clock.go_on(timedelta(days=89))
    assert client.get("/today").status_code == 200
    clock.go_on(timedelta(days=91))
    assert client.get("/today").status_code == 303


def test_a_sign_in_ends_after_a_year_of_daily_visits(clock: Clock, client: Phone):
    for _week in range(52):
        clock.go_on(timedelta(days=7))
        assert client.get("/today").status_code == 200
    clock.go_on(timedelta(days=2))
    assert client.get("/today").status_code == 303


def test_the_list_names_each_browser_and_ends_one_of_them(client: Phone, phone: Callable[[], Phone]):
    elsewhere = phone()
    elsewhere.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (Android 14; Mobile; rv:130.0) Firefox/130.0"
    sign_in(elsewhere, client.email)
    page = client.get("/account/sign-ins").text
    assert "Firefox on Android" in page
    assert "This one" in page
    (end,) = re.findall(r"/account/sign-ins/[0-9a-f-]{36}/end", page)
    for _tap in range(2):
        assert client.post(end).status_code == 303
    assert elsewhere.get("/account").status_code == 303
    assert client.get("/account").status_code == 200
    assert "Firefox on Android" not in client.get("/account/sign-ins").text


def test_a_new_password_ends_every_other_sign_in(client: Phone, phone: Callable[[], Phone]):
    elsewhere = phone()
    sign_in(elsewhere, client.email)
    raw = {"current": PASSWORD, "password": "under seven blue doors"}
    assert client.post("/account/password", data=raw).status_code == 303
    assert client.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303


def test_the_operator_ends_all_sessions_of_a_person(app: Flask, client: Phone, other: Phone):
    run = app.test_cli_runner().invoke
    with app.app_context():
        ended = run(args=["sessions", "end", client.email.upper()])
        unknown = run(args=["sessions", "end", "nobody@example.org"])
    assert ended.exit_code == 0
    assert client.get("/account").status_code == 303
    assert other.get("/account").status_code == 200
    assert unknown.exit_code == 1
    assert "Nobody has an account with this address." in unknown.output


def test_what_phones_lock_with_changes_and_the_former_keys_are_told_to_the_person_alone(
    client: Phone, other: Phone, clock: Clock, sessions: Sessions
):
    def key() -> str:
        with sessions.reading() as session:
            return session.scalars(select(Account.phone_key).where(Account.email == client.email)).one().hex()

    assert client.get("/account/former-keys").json == {"keys": []}
    before = key()
    client.post("/account/password", data={"current": PASSWORD, "password": "under seven blue doors"})
    assert key() != before
    assert key() in client.get("/today").text
    assert client.get("/account/former-keys").json == {"keys": [before]}
    assert other.get("/account/former-keys").json == {"keys": []}
    clock.go_on(timedelta(days=89))
    client.get("/today")
    clock.go_on(timedelta(days=2))
    assert client.get("/account/former-keys").json == {"keys": []}


def test_who_lost_the_answer_to_their_sign_up_is_shown_codes_that_work(phone: Callable[[], Phone]):
    form = {"email": "zed@x.example", "password": PASSWORD, "display_name": "Zed", "time_zone": "Europe/Paris"}
    lost, again, third = phone(), phone(), phone()
    assert lost.post("/sign-up", data=form).status_code == 303
    answer = again.post("/sign-up", data=form)
    assert answer.headers["Location"] == "/account/codes"
    codes = CODE.findall(again.get("/account/codes").text)
    assert len(codes) == 8
    raw = {"email": "ZED@x.example", "code": codes[2].replace("-", " "), "password": "under seven blue doors"}
    assert third.post("/recover", data=raw).headers["Location"] == "/today"


def test_who_never_said_that_they_have_their_codes_is_shown_new_ones_at_the_next_sign_in(phone: Callable[[], Phone]):
    form = {"email": "zed@x.example", "password": PASSWORD, "display_name": "Zed", "time_zone": "Europe/Paris"}
    first, later = phone(), phone()
    first.post("/sign-up", data=form)
    answer = later.post("/sign-in", data=form | {"next": "/plan"})
    assert answer.headers["Location"] == "/account/codes?next=/plan"
    assert len(CODE.findall(later.get("/account/codes?next=/plan").text)) == 8
    later.get("/account/codes?next=/plan")
    later.post("/account/codes/saved", data={"next": "/plan"})
    assert first.post("/sign-in", data=form).headers["Location"] == "/today"


@pytest.mark.parametrize("confirmed", [False, True])
def test_only_the_codes_that_a_browser_shows_are_confirmed_by_it(phone: Callable[[], Phone], confirmed: bool):
    form = {"email": "zed@x.example", "password": PASSWORD, "display_name": "Zed", "time_zone": "Europe/Paris"}
    first, later, third = phone(), phone(), phone()
    first.post("/sign-up", data=form)
    assert len(CODE.findall(first.get("/account/codes").text)) == 8
    later.post("/sign-in", data=form)
    new = CODE.findall(later.get("/account/codes").text)
    if confirmed:
        later.post("/account/codes/saved")
    answer = first.post("/account/codes/saved")
    assert answer.status_code == 422
    assert "do not work any more" in answer.text
    assert not CODE.findall(first.get("/account/codes").text)
    assert first.post("/account/codes/download").status_code == 404
    if not confirmed:
        assert later.post("/account/codes/saved").status_code == 303
    raw = {"email": "zed@x.example", "code": new[0], "password": "under seven blue doors"}
    assert third.post("/recover", data=raw).headers["Location"] == "/today"


def test_an_older_tab_of_the_same_browser_confirms_no_codes_that_it_does_not_show(
    client: Phone, phone: Callable[[], Phone]
):
    client.post("/account/codes", data={"current": PASSWORD})
    older = client.get("/account/codes").text
    client.post("/account/codes", data={"current": PASSWORD})
    newer = client.get("/account/codes").text
    field = re.compile(r'name="codes" value="([0-9a-f]{16})"')
    (told,), (tells,) = field.findall(older), field.findall(newer)
    answer = client.post("/account/codes/saved", data={"codes": told})
    assert answer.status_code == 422
    assert "Newer codes took the place" in answer.text
    assert CODE.findall(answer.text) == CODE.findall(newer)
    assert client.post("/account/codes/saved", data={"codes": tells}).status_code == 303
    raw = {"email": client.email, "code": CODE.findall(newer)[3], "password": "under seven blue doors"}
    assert phone().post("/recover", data=raw).status_code == 303


def test_codes_that_were_replaced_are_shown_no_more(phone: Callable[[], Phone]):
    form = {"email": "zed@x.example", "password": PASSWORD, "display_name": "Zed", "time_zone": "Europe/Paris"}
    first, later = phone(), phone()
    first.post("/sign-up", data=form)
    later.post("/sign-in", data=form)
    assert not CODE.findall(first.get("/account/codes").text)
    assert len(CODE.findall(later.get("/account/codes").text)) == 8


def test_the_codes_of_before_live_until_the_new_ones_are_confirmed(client: Phone, phone: Callable[[], Phone]):
    client.post("/account/codes", data={"current": PASSWORD})
    old = CODE.findall(client.get("/account/codes").text)
    client.post("/account/codes/saved")
    client.post("/account/codes", data={"current": PASSWORD})
    raw = {"email": client.email, "code": old[0], "password": "under seven blue doors"}
    assert phone().post("/recover", data=raw).status_code == 303


def test_a_person_has_fifty_sign_ins_at_most_and_the_least_lately_used_gives_way(
    clock: Clock, client: Phone, sessions: Sessions
):
    with sessions.writing() as session:
        account_id = uuid.UUID(client.account_id)
        tokens = []
        for _each in range(MAX_SIGN_INS):
            clock.go_on(timedelta(minutes=1))
            tokens.append(start(session, account_id, clock(), browser="A browser"))
        assert [person_at(session, token, clock()) is not None for token in tokens] == [True] * MAX_SIGN_INS
        session.commit()
    assert client.get("/account").status_code == 303


def test_the_first_page_of_a_day_waits_for_nobody_that_writes(clock: Clock, client: Phone, sessions: Sessions):
    clock.go_on(timedelta(days=1))
    with sessions.writing() as elsewhere:
        elsewhere.execute(update(SignIn).values(browser="held"))
        begun = time.monotonic()
        assert client.get("/today").status_code == 200
        # It would wait for thirty.
        assert time.monotonic() - begun < 15
    before = _seen(sessions, client)
    assert client.get("/today").status_code == 200
    assert _seen(sessions, client) > before


def test_a_page_with_a_cookie_of_before_waits_for_no_lock_held_elsewhere_and_keeps_the_cookie(
    app: Flask, client: Phone, phone: Callable[[], Phone], sessions: Sessions
):
    visitor = phone()
    visitor.set_cookie("rung", former_cookie(app, client.account_id))
    with sessions.writing() as elsewhere:
        elsewhere.execute(update(Account).values(sound=False))
        if elsewhere.get_bind().dialect.name == "sqlite":
            begun = time.monotonic()
            answer = visitor.get("/today")
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
            assert time.monotonic() - begun < 4
    assert visitor.get("/today").status_code == 200


def _seen(sessions: Sessions, client: Phone) -> datetime:
    with sessions.reading() as session:
        mine = select(SignIn.seen_at).where(SignIn.account_id == uuid.UUID(client.account_id))
        return session.scalars(mine).one()
