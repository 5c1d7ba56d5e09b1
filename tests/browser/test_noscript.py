"""With JavaScript switched off everything still works: plain forms, plain links."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.make.forms import PASSWORD, make_account, make_ladder, new_email


@pytest.fixture
def plain(phone) -> Page:
    """A page on a phone that runs no script."""
    return phone(java_script_enabled=False).new_page()


def test_a_person_can_sign_up_and_in_without_javascript(plain: Page):
    email = new_email()
    plain.goto("/sign-up")
    plain.get_by_label("What shall we call you?").fill("Robin")
    plain.get_by_label("E-mail", exact=False).fill(email)
    plain.get_by_label("Password", exact=False).fill(PASSWORD)
    plain.locator("select[name=time_zone]").select_option("Europe/Lisbon")
    plain.get_by_role("button", name="Sign up").tap()
    expect(plain).to_have_url(re.compile("/account/codes$"))
    plain.get_by_role("button", name="I have saved them").tap()
    expect(plain).to_have_url(re.compile("/today$"))


def test_a_wrong_form_says_what_is_wrong_without_javascript(plain: Page):
    plain.goto("/sign-up")
    form = plain.locator("form[action='/sign-up']")
    form.locator("input[name=display_name]").fill("Robin")
    form.locator("input[name=email]").fill(new_email())
    form.locator("input[name=password]").fill("password12")
    form.locator("select[name=time_zone]").select_option("Europe/Lisbon")
    form.get_by_role("button", name="Sign up").tap()
    expect(plain.locator("#password-error")).to_be_visible()
    expect(form.locator("input[name=password]")).to_have_attribute("aria-invalid", "true")
    expect(form.locator("input[name=display_name]")).to_have_value("Robin")


def test_a_ladder_is_built_without_javascript(plain: Page):
    make_account(plain.context, "Europe/Lisbon")
    plain.goto("/ladder/new")
    plain.locator("input[name=name]").fill("Dogs")
    plain.get_by_role("button", name="Next").tap()
    fields = plain.locator("input[name=title]")
    fields.nth(0).fill("Stroke a calm dog")
    fields.nth(1).fill("Look at a photo of a dog")
    plain.get_by_role("button", name="Next").tap()
    sliders = plain.get_by_role("slider")
    expect(sliders).to_have_count(2)
    plain.get_by_role("slider", name="Stroke a calm dog").fill("80")
    plain.get_by_role("slider", name="Look at a photo of a dog").fill("15")
    plain.get_by_role("button", name="Build the ladder").tap()
    expect(plain).to_have_url(re.compile("/plan"))
    plain.goto("/ladder")
    text = plain.locator("main").inner_text()
    assert text.index("Stroke a calm dog") < text.index("Look at a photo of a dog")


def test_a_whole_exposure_runs_without_javascript(plain: Page):
    make_account(plain.context, "Europe/Lisbon")
    steps = make_ladder(plain.context)
    plain.goto(f"/steps/{steps[0]}/practice?minutes=5")
    plain.get_by_role("button", name="Start", exact=True).tap()
    expect(plain).to_have_url(re.compile("/exposures/[0-9a-f-]{36}"))
    running = plain.locator("[data-section=running]")
    expect(running.get_by_role("timer")).to_be_visible()

    running.locator("input[name=suds]:visible").fill("65")
    running.get_by_role("button", name="Save").first.tap()
    running.get_by_role("button", name=re.compile("^Urge, resisted")).tap()
    expect(running.get_by_role("button", name=re.compile("^Urge, resisted"))).to_contain_text("1")
    running.get_by_role("button", name=re.compile("^Did a ritual")).tap()
    running.get_by_role("button", name="Pause", exact=True).tap()
    running.get_by_role("button", name="Go on").last.tap()
    running.get_by_role("button", name="+5 min").tap()
    running.get_by_role("button", name="Finish", exact=True).tap()

    after = plain.locator("[data-section=after]")
    expect(after.locator("h1")).to_be_visible()
    after.get_by_role("slider").fill("35")
    after.get_by_label("What did you learn?").fill("It passed by itself")
    after.get_by_role("button", name="Save").tap()
    expect(plain.locator("#summary")).to_be_visible()
    expect(plain.locator("#summary")).to_contain_text("65")
    expect(plain.locator("#summary")).to_contain_text("It passed by itself")


def test_the_calendar_turns_its_months_without_javascript(plain: Page):
    make_account(plain.context, "Europe/Lisbon")
    plain.goto("/calendar")
    before = plain.locator("#month").inner_text()
    plain.locator("#month a[href*='/calendar/']").first.tap()
    expect(plain).to_have_url(re.compile(r"/calendar/\d+/\d+$"))
    assert plain.locator("#month").inner_text() != before


def test_a_plan_and_a_pause_are_made_without_javascript(plain: Page):
    make_account(plain.context, "Europe/Lisbon")
    plain.goto("/plan")
    plain.locator("#plan-form").get_by_role("button").last.tap()
    expect(plain).to_have_url(re.compile("/today$"))
