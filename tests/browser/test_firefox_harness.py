"""The tools of the other tests: a push that was really encrypted reaches a real Firefox, and is shown."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import Any

import httpx
import pytest
from webpush import WebPush, WebPushSubscription
from webpush.vapid import VAPID

from tests.make.firefox import SIZE, Firefox
from tests.make.firefox_push import PushService
from tests.make.phone import Problems

PAGE = """<!doctype html>
<meta name="viewport" content="width=device-width">
<title>A page</title>
<script src="/page.js" defer></script>
<p id="said"></p><hr width="1" size="2000">
<input name="word"><select name="choice"><option value="one">One<option value="two">Two</select>
<button>Ask me</button> <button>Say it</button>
"""
SCRIPT = """
const said = document.querySelector("#said");
const [ask, say] = document.querySelectorAll("button");
ask.addEventListener("click", async () => (said.textContent = await Notification.requestPermission()));
say.addEventListener("click", () => (said.textContent =
  `${document.querySelector("input").value} ${document.querySelector("select").value}`));
"""
WORKER = """
addEventListener("push", event => {
  const { title, ...options } = event.data.json();
  event.waitUntil(registration.showNotification(title, options));
});
addEventListener("notificationclick", event => {
  event.notification.close();
  event.waitUntil(clients.openWindow(`/opened/${event.action}`));
});
"""
FILES = {"/page.js": SCRIPT, "/worker.js": WORKER}
SUBSCRIBE = """async key => {
  await navigator.serviceWorker.register("/worker.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  return (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })).toJSON();
}"""
UNSUBSCRIBE = """async () => {
  const { pushManager } = await navigator.serviceWorker.ready;
  return (await pushManager.getSubscription()).unsubscribe();
}"""
MESSAGE = {"title": "Robin started", "body": "Look at a dog", "tag": "one", "data": {"to": "/"}}
ACTIONS = [{"action": "cheer", "title": "Cheer"}]


class Site(BaseHTTPRequestHandler):
    """A page and its service worker."""

    def do_GET(self) -> None:
        kind = "text/javascript" if self.path in FILES else "text/html"
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.send_header("X-Seen-From", self.headers.get("X-Forwarded-For", ""))
        self.end_headers()
        self.wfile.write(FILES.get(self.path, PAGE).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(firefox: Firefox) -> Iterator[None]:
    """A site of this machine, which Firefox has opened."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    firefox.origin = f"http://127.0.0.1:{server.server_port}"
    firefox.goto("/")
    yield
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def subscription(firefox: Firefox, site: None) -> tuple[dict[str, Any], Callable[..., int]]:
    """A subscription of the page, and a function that sends it a message and returns the status."""
    private, public, key = VAPID.generate_keys()
    sender = WebPush(BytesIO(private), BytesIO(public), subscriber="robin@example.org", ttl=60)
    subscription = firefox.script(SUBSCRIBE, key)

    def send(**message: object) -> int:
        made = sender.get(message, WebPushSubscription.model_validate(subscription))
        return httpx.post(subscription["endpoint"], content=made.encrypted, headers=dict(made.headers)).status_code

    return subscription, send


def test_a_push_is_decrypted_shown_and_tapped(firefox, push_service: PushService, subscription):
    _subscription, send = subscription

    assert send(**MESSAGE, actions=ACTIONS) == 201
    assert firefox.until(firefox.notifications) == [MESSAGE | {"actions": ACTIONS}]
    firefox.until(lambda: push_service.posts[0].outcome == 100)
    assert push_service.posts[0].headers["TTL"] == "60"

    firefox.tap_notification("Robin started", action="cheer")
    firefox.to_tab("/opened/cheer")
    assert firefox.notifications() == []

    assert send(**MESSAGE | {"title": "Robin finished"}) == 201
    firefox.goto("about:blank")
    firefox.tap_notification("Robin finished")
    firefox.to_tab("/opened/")


def test_an_endpoint_that_is_gone_says_so(firefox, push_service: PushService, subscription):
    subscribed, send = subscription
    endpoint = subscribed["endpoint"]

    assert httpx.post(f"{endpoint}x", headers={"TTL": "60"}).status_code == 404
    assert httpx.post(endpoint, headers={"TTL": "60", "Content-Encoding": "aes128gcm"}).status_code == 403
    assert firefox.script(UNSUBSCRIBE)
    firefox.until(lambda: send(**MESSAGE) == 410)

    again = firefox.script(SUBSCRIBE, push_service.channels[endpoint].key)
    push_service.drop(again["endpoint"])
    assert httpx.post(again["endpoint"]).status_code == 410
    assert firefox.notifications() == []


def test_firefox_is_a_phone_that_asks_and_complains(firefox, site, problems: Problems, tmp_path):
    assert firefox.script("[document.documentElement.clientWidth, innerHeight]") == list(SIZE)
    assert firefox.script("async () => (await fetch('/')).headers.get('X-Seen-From')") == firefox.address
    firefox.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")

    firefox.fill("word", "hello")
    firefox.fill("choice", "two")
    firefox.tap("Say it")
    assert firefox.text("#said") == "hello two"

    firefox.permission("ask")
    firefox.tap("Ask me")
    firefox.answer_prompt("Block")
    firefox.until(lambda: firefox.text("#said") == "denied")

    firefox.script("() => { document.body.append(Object.assign(document.createElement('script'), { text: '1' })); }")
    firefox.script("() => { setTimeout(() => { throw new Error('thrown late'); }); console.error('said aloud'); }")
    firefox.until(lambda: len(firefox.problems()) == 3)
    assert [each.partition(": ")[0] for each in firefox.problems()] == ["CSP", "uncaught", "console.error"]
    problems.allow("CSP: .*inline script|thrown late|said aloud")
