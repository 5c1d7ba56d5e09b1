"""What a person does on the practice page by taps, and what it shows."""

import re

from playwright.sync_api import Page, expect

from tests.make.phone import all_sent


def start_exposure(page: Page, step: str, minutes: int = 5) -> str:
    """Open the practice page of a step and start by a tap; the id of the exposure."""
    page.goto(f"/steps/{step}/practice?minutes={minutes}")
    ready(page)
    page.get_by_role("button", name="Start", exact=True).tap()
    expect(page.get_by_role("timer")).to_be_visible()
    return page.url.rpartition("/")[2].partition("?")[0]


def ready(page: Page) -> None:
    """Wait until the practice page has its script running."""
    page.locator("practice-page[data-ready]").wait_for(state="attached")


def exposure_on(page: Page) -> str:
    """The id of the exposure that the page is about."""
    found = re.search(r"/exposures/([0-9a-f-]{36})", page.url)
    assert found, page.url
    return found[1]


def run_to_the_end(page: Page, step: str, prediction: str = "") -> str:
    """Practise a step with all that can be recorded of it; the summary shows afterwards. The id of the exposure."""
    page.goto(f"/steps/{step}/practice")
    ready(page)
    if prediction:
        page.get_by_text("Add a prediction").tap()
        page.get_by_label("What do you fear will happen?").fill(prediction)
    page.get_by_role("button", name="Start", exact=True).tap()
    page.get_by_role("button", name="How strong is it now?").tap()
    page.get_by_role("dialog").get_by_role("slider").fill("70")
    page.get_by_role("dialog").get_by_role("button", name="Save").tap()
    page.get_by_role("button", name="Urge, resisted").tap()
    page.get_by_role("button", name="Did a ritual").tap()
    expect(page.get_by_role("button", name="Did a ritual")).to_contain_text("1")
    page.get_by_role("button", name="Finish", exact=True).tap()
    after = page.locator("[data-section=after]")
    after.get_by_role("slider").fill("25")
    if prediction:
        after.get_by_role("radio", name="Partly").tap()
    after.get_by_label("What did you learn?").fill("it passed by itself")
    after.get_by_role("button", name="Save").tap()
    expect(page.locator("[data-part=done-minutes]")).to_be_visible()
    return exposure_on(page)


def seconds_left(page: Page) -> int:
    """What the timer shows, in seconds."""
    minutes, _, seconds = page.locator("[data-part=time]").inner_text().partition(":")
    return int(minutes) * 60 + int(seconds)


def off_by(page: Page, exposure: str) -> float:
    """How many seconds the timer shows too many, by the start that the server knows and this device's clock."""
    all_sent(page)
    difference: float = page.evaluate(
        """async exposure => {
          const record = await (await fetch(`/exposures/${exposure}/record`)).json();
          const start = record.events.find(event => event.kind === "started");
          const [minutes, seconds] = document.querySelector("[data-part=time]").textContent.split(":").map(Number);
          return minutes * 60 + seconds - (start.planned_minutes * 60 - (Date.now() - Date.parse(start.at)) / 1000);
        }""",
        exposure,
    )
    return difference
