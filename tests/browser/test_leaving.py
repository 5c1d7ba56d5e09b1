"""What is left on a phone after a sign-out, and what becomes of events that still wait then."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.make.forms import account_id, make_account, make_ladder, sign_in
from tests.make.phone import OUTBOX_SIZE, all_sent, controlled, until
from tests.make.taps import start_exposure

SECRETS = ("Look at a photo of a dog", "it will jump on me", "I shook and stayed", "not petting it")
# Everything that a page of this origin could read back, as text; bytes as text too, should they be some.
READ_EVERYTHING = """
async () => {
  const kept = {caches: {}, databases: {}, local: {...localStorage}, session: {...sessionStorage}};
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      if (new URL(request.url).pathname.startsWith("/static/")) continue;
      kept.caches[`${name} ${request.url}`] = await (await cache.match(request)).text();
    }
  }
  const done = request => new Promise((good, bad) => {
    request.onsuccess = () => good(request.result);
    request.onerror = () => bad(request.error);
  });
  const text = (key, value) =>
    value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? new TextDecoder("latin1").decode(value) : value;
  for (const {name} of await indexedDB.databases()) {
    const db = await done(indexedDB.open(name));
    for (const store of db.objectStoreNames) {
      const all = await done(db.transaction(store).objectStore(store).getAll());
      kept.databases[`${name} ${store}`] = all.map(each => JSON.stringify(each, text));
    }
    db.close();
  }
  return JSON.stringify(kept);
}
"""
# Whatever else an older page of an account left behind.
LEAVE_TRACES = """
async account => {
  const cache = await caches.open(`rung-kept-${account}`);
  await cache.put("/ladder", new Response("Look at a photo of a dog"));
  sessionStorage.setItem(`rung-draft:${account}:step`, "it will jump on me");
  localStorage.setItem("rung-running", JSON.stringify({id: "x"}));
}
"""


def leave_traces(page: Page) -> tuple[str, ...]:
    """All that this phone may hold of the account, as an older page left it; what each is known by."""
    account = account_id(page.context)
    page.evaluate(LEAVE_TRACES, account)
    return f"rung-kept-{account}", f"rung-draft:{account}", "rung-running"


# Has the service worker wait with what it is about to keep, until `go` is called.
HOLD = """
() => {
  const {open} = CacheStorage.prototype;
  const going = new Promise(resolve => { self.go = resolve; });
  CacheStorage.prototype.open = async function (name) {
    self.held ||= name.startsWith("rung-kept-");
    if (self.held) await going;
    return open.call(this, name);
  };
}
"""
# What a page that opens asks of it.
KEEP = """
() => {
  const [, version] = document.querySelector("script[src]").src.match(/\\/static\\/([^/]+)/);
  const {account} = document.documentElement.dataset;
  navigator.serviceWorker.controller.postMessage({type: "keep", account, version, asked: true});
}
"""


@pytest.fixture
def steps(signed_in: Page) -> list[str]:
    return make_ladder(signed_in.context)


def cut(context: BrowserContext) -> None:
    """Let no event through."""
    context.route("**/events", lambda route: route.abort())


def mend(context: BrowserContext) -> None:
    """Let events through again."""
    context.unroute("**/events")


def practise_unsent(page: Page, step: str) -> str:
    """A whole exposure with words of one's own, none of which the server hears; its id."""
    cut(page.context)
    page.goto(f"/steps/{step}/practice?minutes=5")
    page.locator("practice-page[data-ready]").wait_for(state="attached")
    page.get_by_text("Add a prediction").tap()
    page.get_by_label("What do you fear will happen?").fill(SECRETS[1])
    page.get_by_label("What will you not do?").fill(SECRETS[3])
    page.get_by_role("button", name="Start", exact=True).tap()
    page.locator("[data-part=resisted]").tap()
    page.get_by_role("button", name="Finish", exact=True).tap()
    page.get_by_label("What did you learn?").fill(SECRETS[2])
    page.get_by_role("button", name="Save").last.tap()
    expect(page.locator("[data-section=done]")).to_be_visible()
    waits(page, 4)
    return page.url.rpartition("/")[2].partition("?")[0]


def waits(page: Page, count: int) -> None:
    until(page, lambda: page.evaluate(OUTBOX_SIZE) == count)


def events_of(context: BrowserContext, exposure: str) -> list[dict[str, Any]]:
    """What the server knows of an exposure, in order."""
    answer = context.request.get(f"/exposures/{exposure}/record")
    return answer.json()["events"] if answer.ok else []


def leave(page: Page, *taps: str) -> None:
    """Sign out; `taps`: what is answered in the dialog."""
    page.goto("/account")
    page.get_by_role("button", name="Sign out", exact=True).tap()
    for name in taps:
        page.get_by_role("dialog").get_by_role("button", name=name).tap()


@pytest.fixture
def unsent(problems) -> None:
    problems.allow("net::ERR_FAILED")


