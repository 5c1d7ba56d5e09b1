"""A practice that was left open: it ends by itself soon after its time, and later only as the person says."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.make.forms import make_ladder, started_elsewhere, tell
from tests.make.phone import all_sent
from tests.make.taps import ready, start_exposure

MINUTE = 60


@pytest.fixture
def steps(signed_in: Page) -> list[str]:
    return make_ladder(signed_in.context)


def left_open(page: Page, step: str, ago: float, minutes: int = 20, taps: tuple[float, ...] = (), **start: Any) -> str:
    """A practice started so many minutes ago, with an urge so many minutes after the start each; its id."""
    exposure = started_elsewhere(page.context, step, ago * MINUTE, planned_minutes=minutes, **start)
    for tap in taps:
        tell(page.context, exposure, "resisted", (ago - tap) * MINUTE)
    page.goto(f"/exposures/{exposure}")
    ready(page)
    return exposure


def question(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Until when did you stay?")


def practised(page: Page, exposure: str) -> list[float]:
    """Minutes from the start to each finish that the server knows."""
    all_sent(page)
    events = page.context.request.get(f"/exposures/{exposure}/record").json()["events"]
    start = datetime.fromisoformat(events[0]["at"])
    ends = [datetime.fromisoformat(event["at"]) for event in events if event["kind"] == "finished"]
    return [round((end - start) / timedelta(minutes=1), 1) for end in ends]


def summary_minutes(page: Page, exposure: str) -> str:
    return page.context.request.get(f"/exposures/{exposure}/summary").text()


def test_within_the_hour_it_ends_at_its_planned_end_by_itself(signed_in: Page, steps: list[str]):
    exposure = left_open(signed_in, steps[0], ago=75)
    expect(signed_in.locator("[data-section=after] h1")).to_be_visible()
    assert practised(signed_in, exposure) == [20]


def test_after_hours_it_asks_and_suggests_the_last_sign_of_life(signed_in: Page, steps: list[str]):
    exposure = left_open(signed_in, steps[0], ago=300, taps=(4, 12))
    dialog = question(signed_in)
    expect(dialog).to_be_visible()
    assert practised(signed_in, exposure) == []
    expect(dialog.get_by_role("radio", name="My last tap")).to_be_checked()
    expect(dialog).to_contain_text("12 minutes of practice")
    dialog.get_by_role("button", name="Save").tap()
    expect(signed_in.locator("[data-section=after] h1")).to_be_visible()
    assert practised(signed_in, exposure) == [12]


def test_the_planned_end_and_any_other_time_can_be_chosen(signed_in: Page, steps: list[str]):
    exposure = left_open(signed_in, steps[0], ago=300, taps=(4,))
    dialog = question(signed_in)
    dialog.get_by_role("radio", name="The planned end").tap()
    expect(dialog).to_contain_text("20 minutes of practice")
    dialog.get_by_role("radio", name="Another time").tap()
    dialog.get_by_role("slider").fill("45")
    expect(dialog).to_contain_text("45 minutes of practice")
    dialog.get_by_role("button", name="Save").tap()
    expect(signed_in.locator("[data-section=after] h1")).to_be_visible()
    assert practised(signed_in, exposure) == [45]
    assert "45 min" in summary_minutes(signed_in, exposure)


def test_without_any_tap_the_planned_end_is_suggested(signed_in: Page, steps: list[str]):
    left_open(signed_in, steps[0], ago=600)
    dialog = question(signed_in)
    expect(dialog.get_by_role("radio", name="The planned end")).to_be_checked()
    expect(dialog.get_by_text("My last tap")).to_be_hidden()


def test_a_question_that_was_put_away_comes_again_and_nothing_ends_meanwhile(signed_in: Page, steps: list[str]):
    exposure = left_open(signed_in, steps[0], ago=300)
    expect(question(signed_in)).to_be_visible()
    signed_in.keyboard.press("Escape")
    expect(question(signed_in)).to_be_hidden()
    signed_in.get_by_role("button", name="Finish", exact=True).tap()
    expect(question(signed_in)).to_be_visible()
    assert practised(signed_in, exposure) == []


def test_under_another_rule_whoever_is_still_there_goes_on(signed_in: Page, steps: list[str]):
    exposure = left_open(signed_in, steps[0], ago=60, stopping_rule="tested")
    question(signed_in).get_by_role("button", name="I am still practising").tap()
    expect(signed_in.get_by_role("timer")).to_contain_text("+40:")
    assert practised(signed_in, exposure) == []


def left_paused(page: Page, step: str) -> str:
    """A practice that was paused five hours ago, twelve minutes after its start; its id."""
    exposure = started_elsewhere(page.context, step, 312 * MINUTE, planned_minutes=20)
    tell(page.context, exposure, "resisted", 308 * MINUTE)
    tell(page.context, exposure, "paused", 300 * MINUTE)
    page.goto(f"/exposures/{exposure}")
    ready(page)
    return exposure


def test_a_pause_of_hours_asks_as_well_and_nothing_counts_after_its_beginning(signed_in: Page, steps: list[str]):
    exposure = left_paused(signed_in, steps[0])
    dialog = question(signed_in)
    expect(dialog.get_by_role("radio", name="My last tap")).to_be_checked()
    expect(dialog).to_contain_text("12 minutes of practice")
    dialog.get_by_role("radio", name="Another time").tap()
    assert dialog.get_by_role("slider").get_attribute("max") == "12"
    dialog.get_by_role("radio", name="My last tap").tap()
    dialog.get_by_role("button", name="Save").tap()
    expect(signed_in.locator("[data-section=after] h1")).to_be_visible()
    assert practised(signed_in, exposure) == [12]


def test_who_is_still_in_the_pause_goes_on_from_there(signed_in: Page, steps: list[str]):
    exposure = left_paused(signed_in, steps[0])
    question(signed_in).get_by_role("button", name="I am still practising").tap()
    expect(question(signed_in)).to_be_hidden()
    signed_in.locator(".when-paused").get_by_text("Go on").tap()
    expect(signed_in.get_by_role("timer")).to_contain_text("7:")
    assert practised(signed_in, exposure) == []


def test_another_device_that_ends_it_takes_the_question_away(signed_in: Page, steps: list[str]):
    exposure = left_open(signed_in, steps[0], ago=300)
    expect(question(signed_in)).to_be_visible()
    tell(signed_in.context, exposure, "finished", 290 * MINUTE)
    expect(question(signed_in)).to_be_hidden()
    expect(signed_in.locator("[data-section=after] h1")).to_be_visible()


def test_whoever_stopped_earlier_says_so_afterwards(signed_in: Page, steps: list[str]):
    exposure = left_open(signed_in, steps[0], ago=70, taps=(7,))
    after = signed_in.locator("[data-section=after]")
    expect(after).to_contain_text("20 min practised")
    after.get_by_role("button", name="I stopped earlier").tap()
    question(signed_in).get_by_role("button", name="Leave it as it is").tap()
    expect(after).to_contain_text("20 min practised")
    after.get_by_role("button", name="I stopped earlier").tap()
    expect(question(signed_in).get_by_role("radio", name="My last tap")).to_be_checked()
    question(signed_in).get_by_role("button", name="Save").tap()
    expect(after).to_contain_text("7 min practised")
    assert practised(signed_in, exposure) == [7, 20]
    assert re.search(r"7\s*min", summary_minutes(signed_in, exposure))


def test_nobody_can_have_stopped_before_asking_for_more_time(signed_in: Page, steps: list[str]):
    exposure = started_elsewhere(signed_in.context, steps[0], 70 * MINUTE, planned_minutes=20)
    tell(signed_in.context, exposure, "extended", 60 * MINUTE, minutes=5)
    signed_in.goto(f"/exposures/{exposure}")
    signed_in.get_by_role("button", name="I stopped earlier").tap()
    question(signed_in).get_by_role("radio", name="Another time").tap()
    slider = question(signed_in).get_by_role("slider")
    assert (slider.get_attribute("min"), slider.get_attribute("max")) == ("10", "25")


def test_a_finish_that_was_tapped_can_be_put_right_as_well(signed_in: Page, steps: list[str]):
    start_exposure(signed_in, steps[0])
    signed_in.get_by_role("button", name="Finish", exact=True).tap()
    signed_in.get_by_role("button", name="I stopped earlier").tap()
    expect(question(signed_in)).to_be_visible()


def test_an_answer_counts_even_when_the_page_is_about_to_ask_again(signed_in: Page, steps: list[str]):
    exposure = left_open(signed_in, steps[0], ago=300, taps=(12,))
    expect(question(signed_in)).to_be_visible()
    # The click closes the dialog at once; that it was closed is told a little later.
    signed_in.evaluate(
        """() => {
          document.querySelector("[data-part=ask-end] [value=stayed]").click();
          document.querySelector("[data-earlier]").click();
        }"""
    )
    expect(signed_in.locator("[data-section=after] h1")).to_be_visible()
    assert practised(signed_in, exposure) == [12]
    expect(question(signed_in)).to_be_hidden()
