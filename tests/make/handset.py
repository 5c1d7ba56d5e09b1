"""Phones that are really switched off and on again, and strangers that answer in the place of our server."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright

from tests.make.gate import Gate
from tests.make.phone import Problems, controlled, kept, quiet_zone, set_up, settings, switch_on, until
from tests.make.server import Server


class Handset:
    """A browser that keeps its profile: `on` starts it anew, as a phone that was switched off does."""

    def __init__(self, playwright: Playwright, profile: Path, server: Server | Gate, problems: Problems) -> None:
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
        given = settings(self.server.origin, self.zone) | self.options
        self.context = switch_on(self.playwright, self.profile, given)
        set_up(self.context, self.problems)
        return self.context.pages[0]

    def off(self) -> None:
        """Switch it off."""
        if self.context:
            self.context.close()
        self.context = None


def opened_once(page: Page, path: str = "/today") -> None:
    """Open the app and wait until it has what it needs without the network."""
    page.goto(path)
    controlled(page)
    until(page, lambda: any("/kit" in paths for paths in kept(page).values()))


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