def test_signing_out_with_nothing_waiting_asks_nothing(signed_in: Page, steps: list[str]):
    leave(signed_in)
    expect(signed_in).to_have_url(re.compile(r"/$"))
    expect(signed_in.get_by_role("dialog")).to_have_count(0)


@pytest.mark.usefixtures("unsent")
def test_what_waits_is_locked_while_somebody_is_signed_in_already(signed_in: Page, steps: list[str]):
    exposure = practise_unsent(signed_in, steps[0])
    stored = json.loads(signed_in.evaluate(READ_EVERYTHING))["databases"]["rung outbox"]
    assert len(stored) == 4
    for secret in (*SECRETS, exposure, steps[0]):
        assert not [entry for entry in stored if secret in entry]


@pytest.mark.usefixtures("unsent")
def test_after_a_sign_out_nothing_private_is_readable_and_what_waits_goes_after_the_next_sign_in(phone):
    context = phone()
    email = make_account(context)
    steps = make_ladder(context)
    page = context.new_page()
    page.goto("/ladder")
    controlled(page)
    exposure = practise_unsent(page, steps[0])
    leave_traces(page)
    leave(page, "Sign out all the same")
    expect(page).to_have_url(re.compile(r"/$"))
    until(page, lambda: "rung-kept" not in page.evaluate(READ_EVERYTHING))
    left = page.evaluate(READ_EVERYTHING)
    for secret in (*SECRETS, exposure, *steps, "Dogs", "Robin", email):
        assert secret not in left
    waits(page, 4)

    mend(context)
    sign_in(context, email)
    page.goto("/today")
    all_sent(page)
    assert [event["kind"] for event in events_of(context, exposure)] == ["started", "resisted", "finished", "noted"]


@pytest.mark.usefixtures("unsent")
def test_what_a_page_of_nobody_finds_of_somebody_goes(signed_in: Page, steps: list[str]):
    signed_in.goto("/today")
    leave_traces(signed_in)
    signed_in.context.clear_cookies()
    signed_in.goto("/sign-in")
    until(signed_in, lambda: "dog" not in signed_in.evaluate(READ_EVERYTHING))
    until(signed_in, lambda: "rung-running" not in signed_in.evaluate(READ_EVERYTHING))


@pytest.mark.usefixtures("unsent")
def test_the_warning_says_how_many_wait_and_staying_changes_nothing(signed_in: Page, steps: list[str]):
    practise_unsent(signed_in, steps[0])
    leave(signed_in)
    dialog = signed_in.get_by_role("dialog")
    expect(dialog).to_contain_text("4 waiting to be sent")
    dialog.get_by_role("button", name="Send now").tap()
    expect(dialog).to_contain_text("That did not go through just now.")
    dialog.get_by_role("button", name="Stay signed in").tap()
    expect(dialog).to_be_hidden()
    waits(signed_in, 4)
    signed_in.reload()
    expect(signed_in.get_by_role("button", name="Sign out", exact=True)).to_be_visible()


def test_traces_go_before_the_sign_out_itself_should_no_page_come_after_it(signed_in: Page, steps: list[str]):
    signed_in.goto("/account")
    # What is still being fetched for offline use is another test's.
    controlled(signed_in)
    until(signed_in, lambda: "/kit" in signed_in.evaluate(READ_EVERYTHING))
    traces = leave_traces(signed_in)
    signed_in.route("**/sign-out", lambda route: route.fulfill(status=204))
    signed_in.get_by_role("button", name="Sign out", exact=True).tap()
    for trace in traces:
        until(signed_in, lambda trace=trace: trace not in signed_in.evaluate(READ_EVERYTHING))


def test_what_is_just_fetched_for_offline_use_does_not_come_after_a_sign_out(signed_in: Page, steps: list[str]):
    signed_in.goto("/account")
    controlled(signed_in)
    until(signed_in, lambda: "/kit" in signed_in.evaluate(READ_EVERYTHING))
    [worker] = signed_in.context.service_workers
    worker.evaluate(HOLD)
    signed_in.evaluate(KEEP)
    until(signed_in, lambda: worker.evaluate("self.held"))
    signed_in.route("**/sign-out", lambda route: route.fulfill(status=204))
    signed_in.get_by_role("button", name="Sign out", exact=True).tap()
    until(signed_in, lambda: "rung-kept" not in signed_in.evaluate(READ_EVERYTHING))
    worker.evaluate("self.go()")
    until(signed_in, lambda: worker.evaluate("fetching === null"))
    assert "rung-kept" not in signed_in.evaluate(READ_EVERYTHING)


@pytest.mark.parametrize("cafe", [False, True])
def test_where_the_server_does_not_answer_nothing_is_taken_away(signed_in: Page, problems, cafe: bool):
    problems.allow("net::ERR_")
    signed_in.goto("/account")
    traces = leave_traces(signed_in)
    if cafe:
        signed_in.route("**/account/leaving", lambda route: route.fulfill(body="<h1>Wi-Fi</h1>"))
    else:
        signed_in.context.set_offline(True)
    signed_in.get_by_role("button", name="Sign out", exact=True).tap()
    expect(signed_in.get_by_role("alert")).to_contain_text("There is no connection right now.")
    for trace in traces:
        assert trace in signed_in.evaluate(READ_EVERYTHING)


