"""A minute counts once: in two tabs, on a phone beside a tablet, without a network; and one tap takes it back."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_two_devices import cut, mend
from tests.make.forms import make_account, make_ladder, sign_in
from tests.make.phone import all_sent, until
from tests.make.taps import ready, start_exposure

ENDED = "It ended when another practice began."
GAVE_WAY = "Your other practice has ended."


def kinds(page: Page, exposure: str) -> list[str]:
    return [event["kind"] for event in page.context.request.get(f"/exposures/{exposure}/record").json()["events"]]


@pytest.fixture
def steps(signed_in: Page) -> list[str]:
    return make_ladder(signed_in.context)


@pytest.mark.parametrize("network", [True, False], ids=["online", "offline"])
def test_a_second_tab_ends_what_runs_in_the_first_and_undo_brings_it_back(
    signed_in: Page, steps: list[str], network: bool, problems: Any
):
    problems.allow("net::ERR_FAILED")
    first = start_exposure(signed_in, steps[0])
    all_sent(signed_in)
    tab = signed_in.context.new_page()
    tab.goto(f"/steps/{steps[1]}/practice?minutes=5")
    ready(tab)
    expect(tab.locator("[data-running]")).to_be_visible()
    if not network:
        cut(tab)
    tab.get_by_role("button", name="Start", exact=True).tap()
    expect(tab.get_by_text(GAVE_WAY)).to_be_visible()
    expect(signed_in.get_by_text(ENDED)).to_be_visible()
    second = tab.url.rpartition("/")[2].partition("?")[0]
    tab.get_by_role("button", name="Undo").tap()
    tab.wait_for_url(f"**/exposures/{first}*")
    ready(tab)
    for page in (tab, signed_in):
        expect(page.get_by_role("timer")).to_be_visible()
        expect(page.get_by_text(ENDED)).to_be_hidden()
    if not network:
        mend(tab)
    all_sent(tab)
    assert kinds(tab, second)[:2] == ["started", "finished"]
    assert set(kinds(tab, first)) == {"started", "finished", "resumed"}


def test_a_phone_beside_a_tablet_runs_one_practice_at_a_time(phone: Callable[..., Any]):
    tablet = phone().new_page()
    email = make_account(tablet.context)
    steps = make_ladder(tablet.context)
    first = start_exposure(tablet, steps[0])
    all_sent(tablet)
    other = phone().new_page()
    sign_in(other.context, email)
    start_exposure(other, steps[1])
    expect(other.get_by_text(GAVE_WAY)).to_be_visible()
    expect(tablet.get_by_text(ENDED)).to_be_visible()
    # And back again, from the one that gave way.
    tablet.get_by_role("button", name="Back to the timer").tap()
    expect(tablet.get_by_role("timer")).to_be_visible()
    expect(other.get_by_text(ENDED)).to_be_visible()
    assert kinds(tablet, first) == ["started", "finished", "resumed"]


def test_a_reload_of_a_start_whose_answer_was_lost_still_tells_of_the_other(phone: Callable[..., Any], problems: Any):
    problems.allow("net::ERR_FAILED")
    tablet = phone().new_page()
    email = make_account(tablet.context)
    steps = make_ladder(tablet.context)
    start_exposure(tablet, steps[0])
    all_sent(tablet)
    other = phone().new_page()
    sign_in(other.context, email)
    lost: list[str] = []

    def lose(route: Any) -> None:
        route.fetch()
        lost.append(route.request.url)
        route.abort()

    other.context.route("**/events", lose)
    start_exposure(other, steps[1])
    until(other, lambda: lost)
    other.context.unroute("**/events")
    other.evaluate("dispatchEvent(new Event('online'))")
    expect(other.get_by_text(GAVE_WAY)).to_be_visible()
    expect(tablet.get_by_text(ENDED)).to_be_visible()
