"""A network that lies, says nothing, or has another server in between: what is kept shows, and nothing is lost."""

import pytest
from playwright.sync_api import Page, expect

from tests.make.forms import happened
from tests.make.gate import Gate
from tests.make.handset import Handset, stranger
from tests.make.phone import OUTBOX_SIZE, all_sent, controlled, kept, until
from tests.make.taps import ready, run_to_the_end

Robin = tuple[Page, list[str]]


@pytest.mark.parametrize("status", [200, 401, 409, 502])
def test_the_page_of_somebody_else_is_not_taken_for_ours(robin: Robin, gate: Gate, status: int):
    page, steps = robin
    gate.stop()
    with stranger(gate.port, status):
        for path, heading in (("/today", "20 minutes to go"), ("/ladder", "Dogs"), ("/plan", "No network here")):
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        exposure = run_to_the_end(page, steps[0])
        assert page.evaluate(OUTBOX_SIZE) == 6
    gate.start()
    page.get_by_role("link", name="Back to Today").tap()
    page.wait_for_url("**/today")
    all_sent(page)
    assert len(happened(page.context, exposure)) == 6
    assert "Welcome" not in page.evaluate("caches.match('/today').then(kept => kept.text())")


def test_a_server_that_says_nothing_is_waited_for_only_a_few_seconds(robin: Robin, gate: Gate):
    page, steps = robin
    gate.stop()
    with stranger(gate.port, silent=True):
        for path in ("/today", f"/steps/{steps[1]}/practice"):
            page.goto(path, wait_until="domcontentloaded")
            assert page.evaluate("performance.getEntriesByType('navigation')[0].responseStart") < 10_000
        ready(page)
        page.get_by_role("button", name="Start", exact=True).tap()
        expect(page.get_by_role("timer")).to_be_visible()


def test_a_stranger_in_the_way_is_not_taken_for_a_file_of_ours(handset: Handset):
    handset.problems.allow("MIME type|Failed to register|ServiceWorker")
    page = handset.on()
    page.context.route("**/bundle.json", lambda route: route.fulfill(body="<h1>Welcome</h1>", content_type="text/html"))
    page.goto("/about")
    page.wait_for_timeout(2000)
    state = "navigator.serviceWorker.getRegistration().then(found => Boolean(found?.active))"
    assert not page.evaluate(state)
    assert page.evaluate("caches.keys()") == []
    page.context.unroute("**/bundle.json")
    page.reload()
    controlled(page)
    assert page.evaluate("caches.keys()") != []


def test_a_script_that_a_stranger_answers_is_asked_for_again(robin: Robin):
    page, _steps = robin
    page.context.route("**/support.css", lambda route: route.fulfill(body="<h1>Welcome</h1>", content_type="text/html"))
    page.goto("/people")
    page.context.unroute("**/support.css")
    with page.expect_response("**/support.css") as answer:
        page.reload()
    assert answer.value.headers["content-type"].startswith("text/css")
    until(page, lambda: page.evaluate("document.styleSheets.length") == 2)
    assert kept(page)