def test_what_was_typed_under_another_account_goes_with_the_next_page(signed_in: Page):
    signed_in.goto("/today")
    own = f"rung-draft:{account_id(signed_in.context)}:step"
    signed_in.evaluate("own => { sessionStorage[own] = '{}'; sessionStorage['rung-draft:other:step'] = '{}' }", own)
    signed_in.goto("/ladder")
    until(signed_in, lambda: signed_in.evaluate("!sessionStorage['rung-draft:other:step']"))
    assert signed_in.evaluate("own => sessionStorage[own]", own) == "{}"


def test_without_the_network_nobody_is_signed_out_by_half(signed_in: Page, steps: list[str], problems):
    problems.allow("net::ERR_")
    practise_unsent(signed_in, steps[0])
    signed_in.goto("/account")
    signed_in.context.set_offline(True)
    signed_in.get_by_role("button", name="Sign out", exact=True).tap()
    expect(signed_in.get_by_role("alert")).to_contain_text("There is no connection right now.")
    signed_in.context.set_offline(False)
    signed_in.get_by_role("button", name="Sign out", exact=True).tap()
    expect(signed_in.get_by_role("dialog")).to_contain_text("4 waiting to be sent")


@pytest.mark.usefixtures("unsent")
def test_send_now_sends_and_then_signs_out(signed_in: Page, steps: list[str]):
    practise_unsent(signed_in, steps[0])
    leave(signed_in)
    expect(signed_in.get_by_role("dialog")).to_be_visible()
    heard: list[str] = []
    signed_in.on("request", lambda request: heard.append(request.method + " " + request.url.rpartition("/")[2]))
    mend(signed_in.context)
    signed_in.get_by_role("dialog").get_by_role("button", name="Send now").tap()
    expect(signed_in).to_have_url(re.compile(r"/$"))
    assert heard.index("POST events") < heard.index("POST sign-out")
    waits(signed_in, 0)


@pytest.mark.usefixtures("unsent")
def test_another_account_on_the_same_phone_never_sees_or_sends_what_waits(phone):
    context = phone()
    mine = make_account(context)
    page = context.new_page()
    exposure = practise_unsent(page, make_ladder(context)[0])
    leave(page, "Sign out all the same")
    expect(page).to_have_url(re.compile(r"/$"))

    mend(context)
    make_account(context)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/events") else None)
    page.goto("/today")
    page.wait_for_load_state("networkidle")
    read = page.evaluate("async path => (await (await import(path)).waiting()).length", outbox_of(page))
    assert (read, sent) == (0, [])
    expect(page.locator("outbox-status")).to_be_hidden()
    waits(page, 4)

    context.clear_cookies()
    sign_in(context, mine)
    page.goto("/today")
    all_sent(page)
    assert len(events_of(context, exposure)) == 4


def outbox_of(page: Page) -> str:
    """The address of the page's own outbox module."""
    found: str = page.evaluate(
        "performance.getEntriesByType('resource').map(each => each.name)"
        ".find(name => name.endsWith('/js/outbox/outbox.js'))"
    )
    return found


@pytest.mark.usefixtures("unsent")
def test_signed_out_meanwhile_the_taps_wait_and_go_after_signing_in_again(phone):
    context = phone()
    email = make_account(context)
    page = context.new_page()
    exposure = start_exposure(page, make_ladder(context)[0])
    all_sent(page)
    context.clear_cookies()
    page.locator("[data-part=resisted]").tap()
    page.get_by_role("link", name="Sign in to send").tap()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("a long walk with the dog")
    page.get_by_role("button", name="Sign in").tap()
    expect(page.get_by_role("timer")).to_be_visible()
    all_sent(page)
    assert [event["kind"] for event in events_of(context, exposure)] == ["started", "resisted"]
    expect(page.locator("[data-part=resisted]")).to_contain_text("1")


@pytest.mark.usefixtures("unsent")
def test_what_an_older_version_had_stored_in_the_open_still_goes(signed_in: Page, steps: list[str]):
    exposure = start_exposure(signed_in, steps[0])
    all_sent(signed_in)
    signed_in.evaluate(
        """async ([exposure, id]) => {
          const open = indexedDB.open("rung");
          const db = await new Promise(done => (open.onsuccess = () => done(open.result)));
          const event = {id, exposure, kind: "ritual", at: new Date().toISOString()};
          const { account } = document.documentElement.dataset;
          const put = db.transaction("outbox", "readwrite").objectStore("outbox").put({id, account, event});
          await new Promise(done => (put.onsuccess = done));
          db.close();
        }""",
        [exposure, "019a0000-0000-7000-8000-000000000001"],
    )
    signed_in.reload()
    all_sent(signed_in)
    kinds = sorted(event["kind"] for event in events_of(signed_in.context, exposure))
    assert kinds == ["ritual", "started"]
