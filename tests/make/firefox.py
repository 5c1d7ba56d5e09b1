"""A real Firefox without a window, with no network but this machine, used much like a Playwright page."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from urllib.parse import urljoin

from marionette_driver.errors import MarionetteException
from marionette_driver.geckoinstance import DesktopInstance, GeckoInstance
from marionette_driver.marionette import Marionette, WebElement

from tests.make.patience import PATIENCE

SIZE = (390, 844)
FLAGS = ("--headless", "--marionette", "--remote-allow-system-access", "--no-remote")
# The second lets it obey the preference that names no server for Firefox's own settings.
SETTINGS = {"MOZ_CRASHREPORTER_DISABLE": "1", "MOZ_REMOTE_SETTINGS_DEVTOOLS": "1"}
PERMISSIONS = {"ask": 0, "granted": 1, "denied": 2}
# The driver's own list keeps Firefox from phoning home; what is left of that goes to a proxy that is not there.
PREFERENCES = {
    **GeckoInstance.required_prefs,
    **DesktopInstance.desktop_prefs,
    "alerts.useSystemBackend": False,
    "devtools.console.stdout.chrome": False,
    "devtools.console.stdout.content": True,
    "dom.push.connection.enabled": True,
    "dom.push.testing.allowInsecureServerURL": True,
    # No add-on is needed, and without them it starts sooner.
    "extensions.enabledScopes": 0,
    "intl.locale.requested": "en-US",
    "marionette.port": 0,
    "network.proxy.failover_direct": False,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.type": 1,
    "permissions.default.desktop-notification": PERMISSIONS["granted"],
    # Without motion a notification is gone at once when it was tapped.
    "ui.prefersReducedMotion": 1,
    "ui.useOverlayScrollbars": 1,
}
# The same way to run an expression or a function as Playwright's evaluate.
EVALUATE = """
const given = [...arguments];
return (async () => { const made = (%s); return typeof made === "function" ? made(...given) : made; })();
"""
# Firefox makes no window narrower than 500 pixels, and its bars take part of the height. Left alone, it takes
# a notification away after twenty seconds.
BECOME_A_PHONE = """address => {
  document.getElementById("navigator-toolbox").hidden = true;
  document.documentElement.style.minWidth = "0";
  Services.obs.addObserver(channel => {
    channel.QueryInterface(Ci.nsIHttpChannel).setRequestHeader("X-Forwarded-For", address, false);
  }, "http-on-modify-request");
  Services.obs.addObserver(opened => {
    opened.addEventListener("load", () => (opened.gRequireInteraction = true), { capture: true, once: true });
  }, "domwindowopened");
}"""
FIND = """what => {
  const name = each => (each.ariaLabel || each.innerText || each.value || "").trim().replace(/\\s+/g, " ");
  let found = [...document.querySelectorAll("a, button, summary, label, [role=button], [type=submit]")]
    .find(each => name(each) === what && each.checkVisibility({ visibilityProperty: true }));
  try {
    found ??= document.querySelector(what);
  } catch {
    // It is no selector, and its button is not there yet.
  }
  found?.scrollIntoView({ behavior: "instant", block: "center" });
  return found;
}"""
SEND = """async (path, form) => {
  const answer = await fetch(path, { method: "POST", body: new URLSearchParams(form) });
  return [answer.status, answer.url];
}"""
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  const shown = registration ? await registration.getNotifications() : [];
  return shown.map(({ title, body, tag, actions, data }) => ({ title, body, tag, actions, data }));
}"""
# A notification of Firefox's own shows no actions; what it would report when one was tapped is sent from here.
TAP_NOTIFICATION = """(title, action) => {
  const found = [...Services.wm.getEnumerator("alert:alert")]
    .find(each => each.gIsActive && each.document.getElementById("alertTitleLabel").value === title);
  if (!found) return false;
  if (!action) {
    found.document.getElementById("alertBox").click();
    return true;
  }
  const tapped = { QueryInterface: ChromeUtils.generateQI(["nsIAlertAction"]), action, title: action };
  found.gAlertListener.observe(tapped, "alertclickcallback", found.gAlertCookie);
  found.close();
  return true;
}"""
PERMIT = "state => Services.prefs.setIntPref('permissions.default.desktop-notification', state)"
ANSWER_PROMPT = """answer => {
  const prompt = PopupNotifications.getNotification("web-notifications", gBrowser.selectedBrowser);
  if (!prompt) return false;
  (answer === "Allow" ? prompt.mainAction : prompt.secondaryActions[0]).callback({ source: "button" });
  PopupNotifications.remove(prompt);
  return true;
}"""
# What Firefox itself reports there begins with a name.
CONSOLE_ERROR = re.compile(r"^console\.error: [\"(].*", re.MULTILINE)
COMPLAINTS = """() => Services.console.getMessageArray()
  .filter(each => each instanceof Ci.nsIScriptError)
  .filter(({ category, flags }) => category.startsWith("CSP_") || (category === "content javascript" && !(flags & 1)))
  .map(({ category, errorMessage, sourceName, lineNumber }) =>
    `${category.startsWith("CSP_") ? "CSP" : "uncaught"}: ${errorMessage} (${sourceName}:${lineNumber})`)
"""


