"""What is pushed: shown by the service worker, heard by the page that is open, and led where it belongs by a tap.

Chromium is handed its messages through the DevTools protocol; it cannot subscribe without Google's servers, so the
panel's own logic runs against a subscription that the page makes up. A real one is Firefox's.
"""

import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, Worker, expect

from tests.make.forms import account_id, make_account, make_ladder, send, sign_in
from tests.make.phone import Problems, all_sent, controlled, until
from tests.make.taps import ready, start_exposure

SHOWN = """
navigator.serviceWorker.ready.then(registration => registration.getNotifications()).then(list =>
  list.map(({title, body, tag, silent, actions, icon}) => ({title, body, tag, silent, icon, actions: actions.length})))
"""
TAP = """
async ([tag, action]) => {
  const [notification] = await registration.getNotifications({ tag });
  self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
}
"""
# The service worker gives a page as long as it needs to answer, and leaves what it showed until `timeIsUp` is called;
# from then on its time is the real one.
PATIENT_WORKER = """
() => {
  const wait = self.setTimeout;
  const waiting = [];
  self.setTimeout = (task, pause, ...more) => waiting.push(() => task(...more));
  self.timeIsUp = () => {
    self.setTimeout = wait;
    for (const task of waiting) task();
  };
}
"""
# The record is never asked for by the clock, only when there is a reason.
NO_POLL = "const each = setInterval; window.setInterval = (task, pause, ...more) => each(task, 9e8, ...more);"
# A browser in which subscribing works: what it made up is kept until it is given up.
SUBSCRIBES = """
const kept = () => JSON.parse(localStorage.getItem("made-up"));
const plain = text => atob(text.replaceAll("-", "+").replaceAll("_", "/"));
const bytes = text => Uint8Array.from(plain(text), one => one.charCodeAt(0)).buffer;
const made = ({ key, endpoint }) => endpoint && {
  endpoint,
  options: { applicationServerKey: bytes(key) },
  toJSON: () => ({ endpoint, keys: {
    p256dh: "BCbvzr0O6eNKZpGH4Ys6kSKy9zOUW2Scyfn5Ien52tgSkCOL3pzHuzMNFQxncE3SWucFUgV0S28xv0BwdFhy0OY",
    auth: "AAAAAAAAAAAAAAAAAAAAAA",
  } }),
  unsubscribe: async () => { localStorage.setItem("made-up", "{}"); return true; },
};
PushManager.prototype.getSubscription = async () => made(kept() ?? {}) || null;
PushManager.prototype.subscribe = async ({ applicationServerKey: key }) => {
  const endpoint = `https://fcm.googleapis.com/wp/${crypto.randomUUID()}`;
  localStorage.setItem("made-up", JSON.stringify({ key, endpoint }));
  return made(kept());
};
"""

LOST_AFTER = 20.0  # seconds


@pytest.fixture
def chromium(whole_chromium: Browser) -> Browser:
    """Here notifications are shown."""
    return whole_chromium


@pytest.fixture
def allowed(phone: Callable[..., BrowserContext], problems: Problems) -> Page:
    """A page of a new account on a phone that allows notifications."""
    # Where a test makes the phone believe that it subscribed, the page tries to; Chromium can not here, and says so.
    problems.allow("does not support the Push API in incognito mode")
    page = phone(permissions=["notifications"]).new_page()
    make_account(page.context)
    return page


