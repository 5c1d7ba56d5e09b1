"""The whole job without touching the screen: Tab, Enter, Space, arrows, Escape."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.make.forms import PASSWORD, make_ladder, new_email
from tests.make.taps import ready


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the focus is there; fails when a person could never get there."""
    target.wait_for(state="attached")
    for _ in range(80):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{target} cannot be reached with the Tab key")


def press(page: Page, target: Locator) -> None:
    """Go to a control and press Enter on it."""
    tab_to(page, target)
    page.keyboard.press("Enter")


@pytest.fixture
def page(phone) -> Page:
    """A computer, not a phone: nobody touches it."""
    return phone(has_touch=False, is_mobile=False).new_page()


def test_an_account_is_made_by_keyboard(page: Page):
    page.goto("/sign-up")
    for name, text in (("display_name", "Robin"), ("email", new_email()), ("password", PASSWORD)):
        tab_to(page, page.locator(f"input[name={name}]"))
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/account/codes$"))
    press(page, page.get_by_role("button", name="I have saved them"))
    expect(page).to_have_url(re.compile("/today$"))


def test_a_ladder_is_built_by_keyboard(signed_in: Page):
    page = signed_in
    page.goto("/ladder/new")
    tab_to(page, page.locator("input[name=name]"))
    page.keyboard.type("Dogs")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/list$"))
    for number, title in enumerate(("Look at a photo", "Stroke a calm dog")):
        tab_to(page, page.locator("input[name=title]").nth(number))
        page.keyboard.type(title)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/rate$"))
    slider = page.get_by_role("slider", name="Look at a photo")
    tab_to(page, slider)
    page.keyboard.press("Home")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("12")
    press(page, page.get_by_role("button", name="Build the ladder"))
    expect(page).not_to_have_url(re.compile("/rate$"))
    page.goto("/ladder")
    expect(page.locator("main")).to_contain_text("Look at a photo")


def test_an_exposure_is_run_by_keyboard_from_today(signed_in: Page):
    page = signed_in
    make_ladder(page.context)
    page.goto("/today")
    press(page, page.locator("main a[href*='/practice']").first)
    ready(page)
    press(page, page.get_by_role("button", name="Start", exact=True))
    expect(page.get_by_role("timer")).to_be_visible()

    opener = page.get_by_role("button", name="How strong is it now?")
    press(page, opener)
    slider = page.get_by_role("dialog").get_by_role("slider")
    expect(slider).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(opener).to_be_focused()

    page.keyboard.press("Enter")
    before = int(slider.input_value())
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value(str(before + 1))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("[data-part=curve]")).to_have_attribute("aria-label", re.compile(rf"\b{before + 1}\b"))

    press(page, page.get_by_role("button", name=re.compile("^Urge, resisted")))
    expect(page.get_by_role("button", name=re.compile("^Urge, resisted"))).to_contain_text("1")
    press(page, page.get_by_role("button", name="Finish", exact=True))
    expect(page.locator("[data-section=after] h1")).to_be_focused()

    tab_to(page, page.get_by_label("What did you learn?"))
    page.keyboard.type("It passed by itself")
    press(page, page.locator("[data-section=after]").get_by_role("button", name="Save"))
    expect(page.locator("#summary")).to_contain_text("It passed by itself")
    press(page, page.get_by_role("link", name="Back to Today"))
    expect(page).to_have_url(re.compile("/today$"))


def test_the_focus_can_always_be_seen(signed_in: Page):
    page = signed_in
    make_ladder(page.context)
    hidden = []
    for path in ("/today", "/ladder", "/calendar", "/account"):
        page.goto(path)
        for _ in range(12):
            page.keyboard.press("Tab")
            look = page.evaluate(
                """() => {
                  const one = document.activeElement;
                  if (one === document.body) return null;
                  const styles = [one, one.nextElementSibling, one.closest("label"), one.parentElement]
                    .filter(Boolean).map(each => getComputedStyle(each));
                  const seen = styles.some(style => style.outlineStyle !== "none" && style.outlineWidth !== "0px");
                  return seen ? null : one.outerHTML.slice(0, 120);
                }"""
            )
            if look:
                hidden.append(f"{path}: {look}")
    assert hidden == []


def test_the_first_tab_leads_past_the_menu(page: Page):
    page.goto("/about")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))


def test_a_day_of_the_calendar_opens_by_keyboard(signed_in: Page):
    page = signed_in
    page.goto("/calendar")
    press(page, page.locator("#month a[href*='/calendar/days/']").last)
    expect(page.locator("#day")).to_be_visible()
