"""Who may make an account: RUNG_SIGN_UP, and that an open invitation always can."""

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from erp.domain.support import invitation as invitations
from erp.services import provide, services_of
from erp.settings import SignUp
from erp.storage.account import Account
from erp.storage.db import Sessions
from erp.storage.support import Invitation
from tests.make.clock import Clock
from tests.make.pages import HTMX, an_invitation
from tests.web.conftest import PASSWORD, Phone

NOOR = {"email": "noor@example.org", "password": PASSWORD, "display_name": "Noor", "time_zone": "Europe/Lisbon"}
SHUT = [SignUp.invitation, SignUp.closed]


@pytest.fixture
def shut(app: Flask) -> Callable[[SignUp], None]:
    """Sets who may sign up."""

    def to(mode: SignUp) -> None:
        services = services_of(app)
        provide(app, replace(services, settings=replace(services.settings, sign_up=mode)))

    return to


def accounts(database: Session) -> int:
    database.rollback()
    return database.scalar(select(func.count()).select_from(Account)) or 0


def sent(page: TestResponse, **typed: str) -> tuple[str, dict[str, str]]:
    """The form on a page as a browser without scripts sends it: its address and its fields, with what was typed."""
    form = re.search(r'<form class="fill"[^>]* action="([^"]*)".*?</form>', page.text, re.DOTALL)
    assert form
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[0])
    return unescape(form[1]), {name: unescape(value) for name, value in hidden} | typed


@pytest.mark.parametrize("mode", SHUT)
def test_nobody_signs_up_where_it_is_shut_and_the_page_says_what_to_do(
    shut: Callable[[SignUp], None], nobody: Phone, database: Session, mode: SignUp
):
    shut(mode)
    for answer in (nobody.get("/sign-up"), nobody.post("/sign-up", data=NOOR)):
        assert answer.status_code == 403
        assert "open it once more" in answer.text or "open their link once more" in answer.text
        assert 'href="/sign-in"' in answer.text
    assert accounts(database) == 0
    answer = nobody.post("/sign-up", data=NOOR, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/sign-up")


@pytest.mark.parametrize("mode", SHUT)
def test_no_page_leads_to_a_sign_up_that_is_shut(shut: Callable[[SignUp], None], nobody: Phone, mode: SignUp):
    for path in ("/", "/sign-in", "/sign-in?next=/plan"):
        assert "/sign-up" in nobody.get(path).text
    shut(mode)
    for path in ("/", "/sign-in", "/sign-in?next=/plan", "/sign-in?next=/invitations/none", "/about", "/recover"):
        assert "/sign-up" not in nobody.get(path).text
    failed = nobody.post("/sign-in", data={"email": "noor@example.org", "password": "wrong"})
    assert failed.status_code == 422
    assert "/sign-up" not in failed.text


@pytest.mark.parametrize("mode", SHUT)
def test_who_has_an_account_signs_in_as_ever(
    shut: Callable[[SignUp], None], nobody: Phone, client: Phone, mode: SignUp
):
    shut(mode)
    assert nobody.post("/sign-in", data={"email": client.email, "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize("mode", SignUp)
@pytest.mark.parametrize("by_way_of_sign_in", [True, False])
def test_who_was_invited_signs_up_through_failed_forms_and_reloads_without_scripts(
    shut: Callable[[SignUp], None],
    nobody: Phone,
    client: Phone,
    sessions: Sessions,
    mode: SignUp,
    by_way_of_sign_in: bool,
):
    path = f"/invitations/{an_invitation(sessions, client)}"
    shut(mode)
    to_sign_up, to_sign_in = re.findall(r'href="(/sign-(?:up|in)\?[^"]*)"', nobody.get(path).text)
    if by_way_of_sign_in:
        found = re.search(r'href="(/sign-up[^"]*)"', nobody.get(unescape(to_sign_in)).text)
        assert found
        to_sign_up = found[1]
    address, fields = sent(nobody.get(unescape(to_sign_up)), **NOOR | {"password": "short"})
    failed = nobody.post(address, data=fields)
    assert failed.status_code == 422
    # The address that now stands in the browser, opened anew.
    address, fields = sent(nobody.get(address), **NOOR | {"password": "also"})
    address, fields = sent(nobody.post(address, data=fields), **NOOR)
    signed_up = nobody.post(address, data=fields)
    assert (signed_up.status_code, signed_up.location) == (303, f"/account/codes?next={path}")
    assert nobody.post("/account/codes/saved", data={"next": path}).location == path
    assert nobody.post(path).location.startswith("/people/")


@pytest.mark.parametrize("mode", SHUT)
@pytest.mark.parametrize("became", ["used", "expired", "withdrawn", "never was", "another page"])
def test_an_invitation_that_is_not_open_lets_nobody_in_even_while_the_form_is_open(
    shut: Callable[[SignUp], None],
    nobody: Phone,
    client: Phone,
    other: Phone,
    sessions: Sessions,
    clock: Clock,
    database: Session,
    mode: SignUp,
    became: str,
):
    token = an_invitation(sessions, client)
    shut(mode)
    way = f"/invitations/{token}"
    assert nobody.get("/sign-up", query_string={"next": way}).status_code == 200
    if became == "used":
        other.post(way)
    elif became == "expired":
        clock.go_on(timedelta(days=7, seconds=1))
    elif became == "withdrawn":
        with sessions.writing() as session:
            row = session.scalars(select(Invitation).where(Invitation.client_id == uuid.UUID(client.account_id))).one()
            invitations.withdraw(row, clock())
            session.commit()
    else:
        way = {"never was": f"/invitations/{token[:-1]}x", "another page": f"/plan?x=/invitations/{token}"}[became]
    before = accounts(database)
    assert nobody.get("/sign-up", query_string={"next": way}).status_code == 403
    assert nobody.post("/sign-up", data=NOOR | {"next": way}).status_code == 403
    assert accounts(database) == before


def test_invitations_cannot_be_guessed_at_the_sign_up(shut: Callable[[SignUp], None], nobody: Phone):
    shut(SignUp.closed)
    answers = [nobody.get(f"/sign-up?next=/invitations/{number}").status_code for number in range(41)]
    assert answers == [403] * 40 + [429]