def by_id(versions: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The versions of service workers by their ids."""
    return {each["versionId"]: each for each in versions}


class Pushes:
    """Hands messages to the service worker of a page, as the browser does when they come from a push service."""

    def __init__(self, page: Page) -> None:
        self.page = page
        controlled(page)
        until(page, lambda: page.evaluate("navigator.serviceWorker.controller.state") == "activated")
        self.origin = page.evaluate("location.origin")
        self.devtools = page.context.new_cdp_session(page)
        # The browser tells of other phones' workers too: this page's is the one that controls it.
        here = self.devtools.send("Target.getTargetInfo")["targetInfo"]["targetId"]
        known: dict[str, dict[str, Any]] = {}
        self.devtools.on("ServiceWorker.workerVersionUpdated", lambda event: known.update(by_id(event["versions"])))
        self.devtools.send("ServiceWorker.enable")
        self.delivered: dict[str, str] = {}

        def mine() -> list[str]:
            return [each["registrationId"] for each in known.values() if here in each.get("controlledClients", ())]

        until(page, mine)
        (self.registration,) = set(mine())

    @property
    def worker(self) -> Worker:
        return self.page.context.service_workers[0]

    def deliver(self, data: str) -> None:
        message = {"origin": self.origin, "registrationId": self.registration, "data": data}
        self.devtools.send("ServiceWorker.deliverPushMessage", message)

    def push(self, navigate: str = "/today", tag: str = "tag", title: str = "Kim is practising", **more: Any) -> None:
        """A message as the worker of the server writes it."""
        notification = {"title": title, "body": "A word helps.", "lang": "en-GB", "tag": tag, "data": {}} | more
        notification["navigate"] = self.origin + navigate
        self.delivered[tag] = json.dumps(
            {"web_push": 8030, "mutable": True, "app_badge": 1, "notification": notification}
        )
        self.deliver(self.delivered[tag])

    def shown(self) -> list[dict[str, Any]]:
        return list(self.page.evaluate(SHOWN))

    def tap(self, tag: str = "tag", action: str = "") -> None:
        # A message for a worker that is just going to sleep may get lost; a push service would send it again.
        again = time.monotonic() + LOST_AFTER

        def here() -> bool:
            nonlocal again
            if time.monotonic() > again:
                again = time.monotonic() + LOST_AFTER
                self.deliver(self.delivered[tag])
            return any(each["tag"] == tag for each in self.shown())

        until(self.page, here)
        self.worker.evaluate(TAP, [tag, action])


def form_id(request: Request) -> str:
    """The id of the form that a request sends."""
    (found,) = parse_qs(request.post_data or "")["form_id"]
    return found


def befriend(client: BrowserContext, coach: BrowserContext) -> str:
    """Let one account coach the other; the id of the relation."""
    send(client, "/people/invitations", {})
    link = re.search(r"/invitations/[\w-]{10,}", client.request.get("/people/invite").text())
    assert link
    send(coach, link[0], {})
    found = re.search(r"/people/([0-9a-f-]{36})", coach.request.get("/people").text())
    assert found
    return found[1]


def a_coach(phone: Callable[..., BrowserContext], client: Page) -> tuple[BrowserContext, str]:
    """Somebody on another phone who coaches this client, and the id of the relation."""
    coach = phone()
    make_account(coach)
    return coach, befriend(client.context, coach)


def cheer(coach: BrowserContext, support: str, text: str = "Still with you.") -> None:
    send(coach, f"/people/{support}/cheers", {"text": text})


def stand_still(page: Page) -> None:
    """Stop the page's clock, which was installed: from here on it goes only as far as a test says."""
    page.clock.pause_at(page.evaluate("Date.now()") / 1_000 + 1)


def registered(page: Page) -> None:
    """Let this phone believe that the server pushes to it."""
    known = {"account": account_id(page.context), "id": str(uuid.uuid4())}
    page.add_init_script(f"localStorage.setItem('rung-device', {json.dumps(json.dumps(known))})")


def bar(page: Page) -> Any:
    return page.locator("[data-part=cheer]")


def test_a_message_shows_as_it_was_written_and_the_next_takes_its_place(allowed: Page):
    allowed.goto("/today")
    pushes = Pushes(allowed)
    action = {"action": "cheer", "title": "You can do hard things", "navigate": "/people/x?phrase=hard"}
    pushes.push(actions=[action], data={"kind": "started"})
    until(allowed, pushes.shown)
    (one,) = pushes.shown()
    assert (one["title"], one["body"], one["actions"], one["silent"]) == (
        "Kim is practising",
        "A word helps.",
        1,
        False,
    )
    assert one["icon"].endswith("/icons/icon-192.png")
    pushes.push(title="Kim practised", silent=True)
    until(allowed, lambda: [each["title"] for each in pushes.shown()] == ["Kim practised"])
    assert pushes.shown()[0]["silent"]
    pushes.push(tag="other")
    until(allowed, lambda: len(pushes.shown()) == 2)


@pytest.mark.parametrize(
    "junk", ["", "junk", "null", "[]", '{"notification": 5}', '{"notification": {"title": "x", "actions": 5}}', '{"a"']
)
def test_what_cannot_be_read_still_shows_something(allowed: Page, junk: str):
    allowed.goto("/today")
    pushes = Pushes(allowed)
    pushes.deliver(junk)
    until(allowed, pushes.shown)
    assert len(pushes.shown()) == 1
    assert pushes.shown()[0]["title"] in ("Rung", "undefined")


def test_a_cheer_shows_on_the_running_timer_when_it_is_pushed_and_nothing_is_polled(phone, allowed: Page):
    coach, support = a_coach(phone, allowed)
    steps = make_ladder(allowed.context)
    registered(allowed)
    allowed.clock.install()
    allowed.add_init_script(NO_POLL)
    exposure = start_exposure(allowed, steps[0])
    all_sent(allowed)
    pushes = Pushes(allowed)
    stand_still(allowed)
    asked: list[str] = []
    allowed.on("request", lambda request: asked.append(request.url) if "/record" in request.url else None)
    cheer(coach, support)
    allowed.clock.run_for(2_500)
    assert asked == []
    expect(bar(allowed)).to_be_hidden()
    # The page's clock stands: whatever shows now has waited for nothing.
    pushes.push(f"/exposures/{exposure}", "cheer", "Robin", data={"kind": "cheer", "exposure": exposure})
    expect(bar(allowed)).to_contain_text("Still with you.")
    assert len(asked) == 1
    allowed.clock.run_for(1_000)
    expect(allowed.locator("[data-part=live]")).to_contain_text("Still with you.")


def test_a_cheer_shows_within_two_seconds_where_nothing_is_pushed(phone, signed_in: Page):
    coach, support = a_coach(phone, signed_in)
    steps = make_ladder(signed_in.context)
    signed_in.clock.install()
    start_exposure(signed_in, steps[0])
    all_sent(signed_in)
    stand_still(signed_in)
    cheer(coach, support)
    signed_in.clock.run_for(2_000)
    expect(bar(signed_in)).to_contain_text("Still with you.")
    expect(bar(signed_in)).to_contain_text("\u2068Robin\u2069, just now")
    signed_in.clock.resume()
    signed_in.reload()
    ready(signed_in)
    expect(bar(signed_in)).to_contain_text("Still with you.")
    # What was there before is shown and not said again.
    signed_in.wait_for_timeout(200)
    expect(signed_in.locator("[data-part=live]")).not_to_contain_text("Still with you.")


def test_without_a_supporter_the_record_is_asked_for_seldom(signed_in: Page):
    steps = make_ladder(signed_in.context)
    signed_in.clock.install()
    start_exposure(signed_in, steps[0])
    all_sent(signed_in)
    stand_still(signed_in)
    asked: list[str] = []
    signed_in.on("request", lambda request: asked.append(request.url) if "/record" in request.url else None)
    for _ in range(8):
        signed_in.clock.run_for(500)
        signed_in.wait_for_timeout(50)
    assert len(asked) <= 1


def test_a_heart_answers_the_cheer_once(phone, signed_in: Page):
    coach, support = a_coach(phone, signed_in)
    steps = make_ladder(signed_in.context)
    start_exposure(signed_in, steps[0])
    all_sent(signed_in)
    cheer(coach, support)
    hearts: list[str] = []
    signed_in.on("request", lambda request: hearts.append(request.url) if request.url.endswith("/heart") else None)
    button = bar(signed_in).get_by_role("button", name="Send a heart")
    button.tap()
    expect(button).to_have_attribute("aria-pressed", "true")
    button.tap()
    signed_in.wait_for_timeout(1800)
    assert len(hearts) == 1
    assert signed_in.locator("practice-page").get_attribute("data-phase") == "running"
    signed_in.reload()
    expect(button).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (320, 700)])
