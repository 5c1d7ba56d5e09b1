import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text
from sqlalchemy.orm import Session

from erp.domain.dates import local_day
from erp.domain.practice.record import practice_of
from erp.settings import Settings
from erp.storage.account import Account
from erp.storage.db import Sessions, open_engine
from tests.make.clock import Clock
from tests.make.pages import HTMX, a_pause, a_plan, error_beside, is_page, page_error
from tests.web.conftest import PASSWORD, Phone

ANOTHER = "soup on a rainy evening"
DETAILS = {"display_name": "Robin", "time_zone": "Europe/Berlin", "check_in_minutes": "5"}
PRIVATE = [
    ("GET", "/account"),
    ("GET", "/account/codes"),
    ("POST", "/account/codes"),
    ("POST", "/account/codes/download"),
    ("POST", "/account/codes/saved"),
    ("POST", "/account/details"),
    ("POST", "/account/password"),
    ("POST", "/account/sign-out-everywhere"),
    ("POST", "/account/zone"),
]


def account_of(database: Session, phone: Phone) -> Account:
    database.expire_all()
    database.rollback()
    return database.get_one(Account, uuid.UUID(phone.account_id))


def codes_in(html: str) -> list[str]:
    return re.findall(r"<code>([a-z2-9-]+)</code>", html)


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_without_signing_in_no_setting_can_be_seen_or_changed(nobody: Phone, method: str, path: str):
    answer = nobody.open(path, method=method)
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in")
    by_htmx = nobody.open(path, method=method, headers=HTMX)
    assert (by_htmx.status_code, by_htmx.headers["HX-Redirect"]) == (401, "/sign-in")


def test_the_account_page_shows_what_is_set(client: Phone):
    answer = client.get("/account")
    assert answer.status_code == 200
    assert 'value="Robin"' in answer.text
    assert '<option value="Europe/Berlin" selected>' in answer.text
    assert "8 left" in answer.text


def test_details_are_changed(client: Phone, database: Session):
    data = DETAILS | {"display_name": "Robin B.", "time_zone": "Asia/Tokyo", "check_in_minutes": "0", "sound": "1"}
    answer = client.post("/account/details", data=data)
    assert (answer.status_code, answer.location) == (303, "/account?saved=1")
    assert 'role="status"' in client.get(answer.location).text
    saved = account_of(database, client)
    assert (saved.display_name, saved.time_zone, saved.check_in_minutes) == ("Robin B.", "Asia/Tokyo", 0)
    assert (saved.sound, saved.vibration) == (True, False)
    assert client.post("/account/details", data=DETAILS, headers=HTMX).headers["HX-Redirect"] == "/account?saved=1"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_details_that_cannot_be_are_said_beside_their_field_and_kept_as_typed(
    client: Phone, database: Session, headers: dict[str, str]
):
    typed = {"display_name": "x" * 81, "time_zone": "Mars/Olympus", "check_in_minutes": "99"}
    answer = client.post("/account/details", data=typed, headers=headers)
    assert answer.status_code == 422
    for field in typed:
        assert error_beside(answer, field), field
    assert "x" * 81 in answer.text
    assert is_page(answer) is not bool(headers)
    assert account_of(database, client).display_name == "Robin"
    assert client.post("/account/details", data={}, headers=headers).status_code == 422


@pytest.mark.parametrize("given", ["7" * 5000, "often", "-1", ""])
def test_check_in_minutes_that_are_no_number_are_refused_whatever_their_length(client: Phone, given: str):
    answer = client.post("/account/details", data=DETAILS | {"check_in_minutes": given})
    assert answer.status_code == 422


def test_the_time_zone_of_the_phone_is_taken_with_one_tap(client: Phone, database: Session):
    answer = client.post("/account/zone", data={"time_zone": "Asia/Kathmandu", "next": "/calendar"})
    assert (answer.status_code, answer.location) == (303, "/calendar")
    assert account_of(database, client).time_zone == "Asia/Kathmandu"
    assert client.post("/account/zone", data={"time_zone": "UTC", "next": "//evil.example"}).location == "/today"


@pytest.mark.parametrize("data", [{}, {"time_zone": "Mars/Olympus"}])
def test_a_time_zone_that_is_none_changes_nothing(client: Phone, database: Session, data: dict[str, str]):
    assert client.post("/account/zone", data=data).status_code == 400
    assert account_of(database, client).time_zone == "Europe/Berlin"


