"""The whole main job, with nothing simulated: a client in Chromium, a coach in Firefox with a real push subscription.

The push service is ours and cannot read what it carries; Firefox decrypts, and the texts are read in the browser.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from uuid6 import uuid7

from tests.make.firefox import Firefox
from tests.make.firefox_push import PushService
from tests.make.forms import PASSWORD, STEPS, make_account, make_ladder, new_email, send, step_id
from tests.make.phone import Problems, all_sent
from tests.make.server import Server
from tests.make.taps import start_exposure

PAGE = "path => fetch(path).then(answer => answer.text())"
# By itself the page would look again every half minute; it can no more.
NO_MORE_LOOKS = "() => { for (let each = setInterval(() => {}, 1e9); each > 0; each--) clearInterval(each); }"
TELL = """event => fetch("/events", {
  method: "POST",
  headers: {"Content-Type": "application/json"},
  body: JSON.stringify({
    sent_at: new Date().toISOString(), account: document.documentElement.dataset.account, events: [event],
  }),
}).then(answer => answer.status)"""


@pytest.fixture
def pushing(data: Path, push_service: PushService) -> Iterator[Server]:
    """A server whose worker may reach the push service of this test."""
    server = Server(data, {"RUNG_PUSH_HOSTS": push_service.origin})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(pushing: Server, phone: Callable[..., BrowserContext]) -> Page:
    """A client with a ladder, on a phone of their own."""
    page = phone(base_url=pushing.origin).new_page()
    make_account(page.context)
    return page


@pytest.fixture
def coach(pushing: Server, firefox: Firefox) -> Firefox:
    """The browser of whoever will be the coach; nobody is signed in there."""
    firefox.origin = pushing.origin
    return firefox


def invite(client: Page) -> str:
    """Make an invitation by taps; its link."""
    client.goto("/people")
    client.get_by_role("link", name="Invite somebody").tap()
    client.get_by_role("button", name="Make an invitation").tap()
    expect(client.get_by_role("img", name=re.compile("code to scan"))).to_be_visible()
    return client.locator("#link").inner_text().strip()


def accept(coach: Firefox, link: str) -> None:
    """Open the link as a stranger, sign up, and become the coach."""
    coach.goto(link)
    assert "Robin" in coach.text("h1")
    coach.tap("Sign up to cheer")
    coach.fill("display_name", "Sam")
    coach.fill("email", new_email())
    coach.fill("password", PASSWORD)
    coach.tap("Sign up")
    coach.tap("I have saved them")
    coach.tap("Be a coach for Robin")
    coach.until(lambda: coach.text("h1") == "Robin")


def turn_on(coach: Firefox) -> None:
    """Turn notifications on by the one button; the browser asks, and the coach allows it."""
    coach.permission("ask")
    coach.goto("/notifications")
    coach.tap("Turn on notifications here")
    coach.answer_prompt("Allow")
    coach.until(lambda: coach.script("document.querySelector('push-panel').dataset.ready") == "on")


def shown(coach: Firefox) -> list[tuple[str, str]]:
    """Title and body of each notification that Firefox shows."""
    return [(each["title"], each["body"]) for each in coach.notifications()]


def test_a_coach_is_pinged_and_cheers_with_one_tap_and_the_client_sees_it_on_the_running_timer(
    client: Page, coach: Firefox, push_service: PushService, problems: Problems
):
    # A page that is left while it asks for news says so.
    problems.allow("htmx:error: NetworkError")
    accept(coach, invite(client))
    turn_on(coach)
    step = make_ladder(client.context)[0]
    coach.goto("/people/learn")

    start_exposure(client, step)
    coach.until(lambda: [title for title, _body in shown(coach)] == ["\u2068Robin\u2069 is practising"])
    (ping,) = coach.notifications()
    assert [action["action"] for action in ping["actions"]] == ["cheer"]
    coach.tap_notification("\u2068Robin\u2069 is practising", "cheer")
    bar = client.locator("[data-part=cheer]")
    expect(bar).to_contain_text("This is hard, and you can do hard things.")
    expect(bar).to_contain_text("Sam")
    coach.until(lambda: ("\u2068Robin\u2069 is practising", "Your cheer is there.") in shown(coach))

    client.locator("[data-part=cheer] button").tap()
    coach.goto("/people")
    coach.tap("article.client h2 a")
    coach.until(lambda: coach.script("document.querySelector('.cheered .hearted') !== null"))

    client.get_by_role("button", name="Finish", exact=True).tap()
    coach.until(lambda: any(title == "\u2068Robin\u2069 practised" for title, _body in shown(coach)))
    assert len(shown(coach)) == 1, "the finish takes the place of the start"
    coach.goto("about:blank")
    coach.tap_notification("\u2068Robin\u2069 practised")
    coach.to_tab(f"/people/{ping['data']['support']}")
    assert {post.outcome for post in push_service.posts} == {100}


def test_the_card_of_a_client_is_live_as_soon_as_the_push_arrives(client: Page, coach: Firefox, problems: Problems):
    problems.allow("htmx:error: NetworkError")
    accept(coach, invite(client))
    turn_on(coach)
    step = make_ladder(client.context)[0]
    coach.goto("/people")
    coach.until(lambda: coach.script("Boolean(document.querySelector('article.client')?.id)"))
    coach.script(NO_MORE_LOOKS)
    start_exposure(client, step)
    coach.until(lambda: "to go" in coach.text("article.client"))
    assert coach.script("document.querySelector('article.client').classList.contains('on')")


def test_without_any_push_the_card_follows_a_practice_that_runs(client: Page, coach: Firefox, problems: Problems):
    problems.allow("htmx:error: NetworkError")
    accept(coach, invite(client))
    step = make_ladder(client.context)[0]
    start_exposure(client, step)

    def is_live() -> bool:
        coach.goto("/people")
        return "to go" in coach.text("article.client")

    coach.until(is_live)
    client.get_by_role("button", name="Finish", exact=True).tap()
    coach.until(lambda: "to go" not in coach.text("article.client"))
    assert coach.notifications() == []


def test_with_discreet_notifications_the_coachs_phone_shows_nothing_of_it(client: Page, coach: Firefox):
    accept(coach, invite(client))
    turn_on(coach)
    send(client.context, "/notifications", {"quiet_from": "21:00", "quiet_until": "08:00", "discreet": "1"})
    step = make_ladder(client.context)[0]
    start_exposure(client, step)
    coach.until(lambda: shown(coach) == [("Rung", "There is news.")])
    (ping,) = coach.notifications()
    assert [action["title"] for action in ping["actions"]] == ["Answer"]
    coach.tap_notification("Rung", "cheer")
    expect(client.locator("[data-part=cheer]")).to_contain_text("you can do hard things")


def test_when_the_client_ends_it_the_next_practice_is_theirs_alone(
    client: Page, coach: Firefox, push_service: PushService
):
    accept(coach, invite(client))
    turn_on(coach)
    step = make_ladder(client.context)[0]
    client.goto("/people")
    client.get_by_role("link", name=re.compile("^Sam")).tap()
    client.get_by_role("button", name="End this with Sam").tap()
    expect(client.get_by_role("link", name=re.compile("^Sam"))).to_have_count(0)
    start_exposure(client, step)
    client.get_by_role("button", name="Finish", exact=True).tap()
    all_sent(client)
    assert push_service.posts == []
    # What the worker sends later than anything of the practice.
    coach.tap("Test")
    coach.until(lambda: shown(coach) == [("This works", "Rung can reach you here.")])
    assert len(push_service.posts) == 1
    coach.goto("/people")
    assert "Robin" not in coach.text("main")


def test_a_test_reaches_this_device_and_a_removed_one_hears_nothing(
    coach: Firefox, client: Page, push_service: PushService
):
    accept(coach, invite(client))
    turn_on(coach)
    coach.tap("Test")
    coach.until(lambda: shown(coach) == [("This works", "Rung can reach you here.")])
    (endpoint,) = push_service.channels
    push_service.drop(endpoint)
    start_exposure(client, make_ladder(client.context)[0])
    coach.until(lambda: push_service.posts[-1].status in (404, 410))

    def is_told() -> bool:
        coach.goto("/people")
        return "stopped" in coach.text("main").lower()

    coach.until(is_told)


@pytest.mark.long
def test_the_clients_own_phone_rings_at_the_end_also_when_the_page_that_nobody_sees_finishes_by_itself(
    pushing: Server, firefox: Firefox, push_service: PushService
):
    firefox.origin = pushing.origin
    firefox.goto("/about")
    form = {"display_name": "Robin", "email": new_email(), "password": PASSWORD, "time_zone": firefox.zone}
    firefox.send("/sign-up", form)
    firefox.send("/account/codes/saved", {})
    turn_on(firefox)
    rating = firefox.send(firefox.send("/ladder/new", {"name": "Dogs"}), {"title": STEPS[0][0]})
    step = step_id(firefox.script(PAGE, rating), STEPS[0][0])
    firefox.send(rating, {f"suds-{step}": "30"})
    exposure = str(uuid7())
    # A minute and a half is left for the page to open and to be hidden.
    begun = datetime.now(UTC) - timedelta(seconds=30)
    start = {"id": str(uuid7()), "exposure": exposure, "kind": "started", "at": begun.isoformat(), "step": step}
    start |= {"planned_minutes": 2, "check_in_minutes": 0, "stopping_rule": "time"}
    assert firefox.script(TELL, start) == 200
    firefox.goto(f"/exposures/{exposure}")
    firefox.until(
        lambda: firefox.script("document.querySelector('practice-page[data-ready]')?.dataset.phase") == "running"
    )
    here = firefox.marionette.current_window_handle
    firefox.marionette.open(type="tab", focus=True)
    firefox.marionette.switch_to_window(here, focus=False)
    firefox.until(lambda: firefox.script("document.querySelector('practice-page').dataset.phase") == "after")
    firefox.until(lambda: shown(firefox))
    assert shown(firefox) == [("Your time is done", "When you like, a word on how it was.")]
    assert [post.status for post in push_service.posts] == [201]