def test_the_running_screen_fits_the_phone_with_a_cheer_on_it(phone, width: int, height: int):
    page = phone(viewport={"width": width, "height": height}).new_page()
    make_account(page.context)
    coach, support = a_coach(phone, page)
    steps = make_ladder(page.context)
    start_exposure(page, steps[0], minutes=20)
    all_sent(page)
    cheer(
        coach, support, "This is hard, and you are doing it, one minute after the other, for all that you want to do."
    )
    expect(bar(page)).to_be_visible()
    until(page, lambda: page.evaluate("document.documentElement.scrollHeight") <= height)
    for button in page.locator("[data-section=running] button:visible").all():
        box = button.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 48


def test_what_the_page_shows_anyway_is_quiet_and_goes(allowed: Page):
    steps = make_ladder(allowed.context)
    exposure = start_exposure(allowed, steps[0])
    pushes = Pushes(allowed)
    pushes.worker.evaluate(PATIENT_WORKER)
    pushes.push(f"/exposures/{exposure}", data={"kind": "check_in", "exposure": exposure})
    until(allowed, pushes.shown)
    assert pushes.shown()[0]["silent"]
    pushes.worker.evaluate("self.timeIsUp()")
    until(allowed, lambda: not pushes.shown())
    pushes.push(f"/exposures/{exposure}", data={"kind": "check_in", "exposure": str(uuid.uuid4())})
    until(allowed, pushes.shown)
    assert not pushes.shown()[0]["silent"]
    allowed.wait_for_timeout(2500)
    assert len(pushes.shown()) == 1


