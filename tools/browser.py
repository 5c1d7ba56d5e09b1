"""Finds the browsers for the tests, or installs them. Each candidate is really started before it is taken.

Chromium: RUNG_CHROMIUM; chromium or google-chrome on the PATH; Playwright's own; Debian's package.
Its headless shell, which takes half the time: RUNG_HEADLESS_SHELL; on the PATH; Debian's package; Chromium itself.
Firefox: RUNG_FIREFOX; firefox-esr or firefox on the PATH; Debian's package.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Error, sync_playwright

SHELL = "chromium-headless-shell"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find(name: str = "Chromium") -> str:
    """The path of a Chromium or Firefox that starts; ends the program with one sentence when there is none."""
    candidates, starts = {"Chromium": (chromiums, chromium_starts), "Firefox": (firefoxes, firefox_starts)}[name]
    variable = f"RUNG_{name.upper()}"
    chosen = os.environ.get(variable)
    if chosen:
        version = starts(chosen)
        if not version:
            sys.exit(f"{variable} names {chosen}, and no {name} starts there.")
        return announce(chosen, version)
    for path in candidates():
        version = starts(path)
        if version:
            return announce(path, version)
    sys.exit(
        f"The browser tests need {name}, and none could be found or installed: install it and name it in {variable}."
    )


def find_shell(chromium: str) -> str:
    """The path of a headless shell that starts, for tests that need no more of a browser; else the Chromium itself."""
    for path in chain([os.environ.get("RUNG_HEADLESS_SHELL", "")], on_the_path(SHELL), debians(SHELL)):
        version = chromium_starts(path) if path else None
        if version:
            return announce(path, version)
    return chromium


def chromiums() -> Iterator[str]:
    """Paths to try; the later ones are installed only when the earlier ones did not start."""
    yield from on_the_path("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    yield playwrights_own()
    print("Installing Playwright's Chromium.", flush=True)
    quietly([sys.executable, "-m", "playwright", "install", "chromium"])
    yield playwrights_own()
    yield from debians("chromium")


def firefoxes() -> Iterator[str]:
    """Paths to try, as for Chromium. Playwright's Firefox is a changed one and is not asked for."""
    yield from on_the_path("firefox-esr", "firefox")
    yield from debians("firefox-esr")


def on_the_path(*names: str) -> Iterator[str]:
    """The programs of these names that are there."""
    for name in names:
        path = shutil.which(name)
        if path:
            yield path


def debians(package: str) -> Iterator[str]:
    """What Debian's package installs, where we may install."""
    apt = shutil.which("apt-get")
    sudo = [] if os.geteuid() == 0 else [shutil.which("sudo") or "", "-n"]
    if apt and sudo != ["", "-n"]:
        print(f"Installing Debian's {package}.", flush=True)
        quietly([*sudo, apt, "update", "-qq"])
        quietly([*sudo, apt, "install", "-y", "-qq", "--no-install-recommends", package])
        yield from on_the_path(package)


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


def chromium_starts(path: str) -> str | None:
    """The version when Playwright can drive this browser, else None."""
    if not Path(path).exists():
        return None
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
            version = browser.version
            browser.close()
    except Error:
        return None
    return version


def firefox_starts(path: str) -> str | None:
    """The version when this browser draws a page, else None."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        picture = Path(folder) / "page.png"
        start = [path, "--headless", "--no-remote", "--profile", folder, "--screenshot", str(picture), "about:blank"]
        try:
            for command in (start, [path, "--version"]):
                done = subprocess.run(
                    command,
                    check=True,
                    env=os.environ | {"HOME": folder},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    timeout=120,
                )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.split()[-1] if picture.exists() else None


def announce(path: str, version: str) -> str:
    """Say in one line which browser it is."""
    print(f"Browser for the tests: {path} ({version})", flush=True)
    return path
