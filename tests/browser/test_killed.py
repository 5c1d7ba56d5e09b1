"""The browser is killed, or the page frozen, in mid-exposure: on return the timer is right and every tap is there."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from tests.make.forms import make_account, make_ladder, sign_in, started_elsewhere
from tests.make.patience import PATIENCE
from tests.make.phone import all_sent, kill, set_up, settings, switch_on
from tests.make.server import Server
from tests.make.taps import off_by, ready, seconds_left, start_exposure

Start = Callable[[], BrowserContext]


@pytest.fixture
def start(playwright: Playwright, server: Server, problems: Any, tmp_path: Path) -> Iterator[Start]:
    """Starts a browser on one and the same profile, again and again."""
    started: list[BrowserContext] = []
    # Two starts are one phone: the same zone and the same address.
    options = settings(server.origin)

    def start() -> BrowserContext:
        started.append(switch_on(playwright, tmp_path / "profile", options))
        set_up(started[-1], problems)
        return started[-1]

    problems.allow("net::ERR_FAILED")
    yield start
    started[-1].close()


def kill_for_good(profile: Path) -> None:
    """Kill the browser, and let the next one have the profile."""
    kill(profile)
    deadline = time.monotonic() + PATIENCE
    while (profile / "SingletonLock").is_symlink() and time.monotonic() < deadline:
        (profile / "SingletonLock").unlink()


def cut(context: BrowserContext) -> None:
    context.route("**/events", lambda route: route.abort())


def test_a_browser_that_was_killed_has_every_tap_and_the_right_time(start: Start, tmp_path: Path):
    context = start()
    email = make_account(context)
    step = make_ladder(context)[0]
    page = context.new_page()
    exposure = start_exposure(page, step)
    all_sent(page)
    cut(context)
    page.locator("[data-part=resisted]").tap()
    page.locator("[data-part=ritual]").tap()
    expect(page.get_by_text("2 waiting to be sent")).to_be_visible()
    kill_for_good(tmp_path / "profile")
    time.sleep(2)

    context = start()
    sign_in(context, email)  # Chromium writes its cookies down only every half minute
    page = context.new_page()
    page.goto("/today")
    page.locator(f"a[href*='/exposures/{exposure}']").first.tap()
    ready(page)
    expect(page.locator("[data-part=resisted]")).to_contain_text("1")
    expect(page.locator("[data-part=ritual]")).to_contain_text("1")
    assert abs(off_by(page, exposure)) <= 2
    record = context.request.get(f"/exposures/{exposure}/record").json()
    assert [event["kind"] for event in record["events"]] == ["started", "resisted", "ritual"]


def test_a_start_that_only_the_killed_browser_knew_is_there(start: Start, tmp_path: Path):
    context = start()
    email = make_account(context)
    step = make_ladder(context)[0]
    page = context.new_page()
    cut(context)
    exposure = start_exposure(page, step)
    expect(page.get_by_text("1 waiting to be sent")).to_be_visible()
    began = time.time() - (300 - seconds_left(page))
    kill_for_good(tmp_path / "profile")

    context = start()
    sign_in(context, email)
    page = context.new_page()
    page.goto(f"/exposures/{exposure}?step={step}")
    ready(page)
    before = time.time() - began
    shown = 300 - seconds_left(page)
    assert before - 2 <= shown <= time.time() - began + 2
    all_sent(page)


def frozen(page: Page, until: float) -> None:
    """The system freezes the page until that moment (time.time())."""
    phone = page.context.new_cdp_session(page)
    phone.send("Page.setWebLifecycleState", {"state": "frozen"})
    time.sleep(until - time.time())
    phone.send("Page.setWebLifecycleState", {"state": "active"})


@pytest.mark.long
def test_a_page_that_is_frozen_past_the_end_finishes_at_the_planned_end(signed_in: Page):
    steps = make_ladder(signed_in.context)
    # A minute is left for the page to open and be tapped on.
    began = time.time() - 60
    exposure = started_elsewhere(signed_in.context, steps[0], ago=60, planned_minutes=2)
    signed_in.goto(f"/exposures/{exposure}")
    ready(signed_in)
    signed_in.locator("[data-part=resisted]").tap()
    all_sent(signed_in)
    frozen(signed_in, until=began + 123)
    expect(signed_in.locator("[data-section=after] h1")).to_be_visible()
    all_sent(signed_in)
    events = signed_in.context.request.get(f"/exposures/{exposure}/record").json()["events"]
    assert [event["kind"] for event in events] == ["started", "resisted", "finished"]
    expect(signed_in.locator("[data-section=after]")).to_contain_text("2 min practised")