def test_a_tap_leads_the_window_that_is_open_to_the_right_page_and_never_off_this_site(allowed: Page):
    allowed.goto("/today")
    pushes = Pushes(allowed)
    pushes.push("/people?from=ping")
    pushes.tap()
    allowed.wait_for_url("**/people?from=ping")
    assert pushes.shown() == []
    data = {"notification": {"title": "x", "tag": "far", "navigate": "https://example.org//evil.example/plan"}}
    pushes.deliver(json.dumps(data))
    pushes.tap("far")
    allowed.wait_for_url(f"{pushes.origin}//evil.example/plan")


def test_a_tap_never_leads_away_from_a_running_exposure(allowed: Page):
    steps = make_ladder(allowed.context)
    exposure = start_exposure(allowed, steps[0])
    all_sent(allowed)
    url = allowed.url
    pushes = Pushes(allowed)
    allowed.evaluate("window.same = true")
    for number, to in enumerate(("/today", f"/exposures/{exposure}", f"/exposures/{uuid.uuid4()}")):
        pushes.push(to, f"tag{number}")
        pushes.tap(f"tag{number}")
        allowed.wait_for_timeout(700)
        assert allowed.url == url
        assert allowed.evaluate("window.same")
    allowed.get_by_role("button", name="Finish", exact=True).tap()
    expect(allowed.locator("[data-section=after] h1")).to_be_visible()
    all_sent(allowed)
    pushes.push("/calendar", "after")
    pushes.tap("after")
    allowed.wait_for_url("**/calendar")


def test_without_a_window_one_is_opened(allowed: Page):
    allowed.goto("/today")
    pushes = Pushes(allowed)
    pushes.push("/people")
    until(allowed, pushes.shown)
    # Only a tap of a person may open a window: what would be opened is noted instead.
    pushes.worker.evaluate(
        """() => {
          Clients.prototype.matchAll = async () => [];
          Clients.prototype.openWindow = async url => { self.opened = url; };
        }"""
    )
    pushes.worker.evaluate(TAP, ["tag", ""])
    until(allowed, lambda: pushes.worker.evaluate("self.opened") == f"{pushes.origin}/people")


