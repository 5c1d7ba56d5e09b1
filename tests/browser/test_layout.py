"""Narrow phones and large text: nothing is lost, nothing runs out of the side, no button is cut off."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page

from tests.make.forms import become_coach, invite, make_account, make_ladder, practise, send, set_plan
from tests.make.phone import all_sent
from tests.make.taps import ready, start_exposure

CUT_OFF = """
() => {
  const lost = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth + 1) lost.push(`the page is ${wide} wide on a screen of ${innerWidth}`);
  for (const one of document.querySelectorAll("button, a.button, input, select, textarea, h1, h2, summary, label")) {
    const box = one.getBoundingClientRect();
    const style = getComputedStyle(one);
    if (!box.width || style.visibility === "hidden" || style.clipPath !== "none" || style.opacity === "0") continue;
    const name = `${one.tagName} "${(one.innerText || one.name || "").slice(0, 40)}"`;
    if (box.left < -1 || box.right > innerWidth + 1) lost.push(`${name} runs out of the side`);
    if (!one.matches("button, a.button")) continue;
    const fits = one.scrollWidth <= one.clientWidth + 1 && one.scrollHeight <= one.clientHeight + 1;
    if (!fits) lost.push(`${name} is cut off`);
  }
  return lost;
}
"""
LONG = "Wait at the gate of the park until the large dog of the neighbours has gone past, without stepping back"


def large_text(page: Page) -> None:
    """Set the size of text to 200 %, as people do in the settings of their browser."""
    page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})


@pytest.fixture(params=["320 px", "200 % text"])
def small(request, phone) -> Page:
    """A phone that is narrow, or whose owner needs text twice as large."""
    narrow = request.param == "320 px"
    page = phone(viewport={"width": 320 if narrow else 390, "height": 700}).new_page()
    if not narrow:
        large_text(page)
    return page


def check(page: Page, path: str) -> list[str]:
    page.goto(path)
    return [f"{path}: {lost}" for lost in page.evaluate(CUT_OFF)]


def test_nothing_is_lost_for_those_who_are_not_signed_in(small: Page):
    lost = []
    for path in ("/", "/about", "/sign-up", "/sign-in", "/recover", "/offline", "/nowhere"):
        lost += check(small, path)
    assert not lost, "\n".join(lost)


def test_nothing_is_lost_on_the_pages_of_a_client(small: Page):
    make_account(small.context)
    lost = []
    for path in ("/today", "/ladder", "/ladder/new", "/plan", "/calendar", "/account", "/account/codes"):
        lost += check(small, path)
    steps = make_ladder(small.context, [(LONG, 70), ("Look at a photo", 10)])
    set_plan(small.context)
    now = datetime.now(UTC)
    practise(small.context, steps[0], now - timedelta(days=2), minutes=75)
    day = (now - timedelta(days=2)).date()
    for path in (
        "/today",
        "/ladder",
        "/ladder/archived",
        f"/steps/{steps[0]}",
        f"/steps/{steps[0]}/edit",
        f"/steps/{steps[0]}/split",
        f"/steps/{steps[0]}/smaller",
        "/plan",
        "/calendar",
        f"/calendar/{now.year}",
        f"/calendar/days/{day}",
    ):
        lost += check(small, path)
    assert not lost, "\n".join(lost)


def test_nothing_is_lost_on_the_pages_of_a_client_and_a_coach(small: Page, phone):
    make_account(small.context)
    lost = []
    for path in ("/people", "/people/invite", "/people/learn"):
        lost += check(small, path)
    client = phone()
    make_account(client)
    steps = make_ladder(client, [(LONG, 70), ("Look at a photo", 10)])
    practise(client, steps[0], datetime.now(UTC) - timedelta(days=1), minutes=75)
    support = become_coach(client, small.context)
    send(client, f"/supporters/{support}", {"contact": "every", "titles": "1", "suds": "1", "notes": "1"})
    lost += check(small, f"/people/{support}?welcome=1&saved=1")
    practising = client.new_page()
    start_exposure(practising, steps[0], minutes=125)
    all_sent(practising)
    mine = become_coach(small.context, client)
    open_one = invite(small.context)
    invite(small.context)
    for path in ("/people", f"/people/{support}", f"/supporters/{mine}", "/people/invite", open_one, "/invitations/no"):
        lost += check(small, path)
    small.goto(f"/people/{support}")
    small.get_by_label("Write your own").fill("I promise that you are safe")
    small.get_by_role("button", name="Send", exact=True).tap()
    small.get_by_role("button", name="Send mine anyway").wait_for()
    lost += small.evaluate(CUT_OFF)
    assert not lost, "\n".join(lost)


def test_no_word_however_long_widens_a_page(small: Page, phone):
    link = "https://example.org/" + "w" * 55
    make_account(small.context)
    coach = phone()
    make_account(coach)
    details = {"display_name": "N" * 80, "time_zone": "Europe/Lisbon", "check_in_minutes": "5"}
    for who in (small.context, coach):
        send(who, "/account/details", details)
    steps = make_ladder(small.context, [("t" * 200, 70), (link, 10)])
    words = {"title": "t" * 200, "response": link, "details": link, "suds": "70", "planned_minutes": "20"}
    send(small.context, f"/steps/{steps[0]}/edit", words | {"check_in_minutes": "5", "stopping_rule": "time"})
    fear = small.context.request.get("/ladder").text().partition("/edit")[0].rpartition("/")[2]
    send(small.context, f"/ladder/{fear}/edit", {"name": "f" * 80})
    send(small.context, "/ladder/new", {"name": "g" * 80})
    now = datetime.now(UTC)
    exposure = practise(small.context, steps[0], now - timedelta(minutes=10))
    mine, theirs = become_coach(small.context, coach), become_coach(coach, small.context)
    send(coach, f"/people/{mine}/cheers", {"text": link + "w" * 100})
    send(small.context, f"/people/{theirs}/cheers", {"text": link + "w" * 100})
    lost = []
    for path in (
        *("/today", "/ladder", f"/ladder/{fear}", f"/ladder/{fear}/rate", f"/ladder/{fear}/list"),
        *(f"/steps/{steps[0]}{page}" for page in ("", "/edit", "/split", "/smaller", "/practice")),
        *(f"/exposures/{exposure}", f"/calendar/days/{now.date()}"),
        *("/people", f"/people/{theirs}", f"/supporters/{mine}", invite(coach)),
    ):
        lost += check(small, path)
    assert not lost, "\n".join(lost)


def test_nothing_is_lost_while_practising(small: Page):
    make_account(small.context)
    steps = make_ladder(small.context, [(LONG, 70), ("Look at a photo", 10)])
    lost = check(small, f"/steps/{steps[0]}/practice")
    start_exposure(small, steps[0], minutes=125)
    lost += small.evaluate(CUT_OFF)
    small.get_by_role("button", name="How strong is it now?").tap()
    lost += small.evaluate(CUT_OFF)
    small.get_by_role("dialog").get_by_role("button", name="Not now").tap()
    small.get_by_role("button", name="Finish", exact=True).tap()
    small.locator("[data-section=after] h1").wait_for()
    lost += small.evaluate(CUT_OFF)
    small.locator("[data-section=after]").get_by_role("button", name="Save").tap()
    small.locator("#summary:not([data-basic])").wait_for()
    lost += small.evaluate(CUT_OFF)
    assert not lost, "\n".join(lost)


def test_large_text_is_really_large(page: Page):
    size = "parseFloat(getComputedStyle(document.querySelector('label')).fontSize)"
    page.goto("/sign-in")
    usual = page.evaluate(size)
    large_text(page)
    page.reload()
    assert page.evaluate(size) == pytest.approx(2 * usual)


def test_the_timer_can_be_seen_with_large_text(phone):
    page = phone().new_page()
    large_text(page)
    make_account(page.context)
    steps = make_ladder(page.context)
    start_exposure(page, steps[0], minutes=125)
    timer = page.locator("[data-part=time]")
    timer.scroll_into_view_if_needed()
    seen = timer.evaluate(
        """one => {
          const box = one.getBoundingClientRect();
          return [box.top + 4, box.top + box.height / 2, box.bottom - 4].every(y => {
            const top = document.elementFromPoint(box.left + box.width / 2, y);
            return top === one || one.contains(top) || top?.contains(one);
          });
        }"""
    )
    assert seen


def test_zooming_with_two_fingers_is_never_forbidden(page: Page):
    page.goto("/")
    content = page.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "user-scalable" not in content
    assert "maximum-scale" not in content


def test_what_is_tapped_on_the_pages_of_people_is_large_enough(signed_in: Page, phone):
    client = phone()
    make_account(client)
    steps = make_ladder(client)
    support = become_coach(client, signed_in.context)
    mine = become_coach(signed_in.context, client)
    invite(signed_in.context)
    practising = client.new_page()
    start_exposure(practising, steps[0], minutes=20)
    all_sent(practising)
    for path in ("/people", f"/people/{support}?welcome=1&saved=1", f"/supporters/{mine}", "/people/invite"):
        signed_in.goto(path)
        for target in signed_in.locator("main :is(button, a, label.switch, textarea):visible").all():
            box = target.bounding_box()
            assert box
            assert min(box["height"], box["width"]) >= 48, (path, target.inner_text(), box)


def test_what_is_tapped_while_practising_is_large_enough_for_a_shaking_hand(signed_in: Page):
    steps = make_ladder(signed_in.context)
    start_exposure(signed_in, steps[0], minutes=5)
    ready(signed_in)
    for button in signed_in.locator("[data-section=running] button:visible").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= 48, button.inner_text()
        assert box["width"] >= 48, button.inner_text()
