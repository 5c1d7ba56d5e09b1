"""No network at all: the app opens as it was last known, and an exposure runs from its start to its summary."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.make.forms import STEPS, happened, make_ladder
from tests.make.gate import Gate
from tests.make.handset import Handset, opened_once
from tests.make.phone import OUTBOX_SIZE, all_sent, kept, kit_says, until
from tests.make.taps import exposure_on, ready, run_to_the_end, seconds_left, start_exposure

Robin = tuple[Page, list[str]]

KEPT_TEXT = "path => caches.match(path).then(kept => kept.text())"


def start_from_today(page: Page) -> str:
    """Today, Start, Start; the id of the exposure."""
    page.goto("/today")
    page.get_by_role("link", name="Start", exact=True).tap()
    ready(page)
    page.get_by_role("button", name="Start", exact=True).tap()
    expect(page.get_by_role("timer")).to_be_visible()
    return exposure_on(page)


def test_whoever_does_nothing_but_practise_has_the_offline_pages_too(signed_in: Page):
    steps = make_ladder(signed_in.context)
    start_exposure(signed_in, steps[0])
    until(signed_in, lambda: any("/kit" in paths for paths in kept(signed_in).values()))
    assert signed_in.locator("practice-page").get_attribute("data-phase") == "running"


def test_today_the_ladder_and_the_calendar_open_as_they_were_with_the_time_of_that(in_flight: Page):
    for path, heading in (("/today", "20 minutes to go"), ("/", "20 minutes to go"), ("/ladder", "Dogs")):
        in_flight.goto(path)
        expect(in_flight.get_by_role("heading", level=1)).to_have_text(heading)
        expect(in_flight.locator("#offline-mark")).to_be_visible()
        expect(in_flight.locator("#offline-mark > span")).to_have_text(re.compile(r"^Offline, as of \d+:\d\d\s[AP]M$"))
    for title, suds in STEPS:
        expect(in_flight.get_by_role("listitem").filter(has_text=title)).to_contain_text(str(suds))
    in_flight.get_by_role("link", name="Calendar").tap()
    expect(in_flight.locator("#month [aria-current=date]")).to_be_visible()
    background = "getComputedStyle(document.querySelector('.card')).borderRadius"
    assert in_flight.evaluate(background) == "20px", "its styles are kept as well"


def test_a_page_that_is_older_than_today_says_its_day(in_flight: Page):
    in_flight.clock.set_system_time(datetime.now(UTC) + timedelta(days=2))
    in_flight.goto("/today")
    expect(in_flight.locator("#offline-mark")).to_have_text(re.compile(r"Offline, as of \w{3}, \w{3} \d+, \d+:\d\d"))


def test_every_step_of_the_ladder_can_be_started_and_shows_what_it_says(robin: Robin, handset: Handset):
    page, steps = robin
    step = {
        "title": "Touch <b>one</b> & breathe $1",
        "suds": "45",
        "details": "In the {park}",
        "response": "Washing",
        "planned_minutes": "7",
        "check_in_minutes": "2",
        "stopping_rule": "halved",
    }
    save = "([path, step]) => fetch(path, { method: 'POST', body: new URLSearchParams(step) }).then(({ ok }) => ok)"
    assert page.evaluate(save, [f"/steps/{steps[1]}/edit", step])
    page.goto(f"/steps/{steps[1]}/practice")
    ready(page)

    def said() -> list[Any]:
        return [
            page.title(),
            page.locator("[data-section=before]").inner_text(),
            page.locator("[data-section]:not([data-section=done]) h1").all_text_contents(),
            page.locator("practice-page").get_attribute("data-text-end"),
            page.evaluate(
                "[...new FormData(document.querySelector('form[data-kind=started]'))]"
                ".filter(([name]) => name !== 'form_id')"
            ),
            page.evaluate("[...document.querySelectorAll('input[type=range]')].map(one => one.value)"),
            page.evaluate("document.querySelector('textarea[name=response]').value"),
        ]

    online = said()
    assert "Touch" not in online[0]
    assert "Touch <b>one</b>" in online[1]
    page.goto("/ladder")
    kit_says(page, "Touch")
    page.context.set_offline(True)
    handset.server.stop()
    page.goto(f"/steps/{steps[1]}/practice")
    ready(page)
    assert page.evaluate("document.documentElement.dataset.kept")
    assert said() == online
    page.goto("/ladder")
    page.get_by_role("link", name="Stroke a calm dog").tap()
    ready(page)
    expect(page.get_by_role("heading", name="Stroke a calm dog")).to_be_visible()
    page.goto(f"/steps/{steps[1]}/practice?minutes=12")
    assert page.locator("[name=planned_minutes]:checked").input_value() == "12"
    page.goto("/today")
    page.get_by_role("link", name="I can’t start").tap()
    ready(page)
    assert page.locator("[name=planned_minutes]:checked").input_value() == "2"


def the_flow(page: Page, steps: list[str], back: Any, context: BrowserContext) -> None:
    """Two exposures without the network, what shows of them, and what arrives after `back`."""
    began = datetime.now(UTC)
    first = run_to_the_end(page, steps[0], prediction="It will bark")
    expect(page.locator("[data-part=done-curve] circle")).to_have_count(3)
    expect(page.locator("[data-part=done-curve]")).to_have_attribute("aria-label", re.compile(r": 20 .+, 70 .+, 25 "))
    page.get_by_role("link", name="Back to Today").tap()
    waiting = page.locator("#waiting li")
    expect(waiting).to_have_count(1)
    expect(waiting).to_contain_text(STEPS[0][0])
    expect(page.locator("ol.week li:has([aria-hidden] ~ .waits) svg.today")).to_be_visible()
    second = run_to_the_end(page, steps[2])
    page.get_by_role("link", name="Back to Today").tap()
    expect(waiting).to_have_count(2)
    page.get_by_role("link", name="Calendar").tap()
    expect(waiting).to_have_count(2)
    expect(page.locator("#month td:has(.waits)")).to_have_text(re.compile("waiting to be sent"))
    expect(page.locator("#month td:has(.waits) [aria-current=date]")).to_be_visible()
    assert page.evaluate(OUTBOX_SIZE) == 12
    ended = datetime.now(UTC)

    back()
    all_sent(page)
    expect(waiting).to_have_count(0)
    expect(page.locator(".waits")).to_have_count(0)
    kinds = ["started", "checked_in", "resisted", "ritual", "finished", "noted"]
    for exposure in (first, second):
        events = happened(context, exposure)
        assert [event["kind"] for event in events] == kinds
        times = [datetime.fromisoformat(event["at"]) for event in events]
        assert began <= times[0] <= times[-1] <= ended
        assert all(earlier <= later for earlier, later in pairwise(times))
    started, checked, *_between, noted = happened(context, first)
    assert (started["prediction"], checked["suds"], noted["suds"]) == ("It will bark", 70, 25)
    assert (noted["outcome"], noted["learning"]) == ("partly", "it passed by itself")
    page.get_by_role("button", name="Show the latest").tap()
    expect(page.locator("html[data-kept]")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_from_a_cold_start_two_exposures_run_to_the_end_and_arrive_once_when_the_server_is_back(
    robin: Robin, in_flight: Page, gate: Gate
):
    the_flow(in_flight, robin[1], gate.start, in_flight.context)


def test_the_same_with_the_network_of_the_phone_cut(robin: Robin):
    page, steps = robin
    page.context.set_offline(True)
    page.goto("/today")
    expect(page.locator("#offline-mark")).to_contain_text("Offline, as of")
    the_flow(page, steps, lambda: page.context.set_offline(False), page.context)


def test_an_exposure_goes_on_when_the_phone_was_switched_off_in_it(robin: Robin, in_flight: Page, handset: Handset):
    exposure = start_from_today(in_flight)
    in_flight.locator("[data-part=resisted]").tap()
    expect(in_flight.locator("[data-part=resisted]")).to_contain_text("1")
    in_flight.reload()
    ready(in_flight)
    assert in_flight.locator("practice-page").get_attribute("data-phase") == "running"
    before = seconds_left(in_flight)
    page = handset.on()
    page.goto("/today")
    row = page.locator("#waiting .card")
    expect(row).to_contain_text("still running")
    expect(page.get_by_role("link", name="Start", exact=True)).to_be_hidden()
    row.get_by_role("link").tap()
    ready(page)
    assert exposure_on(page) == exposure
    assert page.locator("practice-page").get_attribute("data-phase") == "running"
    assert 0 <= before - seconds_left(page) <= 60
    expect(page.locator("[data-part=resisted]")).to_contain_text("1")


def test_what_was_sent_of_a_running_exposure_is_still_known_without_the_network(
    robin: Robin, handset: Handset, gate: Gate
):
    page, steps = robin
    exposure = start_exposure(page, steps[1], minutes=20)
    page.locator("[data-part=ritual]").tap()
    all_sent(page)
    until(page, lambda: any(path.endswith(exposure) for path in next(iter(kept(page).values()))))
    until(page, lambda: "ritual" in page.evaluate(KEPT_TEXT, f"/exposures/{exposure}"))
    handset.off()
    gate.stop()
    page = handset.on()
    page.goto("/today")
    page.get_by_role("link", name="Go to it").tap()
    ready(page)
    expect(page.locator("[data-section=running] h1")).to_have_text(STEPS[1][0])
    expect(page.locator("[data-part=ritual]")).to_contain_text("1")
    page.get_by_role("button", name="Finish", exact=True).tap()
    page.locator("[data-section=after]").get_by_role("button", name="Save").tap()
    gate.start()
    all_sent(page)
    assert [event["kind"] for event in happened(page.context, exposure)] == ["started", "ritual", "finished", "noted"]


def test_what_another_page_sent_of_a_running_exposure_is_known_without_the_network(
    robin: Robin, handset: Handset, gate: Gate
):
    page, steps = robin
    exposure = start_exposure(page, steps[1], minutes=20)
    all_sent(page)
    gate.stop()
    page.get_by_role("button", name="Pause", exact=True).tap()
    until(page, lambda: page.evaluate(OUTBOX_SIZE) == 1)
    gate.start()
    page = handset.on()
    page.goto("/today")
    all_sent(page)
    gate.stop()
    page.goto(f"/exposures/{exposure}")
    ready(page)
    assert page.evaluate("document.documentElement.dataset.kept")
    expect(page.locator("practice-page[data-paused]")).to_be_visible()


def test_another_exposure_that_runs_is_offered_and_not_forgotten_without_the_network(robin: Robin, gate: Gate):
    page, steps = robin
    exposure = start_exposure(page, steps[1], minutes=20)
    all_sent(page)
    gate.stop()
    page.locator("[data-part=resisted]").tap()
    until(page, lambda: page.evaluate(OUTBOX_SIZE) == 1)
    known = page.evaluate("localStorage.getItem('rung-running')")
    assert exposure in known
    page.goto(f"/steps/{steps[0]}/practice")
    ready(page)
    expect(page.locator("[data-part=other-running]")).to_be_visible()
    assert page.evaluate("localStorage.getItem('rung-running')") == known


def test_the_shortcut_to_practice_leads_to_the_next_step(in_flight: Page):
    in_flight.goto("/practice")
    ready(in_flight)
    expect(in_flight.get_by_role("heading", name=STEPS[0][0])).to_be_visible()


def test_what_is_not_kept_leads_back_to_today(robin: Robin, in_flight: Page):
    for path in ("/plan", "/account", f"/exposures/{robin[1][0]}", f"/steps/{robin[1][0]}/edit", "/calendar/2026/1"):
        in_flight.goto(path)
        expect(in_flight.get_by_role("heading", name="No network here")).to_be_visible()
    in_flight.get_by_role("link", name="Back to Today").tap()
    expect(in_flight.get_by_role("heading", level=1)).to_have_text("20 minutes to go")


def test_a_page_that_was_kept_offers_the_latest_and_takes_it_when_somebody_comes_back(in_flight: Page, gate: Gate):
    in_flight.goto("/today")
    gate.start()
    expect(in_flight.get_by_role("button", name="Show the latest")).to_be_visible()
    assert in_flight.evaluate("document.documentElement.dataset.kept"), "nothing changes unasked"
    in_flight.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(in_flight.locator("html[data-kept]")).to_have_count(0)
    expect(in_flight.locator("#offline-mark")).to_be_hidden()


def test_a_change_to_the_ladder_is_kept_with_the_next_page(handset: Handset, robin: Robin, gate: Gate):
    page, steps = robin
    page.goto(f"/steps/{steps[1]}/edit")
    page.get_by_label("What will you do?").or_(page.locator("[name=title]")).first.fill("Stand at the fence")
    page.get_by_role("button", name="Save").tap()
    page.wait_for_url("**/steps/*")
    kit_says(page, "fence")
    gate.stop()
    page.goto("/ladder")
    expect(page.get_by_text("Stand at the fence")).to_be_visible()


def test_the_kit_is_not_fetched_again_with_every_page_nor_while_somebody_practises(robin: Robin):
    page, steps = robin
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url) if request.url.endswith("/kit") else None)
    page.clock.install()
    for path in ("/today", "/ladder", "/calendar"):
        page.goto(path)
        page.clock.run_for(1_500)
        page.wait_for_timeout(200)
    start_exposure(page, steps[0])
    page.clock.run_for(2_500)
    page.wait_for_timeout(200)
    assert asked == []
    page.clock.resume()
    opened_once(page)
    until(page, lambda: asked)
