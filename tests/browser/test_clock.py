"""A device whose clock is wrong, or is put right in mid-exposure, records the right minutes on the right day."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.make.forms import make_account, make_ladder
from tests.make.phone import all_sent
from tests.make.taps import ready, seconds_left

HOUR = 3_600_000
# The device's clock, so many milliseconds off; setClock() puts it somewhere else.
WRONG_CLOCK = """
const Real = Date;
const kept = origin === "null" ? null : localStorage.getItem("test-clock");
let off = Number(kept ?? OFF);
globalThis.Date = class Date extends Real {
  constructor(...given) {
    if (given.length) super(...given);
    else super(Real.now() + off);
  }
  static now() {
    return Real.now() + off;
  }
};
globalThis.setClock = (to) => {
  off = to;
  localStorage.setItem("test-clock", to);
};
"""


@pytest.fixture
def wrong(phone: Callable[..., Any]) -> Callable[[int], Page]:
    """Makes the page of a new account on a phone whose clock is so many milliseconds off."""

    def make(off: int) -> Page:
        context = phone()
        make_account(context)
        context.add_init_script(f"{{{WRONG_CLOCK.replace('OFF', str(off))}}}")
        return context.new_page()

    return make


@dataclass(frozen=True)
class Tap:
    """Something that happened between two moments (time.time()): a machine that has much to do may take its time."""

    earliest: float
    latest: float

    def is_about(self, moment: float, slack: float) -> bool:
        """Whether it may have happened then, within so many seconds."""
        return self.earliest - slack < moment < self.latest + slack

    def seconds_since(self, start: Tap) -> Tap:
        """The shortest and the longest time that may lie between."""
        return Tap(self.earliest - start.latest, self.latest - start.earliest)


def start(page: Page, step: str) -> tuple[str, Tap]:
    """Start five minutes by a tap; the id of the exposure."""
    page.goto(f"/steps/{step}/practice?minutes=5")
    ready(page)
    before = time.time()
    page.get_by_role("button", name="Start", exact=True).tap()
    expect(page.get_by_role("timer")).to_be_visible()
    return page.url.rpartition("/")[2].partition("?")[0], Tap(before, time.time())


def finish(page: Page) -> Tap:
    before = time.time()
    page.get_by_role("button", name="Finish", exact=True).tap()
    expect(page.locator("[data-section=after] h1")).to_be_visible()
    return Tap(before, time.time())


def shown(page: Page) -> tuple[int, Tap]:
    """The seconds that are left of five minutes by the timer, and when it was looked at."""
    before = time.time()
    left = seconds_left(page)
    return left, Tap(before, time.time())


def told(page: Page, exposure: str) -> tuple[float, float]:
    """When the exposure began and how many seconds it took, as the server knows it."""
    all_sent(page)
    events = page.context.request.get(f"/exposures/{exposure}/record").json()["events"]
    moments = {event["kind"]: datetime.fromisoformat(event["at"]) for event in events}
    return moments["started"].timestamp(), (moments["finished"] - moments["started"]).total_seconds()


def on_the_right_day(page: Page) -> None:
    """The calendar's day of now, where the person lives, has the practice."""
    page.goto("/today")
    zone = page.locator("html").get_attribute("data-zone")
    assert zone
    page.goto(f"/calendar/days/{datetime.now(ZoneInfo(zone)).date()}")
    expect(page.locator("main")).to_contain_text("Look at a photo of a dog")


@pytest.mark.parametrize("off", [-7 * HOUR, 26 * HOUR, 40_000])
def test_a_clock_that_is_off_records_the_right_time_and_day(wrong: Callable[[int], Page], off: int):
    page = wrong(off)
    step = make_ladder(page.context)[0]
    exposure, began = start(page, step)
    page.wait_for_timeout(3_000)
    left, looked = shown(page)
    assert left <= 298
    assert looked.seconds_since(began).is_about(300 - left, 3)
    ended = finish(page)
    started, seconds = told(page, exposure)
    assert began.is_about(started, 3)
    assert ended.seconds_since(began).is_about(seconds, 2)
    assert seconds >= 3
    page.reload()
    ready(page)
    practised = re.compile(rf"\b({int(seconds)}|{round(seconds)}) sec practised")
    expect(page.locator("[data-section=after]")).to_contain_text(practised)


