"""What a person does where there is no network, and what the server knows of it later."""

import re
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.acts import ready


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


def happened(context: BrowserContext, exposure: str) -> list[dict[str, Any]]:
    """The events of an exposure as the server has them."""
    answer = context.request.get(f"/exposures/{exposure}/record")
    assert answer.status == 200, answer.status
    events: list[dict[str, Any]] = answer.json()["events"]
    return events
