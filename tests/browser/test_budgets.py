"""What a phone has to fetch: bytes on the wire as Chromium counts them, headers included, compressed by Brotli."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, Request

from tests.make.forms import make_account, make_ladder, practise, send, set_plan
from tests.make.gate import Gate
from tests.make.phone import controlled, until
from tests.make.taps import ready

FIRST_VISIT = 50_000
KIT = 6_000
# What Chromium does not report: /sw.js and what that imports.
UNREPORTED = 5_000
LATER_PAGE = 7_000
FRAGMENT = 2_000


class Wire:
    """Counts what arrives over the network for a page and for the service worker."""

    def __init__(self, page: Page) -> None:
        self.bytes: dict[str, int] = {}
        self.encodings: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        devtools = page.context.new_cdp_session(page)
        devtools.on("Network.responseReceived", self.on_response)
        devtools.on("Network.loadingFinished", self.on_finished)
        devtools.send("Network.enable")
        page.context.on("requestfinished", self.on_worker)

    def on_response(self, event: dict) -> None:
        response = event["response"]
        self.urls[event["requestId"]] = response["url"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        self.encodings[response["url"]] = headers.get("content-encoding", "")

    def on_finished(self, event: dict) -> None:
        url = self.urls.get(event["requestId"], "")
        self.bytes[url] = self.bytes.get(url, 0) + int(event["encodedDataLength"])

    def on_worker(self, request: Request) -> None:
        """What the service worker fetches for itself comes only here; what it had from the cache has no body."""
        if request.service_worker is None:
            return
        sizes = request.sizes()
        if sizes["responseBodySize"] > 0:
            url = f"worker: {request.url}"
            self.bytes[url] = sizes["responseBodySize"] + sizes["responseHeadersSize"]

    @property
    def total(self) -> int:
        return sum(self.bytes.values())


@contextmanager
def counted(page: Page) -> Iterator[Wire]:
    """Count what happens in the block, until the network is quiet."""
    wire = Wire(page)
    yield wire
    page.wait_for_load_state("networkidle")


def settled(page: Page) -> None:
    """Wait until the page has fetched all that it fetches by itself: the kit comes a second after the rest."""
    controlled(page)
    until(page, lambda: page.evaluate("caches.match('/kit').then(Boolean)"))
    page.wait_for_load_state("networkidle")


def a_usual_client(context: BrowserContext) -> list[str]:
    """A ladder of nine steps, a plan, and two weeks of practice."""
    steps = make_ladder(
        context, [(f"Step {number} on the way, in my own words", number * 10) for number in range(1, 10)]
    )
    set_plan(context)
    for ago in range(1, 14):
        practise(context, steps[0], datetime.now(UTC) - timedelta(days=ago))
    return steps


@pytest.fixture
def usual(signed_in: Page) -> tuple[Page, list[str]]:
    return signed_in, a_usual_client(signed_in.context)


def test_the_first_visit_to_today_costs_less_than_fifty_kilobytes_in_all(usual):
    page, _steps = usual
    with counted(page) as wire:
        page.goto("/today")
        controlled(page)
    # The kit for when there is no network comes when all else is there; the next test counts it.
    kit = sum(size for url, size in wire.bytes.items() if url.endswith("/kit"))
    assert wire.total - kit <= FIRST_VISIT, wire.bytes
    texts = [url for url in wire.bytes if url.endswith((".css", ".js", "/today"))]
    assert len(texts) >= 3
    assert {wire.encodings[url] for url in texts if url in wire.encodings} == {"br"}


def test_the_first_visit_brings_what_is_needed_without_the_network_for_six_kilobytes_more(phone, gate: Gate):
    context = phone(base_url=gate.origin)
    make_account(context)
    a_usual_client(context)
    page = context.new_page()
    gate.bytes = 0
    with counted(page) as wire:
        page.goto("/today")
        controlled(page)
        until(page, lambda: page.evaluate("caches.match('/calendar').then(Boolean)"))
        # Of what the service worker fetched, the word comes when it comes.
        until(page, lambda: any(url.endswith("/kit") for url in wire.bytes))
    sent = gate.bytes
    assert sum(size for url, size in wire.bytes.items() if url.endswith("/kit")) > 5_000
    assert wire.total <= FIRST_VISIT + KIT, wire.bytes
    assert sent <= FIRST_VISIT + KIT + UNREPORTED, wire.bytes


def test_whoever_has_not_allowed_notifications_does_not_pay_for_them(usual):
    page, _steps = usual
    for path in ("/today", "/ladder", "/account"):
        with counted(page) as wire:
            page.goto(path)
            controlled(page)
        assert not [url for url in wire.bytes if "push.js" in url or "notification.css" in url]


def test_every_later_page_costs_less_than_seven_kilobytes(phone):
    # What passes through the service worker is not counted, so here there is none; what it keeps, the cache has.
    page = phone(service_workers="block").new_page()
    make_account(page.context)
    steps = a_usual_client(page.context)
    today = datetime.now(UTC).date()
    paths = [
        "/today",
        "/ladder",
        "/calendar",
        f"/calendar/{today.year}",
        f"/calendar/days/{today - timedelta(days=3)}",
        f"/steps/{steps[0]}",
        f"/steps/{steps[0]}/edit",
        f"/steps/{steps[0]}/split",
        f"/steps/{steps[0]}/practice",
        "/plan",
        "/account",
        "/account/codes",
        "/notifications",
        "/about",
    ]
    over = {}
    for path in paths:
        # A room's own style sheet and scripts are fetched once, with the first page of the room.
        page.goto(path)
        page.wait_for_load_state("networkidle")
        with counted(page) as wire:
            page.goto(path)
        assert wire.total > 500, (path, wire.bytes)
        if wire.total > LATER_PAGE:
            over[path] = wire.bytes
    assert over == {}


def test_each_room_opens_for_the_first_time_within_its_budget(usual):
    page, steps = usual
    page.goto("/today")
    settled(page)
    over = {}
    for path in ("/ladder", "/calendar", f"/steps/{steps[0]}/practice"):
        with counted(page) as wire:
            page.goto(path)
        if wire.total > 3 * LATER_PAGE:
            over[path] = wire.bytes
    assert over == {}


def test_every_fragment_costs_less_than_two_kilobytes(usual):
    page, steps = usual
    exposure = practise(page.context, steps[0], datetime.now(UTC), minutes=5)
    page.goto("/today")
    settled(page)
    day = datetime.now(UTC).date() - timedelta(days=3)
    month = (day.replace(day=1) - timedelta(days=1)).replace(day=1)
    for path in (f"/calendar/{month.year}/{month.month}", f"/calendar/days/{day}", f"/exposures/{exposure}/summary"):
        with counted(page) as wire:
            page.evaluate(
                """path => fetch(path, {headers: {"HX-Request": "true", "HX-Request-Type": "partial"}})
                  .then(answer => answer.text())""",
                path,
            )
        assert 0 < wire.total <= FRAGMENT, wire.bytes


def test_the_answer_to_an_invalid_form_is_a_small_fragment(usual):
    page, steps = usual
    page.goto(f"/steps/{steps[0]}/edit")
    settled(page)
    with counted(page) as wire:
        answer = page.evaluate(
            """path => fetch(path, {
              method: "POST", body: new URLSearchParams({title: ""}),
              headers: {"HX-Request": "true", "HX-Request-Type": "partial"},
            }).then(async answer => [answer.status, await answer.text()])""",
            f"/steps/{steps[0]}/edit",
        )
    assert answer[0] == 422
    assert "<html" not in answer[1]
    assert 0 < wire.total <= FRAGMENT, wire.bytes


def test_a_tap_in_an_exposure_is_answered_in_little_more_than_a_kilobyte(usual):
    page, steps = usual
    page.goto(f"/steps/{steps[0]}/practice?minutes=5")
    ready(page)
    page.get_by_role("button", name="Start", exact=True).tap()
    page.wait_for_load_state("networkidle")
    with page.expect_response("**/events") as response:
        page.locator("[data-part=resisted]").tap()
    response.value.finished()
    sizes = response.value.request.sizes()
    assert 0 < sizes["responseBodySize"] + sizes["responseHeadersSize"] <= 1_500


def test_a_record_that_did_not_change_is_answered_in_a_few_bytes(usual):
    page, steps = usual
    exposure = practise(page.context, steps[0], datetime.now(UTC), minutes=5)
    first = page.request.get(f"/exposures/{exposure}/record")
    again = page.request.get(f"/exposures/{exposure}/record", headers={"If-None-Match": first.headers["etag"]})
    assert again.status == 304
    assert again.body() == b""


def test_sending_forms_needs_no_page_at_all(signed_in: Page):
    # The budgets above would mean little if the client they measure could not be made.
    assert send(signed_in.context, "/plan", {"minutes": "5", "kind": "per_week", "days_per_week": "7"}).status == 303
