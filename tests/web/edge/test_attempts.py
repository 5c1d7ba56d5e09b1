"""Attempts, as docs/security.md has them: what fails is counted, and holds up nobody else for long."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest
from flask import Flask
from limits.storage import MemoryStorage
from werkzeug.test import TestResponse

from erp import create_app
from erp.services import services_of
from erp.settings import Settings
from erp.storage.db import Sessions
from erp.web.edge import attempts
from erp.web.edge.attempts import FREE_FAILURES_A_DAY, WINDOW, Memory
from tests.make.pages import an_invitation
from tests.web.conftest import PASSWORD, Phone

pytestmark = pytest.mark.alike

WRONG = "not the right password"
ATTEMPTS = 10
places = count(1)


class Seconds:
    """The clock of the counters."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    clock = Seconds()
    monkeypatch.setattr(attempts, "time", SimpleNamespace(time=clock.time))
    return clock


def at_a_new_place(phone: Phone) -> Phone:
    number = next(places)
    phone.environ_base["REMOTE_ADDR"] = f"203.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return phone


def sign_in(phone: Phone, email: str, password: str = WRONG) -> TestResponse:
    return phone.post("/sign-in", data={"email": email, "password": password})


def copy_cookie(phone: Phone, other: Phone) -> None:
    """Let another browser have what the cookie of this one holds."""
    with phone.session_transaction() as held:
        kept = dict(held)
    assert kept
    with other.session_transaction() as cookie:
        cookie.update(kept)


def statuses(answers: list[TestResponse]) -> list[int]:
    return [answer.status_code for answer in answers]


def slow_down(phone: Phone, email: str, seconds: Seconds, failures: int) -> None:
    """Fail at an account from everywhere, waiting as long as one is told to."""
    for _ in range(failures):
        answer = sign_in(at_a_new_place(phone), email)
        if answer.status_code == 429:
            seconds.now += int(answer.headers["Retry-After"])
            answer = sign_in(phone, email)
        assert answer.status_code == 422


def test_forty_five_people_behind_one_address_all_get_in(phone: Callable[[], Phone]):
    for number in range(45):
        data = {
            "email": f"p{number}@example.org",
            "password": PASSWORD,
            "display_name": "Noor",
            "time_zone": "Europe/Lisbon",
        }
        assert phone().post("/sign-up", data=data).status_code == 303
    assert {sign_in(phone(), f"p{number}@example.org", PASSWORD).status_code for number in range(45)} == {303}
    assert {sign_in(phone(), "p1@example.org", PASSWORD).status_code for _ in range(45)} == {303}


def test_who_has_to_wait_is_told_how_long(nobody: Phone, client: Phone, seconds: Seconds):
    for _ in range(ATTEMPTS):
        sign_in(nobody, client.email)
    held = sign_in(nobody, client.email, PASSWORD)
    assert (held.status_code, held.headers["Retry-After"]) == (429, str(WINDOW))
    assert "Please try again in a quarter of an hour." in held.text
    seconds.now += WINDOW - 100
    held = sign_in(nobody, client.email, PASSWORD)
    assert (held.status_code, held.headers["Retry-After"]) == (429, "100")
    assert "Please try again in 2 minutes." in held.text
    seconds.now += 60
    assert "Please try again in a minute." in sign_in(nobody, client.email, PASSWORD).text
    seconds.now += 40
    assert sign_in(nobody, client.email, PASSWORD).status_code == 303


def test_a_place_is_held_up_at_the_door_and_not_who_has_been_in_before(
    client: Phone, nobody: Phone, phone: Callable[[], Phone]
):
    at_home = phone()
    assert sign_in(at_home, client.email, PASSWORD).status_code == 303
    at_home.post("/sign-out")
    assert at_home.get("/today").status_code == 303
    failed = [sign_in(nobody, f"{number}@example.org") for number in range(ATTEMPTS * 4 + 2)]
    assert statuses(failed) == [422] * ATTEMPTS * 4 + [429] * 2
    assert sign_in(nobody, client.email, PASSWORD).status_code == 429
    assert sign_in(at_home, "another@example.org").status_code == 429
    assert sign_in(at_home, client.email, PASSWORD).status_code == 303


@pytest.mark.parametrize("ended", ["not", "here", "elsewhere"])
def test_a_browser_is_known_however_its_sign_in_ended(
    client: Phone, nobody: Phone, phone: Callable[[], Phone], ended: str
):
    if ended == "here":
        client.post("/sign-out")
    elif ended == "elsewhere":
        elsewhere = phone()
        sign_in(elsewhere, client.email, PASSWORD)
        elsewhere.post("/account/sign-out-everywhere")
        assert client.get("/today").status_code == 303
    for number in range(ATTEMPTS * 4):
        sign_in(nobody, f"{number}@example.org")
    assert sign_in(nobody, client.email, PASSWORD).status_code == 429
    assert sign_in(client, client.email, PASSWORD).status_code == 303