class Firefox:
    """A context manager. Paths are of `origin`; `push` is the websocket of the push service to use."""

    def __init__(
        self, binary: str, origin: str = "", push: str = "", zone: str = "UTC", address: str = "127.0.0.1"
    ) -> None:
        self.binary = binary
        self.origin = origin
        self.push = push
        self.zone = zone
        self.address = address

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
            self._process = self._start()
            stack.callback(self._kill)
            self.marionette = Marionette(port=self._port())
            self.marionette.start_session()
            stack.callback(self._leave)
            self._chrome(BECOME_A_PHONE, self.address)
            self.until(self._resized)
            self._ending = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def _start(self) -> subprocess.Popen[bytes]:
        preferences = PREFERENCES | {"dom.push.serverURL": self.push}
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items())
        (self._folder / "user.js").write_text("".join(lines))
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                [self.binary, *FLAGS, "--profile", str(self._folder)],
                env=os.environ | SETTINGS | {"HOME": str(self._folder), "TZ": self.zone},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _port(self) -> int:
        """Where it listens; it says so in a file of its profile."""
        file = self._folder / "MarionetteActivePort"
        deadline = time.monotonic() + PATIENCE
        while not (file.exists() and file.read_text()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Firefox did not start: {self._log()[-2000:]}")
            time.sleep(0.01)
        return int(file.read_text())

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def _leave(self) -> None:
        with suppress(OSError, MarionetteException):
            self.marionette.delete_session()

    def _kill(self) -> None:
        """End it and the processes that it started, which are a group of their own."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _resized(self) -> bool:
        self.marionette.set_window_rect(width=SIZE[0], height=SIZE[1])
        return self.script("[innerWidth, innerHeight]") == list(SIZE)

    def _chrome(self, script: str, *given: Any) -> Any:
        """Run a function in Firefox itself, outside any page."""
        with self.marionette.using_context("chrome"):
            return self.script(script, *given)

    def script(self, script: str, *given: Any) -> Any:
        """The value of an expression, or what a function returns; promises are awaited."""
        return self.marionette.execute_script(EVALUATE % script.strip(), given, sandbox=None)

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Wait until the condition holds; its value. A page that changes meanwhile is no failure."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                value = condition()
                if value:
                    return value
                problem = None
            except MarionetteException as error:
                problem = error
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s on {self.url}: {problem or value!r}")
            time.sleep(0.05)

    @property
    def url(self) -> str:
        """The address of the page shown."""
        return str(self.marionette.get_url())

    def goto(self, path: str) -> None:
        """Open a page and wait for it. `about:blank` leaves the service worker alone."""
        self.marionette.navigate(urljoin(self.origin, path))

    def tabs(self) -> dict[str, str]:
        """The address of every page that is open, by its handle; what a notification opened is among them."""
        shown = self.marionette.current_window_handle
        try:
            return {handle: self._address(handle) for handle in self.marionette.window_handles}
        finally:
            self.marionette.switch_to_window(shown, focus=False)

    def _address(self, handle: str) -> str:
        self.marionette.switch_to_window(handle, focus=False)
        return self.url

    def to_tab(self, path: str) -> None:
        """Wait until a page with this path is open, and go on there."""
        address = urljoin(self.origin, path)

        def handle() -> str | None:
            return next((handle for handle, shown in self.tabs().items() if shown == address), None)

        self.marionette.switch_to_window(self.until(handle))

    def text(self, css: str) -> str:
        """What the first such element shows; waits for one."""
        return str(self._find(css).text)

    def tap(self, what: str) -> None:
        """Tap a button or a link by what it says, or anything by its selector, as soon as it can be tapped."""

        def tapped() -> bool:
            target = self.script(FIND, what)
            if target is None or not target.is_enabled():
                return False
            target.click()
            return True

        self.until(tapped)

    def fill(self, name: str, value: str) -> None:
        """Type into the field of this name, or choose from it by value."""
        field = self._find(f'[name="{name}"]')
        if field.tag_name == "select":
            self.tap(f'[name="{name}"] option[value="{value}"]')
        else:
            field.clear()
            field.send_keys(value)

    def _find(self, css: str) -> WebElement:
        return self.until(lambda: self.script("css => document.querySelector(css)", css))

    def send(self, path: str, form: dict[str, str]) -> str:
        """Post a form from the page shown without tapping; the address where that ends. It must be taken."""
        status, url = self.script(SEND, path, form)
        assert status == 200, f"{path} answered {status}"
        return str(url)

    def screenshot(self, path: Path) -> None:
        """Keep a picture of the page."""
        path.write_bytes(self.marionette.screenshot(format="binary", full=False))

    def permission(self, state: str) -> None:
        """Whether sites may show notifications: ask, granted or denied."""
        self._chrome(PERMIT, PERMISSIONS[state])

    def answer_prompt(self, answer: str = "Allow") -> None:
        """Wait until the page asks for permission, and answer Allow or Block."""
        self.until(lambda: self._chrome(ANSWER_PROMPT, answer))

    def notifications(self) -> list[dict[str, Any]]:
        """What the service worker of the page shows now: title, body, tag, actions, data."""
        return list(self.script(SHOWN))

    def tap_notification(self, title: str, action: str = "") -> None:
        """Wait for a notification with this title and tap it, or the action of this id."""
        self.until(lambda: self._chrome(TAP_NOTIFICATION, title, action))

    def problems(self) -> list[str]:
        """Uncaught exceptions, violations of the CSP and console errors since the start."""
        return self._chrome(COMPLAINTS) + CONSOLE_ERROR.findall(self._log())
