"""The timer tells the right time whatever happens to the page, and every device tells the same."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.make.forms import make_account, make_ladder, sign_in
from tests.make.phone import all_sent, until
from tests.make.taps import off_by, ready, seconds_left, start_exposure


@pytest.fixture
def steps(signed_in: Page) -> list[str]:
    return make_ladder(signed_in.context)


def shows_at_most(page: Page, seconds: int) -> None:
    """Wait until no more than this is left."""
    until(page, lambda: seconds_left(page) <= seconds)


def test_a_reload_in_the_middle_goes_on_where_the_clock_is(signed_in: Page, steps: list[str]):
    exposure = start_exposure(signed_in, steps[0], minutes=5)
    shows_at_most(signed_in, 298)
    signed_in.reload()
    ready(signed_in)
    assert abs(off_by(signed_in, exposure)) <= 2


def test_a_page_that_was_closed_shows_the_running_exposure_from_today(signed_in: Page, steps: list[str]):
    exposure = start_exposure(signed_in, steps[0], minutes=5)
    all_sent(signed_in)
    context = signed_in.context
    signed_in.close()
    page = context.new_page()
    page.goto("/today")
    page.locator("a[href*='/exposures/']").first.tap()
    ready(page)
    assert abs(off_by(page, exposure)) <= 2


def test_a_page_that_was_frozen_shows_the_right_time_at_once(signed_in: Page, steps: list[str]):
    exposure = start_exposure(signed_in, steps[0], minutes=5)
    phone = signed_in.context.new_cdp_session(signed_in)
    phone.send("Page.setWebLifecycleState", {"state": "frozen"})
    # Another page keeps real time while this one is frozen.
    other = signed_in.context.new_page()
    other.goto("/about")
    other.evaluate("() => new Promise(done => setTimeout(done, 4000))")
    other.close()
    phone.send("Page.setWebLifecycleState", {"state": "active"})
    shows_at_most(signed_in, 296)
    assert abs(off_by(signed_in, exposure)) <= 2


def test_a_second_device_shows_the_same_exposure_and_can_finish_it(phone):
    first = phone().new_page()
    email = make_account(first.context)
    steps = make_ladder(first.context)
    start_exposure(first, steps[0], minutes=5)
    all_sent(first)

    second = phone().new_page()
    sign_in(second.context, email)
    second.goto("/today")
    second.locator("a[href*='/exposures/']").first.tap()
    ready(second)
    before, shown, after = seconds_left(first), seconds_left(second), seconds_left(first)
    assert after - 1 <= shown <= before + 1

    second.get_by_role("button", name=re.compile("^Urge, resisted")).tap()
    expect(first.get_by_role("button", name=re.compile("^Urge, resisted"))).to_contain_text("1")

    second.get_by_role("button", name="Finish", exact=True).tap()
    expect(second.locator("[data-section=after] h1")).to_be_visible()
    expect(first.locator("[data-section=after] h1")).to_be_visible()


def test_a_check_in_on_one_device_stands_in_the_curve_of_the_other(phone):
    first = phone().new_page()
    email = make_account(first.context)
    steps = make_ladder(first.context)
    exposure = start_exposure(first, steps[0], minutes=5)
    all_sent(first)
    second = phone().new_page()
    sign_in(second.context, email)
    second.goto(f"/exposures/{exposure}")
    ready(second)

    first.get_by_role("button", name="How strong is it now?").tap()
    sheet = first.get_by_role("dialog")
    sheet.get_by_role("slider").fill("77")
    sheet.get_by_role("button", name="Save").tap()
    expect(sheet).to_be_hidden()
    expect(second.locator("[data-part=curve]")).to_have_attribute("aria-label", re.compile(r"\b77\b"))


def test_the_page_before_another_one_says_that_one_runs_and_leads_to_it(phone):
    first = phone().new_page()
    email = make_account(first.context)
    steps = make_ladder(first.context)
    exposure = start_exposure(first, steps[0], minutes=5)
    all_sent(first)

    second = phone().new_page()
    sign_in(second.context, email)
    second.goto(f"/steps/{steps[1]}/practice")
    said = second.get_by_text("“Look at a photo of a dog” is still running. It ends when you start this one.")
    expect(said).to_be_visible()
    second.get_by_role("link", name="Go to it").first.tap()
    ready(second)
    assert exposure in second.url
    expect(second.get_by_role("timer")).to_be_visible()


def test_a_pause_stops_the_time_on_every_device(phone):
    first = phone().new_page()
    email = make_account(first.context)
    steps = make_ladder(first.context)
    exposure = start_exposure(first, steps[0], minutes=5)
    first.get_by_role("button", name="Pause", exact=True).tap()
    # The same words are spoken in a live region; what is seen is the message.
    message = first.locator("[data-part=message]")
    expect(message).to_have_text("Paused. The time waits for you.")
    all_sent(first)
    second = phone().new_page()
    sign_in(second.context, email)
    second.goto(f"/exposures/{exposure}")
    ready(second)
    stood = seconds_left(first)
    assert seconds_left(second) == stood

    second.locator("[data-section=running]").get_by_role("button", name="Go on").last.tap()
    shows_at_most(second, stood - 2)
    expect(message).not_to_have_text("Paused. The time waits for you.")


def test_more_time_and_less_network_are_no_trouble(signed_in: Page, steps: list[str], problems):
    problems.allow("net::ERR_INTERNET_DISCONNECTED")
    start_exposure(signed_in, steps[0], minutes=5)
    all_sent(signed_in)
    signed_in.context.set_offline(True)
    signed_in.get_by_role("button", name="+5 min").tap()
    assert seconds_left(signed_in) > 300
    signed_in.get_by_role("button", name=re.compile("^Did a ritual")).tap()
    expect(signed_in.get_by_text("2 waiting to be sent")).to_be_visible()
    signed_in.context.set_offline(False)
    all_sent(signed_in)
    expect(signed_in.get_by_text("waiting to be sent")).to_be_hidden()
