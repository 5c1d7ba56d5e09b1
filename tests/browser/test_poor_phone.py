"""A phone that refuses storage, loses a connection to it, freezes a tab or is years old: no tap is lost on it."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.make.forms import make_account, make_ladder, tell
from tests.make.phone import OUTBOX_SIZE, Problems, all_sent, controlled, until
from tests.make.taps import start_exposure

# Keeps the connections to the outbox where a test can cut them.
WATCH_STORAGE = """
globalThis.connections = [];
const {open} = IDBFactory.prototype;
IDBFactory.prototype.open = function (...asked) {
  const request = open.apply(this, asked);
  request.addEventListener("success", () => connections.push(request.result));
  return request;
};
"""
REFUSE_STORAGE = "IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError'); };"
# Patience is a twentieth of what it is, so that a test does not wait half a minute.
HASTE = "const {timeout} = AbortSignal; AbortSignal.timeout = ms => timeout.call(AbortSignal, ms / 20);"
# What Safari on iOS 15 does not have.
OLD = """
delete Navigator.prototype.locks;
delete AbortSignal.timeout;
delete globalThis.BroadcastChannel;
delete globalThis.Notification;
delete globalThis.PushManager;
delete HTMLFormElement.prototype.requestSubmit;
"""
# The service worker's storage fails, as that of a full phone does.
FILL = """
() => {
  const full = async () => { throw new DOMException("", "QuotaExceededError"); };
  Cache.prototype.put = full;
  CacheStorage.prototype.open = full;
  CacheStorage.prototype.keys = full;
  CacheStorage.prototype.has = full;
}
"""

Made = Callable[[str], Page]


@pytest.fixture
def phone_with(phone: Callable[..., BrowserContext], problems: Any) -> Made:
    """Makes a page of a new account whose pages run a script first."""
    problems.allow("net::ERR_(FAILED|ABORTED|CONNECTION|INTERNET)")

    def make(script: str) -> Page:
        context = phone()
        make_account(context)
        context.add_init_script(f"{{{script}}}")
        return context.new_page()

    return make


def tap(page: Page, part: str = "resisted") -> None:
    page.locator(f"[data-part={part}]").tap()


def kinds(page: Page, exposure: str) -> list[str]:
    events = page.context.request.get(f"/exposures/{exposure}/record").json()["events"]
    return [event["kind"] for event in events]


def test_a_connection_to_the_storage_that_died_unseen_costs_nothing(phone_with: Made):
    page = phone_with(WATCH_STORAGE)
    exposure = start_exposure(page, make_ladder(page.context)[0])
    all_sent(page)
    page.context.set_offline(True)
    page.evaluate("connections.splice(0).forEach(each => each.close())")
    tap(page)
    until(page, lambda: page.evaluate(OUTBOX_SIZE) == 1)
    page.evaluate("connections.splice(0).forEach(each => each.close())")
    page.context.set_offline(False)
    all_sent(page)
    assert kinds(page, exposure) == ["started", "resisted"]


def test_storage_that_is_cleared_under_an_open_page_takes_no_tap_with_it(phone_with: Made, problems: Problems):
    problems.allow("Force close delete origin")
    page = phone_with("")
    exposure = start_exposure(page, make_ladder(page.context)[0])
    all_sent(page)
    page.context.set_offline(True)
    tap(page)
    tap(page, "ritual")
    until(page, lambda: page.evaluate(OUTBOX_SIZE) == 2)
    devtools = page.context.new_cdp_session(page)
    origin = page.evaluate("location.origin")
    devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "indexeddb"})
    page.context.set_offline(False)
    until(page, lambda: sorted(kinds(page, exposure)) == ["resisted", "ritual", "started"])
    all_sent(page)


def test_without_any_storage_taps_go_from_memory(phone_with: Made):
    page = phone_with(REFUSE_STORAGE)
    exposure = start_exposure(page, make_ladder(page.context)[0])
    until(page, lambda: page.context.request.get(f"/exposures/{exposure}/record").ok)
    page.context.set_offline(True)
    tap(page)
    tap(page, "ritual")
    expect(page.locator("outbox-status")).to_contain_text("2 waiting to be sent")
    page.context.set_offline(False)
    until(page, lambda: kinds(page, exposure) == ["started", "resisted", "ritual"])
    expect(page.locator("outbox-status")).to_be_hidden()


def test_a_frozen_tab_that_holds_the_lock_holds_nobody_up(phone_with: Made):
    page = phone_with(HASTE)
    exposure = start_exposure(page, make_ladder(page.context)[0])
    all_sent(page)
    frozen = page.context.new_page()
    frozen.goto("/about")
    frozen.evaluate("() => { navigator.locks.request('rung-outbox', () => new Promise(() => {})); }")
    until(frozen, lambda: "rung-outbox" in frozen.evaluate("navigator.locks.query().then(JSON.stringify)"))
    page.bring_to_front()
    tap(page)
    until(page, lambda: kinds(page, exposure) == ["started", "resisted"])


def test_a_phone_of_years_ago_practises_and_signs_out(phone_with: Made):
    page = phone_with(OLD)
    exposure = start_exposure(page, make_ladder(page.context)[0])
    tap(page)
    all_sent(page)
    tell(page.context, exposure, "ritual")
    expect(page.locator("[data-part=ritual]")).to_contain_text("1")
    page.get_by_role("button", name="Finish", exact=True).tap()
    page.get_by_role("button", name="Save").last.tap()
    expect(page.locator("#summary:not([data-basic])")).to_be_visible()
    all_sent(page)
    assert kinds(page, exposure) == ["started", "resisted", "ritual", "finished", "noted"]
    page.goto("/account")
    page.get_by_role("button", name="Sign out", exact=True).tap()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_looks_at_the_record_do_not_pile_up_on_a_slow_network(phone_with: Made):
    page = phone_with("")
    page.clock.install()
    start_exposure(page, make_ladder(page.context)[0], minutes=20)
    all_sent(page)
    hung: list[Route] = []
    page.route("**/record", lambda route: hung.append(route))  # noqa: PLW0108  (a bound method of a list is refused)
    page.clock.run_for(2_000)
    until(page, lambda: hung or page.clock.run_for(500))
    for _ in range(6):
        page.clock.run_for(2_000)
        page.wait_for_timeout(50)
    assert len(hung) == 1
    hung[0].continue_()
    page.unroute("**/record")
    with page.expect_response("**/record"):
        page.clock.run_for(6_000)


def test_pages_show_on_a_phone_whose_storage_is_full(phone_with: Made):
    page = phone_with("")
    steps = make_ladder(page.context)
    page.goto("/today")
    controlled(page)
    [worker] = page.context.service_workers
    worker.evaluate(FILL)
    page.goto("/people")
    expect(page.get_by_role("heading", level=1)).to_have_text("People")
    assert page.evaluate("[...document.styleSheets].filter(each => each.cssRules.length).length") == 2
    exposure = start_exposure(page, steps[0])
    tap(page)
    all_sent(page)
    assert kinds(page, exposure) == ["started", "resisted"]