def test_a_browser_that_has_been_in_may_not_guess_more_often_than_others(client: Phone, phone: Callable[[], Phone]):
    at_home = phone()
    sign_in(at_home, client.email, PASSWORD)
    at_home.post("/sign-out")
    assert statuses([sign_in(at_home, client.email) for _ in range(ATTEMPTS + 1)]) == [422] * ATTEMPTS + [429]
    # And nobody else's is held up by that.
    assert sign_in(phone(), client.email, PASSWORD).status_code == 303


def test_failures_from_everywhere_slow_an_account_down_and_lock_nobody_out(
    client: Phone, nobody: Phone, phone: Callable[[], Phone], seconds: Seconds
):
    at_home = phone()
    sign_in(at_home, client.email, PASSWORD)
    at_home.post("/sign-out")
    slow_down(nobody, client.email, seconds, ATTEMPTS * FREE_FAILURES_A_DAY)
    waits = []
    for _ in range(13):
        held = sign_in(at_a_new_place(nobody), client.email)
        assert held.status_code == 429
        waits.append(int(held.headers["Retry-After"]))
        seconds.now += waits[-1]
        assert sign_in(nobody, client.email).status_code == 422
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    assert sign_in(at_a_new_place(phone()), client.email, PASSWORD).status_code == 429
    assert sign_in(nobody, "another@example.org").status_code == 422
    assert sign_in(at_a_new_place(at_home), client.email, PASSWORD).status_code == 303
    seconds.now += WINDOW
    assert sign_in(at_a_new_place(phone()), client.email, PASSWORD).status_code == 303


def test_a_recovery_code_is_taken_however_many_fail_at_the_account(
    nobody: Phone, phone: Callable[[], Phone], seconds: Seconds
):
    data = {"email": "noor@example.org", "password": PASSWORD, "display_name": "Noor", "time_zone": "Europe/Lisbon"}
    nobody.post("/sign-up", data=data)
    code = nobody.post("/account/codes/download").text.split()[1]
    stranger = phone()
    slow_down(stranger, "noor@example.org", seconds, ATTEMPTS * FREE_FAILURES_A_DAY + 5)
    assert sign_in(at_a_new_place(phone()), "noor@example.org", PASSWORD).status_code == 429
    new = {"email": "noor@example.org", "code": code, "password": "when the rain stops"}
    assert at_a_new_place(phone()).post("/recover", data=new).status_code == 303


def test_a_new_password_that_is_too_weak_is_no_failed_recovery(nobody: Phone):
    weak = {"email": "noor@example.org", "code": "aaaa", "password": "short"}
    assert {nobody.post("/recover", data=weak).status_code for _ in range(ATTEMPTS + 2)} == {422}
    wrong = weak | {"password": "when the rain stops"}
    answers = [nobody.post("/recover", data=wrong) for _ in range(ATTEMPTS + 1)]
    assert statuses(answers) == [422] * ATTEMPTS + [429]


@pytest.mark.parametrize("path", ["/account/password", "/account/codes"])
def test_the_current_password_cannot_be_guessed_from_inside(client: Phone, other: Phone, path: str):
    wrong = {"current": WRONG, "password": "when the rain stops"}
    answers = [client.post(path, data=wrong) for _ in range(ATTEMPTS + 1)]
    assert statuses(answers) == [422] * ATTEMPTS + [429]
    assert "Retry-After" in answers[-1].headers
    right = {"current": PASSWORD, "password": "when the rain stops"}
    assert client.post(path, data=right).status_code == 429
    assert other.post(path, data=right).status_code == 303


def guess_inside(phone: Phone, path: str = "/account/codes", current: str = WRONG) -> TestResponse:
    return at_a_new_place(phone).post(path, data={"current": current})


def test_the_current_password_cannot_be_guessed_from_one_place_after_the_other(client: Phone):
    assert statuses([guess_inside(client) for _ in range(60)]) == [422] * ATTEMPTS + [429] * (60 - ATTEMPTS)


