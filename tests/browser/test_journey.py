"""From nothing to the filled day, by taps, on a phone of 390 × 844. The clock is the real one."""

import re
from datetime import datetime

import pytest
from playwright.sync_api import Page, expect

from tests.make.forms import PASSWORD, new_email
from tests.make.phone import all_sent
from tests.make.taps import ready


@pytest.mark.long
def test_a_stranger_signs_up_builds_a_ladder_practises_and_sees_the_day_filled(page: Page):
    sign_up(page)
    build_ladder(page)
    set_a_small_plan(page)
    practise_from_today(page)
    see_the_day_filled(page)


def sign_up(page: Page) -> None:
    page.goto("/")
    page.locator("main a[href='/sign-up']").first.tap()
    page.locator("input[name=display_name]").fill("Robin")
    page.locator("input[name=email]").fill(new_email())
    page.locator("input[name=password]").fill(PASSWORD)
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(page.locator("select[name=time_zone]")).to_have_value(zone)
    page.get_by_role("button", name="Sign up").tap()

    expect(page).to_have_url(re.compile("/account/codes$"))
    codes = re.findall(r"\b[a-z0-9]{4}(?:-[a-z0-9]{4}){5}\b", page.locator("main").inner_text())
    assert len(codes) == 8
    with page.expect_download() as download:
        page.locator("form[action$='/codes/download'] button").tap()
    assert all(code in download.value.path().read_text() for code in codes)
    page.get_by_role("button", name="I have saved them").tap()
    expect(page).to_have_url(re.compile("/today$"))


def build_ladder(page: Page) -> None:
    page.locator("main a[href='/ladder/new']").first.tap()
    page.locator("input[name=name]").fill("Dogs")
    page.get_by_role("button", name="Next").tap()
    titles = page.locator("input[name=title]")
    titles.nth(0).fill("Stroke a calm dog")
    titles.nth(1).fill("Look at a photo of a dog")
    titles.nth(2).fill("Stand across the street from one")
    page.get_by_role("button", name="Next").tap()
    for title, suds in (("Stroke", 85), ("Look", 15), ("Stand", 45)):
        page.get_by_role("slider", name=re.compile(title)).fill(str(suds))
    page.get_by_role("button", name="Build the ladder").tap()


def set_a_small_plan(page: Page) -> None:
    expect(page).to_have_url(re.compile("/plan"))
    page.get_by_role("radio", name=re.compile("Start small")).tap()
    page.get_by_role("button", name="Set my plan").tap()
    expect(page).to_have_url(re.compile("/today$"))


def practise_from_today(page: Page) -> None:
    # The lowest step is next; one planned minute is the shortest there is, and what this test waits out.
    expect(page.locator("main")).to_contain_text("Look at a photo of a dog")
    page.get_by_role("link", name="Look at a photo of a dog").tap()
    page.locator("a[href$='/edit']").tap()
    page.locator("input[name=planned_minutes]").fill("1")
    page.locator("#step-form").get_by_role("button", name="Save").tap()
    # The form's page has a way back as well.
    expect(page).to_have_url(re.compile("/steps/[0-9a-f-]+$"))
    page.get_by_role("link", name="Back").tap()
    page.locator("nav a[href='/today']").tap()

    # Two taps from Today to a running timer.
    page.locator("main").get_by_role("link", name="Start", exact=True).tap()
    ready(page)
    page.get_by_role("button", name="Start", exact=True).tap()
    expect(page.get_by_role("timer")).to_be_visible()

    page.get_by_role("button", name="How strong is it now?").tap()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("slider").fill("40")
    sheet.get_by_role("button", name="Save").tap()
    expect(sheet).to_be_hidden()
    page.get_by_role("button", name=re.compile("^Urge, resisted")).tap()
    page.get_by_role("button", name=re.compile("^Did a ritual")).tap()
    expect(page.get_by_role("button", name=re.compile("^Did a ritual"))).to_contain_text("1")

    # The timer comes to its end by itself, on time.
    after = page.locator("[data-section=after]")
    expect(after.locator("h1")).to_be_visible(timeout=75_000)
    assert practised_for(page) == 60
    after.get_by_role("slider").fill("10")
    after.get_by_label("What did you learn?").fill("It is only a picture")
    after.get_by_role("button", name="Save").tap()

    summary = page.locator("#summary:not([data-basic])")
    expect(summary).to_contain_text("1 min")
    expect(summary).to_contain_text("It is only a picture")
    page.get_by_role("link", name="Back to Today").tap()


def practised_for(page: Page) -> float:
    """Seconds from the start to the finish, as the server has them."""
    all_sent(page)
    exposure = page.url.rpartition("/")[2].partition("?")[0]
    events = page.request.get(f"/exposures/{exposure}/record").json()["events"]
    times = {event["kind"]: datetime.fromisoformat(event["at"]) for event in events}
    return (times["finished"] - times["started"]).total_seconds()


def see_the_day_filled(page: Page) -> None:
    expect(page).to_have_url(re.compile("/today$"))
    page.locator("nav a[href='/calendar']").tap()
    today = page.locator("#month [aria-current=date]")
    expect(today).to_contain_text("practised")
    today.tap()
    day = page.locator("#day")
    expect(day).to_contain_text("Look at a photo of a dog")
    expect(day).to_contain_text("1 min")
    expect(day).to_contain_text("It is only a picture")