def test_one_tap_cheers_from_the_notification_and_says_so(phone, allowed: Page):
    client = phone()
    make_account(client)
    support = befriend(client, allowed.context)
    allowed.goto("/today")
    pushes = Pushes(allowed)
    sent: list[str] = []
    allowed.context.on("request", lambda request: sent.append(form_id(request)) if "/cheers" in request.url else None)
    words = {"url": f"/people/{support}/cheers", "phrase": "hard", "sent": "Your cheer is there.", "failed": "Not yet."}
    action = {"action": "cheer", "title": "You can do hard things", "navigate": f"/people/{support}?phrase=hard"}
    pushes.push(f"/people/{support}", actions=[action], data={"kind": "started", "support": support, "cheer": words})
    pushes.tap(action="cheer")
    until(allowed, lambda: [each["body"] for each in pushes.shown()] == ["Your cheer is there."])
    (one,) = pushes.shown()
    assert (one["title"], one["tag"], one["silent"], one["actions"]) == ("Kim is practising", "tag", True, 0)
    assert len(sent) == 1
    assert "This is hard, and you can do hard things." in client.request.get("/today").text()
    assert allowed.url.endswith("/today")

    # The second within a minute is refused, and the notification says why.
    pushes.push(f"/people/{support}", "second", actions=[action], data={"kind": "finished", "cheer": words})
    pushes.tap("second", "cheer")
    until(allowed, lambda: any("minute" in each["body"] for each in pushes.shown()))
    assert "Not yet." not in [each["body"] for each in pushes.shown()]
    assert allowed.url.endswith("/today")
    assert len({*sent}) == 2, "each tap is a form of its own"


@pytest.mark.parametrize("lost", [1, 2])
def test_a_tap_whose_answers_get_lost_is_one_cheer(phone, allowed: Page, problems: Problems, lost: int):
    problems.allow("ERR_FAILED")
    client = phone()
    make_account(client)
    support = befriend(client, allowed.context)
    allowed.goto("/today")
    pushes = Pushes(allowed)
    sent: list[str] = []

    def lose(route: Route) -> None:
        answer = route.fetch()
        sent.append(form_id(route.request))
        if len(sent) <= lost:
            route.abort()
        else:
            route.fulfill(response=answer)

    allowed.context.route("**/cheers", lose)
    words = {"url": f"/people/{support}/cheers", "phrase": "hard", "sent": "Your cheer is there.", "failed": "Not yet."}
    action = {"action": "cheer", "title": "You can do hard things", "navigate": f"/people/{support}?phrase=hard"}
    pushes.push(f"/people/{support}", actions=[action], data={"kind": "started", "cheer": words})
    pushes.tap(action="cheer")
    if lost == 2:
        # It was sent once more by itself; now the notification offers to try again.
        until(allowed, lambda: [each["body"] for each in pushes.shown()] == ["Not yet."])
        assert allowed.url.endswith("/today")
        pushes.worker.evaluate(TAP, ["tag", ""])
    until(allowed, lambda: [each["body"] for each in pushes.shown()] == ["Your cheer is there."])
    assert len(sent) == lost + 1
    assert len({*sent}) == 1
    assert client.request.get("/today").text().count("This is hard, and you can do hard things.") == 1


def test_signed_out_a_cheer_leads_to_the_page_to_sign_in(allowed: Page):
    allowed.goto("/today")
    pushes = Pushes(allowed)
    send(allowed.context, "/sign-out", {})
    support = uuid.uuid4()
    words = {"url": f"/people/{support}/cheers", "phrase": "hard", "sent": "Sent.", "failed": "Not yet."}
    action = {"action": "cheer", "title": "Hard", "navigate": f"/people/{support}"}
    pushes.push(f"/people/{support}", actions=[action], data={"cheer": words})
    pushes.tap(action="cheer")
    allowed.wait_for_url(re.compile(rf"/sign-in\?next=.*{support}"))