def test_the_current_password_cannot_be_guessed_from_one_browser_after_the_other(
    client: Phone, nobody: Phone, phone: Callable[[], Phone], seconds: Seconds
):
    browsers = [phone() for _ in range(FREE_FAILURES_A_DAY + 2)]
    for browser in browsers:
        sign_in(browser, client.email, PASSWORD)
    for browser in browsers[:FREE_FAILURES_A_DAY]:
        assert statuses([guess_inside(browser) for _ in range(ATTEMPTS)]) == [422] * ATTEMPTS
    waits = []
    for _ in range(6):
        held = guess_inside(browsers[-1])
        waits.append(int(held.headers["Retry-After"]))
        assert (held.status_code, guess_inside(browsers[-2], current=PASSWORD).status_code) == (429, 429)
        seconds.now += waits[-1]
        assert guess_inside(browsers[-1]).status_code == 422
    assert waits == [1, 2, 4, 8, 16, 32]
    # Whoever comes to the door is not held up by that, nor does what happens there hold up who is inside.
    slow_down(nobody, client.email, seconds, ATTEMPTS * FREE_FAILURES_A_DAY + 7)
    seconds.now += 63
    assert guess_inside(client, current=PASSWORD).status_code == 303


def test_a_browser_that_has_been_in_may_not_guess_from_one_place_after_the_other(
    client: Phone, phone: Callable[[], Phone]
):
    at_home, copied = phone(), phone()
    sign_in(at_home, client.email, PASSWORD)
    copy_cookie(at_home, copied)
    at_home.post("/sign-out")
    answers = [sign_in(at_a_new_place(browser), client.email) for _ in range(ATTEMPTS) for browser in (at_home, copied)]
    assert statuses(answers) == [422] * ATTEMPTS + [429] * ATTEMPTS
    assert sign_in(phone(), client.email, PASSWORD).status_code == 303


def test_a_browser_that_has_been_in_is_slowed_down_over_the_day_and_holds_up_no_other(
    client: Phone, nobody: Phone, phone: Callable[[], Phone], seconds: Seconds
):
    lost, at_home = phone(), phone()
    for browser in (lost, at_home):
        sign_in(browser, client.email, PASSWORD)
        browser.post("/sign-out")
    for _ in range(FREE_FAILURES_A_DAY):
        assert statuses([sign_in(at_a_new_place(lost), client.email) for _ in range(ATTEMPTS)]) == [422] * ATTEMPTS
        seconds.now += WINDOW
    waits = []
    for _ in range(13):
        assert sign_in(at_a_new_place(lost), client.email).status_code == 422
        held = sign_in(lost, client.email)
        assert held.status_code == 429
        waits.append(int(held.headers["Retry-After"]))
        seconds.now += waits[-1]
    assert waits[0] == 2
    assert waits[-3:] == [900] * 3
    assert sign_in(lost, client.email).status_code == 422
    assert sign_in(at_home, client.email, PASSWORD).status_code == 303
    assert sign_in(nobody, client.email, PASSWORD).status_code == 303


def test_a_copy_of_a_cookie_holds_up_nobody_who_signed_in_since(client: Phone, phone: Callable[[], Phone]):
    at_home, copied = phone(), phone()
    sign_in(at_home, client.email, PASSWORD)
    copy_cookie(at_home, copied)
    at_home.post("/sign-out")
    sign_in(at_home, client.email, PASSWORD)
    at_home.post("/sign-out")
    assert statuses([sign_in(copied, client.email) for _ in range(ATTEMPTS + 1)]) == [422] * ATTEMPTS + [429]
    assert sign_in(at_home, client.email, PASSWORD).status_code == 303


def test_a_new_password_that_is_too_weak_is_no_failed_try_of_the_current_one(client: Phone):
    weak = {"current": PASSWORD, "password": "short"}
    assert {client.post("/account/password", data=weak).status_code for _ in range(ATTEMPTS + 2)} == {422}


def test_links_of_invitations_cannot_be_tried_without_end(
    client: Phone, nobody: Phone, other: Phone, sessions: Sessions
):
    token = an_invitation(sessions, client)
    assert {nobody.get(f"/invitations/{token}").status_code for _ in range(60)} == {200}
    answers = [nobody.get(f"/invitations/{number:022}") for number in range(ATTEMPTS * 4 + 1)]
    assert statuses(answers) == [404] * ATTEMPTS * 4 + [429]
    assert "Retry-After" in answers[-1].headers
    assert other.post(f"/invitations/{0:022}").status_code == 429
    # Signing in is counted apart.
    assert sign_in(nobody, client.email).status_code == 422


def test_signing_up_with_somebodys_address_is_a_try_of_their_password(client: Phone, nobody: Phone):
    data = {"email": client.email, "password": "when the rain stops", "display_name": "A", "time_zone": "UTC"}
    assert statuses([nobody.post("/sign-up", data=data) for _ in range(ATTEMPTS + 1)]) == [422] * ATTEMPTS + [429]
    assert sign_in(nobody, client.email, PASSWORD).status_code == 429


