"""axe-core over every page and state, in light and in dark: nothing against WCAG 2.2 AA."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.make.forms import become_coach, invite, make_account, make_ladder, practise, send, set_plan
from tests.make.phone import all_sent
from tests.make.taps import ready, start_exposure

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
PUBLIC = ("/", "/about", "/sign-up", "/sign-in", "/recover", "/offline", "/nowhere")
EMPTY = (
    "/today",
    "/ladder",
    "/ladder/new",
    "/ladder/archived",
    "/plan",
    "/plan?first=1",
    "/calendar",
    "/account",
    "/account/codes",
    "/people",
    "/people/invite",
    "/people/learn",
)

axe = Axe()


class Findings(list[str]):
    """What axe found, with the page and the element, so that all of it shows at once."""

    def look(self, page: Page, name: str) -> None:
        """Examine the whole page, once its small motions are over.

        The screen is made as high as the page: what lies under the bar at the bottom can be scrolled out from there.
        """
        page.evaluate("Promise.all(document.getAnimations().map(motion => motion.finished.catch(() => null)))")
        screen = page.viewport_size
        assert screen
        height = page.evaluate("document.documentElement.scrollHeight") + 100
        page.set_viewport_size({"width": screen["width"], "height": max(screen["height"], height)})
        for violation in axe.run(page, options=OPTIONS).response["violations"]:
            for node in violation["nodes"]:
                self.append(f"{name}: {violation['id']} at {node['target']}: {node['failureSummary']}")
        page.set_viewport_size(screen)


@pytest.fixture(params=["light", "dark"])
def page(request, phone) -> Page:
    return phone(color_scheme=request.param, reduced_motion="reduce").new_page()


def test_the_pages_for_everybody_have_no_violation(page: Page):
    found = Findings()
    for path in PUBLIC:
        page.goto(path)
        found.look(page, path)
    assert not found, "\n".join(found)


def test_refused_forms_have_no_violation(page: Page):
    found = Findings()
    for path in ("/sign-up", "/sign-in", "/recover"):
        page.goto(path)
        page.locator("input[name=email]").fill("nobody@example.org")
        for field in page.locator("main input[type=password]").all():
            field.fill("password12")
        for name in ("display_name", "code"):
            for field in page.locator(f"input[name={name}]").all():
                field.fill("x")
        page.locator("main form button:not([type=button])").last.tap()
        page.locator(".error").first.wait_for()
        found.look(page, f"{path}, refused")
    assert not found, "\n".join(found)


def test_the_empty_pages_of_a_new_client_have_no_violation(page: Page):
    make_account(page.context)
    found = Findings()
    for path in EMPTY:
        page.goto(path)
        found.look(page, path)
    assert not found, "\n".join(found)


def test_new_recovery_codes_have_no_violation(page: Page):
    form = {"display_name": "Robin", "email": f"codes{datetime.now(UTC).timestamp()}@example.org"}
    send(page.context, "/sign-up", form | {"password": "a long walk with the dog", "time_zone": "Europe/Lisbon"})
    found = Findings()
    page.goto("/account/codes")
    found.look(page, "/account/codes, shown")
    assert not found, "\n".join(found)


def test_the_pages_of_a_practising_client_have_no_violation(page: Page):
    make_account(page.context)
    listing = send(page.context, "/ladder/new", {"name": "Heights"}).headers["location"]
    found = Findings()
    page.goto(listing)
    found.look(page, "listing steps")
    page.locator("input[name=title]").first.fill("Stand on a chair")
    page.locator("main form button:not([type=button])").last.tap()
    page.get_by_role("slider").first.wait_for()
    found.look(page, "rating steps")

    steps = make_ladder(page.context)
    set_plan(page.context)
    send(page.context, f"/steps/{steps[0]}/mastered", {"mastered": "1"})
    now = datetime.now(UTC)
    for ago in (1, 2, 4, 8, 9):
        practise(page.context, steps[1], now - timedelta(days=ago), minutes=5 * ago)
    first, last = (now + timedelta(days=2)).date(), (now + timedelta(days=4)).date()
    send(page.context, "/plan/pauses", {"first_day": str(first), "last_day": str(last)})
    fear = re.search(r"/ladder/[0-9a-f-]{36}", listing)
    assert fear
    for path in (
        "/today",
        "/ladder",
        fear[0],
        f"{fear[0]}/edit",
        f"{fear[0]}/new",
        f"/steps/{steps[1]}",
        f"/steps/{steps[1]}/edit",
        f"/steps/{steps[1]}/split",
        f"/steps/{steps[1]}/smaller",
        "/plan",
        "/calendar",
        f"/calendar/{now.year}",
        f"/calendar/days/{(now - timedelta(days=2)).date()}",
        f"/calendar/days/{(now - timedelta(days=5)).date()}",
        "/account",
    ):
        page.goto(path)
        found.look(page, path)
    page.goto("/calendar")
    page.locator("#month a[href*='/calendar/days/']").first.tap()
    page.locator("#day").wait_for()
    found.look(page, "a day below the calendar")
    assert not found, "\n".join(found)


def test_every_state_of_an_exposure_has_no_violation(page: Page):
    make_account(page.context)
    steps = make_ladder(page.context)
    found = Findings()
    page.goto(f"/steps/{steps[1]}/practice")
    ready(page)
    found.look(page, "before")
    page.locator("details summary").first.tap()
    found.look(page, "before, prediction open")
    page.locator("textarea[name=prediction]").fill("It will bite")

    page.get_by_role("button", name="Start", exact=True).tap()
    expect(page.get_by_role("timer")).to_be_visible()
    found.look(page, "running")
    page.get_by_role("button", name="How strong is it now?").tap()
    found.look(page, "check-in")
    page.get_by_role("dialog").get_by_role("button", name="Save").tap()
    page.get_by_role("button", name=re.compile("^Did a ritual")).tap()
    found.look(page, "running, with a curve")
    page.get_by_role("button", name="Pause", exact=True).tap()
    found.look(page, "paused")
    page.locator("[data-section=running]").get_by_role("button", name="Go on").last.tap()
    other = page.context.new_page()
    other.goto("/today")
    found.look(other, "Today while one runs")
    other.goto(f"/steps/{steps[0]}/practice")
    found.look(other, "before, while one runs")
    other.close()

    page.get_by_role("button", name="Finish", exact=True).tap()
    page.locator("[data-section=after] h1").wait_for()
    found.look(page, "after")
    page.locator("[data-section=after]").get_by_role("button", name="Save").tap()
    page.locator("#summary:not([data-basic])").wait_for()
    found.look(page, "summary")
    assert not found, "\n".join(found)


def test_the_pages_of_a_client_and_a_coach_have_no_violation(page: Page, phone):
    make_account(page.context)
    client = phone()
    make_account(client)
    steps = make_ladder(client)
    support = become_coach(client, page.context)
    found = Findings()
    page.goto(f"/people/{support}?welcome=1")
    found.look(page, "a new coach's client")
    practise(client, steps[0], datetime.now(UTC) - timedelta(days=1), minutes=20)
    send(client, f"/supporters/{support}", {"contact": "every", "titles": "1", "suds": "1", "notes": "1"})
    page.goto(f"/people/{support}?saved=1")
    found.look(page, "a client who shares everything")
    practising = client.new_page()
    start_exposure(practising, steps[1], minutes=20)
    all_sent(practising)
    page.goto("/people")
    page.locator(".live-tag").wait_for()
    page.get_by_role("button", name="Still with you.").tap()
    page.locator(".client .cheered").wait_for()
    found.look(page, "People, cheered")
    page.get_by_role("button", name="Still with you.").tap()
    page.locator(".client .error").wait_for()
    found.look(page, "People, cheered twice")
    page.get_by_role("link", name="Write your own").tap()
    page.get_by_label("Write your own").fill("Don't worry, nothing will happen")
    page.get_by_role("button", name="Send", exact=True).tap()
    page.get_by_role("button", name="Send mine anyway").wait_for()
    found.look(page, "a hint on reassurance")

    become_coach(page.context, client)
    own = invite(page.context)
    for path in ("/people", "/people/invite", own, "/invitations/nowhere", page.url):
        page.goto(path)
        found.look(page, path)
    page.goto("/people")
    page.locator("a[href^='/supporters/']").tap()
    page.locator("[value=weekly]").tap()
    page.get_by_text("Saved.").wait_for()
    found.look(page, "a supporter")
    stranger = phone(
        color_scheme=page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
    )
    visit = stranger.new_page()
    visit.goto(invite(page.context))
    found.look(visit, "an invitation")
    assert not found, "\n".join(found)


def test_an_hour_past_the_planned_time_has_no_violation(page: Page):
    make_account(page.context)
    steps = make_ladder(page.context)
    form = {"title": "Stroke a calm dog", "suds": "80", "planned_minutes": "1", "check_in_minutes": "5"}
    send(page.context, f"/steps/{steps[2]}/edit", form | {"stopping_rule": "tested"})
    start_exposure(page, steps[2], minutes=1)
    found = Findings()
    found.look(page, "running, by prediction")
    assert not found, "\n".join(found)
