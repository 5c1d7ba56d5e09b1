"""A page says once that something was done."""

import re

import pytest
from playwright.sync_api import expect

from tests.make.forms import SAME_ORIGIN, make_account


@pytest.mark.parametrize("script", [True, False])
def test_what_was_done_is_said_and_with_script_not_again_at_a_reload(phone, script: bool):
    page = phone(java_script_enabled=script).new_page()
    make_account(page.context, "Europe/Lisbon")
    page.goto("/account")
    page.get_by_role("button", name="Save", exact=True).tap()
    said = page.get_by_text("Saved.", exact=True)
    expect(said).to_be_visible()
    if script:
        page.wait_for_url("**/account")
        page.reload()
        expect(page.get_by_role("heading", name="Account")).to_be_visible()
        expect(said).to_have_count(0)


def test_who_tries_too_often_is_told_how_long_to_wait(phone, problems):
    problems.allow("status of 429")
    page = phone().new_page()
    page.goto("/sign-in")
    wrong = {"email": "nobody@example.org", "password": "not the right password"}
    for _ in range(10):
        answer = page.context.request.post("/sign-in", form=wrong, headers=SAME_ORIGIN)
        assert answer.status == 422
    page.get_by_label("E-mail").fill(wrong["email"])
    page.get_by_label("Password").fill(wrong["password"])
    page.get_by_role("button", name="Sign in").tap()
    expect(page.locator("#error-notice")).to_have_text(re.compile(r"Please try again in 1[45] min\. Nothing is lost\."))
    expect(page.get_by_label("E-mail")).to_have_value(wrong["email"])
