"""Whatever the network does to a request, each tap arrives once, and no tap waits for it."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from tests.make.forms import SAME_ORIGIN, make_ladder
from tests.make.phone import all_sent, until
from tests.make.taps import ready, start_exposure


@pytest.fixture
def running(signed_in: Page, problems: Any) -> tuple[Page, str]:
    """A page on which an exposure runs that the server knows; its id."""
    return a_run(signed_in, problems)


def a_run(signed_in: Page, problems: Any) -> tuple[Page, str]:
    problems.allow("net::ERR_(FAILED|ABORTED|CONNECTION)")
    exposure = start_exposure(signed_in, make_ladder(signed_in.context)[0])
    all_sent(signed_in)
    return signed_in, exposure


def urge(page: Page) -> None:
    """One tap, which shows at once."""
    button = page.locator("[data-part=resisted]")
    before = int((re.findall(r"\d+$", button.inner_text()) or ["0"])[0])
    page.wait_for_timeout(350)  # a quicker one would be a shaking finger's
    button.tap()
    expect(button).to_have_text(re.compile(rf"\b{before + 1}$"))


def kinds(context: BrowserContext, exposure: str) -> list[str]:
    """The kinds of the events that the server knows, in order."""
    events = context.request.get(f"/exposures/{exposure}/record").json()["events"]
    assert len({event["id"] for event in events}) == len(events)
    return [event["kind"] for event in events]


def ids_of(request: Request) -> list[str]:
    return [event["id"] for event in json.loads(request.post_data or "{}").get("events", [])]


def test_a_request_that_hangs_costs_no_tap(signed_in: Page, problems: Any):
    signed_in.clock.install()
    page, exposure = a_run(signed_in, problems)
    hung: list[Route] = []
    given_up: list[Request] = []
    page.on("requestfailed", lambda request: given_up.append(request))  # noqa: PLW0108  (a bound method of a list is refused)

    def hang(route: Route) -> None:
        hung.append(route)

    page.route("**/events", hang, times=1)
    urge(page)
    until(page, lambda: hung)
    for _ in range(3):
        urge(page)
    expect(page.get_by_text("4 waiting to be sent")).to_be_visible()
    assert not given_up
    page.clock.fast_forward(15_000)
    all_sent(page)
    assert kinds(page.context, exposure) == ["started", *["resisted"] * 4]


def test_an_answer_that_gets_lost_after_the_server_has_kept_it_changes_nothing(running: tuple[Page, str]):
    page, exposure = running
    lost: list[str] = []

    def lose(route: Route) -> None:
        assert route.fetch().ok
        lost.extend(ids_of(route.request))
        route.abort()

    page.route("**/events", lose, times=2)
    urge(page)
    urge(page)
    all_sent(page)
    assert lost
    assert kinds(page.context, exposure) == ["started", "resisted", "resisted"]


def test_a_request_that_arrives_twice_changes_nothing(running: tuple[Page, str]):
    page, exposure = running

    def twice(route: Route) -> None:
        assert route.fetch().ok
        route.fulfill(response=route.fetch())

    page.route("**/events", twice)
    urge(page)
    urge(page)
    page.get_by_role("button", name="Finish", exact=True).tap()
    all_sent(page)
    assert kinds(page.context, exposure) == ["started", "resisted", "resisted", "finished"]


def test_a_request_that_arrives_long_after_later_ones_changes_nothing(running: tuple[Page, str]):
    page, exposure = running
    late: list[str] = []

    def delay(route: Route) -> None:
        late.append(route.request.post_data or "")
        route.abort()

    page.route("**/events", delay, times=1)
    urge(page)
    until(page, lambda: late)
    page.get_by_role("button", name="+5 min").tap()
    page.get_by_role("button", name="Finish", exact=True).tap()
    all_sent(page)
    before = page.context.request.get(f"/exposures/{exposure}/record").json()["events"]
    headers = {**SAME_ORIGIN, "Content-Type": "application/json"}
    answer = page.context.request.post("/events", data=late[0], headers=headers)
    assert answer.json()["accepted"] == [event["id"] for event in json.loads(late[0])["events"]]
    assert page.context.request.get(f"/exposures/{exposure}/record").json()["events"] == before
    assert [event["kind"] for event in before] == ["started", "resisted", "extended", "finished"]


def test_a_strange_network_that_answers_200_is_not_taken_for_ours(running: tuple[Page, str]):
    page, exposure = running
    page.route("**/events", lambda route: route.fulfill(status=200, content_type="text/html", body="<h1>Wi-Fi</h1>"))
    urge(page)
    expect(page.get_by_text("1 waiting to be sent")).to_be_visible()
    page.unroute("**/events")
    all_sent(page)
    assert kinds(page.context, exposure) == ["started", "resisted"]


def test_what_waits_can_be_sent_now(running: tuple[Page, str]):
    page, _exposure = running
    tries: list[str] = []

    def refuse(route: Route) -> None:
        tries.append(route.request.url)
        route.abort()

    page.route("**/events", refuse)
    urge(page)
    # By the third try the pause before the next one is twelve seconds at least.
    until(page, lambda: len(tries) >= 3)
    with page.expect_request("**/events", timeout=10_000):
        page.get_by_role("button", name="Send now").tap()
    expect(page.get_by_text("waiting to be sent. There is no connection right now.")).to_be_visible()
    page.unroute("**/events")
    all_sent(page)
    expect(page.locator("outbox-status")).to_be_hidden()


def test_two_tabs_send_each_event_once(running: tuple[Page, str]):
    page, exposure = running
    second = page.context.new_page()
    second.goto(page.url)
    ready(second)
    sent: Counter[str] = Counter()
    network: list[str] = []

    def count(route: Route) -> None:
        if not network:
            return route.abort()
        sent.update(ids_of(route.request))
        page.wait_for_timeout(300)  # long enough for the other tab to try
        return route.continue_()

    page.context.route("**/events", count)
    urge(page)
    expect(second.locator("[data-part=resisted]")).to_contain_text("1")
    urge(second)
    urge(page)
    expect(page.locator("[data-part=resisted]")).to_contain_text("3")
    network.append("is back")
    for tab in (page, second):
        tab.evaluate("dispatchEvent(new Event('online'))")
    all_sent(page)
    assert list(sent.values()) == [1, 1, 1]
    assert kinds(page.context, exposure) == ["started", *["resisted"] * 3]


def test_two_tabs_show_the_same_and_what_one_finishes_is_finished_on_the_other(running: tuple[Page, str]):
    page, exposure = running
    second = page.context.new_page()
    second.goto(page.url)
    ready(second)
    page.context.route("**/events", lambda route: route.abort())  # the tabs hear each other without the server
    second.get_by_role("button", name="Finish", exact=True).tap()
    expect(page.locator("[data-section=after] h1")).to_be_visible()
    page.context.unroute("**/events")
    all_sent(page)
    assert kinds(page.context, exposure) == ["started", "finished"]


def test_one_event_at_which_the_server_fails_lets_all_others_go(running: tuple[Page, str], problems: Any):
    problems.allow("status of 500|^500 |INTERNET_DISCONNECTED")
    page, exposure = running
    page.context.set_offline(True)
    for _ in range(4):
        urge(page)
    bad: list[str] = []

    def fail(route: Route) -> None:
        ids = ids_of(route.request)
        bad[:] = bad or ids[1:2]
        if set(bad) & set(ids):
            route.fulfill(status=500, content_type="text/html", body="<h1>Sorry</h1>")
        else:
            route.continue_()

    page.route("**/events", fail)
    page.context.set_offline(False)
    until(page, lambda: kinds(page.context, exposure).count("resisted") == 3)
    page.unroute("**/events")
    all_sent(page)
    assert kinds(page.context, exposure).count("resisted") == 4


def test_what_the_server_leaves_for_later_goes_soon_and_in_no_rush(running: tuple[Page, str], problems: Any):
    problems.allow("INTERNET_DISCONNECTED")
    page, exposure = running
    page.context.set_offline(True)
    for _ in range(3):
        urge(page)
    asked: list[int] = []

    def take_one(route: Route) -> None:
        body = json.loads(route.request.post_data or "{}")
        asked.append(len(body["events"]))
        route.fulfill(response=route.fetch(post_data=json.dumps(body | {"events": body["events"][:1]})))

    page.route("**/events", take_one)
    page.context.set_offline(False)
    all_sent(page)
    assert kinds(page.context, exposure) == ["started", *["resisted"] * 3]
    assert [size for size in asked if size] == [3, 2, 1]


def test_on_a_slow_network_fewer_go_at_once_and_at_the_next_try_as_well(signed_in: Page, problems: Any):
    signed_in.clock.install()
    page, exposure = a_run(signed_in, problems)
    problems.allow("INTERNET_DISCONNECTED")
    page.context.set_offline(True)
    for _ in range(4):
        urge(page)
    sizes: list[int] = []

    def slow(route: Route) -> None:
        sizes.append(len(ids_of(route.request)))
        if sizes == [4, 2]:
            route.abort()
        elif sizes[-1] < 4:
            route.continue_()

    page.route("**/events", slow)
    page.context.set_offline(False)
    until(page, lambda: sizes)
    page.clock.fast_forward(15_000)
    all_sent(page)
    assert sizes == [4, 2, 2, 2]
    # For the server the page's clock went ahead meanwhile, so that their order says nothing.
    assert sorted(kinds(page.context, exposure)) == [*["resisted"] * 4, "started"]
