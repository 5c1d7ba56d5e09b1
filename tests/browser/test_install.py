"""The app on the home screen: its manifest, its service worker, and what shows when nothing can be reached."""

import json
import struct

from playwright.sync_api import BrowserContext, Page, expect

from tests.make.forms import make_account
from tests.make.patience import MILLISECONDS
from tests.make.phone import controlled, until


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height, from the header of the file."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_the_manifest_says_all_that_a_phone_asks_for(page: Page):
    page.goto("/")
    href = page.locator("link[rel=manifest]").get_attribute("href")
    assert href
    answer = page.request.get(href)
    assert answer.headers["content-type"].startswith("application/manifest+json")
    manifest = answer.json()
    assert manifest["id"] == "/"
    assert manifest["scope"] == "/"
    assert manifest["display"] == "standalone"
    assert manifest["name"] == "Rung"
    assert manifest["background_color"]
    assert manifest["theme_color"]
    assert [shortcut["name"] for shortcut in manifest["shortcuts"]] == ["Start practice", "Calendar"]
    for shortcut in manifest["shortcuts"]:
        assert page.request.get(shortcut["url"]).ok


def test_every_icon_is_there_in_the_size_that_it_claims(page: Page):
    page.goto("/")
    href = page.locator("link[rel=manifest]").get_attribute("href")
    assert href
    icons = page.request.get(href).json()["icons"]
    pngs = [icon for icon in icons if icon["type"] == "image/png"]
    assert {icon["sizes"] for icon in pngs} >= {"192x192", "512x512"}
    assert any(icon.get("purpose") == "maskable" for icon in pngs)
    for icon in pngs:
        width, height = png_size(page.request.get(icon["src"]).body())
        assert f"{width}x{height}" == icon["sizes"]
    apple = page.locator("link[rel=apple-touch-icon]").get_attribute("href")
    assert apple
    assert png_size(page.request.get(apple).body()) == (180, 180)


def test_chromium_itself_finds_nothing_wrong_with_installing_it(page: Page):
    page.goto("/")
    controlled(page)
    devtools = page.context.new_cdp_session(page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["start_url"]
    # A private window cannot install anything; every other reason would be ours.
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error["errorId"] for error in errors if error["errorId"] != "in-incognito"] == []


def test_the_service_worker_looks_after_every_page(signed_in: Page):
    signed_in.goto("/today")
    controlled(signed_in)
    signed_in.goto("/calendar")
    assert signed_in.evaluate("navigator.serviceWorker.controller.scriptURL").endswith("/sw.js")


def test_a_page_that_came_without_the_service_worker_gets_it_without_a_reload(signed_in: Page):
    signed_in.goto("/today")
    controlled(signed_in)
    devtools = signed_in.context.new_cdp_session(signed_in)
    with signed_in.expect_navigation():
        devtools.send("Page.reload", {"ignoreCache": True})
    assert signed_in.evaluate("navigator.serviceWorker.controller === null"), "a hard reload goes past the worker"
    controlled(signed_in)


def test_a_page_of_ours_shows_when_the_server_is_gone(chromium, gate, problems):
    problems.allow("Failed to load resource|net::ERR_")
    context: BrowserContext = chromium.new_context(base_url=gate.origin)
    context.set_default_timeout(MILLISECONDS)
    try:
        page = context.new_page()
        make_account(context, "Europe/Berlin")
        page.goto("/today")
        controlled(page)
        until(page, lambda: page.evaluate("caches.match('/offline').then(found => found !== undefined)"))
        gate.stop()
        page.goto("/plan")
        offline = page.get_by_role("heading", level=1).inner_text()
        assert offline
        expect(page.get_by_text("Robin")).to_have_count(0)
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(250, 247, 241)"
        gate.start()
        page.reload()
        assert page.get_by_role("heading", level=1).inner_text() != offline
    finally:
        context.close()


def test_nothing_private_is_kept_beside_what_the_account_keeps_for_when_there_is_no_network(signed_in: Page):
    for path in ("/today", "/account", "/calendar", "/ladder"):
        signed_in.goto(path)
    controlled(signed_in)
    kept = signed_in.evaluate(
        """async () => {
          const urls = [];
          for (const name of await caches.keys()) {
            if (name.startsWith("rung-kept-")) continue;
            for (const { url } of await (await caches.open(name)).keys()) urls.push(new URL(url).pathname);
          }
          return urls;
        }"""
    )
    assert kept
    assert {url for url in kept if not url.startswith("/static/")} == {"/offline"}
