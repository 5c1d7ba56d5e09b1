import re
from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from erp.storage.account import Account
from tests.make.pages import HTMX, error_beside, is_page, page_error
from tests.web.conftest import PASSWORD, Phone

SIGN_UP = {
    "email": "noor@example.org",
    "password": PASSWORD,
    "display_name": "Noor",
    "time_zone": "Europe/Lisbon",
}
ANOTHER = "soup on a rainy evening"


def codes_shown(phone: Phone) -> list[str]:
    return re.findall(r"<code>([a-z2-9-]+)</code>", phone.get("/account/codes").get_data(as_text=True))


def test_signing_up_signs_in_and_leads_to_the_recovery_codes(nobody: Phone, database: Session):
    answer = nobody.post("/sign-up", data=SIGN_UP)
    assert (answer.status_code, answer.location) == (303, "/account/codes")
    assert len(codes_shown(nobody)) == 8
    assert database.scalars(select(Account.email)).all() == ["noor@example.org"]
    assert nobody.get("/today").status_code == 200


def test_who_was_invited_reads_what_the_account_is_for(nobody: Phone):
    assert "An account keeps your ladder" in nobody.get("/sign-up").text
    invited = nobody.get("/sign-up", query_string={"next": "/invitations/some-token"}).text
    assert "whoever invited you" in invited
    assert "An account keeps your ladder" not in invited


