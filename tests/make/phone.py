"""Browsers the size of a phone: how they start, what they report, and what they keep."""

import itertools
import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright

from tests.make.patience import MILLISECONDS, PATIENCE

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
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", event =>
  console.error(`CSP: ${event.violatedDirective} blocked ${event.blockedURI}`));
"""
LONGER_THAN_THE_KIT = 20.0  # seconds: the service worker waits for it for 15
OUTBOX_SIZE = """
async () => {
  if (!(await indexedDB.databases()).some(each => each.name === "rung")) return 0;
  const open = indexedDB.open("rung");
  const db = await new Promise(done => (open.onsuccess = () => done(open.result)));
  try {
    if (!db.objectStoreNames.contains("outbox")) return 0;
    const count = db.transaction("outbox").objectStore("outbox").count();
    return await new Promise(done => (count.onsuccess = () => done(count.result)));
  } finally {
    db.close();
  }
}
"""
# What the phone keeps: the paths by the name of their cache.
KEPT = """async () => {
  const kept = {};
  for (const name of await caches.keys()) {
    if (!name.startsWith("rung-kept-")) continue;
    kept[name.slice(10)] = (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname);
  }
  return kept;
}"""
addresses = itertools.count(1)


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


def chromium_path() -> str | None:
    """The whole Chromium, for what its headless shell lacks: notifications."""
    return os.environ.get("RUNG_CHROMIUM") or shutil.which("chromium")


def shell_path() -> str | None:
    """The Chromium to use: its headless shell where there is one, which takes half the time."""
    return os.environ.get("RUNG_HEADLESS_SHELL") or shutil.which("chromium-headless-shell") or chromium_path()


def settings(origin: str, zone: str = "", address: str = "") -> dict[str, Any]:
    """What Playwright is told of a phone that visits this origin: a new one, as the server sees it."""
    return PHONE | {
        "base_url": origin,
        "color_scheme": "light",
        "locale": "en-US",
        "timezone_id": zone or quiet_zone(),
        "extra_http_headers": {"X-Forwarded-For": address or new_address()},
    }


def set_up(context: BrowserContext, problems: Problems) -> None:
    """Be patient with what happens there, and collect what goes wrong."""
    context.set_default_timeout(MILLISECONDS)
    watch(context, problems)


def switch_on(playwright: Playwright, profile: Path, options: dict[str, Any]) -> BrowserContext:
    """A browser of its own that keeps its profile."""
    path = shell_path()
    return playwright.chromium.launch_persistent_context(profile, executable_path=path, args=FLAGS, **options)


def kill(profile: Path) -> None:
    """Kill the browser that uses the profile as a phone's system does: without a word."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"--user-data-dir=" + bytes(profile) in words and not any(one.startswith(b"--type=") for one in words):
                os.kill(int(process.name), signal.SIGKILL)


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


def until(page: Page, condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until the condition holds. Playwright's own wait_for_function needs eval, which our CSP forbids."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s on {page.url}"
        page.wait_for_timeout(50)


def controlled(page: Page) -> None:
    """Wait until the service worker looks after this page."""
    until(page, lambda: page.evaluate("navigator.serviceWorker.controller !== null"))


def all_sent(page: Page) -> None:
    """Wait until the outbox of this phone is empty."""
    until(page, lambda: page.evaluate(OUTBOX_SIZE) == 0)


def kit_says(page: Page, word: str) -> None:
    """Wait until the offline pages that are kept hold the word. What took the phone too long, the next page tries."""
    asked_again = time.monotonic() + LONGER_THAN_THE_KIT

    def here() -> bool:
        nonlocal asked_again
        if time.monotonic() > asked_again:
            asked_again = time.monotonic() + LONGER_THAN_THE_KIT
            page.reload()
        return word in page.evaluate("caches.match('/kit').then(kit => kit?.text() ?? '')")

    until(page, here)


def kept(page: Page) -> dict[str, list[str]]:
    """The paths that are kept, by account."""
    found: dict[str, list[str]] = page.evaluate(KEPT)
    return found
