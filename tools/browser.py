"""Finds a Chromium for the tests, or installs one. Each candidate is really started before it is taken.

Order: RUNG_CHROMIUM; chromium or google-chrome on the PATH; Playwright's own; Debian's package.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str:
    """The path of a Chromium that starts; ends the program with one sentence when there is none."""
    chosen = os.environ.get("RUNG_CHROMIUM")
    if chosen:
        version = starts(chosen)
        if not version:
            sys.exit(f"RUNG_CHROMIUM names {chosen}, and no Chromium starts there.")
        return announce(chosen, version)
    for path in candidates():
        version = starts(path)
        if version:
            return announce(path, version)
    sys.exit(
        "The browser tests need Chromium, and none could be found or installed: "
        "install it and name it in RUNG_CHROMIUM."
    )


def candidates() -> Iterator[str]:
    """Paths to try; the later ones are installed only when the earlier ones did not start."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            yield path
    yield playwrights_own()
    print("Installing Playwright's Chromium.", flush=True)
    quietly([sys.executable, "-m", "playwright", "install", "chromium"])
    yield playwrights_own()
    apt = shutil.which("apt-get")
    sudo = [] if os.geteuid() == 0 else [shutil.which("sudo") or "", "-n"]
    if apt and sudo != ["", "-n"]:
        print("Installing Debian's Chromium.", flush=True)
        quietly([*sudo, apt, "update", "-qq"])
        quietly([*sudo, apt, "install", "-y", "-qq", "--no-install-recommends", "chromium"])
        yield shutil.which("chromium") or ""


def playwrights_own() -> str:
    """Where Playwright would keep the Chromium that it downloads."""
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def quietly(command: list[str]) -> None:
    """Run a command whose failure only means that the next candidate is tried."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(
        command,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=400,
    )


def starts(path: str) -> str | None:
    """The version when Playwright can drive this browser, else None."""
    if not path or not Path(path).exists():
        return None
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
            version = browser.version
            browser.close()
    except Error:
        return None
    return version


def announce(path: str, version: str) -> str:
    """Say in one line which browser it is."""
    print(f"Browser for the tests: {path} ({version})", flush=True)
    return path