def look_away(page: Page, hidden: bool) -> None:
    """Hide the page or show it, as far as the page can tell."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_a_phone_that_is_put_away_says_so_where_it_is_pushed_to(allowed: Page):
    steps = make_ladder(allowed.context)
    registered(allowed)
    exposure = start_exposure(allowed, steps[0])
    all_sent(allowed)
    told: list[tuple[str, str | None]] = []
    allowed.on(
        "request", lambda request: told.append((request.url, request.post_data)) if "/away" in request.url else None
    )
    look_away(allowed, hidden=True)
    look_away(allowed, hidden=False)
    until(allowed, lambda: len(told) == 2)
    assert [body for _url, body in told] == ["away=1", "away=0"]
    assert told[0][0].endswith(f"/exposures/{exposure}/away")


def test_a_phone_that_is_put_away_before_its_start_arrived_says_so_once_more(allowed: Page, problems: Problems):
    problems.allow("net::ERR_FAILED")
    steps = make_ladder(allowed.context)
    registered(allowed)
    told: list[str | None] = []
    allowed.on("request", lambda request: told.append(request.post_data) if "/away" in request.url else None)
    allowed.route("**/events", lambda route: route.continue_() if told else route.abort())
    start_exposure(allowed, steps[0])
    look_away(allowed, hidden=True)
    all_sent(allowed)
    until(allowed, lambda: len(told) > 1)
    assert set(told) == {"away=1"}


def test_a_phone_that_is_not_pushed_to_says_nothing(signed_in: Page):
    steps = make_ladder(signed_in.context)
    start_exposure(signed_in, steps[0])
    all_sent(signed_in)
    told: list[str] = []
    signed_in.on("request", lambda request: told.append(request.url) if "/away" in request.url else None)
    look_away(signed_in, hidden=True)
    signed_in.wait_for_timeout(300)
    assert told == []


PROMPTS = "Notification.requestPermission = async () => { window.prompted = true; return Notification.permission; };"
STATES = (
    "[...document.querySelectorAll('push-panel [data-state]')].filter(one => !one.hidden).map(one => one.dataset.state)"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Version/18.4 Mobile Safari/604.1"


def panel(page: Page) -> str:
    """Which part of the panel shows."""
    page.locator("push-panel[data-ready]").wait_for()
    (state,) = page.evaluate(STATES)
    return str(state)


@pytest.mark.parametrize(
    ("permission", "agent", "missing", "state"),
    [
        ("default", None, "", "ask"),
        ("denied", None, "", "denied"),
        ("granted", None, "", "ask"),
        ("default", None, "delete window.PushManager;", "unsupported"),
        ("default", IPHONE, "", "ios"),
    ],
)
def test_the_page_says_how_things_stand_and_never_asks_by_itself(
    phone, permission: str, agent: str | None, missing: str, state: str
):
    context = phone(**({"user_agent": agent} if agent else {}))
    make_account(context)
    page = context.new_page()
    page.add_init_script(
        f"Object.defineProperty(Notification, 'permission', {{ get: () => '{permission}' }}); {PROMPTS} {missing}"
    )
    page.goto("/notifications")
    assert panel(page) == state
    assert page.evaluate("window.prompted") is None
    shown = page.locator("push-panel [data-family]:visible")
    assert shown.count() == (1 if state == "denied" else 0)


@pytest.fixture
def subscribing(allowed: Page) -> Page:
    """A page of a phone that allows notifications and can subscribe."""
    allowed.add_init_script(SUBSCRIBES)
    return allowed


def known(page: Page) -> dict[str, Any]:
    """What this phone keeps about itself."""
    return dict(page.evaluate("JSON.parse(localStorage.getItem('rung-device')) ?? {}"))


def turn_on(page: Page) -> str:
    """Turn notifications on; the id of the device."""
    page.goto("/notifications")
    page.get_by_role("button", name="Turn on notifications here").tap()
    expect(page.get_by_text("Notifications are on here.")).to_be_visible()
    return str(known(page)["id"])


def listening(page: Page) -> list[str]:
    """The addresses to which this page posts from now on."""
    posts: list[str] = []
    page.on(
        "request",
        lambda request: posts.append(request.url.partition("/devices")[2]) if "/devices" in request.url else 0,
    )
    return posts


def test_turned_on_this_phone_stands_in_the_list_and_can_be_removed(subscribing: Page):
    device = turn_on(subscribing)
    mine = subscribing.locator(f"#device-{device}")
    expect(mine).to_contain_text("this one")
    mine.get_by_text("Rename or remove").tap()
    mine.get_by_label("Name").fill("My own phone")
    mine.get_by_role("button", name="Save the name").tap()
    expect(mine.get_by_role("heading")).to_contain_text("My own phone")
    expect(mine).to_contain_text("this one")
    mine.get_by_text("Rename or remove").tap()
    mine.get_by_role("button", name="Remove this device").tap()
    expect(mine).to_have_count(0)
    expect(subscribing.get_by_role("button", name="Turn on notifications here")).to_be_visible()
    until(subscribing, lambda: subscribing.evaluate("localStorage.getItem('made-up')") == "{}")
    posts = listening(subscribing)
    subscribing.goto("/today")
    subscribing.wait_for_load_state("networkidle")
    assert posts == []
    assert known(subscribing) == {}


def test_every_page_compares_and_tells_the_server_what_changed(subscribing: Page):
    device = turn_on(subscribing)
    posts = listening(subscribing)
    subscribing.goto("/today")
    subscribing.wait_for_load_state("networkidle")
    assert posts == []
    for change in (
        "localStorage.setItem('rung-device', JSON.stringify({ ...KNOWN, day: 'yesterday' }))",
        "localStorage.setItem('made-up', JSON.stringify({ ...MADE, key: MADE.key.replace(/^B./, 'BX') }))",
        "localStorage.setItem('made-up', JSON.stringify({ ...MADE, endpoint: MADE.endpoint + '2' }))",
        "localStorage.setItem('made-up', '{}')",
    ):
        code = change.replace("KNOWN", "JSON.parse(localStorage.getItem('rung-device'))")
        subscribing.evaluate(code.replace("MADE", "JSON.parse(localStorage.getItem('made-up'))"))
        before = known(subscribing)
        subscribing.goto("/calendar")
        until(subscribing, lambda: len(posts) == 1)
        until(subscribing, lambda before=before: known(subscribing) != before)
        assert known(subscribing)["id"] == device
        posts.clear()
        subscribing.goto("/ladder")
        subscribing.wait_for_load_state("networkidle")
        assert posts == []


def test_signing_out_takes_the_phone_from_the_account_and_signing_in_gives_it_back(subscribing: Page):
    context = subscribing.context
    email = make_account(context)
    device = turn_on(subscribing)
    me = account_id(context)
    posts = listening(subscribing)
    subscribing.goto("/account")
    subscribing.get_by_role("button", name="Sign out", exact=True).tap()
    subscribing.wait_for_url(re.compile(r"/$"))
    assert posts == [f"/{device}/remove"]
    assert subscribing.evaluate("localStorage.getItem('made-up')") == "{}"
    assert me not in json.dumps(known(subscribing))
    # Whoever signs in here next has not asked for anything.
    make_account(context)
    subscribing.goto("/today")
    subscribing.wait_for_load_state("networkidle")
    assert "id" not in known(subscribing)
    sign_in(context, email)
    subscribing.goto("/today")
    until(subscribing, lambda: "id" in known(subscribing))
    subscribing.goto("/notifications")
    expect(subscribing.get_by_text("Notifications are on here.")).to_be_visible()
