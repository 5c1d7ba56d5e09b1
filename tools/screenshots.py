"""`make screenshots`: the README's pictures, taken of the demo at 390 × 844 in a real browser.

Nothing of var/ is touched: the demo is made anew in a temporary folder and served from there.
"""

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from uuid6 import uuid7

from erp import demo
from tools.browser import FLAGS, find

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "screenshots"
COLOURS = 128


def main() -> None:
    """Take every picture, in light and in dark."""
    chromium = find("Chromium")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for scheme, ending in (("light", ""), ("dark", "-dark")):
            # What one round practises would show in the next, so each has a demo of its own.
            with tempfile.TemporaryDirectory(prefix="rung-screenshots-") as folder, served(Path(folder)) as origin:
                client, coach = (a_phone(browser, origin, scheme) for _ in range(2))
                take_all(client, coach, ending)
                client.close()
                coach.close()
        browser.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The demo on a server of its own; its address."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-m", "erp.demo"], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment |= {"RUNG_DATA": str(folder / "var" / "demo"), "RUNG_PORT": str(port)}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the server is ready."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    sys.exit("The server for the screenshots did not start.")


def a_phone(browser: Browser, origin: str, scheme: str) -> BrowserContext:
    """A phone of 390 × 844 where the demo's people live."""
    return browser.new_context(
        base_url=origin,
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
        color_scheme=scheme,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id=demo.ZONE,
    )


def sign_in(context: BrowserContext, email: str) -> Page:
    """A page of somebody who signed in."""
    page = context.new_page()
    page.goto("/sign-in")
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(demo.PASSWORD)
    page.locator("main form button:not([type=button])").last.tap()
    page.wait_for_url("**/today")
    return page


def take_all(client: BrowserContext, coach: BrowserContext, ending: str) -> None:
    """Sign in as both and go through the screens that the README shows."""
    page, beside = sign_in(client, demo.EMAIL), sign_in(coach, demo.COACH_EMAIL)
    take(page, f"today{ending}")
    page.goto("/ladder")
    take(page, f"ladder{ending}")
    page.goto("/calendar")
    take(page, f"calendar{ending}")
    page.goto("/people")
    page.get_by_role("link", name="Sam").tap()
    take(page, f"supporter{ending}")
    page.goto("/practice")
    page.locator("practice-page[data-ready]").wait_for(state="attached")
    take(page, f"before{ending}")
    exposure = begin_a_while_ago(page)
    beside.goto("/people")
    take(beside, f"people{ending}")
    beside.locator("article.client h2 a").tap()
    beside.get_by_role("button", name="Still with you").tap()
    beside.get_by_text("Your cheers").wait_for()
    page.goto(f"/exposures/{exposure}")
    page.locator("[data-part=cheer]:not([hidden])").wait_for()
    take(page, f"running{ending}")
    take(beside, f"coach{ending}")
    page.get_by_role("button", name="Finish", exact=True).tap()
    page.locator("[data-section=after]").get_by_role("button", name="Save").tap()
    page.locator("#summary:not([data-basic])").wait_for()
    take(page, f"summary{ending}")


def begin_a_while_ago(page: Page) -> str:
    """Send what a phone would have sent of an exposure that is twelve minutes old; its id."""
    record = json.loads(page.locator("#record").inner_text())
    exposure, start = str(uuid7()), datetime.now(UTC) - timedelta(minutes=12, seconds=21)

    def event(kind: str, minute: float, **data: object) -> dict[str, object]:
        at = (start + timedelta(minutes=minute)).isoformat(timespec="milliseconds")
        return {"id": str(uuid7()), "exposure": exposure, "kind": kind, "at": at, **data}

    begun = {"step": record["step"], "expected_suds": 58, "planned_minutes": 20, "check_in_minutes": 5}
    events = [event("started", 0, **begun), event("resisted", 2), event("resisted", 7.5), event("resisted", 9)]
    events += [event("checked_in", minute, suds=suds) for minute, suds in ((2.2, 72), (5.1, 76), (10.1, 61))]
    body = {"sent_at": datetime.now(UTC).isoformat(), "account": record["account"], "events": events}
    answer = page.request.post("/events", data=body, headers={"Sec-Fetch-Site": "same-origin"})
    if answer.status != 200 or answer.json()["refused"]:
        sys.exit(f"The exposure for the screenshots was refused: {answer.text()[:300]}")
    return exposure


def take(page: Page, name: str) -> None:
    """One picture of the screen, with few colours so that it stays small."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = PICTURES / f"{name}.png"
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