def test_signing_up_by_htmx_sends_the_page_on(nobody: Phone):
    answer = nobody.post("/sign-up", data=SIGN_UP, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/account/codes")
    assert answer.data == b""


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_sign_up_that_cannot_be_says_so_beside_each_field_and_keeps_what_was_typed(
    nobody: Phone, database: Session, headers: dict[str, str]
):
    typed = {"email": "noor@home", "password": "short", "display_name": "", "time_zone": "Mars/Olympus"}
    answer = nobody.post("/sign-up", data=typed, headers=headers)
    assert answer.status_code == 422
    for field in typed:
        assert error_beside(answer, field), field
    assert 'value="noor@home"' in answer.text
    assert "short" not in re.sub(r"<p class=.*?</p>", "", answer.text)
    assert is_page(answer) is not bool(headers)
    assert 'id="sign-up-form"' in answer.text
    assert database.scalar(select(func.count()).select_from(Account)) == 0


def test_an_empty_sign_up_is_refused(nobody: Phone):
    answer = nobody.post("/sign-up")
    assert answer.status_code == 422
    assert all(error_beside(answer, field) for field in SIGN_UP)


def test_an_address_that_has_an_account_makes_no_second_one_and_tells_nobody(
    client: Phone, nobody: Phone, database: Session
):
    answer = nobody.post("/sign-up", data=SIGN_UP | {"email": client.email, "password": ANOTHER})
    assert answer.status_code == 422
    assert "recovery code" in page_error(answer)
    assert error_beside(answer, "email") == ""
    assert database.scalar(select(func.count()).select_from(Account)) == 1
    assert nobody.get("/today").status_code == 303


def test_signing_up_again_with_the_right_password_signs_in(client: Phone, nobody: Phone, database: Session):
    answer = nobody.post("/sign-up", data=SIGN_UP | {"email": client.email})
    assert (answer.status_code, answer.location) == (303, "/today")
    assert database.scalar(select(func.count()).select_from(Account)) == 1


@pytest.mark.parametrize("path", ["/sign-up", "/sign-in", "/recover"])
def test_the_doors_are_open_to_everybody(nobody: Phone, client: Phone, path: str):
    assert nobody.get(path).status_code == 200
    assert client.get(path).status_code == 200


def test_signing_in_leads_to_today(client: Phone, nobody: Phone):
    answer = nobody.post("/sign-in", data={"email": f" {client.email.upper()}", "password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/today")
    assert nobody.get("/today").status_code == 200


def test_signing_in_by_htmx_sends_the_page_on(client: Phone, nobody: Phone):
    data = {"email": client.email, "password": PASSWORD, "next": "/calendar"}
    answer = nobody.post("/sign-in", data=data, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/calendar")


def test_signing_in_goes_on_where_somebody_wanted_to_go(client: Phone, nobody: Phone):
    sent_away = nobody.get("/calendar/2026/10?x=1")
    assert sent_away.status_code == 303
    form = nobody.get(sent_away.location)
    hidden = re.search(r'name="next" value="([^"]*)"', form.text)
    assert hidden
    answer = nobody.post("/sign-in", data={"email": client.email, "password": PASSWORD, "next": hidden[1]})
    assert answer.location == "/calendar/2026/10?x=1"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_wrong_password_says_so_once_and_keeps_the_address_and_the_way_on(
    client: Phone, nobody: Phone, headers: dict[str, str]
):
    data = {"email": client.email, "password": ANOTHER, "next": "/calendar"}
    answer = nobody.post("/sign-in", data=data, headers=headers)
    assert answer.status_code == 422
    assert "do not go together" in page_error(answer)
    assert f'value="{client.email}"' in answer.text
    assert 'name="next" value="/calendar"' in answer.text
    assert ANOTHER not in answer.text
    assert is_page(answer) is not bool(headers)
    assert nobody.get("/today").status_code == 303


@pytest.mark.parametrize("email", ["", "\x00", "nobody@example.org", "x" * 5000])
def test_an_address_that_cannot_sign_in_is_answered_like_a_wrong_password(client: Phone, nobody: Phone, email: str):
    answer = nobody.post("/sign-in", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 422
    assert "do not go together" in page_error(answer)


def test_an_empty_sign_in_is_refused(nobody: Phone):
    assert nobody.post("/sign-in").status_code == 422


def test_signing_out_ends_the_session_on_this_phone_only(client: Phone, phone: Callable[[], Phone]):
    elsewhere = phone()
    elsewhere.sign_in_as(client.account_id, client.email)
    answer = client.post("/sign-out")
    assert (answer.status_code, answer.location) == (303, "/")
    assert client.get("/today").status_code == 303
    assert elsewhere.get("/today").status_code == 200


def test_signing_out_when_nobody_is_signed_in_does_no_harm(nobody: Phone):
    assert nobody.post("/sign-out").status_code == 303


def test_a_recovery_code_sets_a_new_password_once_and_signs_out_other_phones(nobody: Phone, phone: Callable[[], Phone]):
    nobody.post("/sign-up", data=SIGN_UP)
    code = codes_shown(nobody)[0]
    lost = phone()
    data = {"email": SIGN_UP["email"], "code": code, "password": ANOTHER}
    answer = lost.post("/recover", data=data)
    assert (answer.status_code, answer.location) == (303, "/today")
    assert lost.get("/today").status_code == 200
    assert nobody.get("/today").status_code == 303
    again = phone().post("/recover", data=data | {"password": "a third long password"})
    assert again.status_code == 422
    assert error_beside(again, "code")
    signed_in = phone().post("/sign-in", data={"email": SIGN_UP["email"], "password": ANOTHER})
    assert signed_in.status_code == 303


def test_recovering_by_htmx_sends_the_page_on(nobody: Phone, phone: Callable[[], Phone]):
    nobody.post("/sign-up", data=SIGN_UP)
    data = {"email": SIGN_UP["email"], "code": codes_shown(nobody)[0], "password": ANOTHER}
    assert phone().post("/recover", data=data, headers=HTMX).headers["HX-Redirect"] == "/today"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_recovery_that_fails_keeps_what_was_typed_but_the_password(
    client: Phone, nobody: Phone, headers: dict[str, str]
):
    data = {"email": client.email, "code": "aaaa-bbbb-cccc-dddd", "password": ANOTHER}
    answer = nobody.post("/recover", data=data, headers=headers)
    assert answer.status_code == 422
    assert error_beside(answer, "code")
    assert f'value="{client.email}"' in answer.text
    assert 'value="aaaa-bbbb-cccc-dddd"' in answer.text
    assert ANOTHER not in answer.text
    assert is_page(answer) is not bool(headers)


@pytest.mark.parametrize("data", [{}, {"email": "\x00", "code": "\x00", "password": ANOTHER}])
def test_an_empty_or_odd_recovery_is_refused(nobody: Phone, data: dict[str, str]):
    assert nobody.post("/recover", data=data).status_code == 422


def test_only_a_page_of_a_signed_in_person_tells_their_own_phone_key(
    client: Phone, other: Phone, nobody: Phone, database: Session
):
    keys = {account.email: account.phone_key.hex() for account in database.scalars(select(Account))}
    for phone in (client, other):
        assert re.findall(r'data-phone-key="([^"]*)"', phone.get("/today").text) == [keys[phone.email]]
    assert "data-phone-key" not in nobody.get("/").text
    assert "data-phone-key" not in client.get("/offline").text
