"""The practice page keeps what belongs to an exposure with it, loses no tap, and ends nothing too early."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.make.forms import make_account, make_ladder, sign_in, started_elsewhere, tell
from tests.make.phone import all_sent, until
from tests.make.taps import ready, seconds_left, start_exposure

# The outbox opens only when `letItOpen` is called, and the page waits for it as long as that takes.
SLOW_OUTBOX = """
const opened = new Promise(resolve => (window.letItOpen = resolve));
const listen = EventTarget.prototype.addEventListener;
IDBOpenDBRequest.prototype.addEventListener = function (type, heard, options) {
  const late = event => opened.then(() => heard.call(this, event));
  listen.call(this, type, type === "success" ? late : heard, options);
};
const wait = window.setTimeout;
window.setTimeout = (task, pause, ...more) => wait(task, pause === 3000 ? 9e8 : pause, ...more);
"""


@pytest.fixture
def steps(signed_in: Page) -> list[str]:
    return make_ladder(signed_in.context)


def test_what_was_typed_after_one_exposure_is_not_in_the_next(signed_in: Page, steps: list[str]):
    start_exposure(signed_in, steps[0])
    signed_in.get_by_role("button", name="Finish", exact=True).tap()
    signed_in.get_by_label("What did you learn?").fill("only for this one")
    all_sent(signed_in)
    start_exposure(signed_in, steps[1])
    signed_in.get_by_role("button", name="Finish", exact=True).tap()
    expect(signed_in.get_by_label("What did you learn?")).to_be_visible()
    expect(signed_in.get_by_label("What did you learn?")).to_have_value("")
    kept = signed_in.evaluate("Object.keys(sessionStorage).filter(key => key.startsWith('rung-draft:'))")
    assert not [key for key in kept if key.endswith((":undefined", ":null"))]


def test_a_note_stays_through_a_reload_and_its_slider_follows_later_check_ins(signed_in: Page, steps: list[str]):
    start_exposure(signed_in, steps[0])
    signed_in.get_by_role("button", name="Finish", exact=True).tap()
    signed_in.get_by_label("What did you learn?").fill("it looked away")
    signed_in.get_by_role("button", name="Back to the timer").tap()
    signed_in.get_by_role("button", name="How strong is it now?").tap()
    signed_in.get_by_role("dialog").get_by_role("slider").fill("33")
    signed_in.get_by_role("dialog").get_by_role("button", name="Save").tap()
    all_sent(signed_in)
    signed_in.reload()
    ready(signed_in)
    signed_in.get_by_role("button", name="Finish", exact=True).tap()
    after = signed_in.locator("[data-section=after]")
    expect(after.get_by_role("slider")).to_have_value("33")
    expect(after.get_by_label("What did you learn?")).to_have_value("it looked away")


def test_a_device_that_only_looks_ends_nothing_without_the_server(phone, problems):
    problems.allow("net::ERR_FAILED")
    first = phone()
    email = make_account(first)
    exposure = started_elsewhere(first, make_ladder(first)[0], ago=56)
    second = phone()
    sign_in(second, email)
    page = second.new_page()
    page.route("**/record", lambda route: route.abort())
    page.goto(f"/exposures/{exposure}")
    ready(page)
    until(page, lambda: seconds_left(page) == 0)
    page.wait_for_timeout(1500)
    assert page.locator("practice-page").get_attribute("data-phase") == "running"

    tell(first, exposure, "extended", minutes=5)
    page.unroute("**/record")
    until(page, lambda: seconds_left(page) > 240)
    record = first.request.get(f"/exposures/{exposure}/record").json()
    assert [event["kind"] for event in record["events"]] == ["started", "extended"]


def test_the_end_is_the_planned_one_once_the_server_was_asked(signed_in: Page, steps: list[str]):
    exposure = started_elsewhere(signed_in.context, steps[0], ago=57)
    signed_in.goto(f"/exposures/{exposure}")
    expect(signed_in.locator("[data-section=after] h1")).to_be_visible()
    all_sent(signed_in)
    started, finished = signed_in.context.request.get(f"/exposures/{exposure}/record").json()["events"]
    length = datetime.fromisoformat(finished["at"]) - datetime.fromisoformat(started["at"])
    assert length == timedelta(minutes=1)


def test_a_tap_while_the_outbox_opens_counts(signed_in: Page, steps: list[str]):
    exposure = start_exposure(signed_in, steps[0])
    all_sent(signed_in)
    page = signed_in.context.new_page()
    page.add_init_script(SLOW_OUTBOX)
    page.goto(f"/exposures/{exposure}")
    until(page, lambda: page.evaluate("Boolean(customElements.get('practice-page'))"))
    page.get_by_role("button", name=re.compile("^Urge, resisted")).tap()
    assert page.locator("practice-page[data-ready]").count() == 0
    page.evaluate("letItOpen()")
    expect(page.get_by_role("button", name=re.compile("^Urge, resisted"))).to_contain_text("1")


def test_only_two_minutes_stays_two_and_the_prediction_stays_too(signed_in: Page, steps: list[str]):
    signed_in.goto(f"/steps/{steps[0]}/practice")
    ready(signed_in)
    signed_in.get_by_text("Add a prediction").tap()
    signed_in.get_by_label("What do you fear will happen?").fill("it will bark")
    signed_in.goto(f"/steps/{steps[0]}/practice?minutes=2")
    ready(signed_in)
    expect(signed_in.locator("input[name=planned_minutes][value='2']")).to_be_checked()
    expect(signed_in.get_by_label("What do you fear will happen?")).to_have_value("it will bark")


def test_quick_repeats_count_and_a_shaking_finger_does_not(signed_in: Page, steps: list[str]):
    start_exposure(signed_in, steps[0])
    signed_in.evaluate(
        """async () => {
          const button = document.querySelector("[data-part=resisted]");
          for (let taps = 0; taps < 3; taps++) {
            button.click();
            button.click();
            await new Promise(done => setTimeout(done, 350));
          }
        }"""
    )
    expect(signed_in.locator("[data-part=resisted]")).to_have_text(re.compile(r"\b3$"))


def test_only_a_tap_beside_the_sheet_closes_it(signed_in: Page, steps: list[str]):
    signed_in.emulate_media(reduced_motion="reduce")  # the sheet stands where it opens
    start_exposure(signed_in, steps[0])
    signed_in.get_by_role("button", name="How strong is it now?").tap()
    sheet = signed_in.get_by_role("dialog")
    box = sheet.bounding_box()
    assert box
    signed_in.touchscreen.tap(box["x"] + 5, box["y"] + box["height"] / 2)
    signed_in.wait_for_timeout(300)
    expect(sheet).to_be_visible()
    signed_in.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] - 40)
    expect(sheet).to_be_hidden()


def test_a_pause_is_said_and_keeps_the_focus(signed_in: Page, steps: list[str]):
    start_exposure(signed_in, steps[0])
    signed_in.get_by_role("button", name="Pause", exact=True).press("Enter")
    live = signed_in.locator("[data-part=live]")
    expect(live).to_have_text(re.compile("Paused"))
    expect(signed_in.get_by_role("button", name="Go on").first).to_be_focused()
    signed_in.keyboard.press("Enter")
    expect(live).to_have_text("Going on")
    expect(signed_in.get_by_role("button", name="Pause", exact=True)).to_be_focused()
