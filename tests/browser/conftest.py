"""The real server as a process of its own, and browsers the size of a phone that report what went wrong."""

import http.client
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright

from tests.browser.acts import make_account
from tests.browser.firefox import Firefox
from tests.browser.push_service import PushService
from tests.make.patience import MILLISECONDS, PATIENCE
from tests.make.ports import free_port

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
ZONES = ("Europe/Berlin", "America/New_York", "Pacific/Honolulu", "Asia/Tokyo")
# A refused form answers 422 and Chromium reports that as an error of its own; it is the behaviour wanted.
# A page transition that Chromium gives up shows as a rejected promise of its own; the page is there all the same.
# A page that signals before anybody touched it may not vibrate; where the machine is slow, that comes before the tap.
HARMLESS = re.compile(
    r"Failed to load resource: the server responded with a status of (401|404|409|422)"
    r"|uncaught: .*\bTransition was (aborted|skipped)"
    r"|Blocked call to navigator\.vibrate because user hasn't tapped"
)
expect.set_options(timeout=MILLISECONDS)
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", event =>
  console.error(`CSP: ${event.violatedDirective} blocked ${event.blockedURI}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


class Server:
    """`python app.py` on a port of its own with a data folder of its own; `extra` are more settings."""

    def __init__(self, data: Path, extra: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.extra = extra or {}
        self.root = ROOT
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        """The settings of the process; one proxy, so that each phone of a test has an address of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNG_", "DATABASE_URL"))}
        own = {"RUNG_DATA": str(self.data), "RUNG_PORT": str(self.port), "RUNG_PROXIES": "1"}
        return kept | own | self.extra

    def start(self) -> None:
        """Start, and return when it is ready to serve."""
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=self.root, env=self.environment(), stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail("the server did not start:\n" + (self.data / "server.log").read_text()[-3000:])
            time.sleep(0.05)

    def ready(self) -> bool:
        """Whether /readyz says yes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop as Ctrl-C does, and wait until it is gone."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as the first start leaves it: keys, tables, static files. Making one takes a server seconds."""
    server = Server(tmp_path_factory.mktemp("first"))
    server.start()
    server.stop()
    return server.data


@pytest.fixture(scope="session")
def server(first_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that the tests of one process share; each test signs up an account of its own."""
    server = Server(shutil.copytree(first_start, tmp_path_factory.mktemp("data") / "var"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def data(first_start: Path, tmp_path: Path) -> Path:
    """The data folder of a server for one test alone."""
    return shutil.copytree(first_start, tmp_path / "var")


@pytest.fixture
def own_server(data: Path) -> Iterator[Server]:
    """A server for one test alone, which may stop it."""
    server = Server(data)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    path = os.environ.get("RUNG_CHROMIUM") or shutil.which("chromium")
    browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()


class Problems(list[str]):
    """What a page reported; `allow` names what a test provokes on purpose."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed: list[str] = []

    def allow(self, pattern: str) -> None:
        """Take messages that match the pattern as wanted."""
        self.allowed.append(pattern)

    def note(self, text: str) -> None:
        """Keep a message unless it is harmless."""
        if not HARMLESS.match(text):
            self.append(text)

    def left(self) -> list[str]:
        """The messages that nothing allows."""
        return [text for text in self if not any(re.search(pattern, text) for pattern in self.allowed)]


@pytest.fixture
def problems() -> Iterator[Problems]:
    """Console errors, uncaught exceptions, CSP violations and server errors; any that is left fails the test."""
    problems = Problems()
    yield problems
    assert problems.left() == []


addresses = itertools.count(1)


@pytest.fixture
def phone(chromium: Browser, server: Server, problems: Problems) -> Iterator[Callable[..., BrowserContext]]:
    """Makes phones: browser contexts of their own, watched for problems, closed at the end."""
    made: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        settings = PHONE | {
            "base_url": server.origin,
            "color_scheme": "light",
            "locale": "en-US",
            "timezone_id": quiet_zone(),
            "extra_http_headers": {"X-Forwarded-For": new_address()},
        }
        context = chromium.new_context(**(settings | options))
        context.set_default_timeout(MILLISECONDS)
        watch(context, problems)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page(phone: Callable[..., BrowserContext]) -> Page:
    """A page on a new phone; nobody is signed in."""
    return phone().new_page()


@pytest.fixture
def signed_in(page: Page) -> Page:
    """A page of a new account, made without tapping through the form."""
    make_account(page.context)
    return page


def watch(context: BrowserContext, problems: Problems) -> None:
    """Collect what pages of this context complain about."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.note(f"{message.text} ({message.location.get('url', '')})")

    context.add_init_script(REPORT_VIOLATIONS)
    context.on("console", on_console)
    context.on("weberror", lambda error: problems.note(f"uncaught: {error.error}"))
    context.on(
        "response",
        lambda response: problems.note(f"{response.status} {response.url}") if response.status >= 500 else None,
    )


def new_address() -> str:
    """An address that no other phone of this run has."""
    number = next(addresses)
    return f"10.{os.getpid() % 250}.{number // 250}.{number % 250 + 1}"


def quiet_zone() -> str:
    """A zone where it is day, so that no test runs across midnight or into quiet hours."""
    return next(zone for zone in ZONES if 9 <= datetime.now(ZoneInfo(zone)).hour < 20)


@pytest.fixture
def push_service() -> Iterator[PushService]:
    """A push service for one test; a server sends to it when its RUNG_PUSH_HOSTS names the `origin`."""
    with PushService() as service:
        yield service


@pytest.fixture
def firefox(push_service: PushService, problems: Problems) -> Iterator[Firefox]:
    """A Firefox with a new profile, on no page yet; a test says the `origin` of the server it visits."""
    binary = os.environ.get("RUNG_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox") or "firefox"
    with Firefox(binary, push=push_service.websocket_url, zone=quiet_zone(), address=new_address()) as firefox:
        yield firefox
        for text in firefox.problems():
            problems.note(text)
