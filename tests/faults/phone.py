"""A phone of the soak: a real Chromium with a profile of its own, in which a person practises and things go wrong."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Error, Page, Playwright, sync_playwright
from uuid6 import uuid7

from tests.faults.ledger import Ledger
from tests.make.forms import account_id, make_account, make_ladder, sign_in
from tests.make.phone import kill, settings, switch_on

PATIENCE = 8_000
TAPS = 14
# Seconds. They only end a run that hangs.
HANGS_AFTER = 600
# The page tells its other tabs of every event that it makes; so it tells us.
LISTEN = """
(() => {
  const post = BroadcastChannel.prototype.postMessage;
  BroadcastChannel.prototype.postMessage = function (message) {
    if (this.name === "rung-practice") told(message);
    return post.call(this, message);
  };
})();
"""
# The very module that the page runs on, not a second one.
OUTBOX = """
const script = document.querySelector('script[src$="/js/shell/app.js"]');
if (!script || document.documentElement.dataset.account !== account) return null;
const { put, flush, waiting } = await import(new URL("../outbox/outbox.js", script.src));
"""
IS_OURS = f"async account => {{ {OUTBOX} return Boolean(put); }}"
ASKS_WHO = """() => Boolean(document.querySelector("outbox-status:not([hidden]) [data-sign-in]:not([hidden])"))"""
PUT = f"async ([account, event]) => {{ {OUTBOX} await put(event); flush(); return true; }}"
WAITING = f"async account => {{ {OUTBOX} return (await waiting()).length; }}"
STORED = """async () => {
  const page = document.querySelector("practice-page");
  await page?.stored;
  return page?.dataset.phase ?? null;
}"""


@dataclass
class Person:
    """Whoever practises, on one phone or on two."""

    zone: str
    email: str = ""
    account: uuid.UUID = field(default_factory=uuid.uuid4)
    steps: list[str] = field(default_factory=list)
    exposures: list[str] = field(default_factory=list)


class Phone:
    """A browser in a thread of its own: `do` has a method done there. `mishaps` counts what went wrong."""

    def __init__(self, person: Person, folder: Path, origin: str, ledger: Ledger, seed: str, address: str) -> None:
        self.person, self.folder, self.origin, self.ledger, self.address = person, folder, origin, ledger, address
        self.random = random.Random(seed)
        self.mishaps: Counter[str] = Counter()
        self.practised = 0
        self.tapped: list[uuid.UUID] = []
        self._playwright: Playwright | None = None
        self._context: BrowserContext | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="phone")

    def do(self, act: Callable[..., Any], *given: Any) -> Future[Any]:
        """Have something done in the phone's thread."""
        return self._thread.submit(act, *given)

    # The browser.

    @property
    def context(self) -> BrowserContext:
        """The browser, started when it is not there."""
        if self._context is None:
            self._playwright = self._playwright or sync_playwright().start()
            options = settings(self.origin, self.person.zone, self.address)
            context = switch_on(self._playwright, self.folder, options)
            context.set_default_timeout(PATIENCE)
            context.expose_binding("told", lambda _source, message: self._hear(message))
            context.add_init_script(LISTEN)
            self._context = context
        return self._context

    @property
    def page(self) -> Page:
        """The tab that was opened last."""
        pages = self.context.pages
        return pages[-1] if pages else self.context.new_page()

    def _hear(self, message: dict[str, Any]) -> None:
        self.tapped.append(self.ledger.tried(uuid.UUID(message["account"]), message["event"]))

    def usable(self, *, patient: bool = True, seconds: float = HANGS_AFTER) -> None:
        """Have a page of ours open: try again while the network is bad, sign in where that is asked.

        Whoever is patient does not always sign in at once where only the outbox asks for it.
        """
        deadline = time.monotonic() + seconds
        while True:
            with suppress(Error, AssertionError):
                if "/sign-in" in self.page.url or self._asked_who(patient=patient):
                    sign_in(self.context, self.person.email)
                    self.mishaps["signed in again"] += 1
                    self.page.goto("/today", wait_until="domcontentloaded")
                if self.page.evaluate(IS_OURS, str(self.person.account)):
                    return
                self.page.goto("/today", wait_until="domcontentloaded")
            if self._context and not self._alive():
                self._gone()
            assert time.monotonic() < deadline, f"no page within {seconds} s"
            time.sleep(0.1)

    def _asked_who(self, *, patient: bool) -> bool:
        return bool(self.page.evaluate(ASKS_WHO)) and not (patient and self.random.random() < 0.9)

    def _alive(self) -> bool:
        try:
            assert self._context
            self._context.cookies()
        except Error:
            return False
        return True

    def _gone(self) -> None:
        context, self._context = self._context, None
        if context:
            with suppress(Error):
                context.close()

    # The person.

    def sign_up(self) -> None:
        """Make the account and a ladder."""
        self.person.email = make_account(self.context, self.person.zone)
        self.person.steps = make_ladder(self.context)
        self.person.account = uuid.UUID(account_id(self.context))

    def sign_in(self) -> None:
        """Sign in where another phone made the account."""
        sign_in(self.context, self.person.email)

    def practise(self, going_on: Callable[[], bool]) -> None:
        """One exposure after the other, by taps or straight into the outbox, while things go wrong."""
        while going_on():
            self.usable()
            if self.random.random() < 0.3:
                self._practise_by_taps(going_on)
            else:
                self._practise_by_hand(going_on)
            self.practised += 1

    def _practise_by_hand(self, going_on: Callable[[], bool]) -> None:
        """A whole exposure of the last minutes, event by event through the page's own outbox."""
        for event in self._an_exposure():
            if not going_on():
                return
            self._put(event)
            self._mishap()
            time.sleep(self.random.choice((0, 0, 0.05, 0.3)))

    def _an_exposure(self) -> list[dict[str, Any]]:
        draw, exposure = self.random, str(uuid7())
        self.person.exposures = [*self.person.exposures[-3:], exposure]
        # Another phone of the same person has a word in it as well.
        theirs = draw.choice(self.person.exposures)
        middle: list[dict[str, Any]] = [
            {"kind": "checked_in", "suds": draw.randrange(101)},
            {"kind": "resisted"},
            {"kind": "ritual"},
            {"kind": "paused"},
            {"kind": "resumed"},
            {"kind": "extended", "minutes": draw.randrange(1, 10)},
            {"kind": "checked_in", "suds": draw.randrange(101), "exposure": theirs},
        ]
        start = {
            "step": draw.choice(self.person.steps),
            "planned_minutes": draw.randrange(1, 30),
            "zone": self.person.zone,
        }
        events: list[dict[str, Any]] = [
            {
                "kind": "started",
                "expected_suds": draw.randrange(101),
                "prediction": "Es beißt 🐕",
                "likelihood": 70,
                **start,
            },
            *draw.choices(middle, k=draw.randrange(8)),
            {"kind": "finished"},
            {
                "kind": "noted",
                "suds": draw.randrange(101),
                "outcome": draw.choice(("no", "yes")),
                "learning": "Sat still",
            },
        ]
        moment = datetime.now(UTC) - timedelta(seconds=draw.randrange(20, 25 * 60))
        pause = (datetime.now(UTC) - moment) / len(events)
        return [{"exposure": exposure, **event, **stamp(moment + pause * place)} for place, event in enumerate(events)]

    def _put(self, event: dict[str, Any]) -> None:
        self.usable()
        account = self.person.account
        self.ledger.tried(account, event)
        with suppress(Error):
            if self.page.evaluate(PUT, [str(account), event]):
                self.ledger.kept(account, uuid.UUID(event["id"]))

    def _mishap(self) -> None:
        """Now and then the phone itself is the trouble."""
        draw = self.random.random()
        with suppress(Error):
            if draw < 0.03:
                self.mishaps["page reloaded"] += 1
                self.page.reload(wait_until="commit")
            elif draw < 0.045:
                self.mishaps["browser closed"] += 1
                self._gone()
            elif draw < 0.06:
                self.mishaps["browser killed"] += 1
                self._kill()
            elif draw < 0.07:
                self.mishaps["session lost"] += 1
                self.context.clear_cookies()
            elif draw < 0.08:
                self.mishaps["second tab"] += 1
                for old in self.context.pages[:-1]:
                    old.close()
                self.context.new_page().goto("/today", wait_until="commit")

    def _kill(self) -> None:
        """SIGKILL for the browser that has our profile open."""
        kill(self.folder)
        self._gone()

    # By taps.

    def _practise_by_taps(self, going_on: Callable[[], bool]) -> None:
        """An exposure on the practice page, by whatever the page offers, up to its summary."""
        with suppress(Error):
            self.page.goto(f"/steps/{self.random.choice(self.person.steps)}/practice?minutes=5")
        for _ in range(TAPS):
            if not going_on():
                return
            with suppress(Error):
                self.page.locator("practice-page[data-ready]").wait_for(state="attached", timeout=3_000)
                phase = self.page.evaluate(STORED)
                if phase == "done":
                    return
                self._tap(phase)
                made = list(self.tapped)
                self.page.evaluate(STORED)
                for event in made:
                    self.ledger.kept(self.person.account, event)
                    self.tapped.remove(event)
                if self.random.random() < 0.1:
                    self.mishaps["page reloaded"] += 1
                    self.page.reload(wait_until="commit")

    def _tap(self, phase: str) -> None:
        page, draw = self.page, self.random
        section = page.locator(f"section[data-section={phase}]")

        def button(kind: str) -> None:
            section.locator(f"form[data-kind={kind}] button:visible").first.tap(timeout=2_000)

        if phase == "before":
            start = section.get_by_role("button", name="Start", exact=True)
            if start.is_visible():
                start.tap(timeout=2_000)
            else:
                section.get_by_role("link", name="Go to it").tap(timeout=2_000)
        elif phase == "after":
            section.locator("textarea[name=learning]").fill("It passed", timeout=2_000)
            button("noted")
        elif page.locator("practice-page[data-paused]").count():
            button("resumed")
        else:
            kind = draw.choice(("resisted", "ritual", "paused", "extended", "checked_in", "finished", "finished"))
            if kind == "checked_in":
                section.locator("[data-open-sheet]").tap(timeout=2_000)
                section.get_by_role("button", name="Save", exact=True).tap(timeout=2_000)
            else:
                button(kind)

    # The end.

    def catch_up(self, seconds: float) -> float:
        """Wait, doing nothing, until nothing waits any more; when that was (time.monotonic()). Fails after so long."""
        deadline = time.monotonic() + seconds
        left = None
        while time.monotonic() < deadline:
            self.usable(patient=False)
            with suppress(Error):
                left = self.page.evaluate(WAITING, str(self.person.account))
                if left == 0:
                    return time.monotonic()
                self.page.wait_for_timeout(100)
        raise AssertionError(f"{left} events still wait after {seconds} s")

    def leave(self) -> None:
        """Close the browser for good."""
        self._gone()
        if self._playwright:
            self._playwright.stop()


def stamp(moment: datetime) -> dict[str, str]:
    """The id and the time of an event, as a phone makes them."""
    return {"id": str(uuid7()), "at": moment.isoformat(timespec="milliseconds")}