def test_a_new_password_keeps_this_phone_signed_in_and_no_other(client: Phone, phone: Callable[[], Phone]):
    elsewhere = phone()
    elsewhere.sign_in_as(client.account_id, client.email)
    answer = client.post("/account/password", data={"current": PASSWORD, "password": ANOTHER})
    assert (answer.status_code, answer.location) == (303, "/account?saved=1")
    assert client.get("/today").status_code == 200
    assert elsewhere.get("/today").status_code == 303
    assert phone().post("/sign-in", data={"email": client.email, "password": PASSWORD}).status_code == 422
    assert phone().post("/sign-in", data={"email": client.email, "password": ANOTHER}).status_code == 303


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_password_that_cannot_be_is_said_beside_its_field(client: Phone, headers: dict[str, str]):
    answer = client.post("/account/password", data={"current": ANOTHER, "password": "short"}, headers=headers)
    assert answer.status_code == 422
    assert error_beside(answer, "current")
    assert error_beside(answer, "password")
    assert ANOTHER not in answer.text
    assert is_page(answer) is not bool(headers)
    assert client.post("/account/password", headers=headers).status_code == 422
    assert client.get("/today").status_code == 200


def test_a_password_changed_by_htmx_sends_the_page_on(client: Phone):
    data = {"current": PASSWORD, "password": ANOTHER}
    assert client.post("/account/password", data=data, headers=HTMX).headers["HX-Redirect"] == "/account?saved=1"


def test_signing_out_everywhere_ends_every_session_for_good(client: Phone, phone: Callable[[], Phone]):
    phones = [phone() for _ in range(2)]
    for each in phones:
        each.post("/sign-in", data={"email": client.email, "password": PASSWORD})
        assert each.get("/today").status_code == 200
    answer = client.post("/account/sign-out-everywhere")
    assert (answer.status_code, answer.location) == (303, "/")
    for each in (client, *phones):
        assert each.get("/today").status_code == 303
    assert phones[0].post("/sign-in", data={"email": client.email, "password": PASSWORD}).status_code == 303
    assert phones[0].get("/today").status_code == 200


def test_recovery_codes_are_shown_until_they_are_saved_and_never_again(nobody: Phone):
    data = {"email": "noor@example.org", "password": PASSWORD, "display_name": "Noor", "time_zone": "UTC"}
    nobody.post("/sign-up", data=data)
    shown = codes_in(nobody.get("/account/codes").text)
    assert len(shown) == 8
    assert codes_in(nobody.get("/account/codes").text) == shown
    file = nobody.post("/account/codes/download")
    assert file.status_code == 200
    assert file.mimetype == "text/plain"
    assert "attachment" in file.headers["Content-Disposition"]
    assert all(code in file.text for code in shown)
    saved = nobody.post("/account/codes/saved")
    assert (saved.status_code, saved.location) == (303, "/today")
    later = nobody.get("/account/codes").text
    assert codes_in(later) == []
    assert "8 codes are left" in later
    assert nobody.post("/account/codes/download").status_code == 404


def test_the_codes_cannot_be_read_from_the_cookie(nobody: Phone):
    data = {"email": "noor@example.org", "password": PASSWORD, "display_name": "Noor", "time_zone": "UTC"}
    nobody.post("/sign-up", data=data)
    shown = codes_in(nobody.get("/account/codes").text)
    with nobody.session_transaction() as cookie:
        kept = repr(dict(cookie))
    assert not any(code in kept for code in shown)


