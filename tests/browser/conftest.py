"""The real server as a process of its own, and browsers the size of a phone that report what went wrong."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.make.firefox import Firefox
from tests.make.firefox_push import PushService
from tests.make.forms import make_account
from tests.make.gate import Gate
from tests.make.patience import MILLISECONDS
from tests.make.phone import FLAGS, Problems, chromium_path, new_address, quiet_zone, set_up, settings, shell_path
from tests.make.server import Server

expect.set_options(timeout=MILLISECONDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as the first start leaves it: keys, tables, static files.

    Making one takes a server seconds, so that the processes of one run share it.
    """
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    data = shared / "first-start"
    with (shared / "first-start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not data.exists():
            making = shared / "first-start-in-the-making"
            making.mkdir()
            server = Server(making)
            server.start()
            server.stop()
            making.rename(data)
    return data


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
def gate(server: Server) -> Iterator[Gate]:
    """The shared server at an address of this test's own, which may be gone for a while."""
    gate = Gate(server.port)
    gate.start()
    yield gate
    gate.stop()


@pytest.fixture
def own_server(data: Path) -> Iterator[Server]:
    """A server for one test alone, which may stop it and start another version or another day."""
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
    browser = playwright.chromium.launch(executable_path=shell_path(), args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def whole_chromium(playwright: Playwright) -> Iterator[Browser]:
    """With notifications; a module that needs them makes it its `chromium`."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def problems() -> Iterator[Problems]:
    """Console errors, uncaught exceptions, CSP violations and server errors; any that is left fails the test."""
    problems = Problems()
    yield problems
    assert problems.left() == []


@pytest.fixture
def phone(chromium: Browser, server: Server, problems: Problems) -> Iterator[Callable[..., BrowserContext]]:
    """Makes phones: browser contexts of their own, watched for problems, closed at the end."""
    made: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        made.append(chromium.new_context(**(settings(server.origin) | options)))
        set_up(made[-1], problems)
        return made[-1]

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


@pytest.fixture
def push_service() -> Iterator[PushService]:
    """A push service for one test; a server sends to it when its RUNG_PUSH_HOSTS names the `origin`."""
    with PushService() as service:
        yield service


@pytest.fixture
def firefox(push_service: PushService, problems: Problems) -> Iterator[Firefox]:
    """A Firefox with a new profile, on no page yet; a test says the `origin` of the server it visits."""
    binary = os.environ.get("RUNG_FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox") or "firefox"
    # So it names a request of htmx that a navigation cut off.
    problems.allow("htmx:error: NetworkError when attempting to fetch resource")
    with Firefox(binary, push=push_service.websocket_url, zone=quiet_zone(), address=new_address()) as firefox:
        yield firefox
        for text in firefox.problems():
            problems.note(text)
