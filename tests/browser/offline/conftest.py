"""Phones that are really switched off and on again: a browser profile on disk, and a server that can be stopped."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright

from tests.browser.acts import controlled, make_account, make_ladder, set_plan, until
from tests.browser.conftest import FLAGS, PHONE, Problems, Server, new_address, quiet_zone, watch
from tests.make.patience import MILLISECONDS

# What the phone keeps: the paths by the name of their cache.
KEPT = """async () => {
  const kept = {};
  for (const name of await caches.keys()) {
    if (!name.startsWith("rung-kept-")) continue;
    kept[name.slice(10)] = (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname);
  }
  return kept;
}"""


class Handset:
    """A browser that keeps its profile: `on` starts it anew, as a phone that was switched off does."""

    def __init__(self, playwright: Playwright, profile: Path, server: Server, problems: Problems) -> None:
        self.playwright = playwright
        self.profile = profile
        self.server = server
        self.problems = problems
        self.zone = quiet_zone()
        self.options: dict[str, Any] = {}
        self.context: BrowserContext | None = None

    def on(self) -> Page:
        """Switch it on; a page that is empty yet."""
        self.off()
        settings = PHONE | {
            "base_url": self.server.origin,
            "color_scheme": "light",
            "locale": "en-US",
            "timezone_id": self.zone,
            "extra_http_headers": {"X-Forwarded-For": new_address()},
        }
        self.context = self.playwright.chromium.launch_persistent_context(
            self.profile,
            executable_path=os.environ.get("RUNG_CHROMIUM") or shutil.which("chromium"),
            args=FLAGS,
            **(settings | self.options),
        )
        self.context.set_default_timeout(MILLISECONDS)
        watch(self.context, self.problems)
        return self.context.pages[0]

    def off(self) -> None:
        """Switch it off."""
        if self.context:
            self.context.close()
        self.context = None


@pytest.fixture
def handset(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory, own_server: Server, problems: Problems
) -> Iterator[Handset]:
    """A phone on which nobody is signed in yet, and whose network fails on purpose."""
    problems.allow("Failed to load resource|net::ERR_|status of 50|^50")
    handset = Handset(playwright, tmp_path_factory.mktemp("profile"), own_server, problems)
    yield handset
    handset.off()


def kept(page: Page) -> dict[str, list[str]]:
    """The paths that are kept, by account."""
    found: dict[str, list[str]] = page.evaluate(KEPT)
    return found


def opened_once(page: Page, path: str = "/today") -> None:
    """Open the app and wait until it has what it needs without the network."""
    page.goto(path)
    controlled(page)
    until(page, lambda: any("/kit" in paths for paths in kept(page).values()))


@pytest.fixture
def robin(handset: Handset) -> tuple[Page, list[str]]:
    """Somebody with a ladder and a plan who opened the app once; the page, and the ids of the steps."""
    page = handset.on()
    make_account(page.context, handset.zone)
    steps = make_ladder(page.context)
    set_plan(page.context)
    opened_once(page)
    return page, steps


@pytest.fixture
def in_flight(handset: Handset, robin: tuple[Page, list[str]], own_server: Server) -> Page:
    """The same phone, switched off and on again where nothing answers."""
    handset.off()
    own_server.stop()
    return handset.on()


class Stranger(BaseHTTPRequestHandler):
    """Answers everything that somebody else's server would be asked."""

    status = 200
    silence: Event | None = None

    def answer(self) -> None:
        """Say the same to everybody, or nothing at all."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.silence:
            self.silence.wait()
            return
        page = b"<!doctype html><title>Cafe</title><h1>Welcome to our network</h1>"
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def stranger(port: int, status: int = 200, silent: bool = False) -> Iterator[None]:
    """Somebody else answers on this port meanwhile; when `silent`, takes connections and says nothing."""
    silence = Event() if silent else None
    handler = type("Handler", (Stranger,), {"status": status, "silence": silence})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        if silence:
            silence.set()
        server.shutdown()
        server.server_close()