def test_one_place_cannot_have_passwords_checked_without_end(settings: Settings, app: Flask, client: Phone):
    few = create_app(replace(settings, attempts=1))
    few.test_client_class = Phone
    phone = few.test_client()
    phone.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    bad = {"email": "no address", "password": "short"}
    answers = [phone.post("/sign-up", data=bad) for _ in range(101)]
    assert statuses(answers) == [422] * 100 + [429]
    services_of(few).sessions.engine.dispose()


def test_the_cookie_after_a_sign_out_says_nothing_that_can_be_read(client: Phone, phone: Callable[[], Phone]):
    at_home = phone()
    sign_in(at_home, client.email, PASSWORD)
    at_home.post("/sign-out")
    with at_home.session_transaction() as cookie:
        assert set(cookie) == {"_permanent", "known"}
        assert client.email not in repr(dict(cookie))
        assert client.account_id not in repr(dict(cookie))


def test_the_counters_hold_no_address(app: Flask, nobody: Phone, client: Phone):
    sign_in(nobody, client.email)
    kept = app.extensions[attempts.NAME]._kept
    assert len(kept) >= 4
    assert client.email not in repr(kept)


def test_no_counter_has_a_name_that_memcached_would_refuse(
    app: Flask, nobody: Phone, client: Phone, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attempts, "FREE_FAILURES_A_DAY", 0)
    sign_in(nobody, client.email)
    sign_in(client, client.email)
    nobody.get(f"/invitations/{'a' * 22}")
    names = set(app.extensions[attempts.NAME]._kept)
    assert {name.partition("/")[0] for name in names} == {"place", "password", "known", "day", "wait", "tries"}
    assert [name for name in names if not re.fullmatch("[!-~]{1,250}", name)] == []


def test_counters_in_memory_are_bounded_and_the_largest_stay(monkeypatch: pytest.MonkeyPatch, seconds: Seconds):
    monkeypatch.setattr(attempts, "MAX_KEPT", 100)
    memory = Memory()
    for _ in range(5):
        memory.incr("often", WINDOW)
    for number in range(1000):
        memory.incr(f"once {number}", WINDOW)
        assert len(memory._kept) <= 100
    assert (memory.get("often"), memory.get("once 999"), memory.get("once 0")) == (5, 1, 0)
    seconds.now += WINDOW
    assert memory.get("often") == 0
    assert memory.incr("often", WINDOW) == 1


@pytest.fixture
def behind_one(settings: Settings, app: Flask) -> Iterator[Callable[[int], Phone]]:
    """A phone that a proxy on this machine speaks for, and how many proxies the setting says."""
    made: list[Flask] = []

    def make(proxies: int) -> Phone:
        served = create_app(replace(settings, proxies=proxies))
        served.test_client_class = Phone
        made.append(served)
        phone = served.test_client()
        assert isinstance(phone, Phone)
        phone.environ_base |= {"HTTP_X_FORWARDED_FOR": "203.0.113.5", "REMOTE_ADDR": "172.17.0.1"}
        return phone

    yield make
    for served in made:
        services_of(served).sessions.engine.dispose()


def warnings(log: pytest.LogCaptureFixture) -> list[str]:
    lines = [json.loads(entry.message) for entry in log.records if entry.name == "rung.request"]
    return [line["warning"] for line in lines if "warning" in line]


def test_a_proxy_that_is_not_set_is_told_in_the_log_once(
    behind_one: Callable[[int], Phone], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    phone = behind_one(0)
    for _ in range(3):
        assert phone.get("/sign-in").status_code == 200
    (told,) = warnings(caplog)
    assert "RUNG_PROXIES" in told
    assert "172.17.0.1" not in caplog.text
    assert "203.0.113.5" not in caplog.text


def test_no_proxy_is_suspected_where_it_is_set_or_the_header_comes_from_far_away(
    behind_one: Callable[[int], Phone], nobody: Phone, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    behind_one(1).get("/sign-in")
    nobody.get("/sign-in")
    stranger = behind_one(0)
    stranger.environ_base["REMOTE_ADDR"] = "8.8.8.8"
    stranger.get("/sign-in")
    assert warnings(caplog) == []


def test_a_refused_method_says_which_ones_there_are(nobody: Phone):
    answer = nobody.post("/about")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_storage_of_limits_counts_as_well(app: Flask, client: Phone):
    app.extensions[attempts.NAME] = MemoryStorage()
    phone = app.test_client()
    assert isinstance(phone, Phone)
    phone.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    answers = [sign_in(phone, client.email) for _ in range(ATTEMPTS + 1)]
    assert statuses(answers) == [422] * ATTEMPTS + [429]
    assert WINDOW - 60 < int(answers[-1].headers["Retry-After"]) <= WINDOW
