"""What is kept is one person's, and goes with that person."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests.make.forms import STEPS, account_id, make_account, make_ladder, send
from tests.make.gate import Gate
from tests.make.handset import Handset, opened_once
from tests.make.phone import kept, until
from tests.make.taps import start_exposure

Robin = tuple[Page, list[str]]


def nothing_is_left(page: Page, gate: Gate) -> None:
    """No page of anybody is kept, and none shows without the network."""
    until(page, lambda: kept(page) == {})
    gate.stop()
    for path in ("/today", "/ladder", "/calendar", "/practice"):
        page.goto(path)
        expect(page.get_by_role("heading", name="No network here")).to_be_visible()
        expect(page.get_by_text(STEPS[0][0])).to_have_count(0)


def test_only_the_pages_that_may_be_kept_are_kept(robin: Robin):
    page, steps = robin
    for path in ("/account", "/plan", "/people", "/notifications", f"/steps/{steps[0]}", "/calendar/2026/1"):
        page.goto(path)
    account = account_id(page.context)
    ((whose, paths),) = kept(page).items()
    assert whose == account
    ladders = {path for path in paths if path.startswith("/ladder/")}
    assert len(ladders) == 1
    assert set(paths) - ladders == {"/today", "/ladder", "/calendar", "/practice", "/kit"}


def test_after_a_sign_out_nothing_is_kept(robin: Robin, gate: Gate):
    page, _steps = robin
    page.goto("/account")
    page.get_by_role("button", name="Sign out", exact=True).tap()
    page.wait_for_url("**/")
    nothing_is_left(page, gate)


@pytest.mark.parametrize("way", ["page", "events"])
def test_what_was_kept_goes_once_the_server_says_that_nobody_is_signed_in(robin: Robin, gate: Gate, way: str):
    page, steps = robin
    if way == "events":
        start_exposure(page, steps[0])
    # Before the server says so: from then on any look at the record may hear it first.
    assert kept(page) != {}
    send(page.context, "/account/sign-out-everywhere", {})
    page.context.clear_cookies()
    if way == "page":
        page.goto("/ladder")
        page.wait_for_url("**/sign-in**")
    else:
        page.locator("[data-part=resisted]").tap()
        until(page, lambda: kept(page) == {})
        page.locator("[data-part=ritual]").tap()
        page.wait_for_timeout(1000)
        page.get_by_role("button", name="Finish", exact=True).tap()
        page.wait_for_timeout(1000)
    nothing_is_left(page, gate)


def test_a_page_that_stood_open_since_somebody_else_was_here_takes_nothing_away(robin: Robin):
    page, _steps = robin
    before = kept(page)
    page.evaluate(
        """() => navigator.serviceWorker.controller.postMessage({
          type: "keep", account: crypto.randomUUID(), asked: true,
          version: document.querySelector("link[rel=stylesheet]").href.split("/")[4],
        })"""
    )
    page.wait_for_timeout(1000)
    assert kept(page) == before


def test_another_account_on_the_same_phone_finds_only_its_own(robin: Robin, handset: Handset, gate: Gate):
    page, _steps = robin
    first = account_id(page.context)
    page.context.clear_cookies()
    make_account(page.context, handset.zone)
    make_ladder(page.context, [("Stand on a chair", 30)])
    page.goto("/today")
    assert first not in kept(page)
    opened_once(page)
    assert list(kept(page)) == [account_id(page.context)]
    handset.off()
    gate.stop()
    page = handset.on()
    page.goto("/ladder")
    expect(page.get_by_text("Stand on a chair")).to_be_visible()
    expect(page.get_by_text(STEPS[0][0])).to_have_count(0)


def test_a_kit_that_was_asked_for_before_the_sign_out_is_not_kept_after_it(robin: Robin):
    page, _steps = robin
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.context.route("**/kit", hold)
    page.goto("/ladder/new")
    page.get_by_role("textbox").first.fill("Heights")
    page.locator("main form button").last.tap()
    until(page, lambda: waiting)
    answer = waiting[0].fetch()
    page.goto("/account")
    page.get_by_role("button", name="Sign out", exact=True).tap()
    page.wait_for_url("**/")
    waiting[0].fulfill(response=answer)
    page.wait_for_timeout(1500)
    assert kept(page) == {}
