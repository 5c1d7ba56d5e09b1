"""A page says once that something was done."""

import pytest
from playwright.sync_api import expect

from tests.make.forms import make_account


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