@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize("off", [7 * HOUR, -7 * HOUR, 90_000, -90_000])
def test_a_clock_that_is_put_right_in_mid_exposure_leaves_timer_minutes_and_day_right(
    wrong: Callable[[int], Page], problems: Any, off: int, offline: bool
):
    problems.allow("net::ERR_FAILED")
    page = wrong(off)
    exposure, began = start(page, make_ladder(page.context)[0])
    if offline:
        page.context.route(re.compile("/(events|record|away)$"), lambda route: route.abort())
    else:
        all_sent(page)
    page.locator("[data-part=resisted]").tap()
    page.wait_for_timeout(1_500)
    page.evaluate("setClock(0)")
    page.wait_for_timeout(1_500)
    question = page.get_by_role("dialog", name="Until when did you stay?")
    if offline and off == -7 * HOUR:
        # Without the network this may as well have been a night's sleep.
        expect(question).to_be_visible()
    else:
        page.locator("[data-part=ritual]").tap()
    if offline:
        page.context.unroute_all()
    # Forward, the leap may be a sleep until the server was heard.
    all_sent(page)
    expect(question).to_be_hidden()
    page.wait_for_timeout(1_100)
    left, looked = shown(page)
    assert looked.seconds_since(began).is_about(300 - left, 2)
    ended = finish(page)
    started, seconds = told(page, exposure)
    assert began.is_about(started, 3)
    assert ended.seconds_since(began).is_about(seconds, 2)
    on_the_right_day(page)


def test_a_leap_that_ended_a_practice_without_the_network_leaves_it_its_minutes(
    wrong: Callable[[int], Page], problems: Any
):
    problems.allow("net::ERR_FAILED")
    page = wrong(-HOUR // 2)
    exposure, began = start(page, make_ladder(page.context)[0])
    all_sent(page)
    page.context.route(re.compile("/(events|record|away)$"), lambda route: route.abort())
    page.evaluate("setClock(0)")
    expect(page.locator("[data-section=after] h1")).to_be_visible()
    page.context.unroute_all()
    started, seconds = told(page, exposure)
    assert began.is_about(started, 3)
    assert 100 < seconds <= 300


CORRECTIONS = [
    # the clock of the stamp, clocks between, the clock of now → what is added to the stamp
    ("no clock leaps", {"drift": 0}, [], {"drift": 500}, 0),
    ("a leap back was a correction", {"drift": 0}, [], {"drift": -HOUR}, -HOUR),
    ("a leap forward was a sleep", {"drift": 0}, [], {"drift": HOUR}, 0),
    ("the same measured before and after: a sleep", {"drift": 0, "skew": 9}, [], {"drift": HOUR, "skew": -200}, 0),
    ("measured: a correction", {"drift": 0, "skew": HOUR + 300}, [], {"drift": HOUR, "skew": 0}, HOUR),
    ("a sleep, then a correction", {"drift": 0}, [{"drift": 600_000}], {"drift": 600_000 - HOUR}, -HOUR),
    ("measured later by the same clock", {"drift": 0}, [{"drift": 0, "skew": HOUR}], {"drift": HOUR, "skew": 0}, HOUR),
    ("an earlier page, measured", {"drift": 0, "skew": HOUR, "page": 1}, [], {"drift": 7, "skew": 0}, HOUR),
    ("an earlier page, not measured", {"drift": 0, "page": 1}, [], {"drift": HOUR, "skew": 0}, 0),
    ("an earlier page, set back there", {"drift": 0, "page": 1}, [{"drift": -HOUR, "page": 1}], {"skew": 0}, -HOUR),
    ("two pages over a bad network", {"drift": 0, "skew": 4_000, "page": 1}, [], {"drift": 3, "skew": -3_000}, 0),
]


def test_what_a_leap_of_the_clock_means(page: Page):
    page.goto("/about")
    source = page.evaluate(
        "performance.getEntriesByType('resource').map(each => each.name)"
        ".find(name => name.endsWith('/js/lib/device-clock.js'))"
    )
    wanted, found = {}, {}
    for what, then, between, now, by in CORRECTIONS:
        clocks = [
            {"page": 2, "tick": tick, "drift": 0, "skew": None, **clock}
            for tick, clock in enumerate([then, *between, now])
        ]
        at = datetime(2026, 11, 25, 12, tzinfo=UTC)
        moved = page.evaluate(
            """async ([path, at, [then, ...rest]]) => {
              const { onto } = await import(path);
              return onto([{ id: "a", at, clock: then }], rest.at(-1), rest)[0].at;
            }""",
            [source, at.isoformat(), clocks],
        )
        wanted[what], found[what] = by, (datetime.fromisoformat(moved) - at) / timedelta(milliseconds=1)
    assert found == wanted