def test_a_new_set_of_codes_needs_the_password(client: Phone):
    answer = client.post("/account/codes", data={"current": ANOTHER})
    assert answer.status_code == 422
    assert error_beside(answer, "current")
    assert client.post("/account/codes").status_code == 422
    assert codes_in(client.get("/account/codes").text) == []
    answer = client.post("/account/codes", data={"current": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/account/codes")
    assert len(codes_in(client.get("/account/codes").text)) == 8


def test_a_new_set_of_codes_takes_the_place_of_the_old_one(client: Phone, phone: Callable[[], Phone]):
    client.post("/account/codes", data={"current": PASSWORD})
    old = codes_in(client.get("/account/codes").text)
    client.post("/account/codes", data={"current": PASSWORD}, headers=HTMX)
    new = codes_in(client.get("/account/codes").text)
    assert set(old).isdisjoint(new)
    raw = {"email": client.email, "password": ANOTHER}
    assert phone().post("/recover", data=raw | {"code": old[0]}).status_code == 422
    assert phone().post("/recover", data=raw | {"code": new[0]}).status_code == 303


def test_nothing_is_wrong_with_a_whole_form_when_only_a_field_is(client: Phone):
    assert page_error(client.post("/account/password", data={"current": "", "password": ""})) == ""


@pytest.fixture
def while_hashing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Changes somebody's name from elsewhere whenever a password is hashed or checked; which of the two it was.

    Where a lock is held meanwhile this fails within a second. `change` in front lets it change the password instead.
    """
    engine = open_engine(settings.database_url)
    elsewhere = engine.execution_options(writes=True, wait=0.5)
    seen: list[str] = []

    def patch(name: str) -> None:
        real = getattr(PasswordHasher, name)

        def slow(self: PasswordHasher, *given: str) -> object:
            what = "password_hash = password_hash || '='" if seen[:1] == ["change"] else "display_name = 'Else'"
            with elsewhere.begin() as connection:
                connection.execute(text(f"UPDATE account SET {what}"))
            seen.append(name)
            return real(self, *given)

        monkeypatch.setattr(PasswordHasher, name, slow)

    patch("hash")
    patch("verify")
    yield seen
    engine.dispose()


@pytest.mark.parametrize(
    ("path", "form", "slow"),
    [
        ("/account/password", {"current": PASSWORD, "password": ANOTHER}, {"verify", "hash"}),
        ("/account/codes", {"current": PASSWORD}, {"verify"}),
        ("/sign-in", {"email": "robin@example.org", "password": PASSWORD}, {"verify"}),
        ("/recover", {"email": "robin@example.org", "code": "x", "password": ANOTHER}, {"hash"}),
    ],
)
def test_nobody_waits_while_a_password_is_checked_or_hashed(
    client: Phone, while_hashing: list[str], path: str, form: dict[str, str], slow: set[str]
):
    assert client.post(path, data=form).status_code in (303, 422)
    assert set(while_hashing) == slow


@pytest.mark.parametrize(
    ("path", "form"),
    [("/account/password", {"current": PASSWORD, "password": ANOTHER}), ("/account/codes", {"current": PASSWORD})],
)
def test_a_password_that_was_changed_while_it_was_checked_is_the_current_one_no_more(
    client: Phone, database: Session, while_hashing: list[str], path: str, form: dict[str, str]
):
    while_hashing.append("change")
    answer = client.post(path, data=form)
    assert answer.status_code == 422
    assert account_of(database, client).session_epoch == 0


FIRST_DAYS = [
    ("UTC", "Pacific/Honolulu", 2),
    ("UTC", "Asia/Tokyo", 20),
    ("Pacific/Kiritimati", "Pacific/Pago_Pago", 12),
    ("Pacific/Pago_Pago", "Pacific/Kiritimati", 12),
]


@pytest.mark.parametrize(("told", "real", "hour"), FIRST_DAYS)
@pytest.mark.parametrize("path", ["/account/zone", "/account/details"])
def test_a_zone_put_right_on_the_first_day_takes_the_first_day_and_the_plan_along(
    person: Callable[..., Phone], clock: Clock, sessions: Sessions, told: str, real: str, hour: int, path: str
):
    clock.stand(datetime(2026, 11, 18, hour, tzinfo=UTC))
    robin = person("robin", told)
    a_plan(sessions, robin)
    a_pause(sessions, robin, 3, 4)
    clock.stand(datetime(2026, 11, 18, hour, 5, tzinfo=UTC))
    assert robin.post(path, data=DETAILS | {"time_zone": real}).status_code == 303
    day = local_day(clock(), real)
    with sessions.reading() as session:
        loaded = practice_of(session, uuid.UUID(robin.account_id), day, day, day)
    (shown,) = loaded.between(day, day)
    assert (shown.state, shown.goal_seconds) == ("open", 1200)
    assert (loaded.facts.first_day, [plan.starts_on for plan in loaded.facts.plans]) == (day, [day])


def test_a_zone_changed_on_a_later_day_moves_nothing(person: Callable[..., Phone], clock: Clock, sessions: Sessions):
    clock.stand(datetime(2026, 11, 18, 2, tzinfo=UTC))
    robin = person("robin", "UTC")
    a_plan(sessions, robin)
    clock.stand(datetime(2026, 11, 19, 2, tzinfo=UTC))
    robin.post("/account/zone", data={"time_zone": "Pacific/Honolulu"})
    day = date(2026, 11, 18)
    with sessions.reading() as session:
        loaded = practice_of(session, uuid.UUID(robin.account_id), day, day, day)
    assert (loaded.facts.first_day, [plan.starts_on for plan in loaded.facts.plans]) == (day, [day])
