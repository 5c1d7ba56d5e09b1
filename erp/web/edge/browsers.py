"""What to call a browser, so that its person knows it again."""

from __future__ import annotations

from flask import request
from flask_babel import gettext as _

# The first that is in a User-Agent is the one: most of them claim to be several.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Macintosh": "Mac",
    "Linux": "Linux",
}


def this_browser() -> str:
    """A name for the browser that asks."""
    return name_of(request.headers.get("User-Agent", ""))


def name_of(agent: str) -> str:
    """A name for a browser by what it says of itself, like "Firefox on Android"; its person may give a better one."""
    browser = next((name for mark, name in BROWSERS.items() if mark in agent), None)
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), None)
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or _("A browser")
