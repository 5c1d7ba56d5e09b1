"""One exposure on two devices, one of them without the network for a while: both come to the same truth."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.make.forms import make_account, make_ladder, sign_in
from tests.make.phone import all_sent
from tests.make.taps import ready, start_exposure

NETWORK = re.compile("/(events|record|away)$")


def on_two_devices(phone: Callable[..., Any]) -> tuple[Page, Page, str]:
    """Two devices of one person, with an exposure that both show; its id."""
    first = phone().new_page()
    email = make_account(first.context)
    exposure = start_exposure(first, make_ladder(first.context)[0])
    all_sent(first)
    second = phone().new_page()
    sign_in(second.context, email)
    second.goto(f"/exposures/{exposure}")
    ready(second)
    return first, second, exposure


def cut(page: Page) -> None:
    page.context.route(NETWORK, lambda route: route.abort())


def mend(page: Page) -> None:
    page.context.unroute(NETWORK)
    page.evaluate("dispatchEvent(new Event('online'))")


def test_taps_on_both_sides_of_a_gap_in_the_network_all_count(phone: Callable[..., Any], problems: Any):
    problems.allow("net::ERR_FAILED")
    first, second, exposure = on_two_devices(phone)
    cut(first)
    first.locator("[data-part=resisted]").tap()
    second.locator("[data-part=resisted]").tap()
    second.locator("[data-part=ritual]").tap()
    first.get_by_role("button", name="+5 min").tap()
    all_sent(second)
    mend(first)
    all_sent(first)
    for page in (first, second):
        expect(page.locator("[data-part=resisted]")).to_contain_text("2")
        expect(page.locator("[data-part=ritual]")).to_contain_text("1")
        expect(page.locator("[data-part=of]")).to_contain_text("10 minutes")
    events = first.context.request.get(f"/exposures/{exposure}/record").json()["events"]
    assert sorted(event["kind"] for event in events) == ["extended", "resisted", "resisted", "ritual", "started"]


def test_a_finish_on_one_device_is_the_finish_of_a_late_one_as_well(phone: Callable[..., Any], problems: Any):
    problems.allow("net::ERR_FAILED")
    first, second, exposure = on_two_devices(phone)
    cut(first)
    second.get_by_role("button", name="Finish", exact=True).tap()
    all_sent(second)
    first.wait_for_timeout(2_000)
    first.get_by_role("button", name="Finish", exact=True).tap()
    mend(first)
    all_sent(first)
    spans = []
    for page in (first, second):
        page.goto(f"/exposures/{exposure}")
        ready(page)
        spans.append(page.locator("[data-part=recap]").inner_text())
    assert spans[0] == spans[1]
    kinds = [event["kind"] for event in first.context.request.get(f"/exposures/{exposure}/record").json()["events"]]
    assert kinds == ["started", "finished", "finished"]
