"""A new version while somebody practises: nothing reloads, old pages go on, and what is kept stays whole."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.make.forms import happened
from tests.make.handset import Handset
from tests.make.phone import all_sent, until
from tests.make.server import ROOT, Server
from tests.make.taps import ready, start_exposure

Robin = tuple[Page, list[str]]

WAITS = "navigator.serviceWorker.getRegistration().then(found => found.update().then(() => Boolean(found.waiting)))"


@pytest.fixture
def gate(own_server: Server) -> Server:
    """What the phone visits: not the shared server, as this one changes."""
    return own_server


def deploy(server: Server, folder: Path, in_the_kit: str = "") -> None:
    """Start the server again with another static tree, and with something more in the module of the kit."""
    for name in ("erp", "static", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "app.py", folder)
    with (folder / "static/js/shell/app.js").open("a") as file:
        file.write("\ndocument.documentElement.dataset.newer = 'yes';\n")
    with (folder / "static/css/ladder/ladder.css").open("a") as file:
        file.write("\n.rung { color: rgb(1, 2, 3); }\n")
    with (folder / "erp/web/offline.py").open("a") as file:
        file.write(f"\n{in_the_kit}\n")
    server.stop()
    server.root = folder
    server.start()


def test_an_exposure_goes_on_through_a_new_version(robin: Robin, own_server: Server, tmp_path: Path):
    page, steps = robin
    exposure = start_exposure(page, steps[0], minutes=20)
    page.evaluate("window.sameAsEver = true")
    deploy(own_server, tmp_path / "newer")
    until(page, lambda: page.evaluate(WAITS))
    page.locator("[data-part=resisted]").tap()
    all_sent(page)
    page.wait_for_timeout(1000)
    assert page.evaluate("window.sameAsEver")
    expect(page.locator("#new-version")).to_be_hidden()
    old = page.locator("script[src$='app.js']").get_attribute("src")
    assert old
    assert page.request.get(old).status == 200
    page.reload()
    ready(page)
    assert page.evaluate("document.documentElement.dataset.newer") == "yes"
    expect(page.locator("[data-part=resisted]")).to_contain_text("1")
    page.get_by_role("button", name="Finish", exact=True).tap()
    page.locator("[data-section=after]").get_by_role("button", name="Save").tap()
    all_sent(page)
    kinds = [event["kind"] for event in happened(page.context, exposure)]
    assert kinds == ["started", "resisted", "finished", "noted"]
    page.goto("/today")
    page.get_by_role("button", name="Use it").tap()
    expect(page.locator("#new-version")).to_be_hidden()


def test_a_kit_of_a_newer_server_waits_for_the_files_that_it_needs(robin: Robin, own_server: Server, tmp_path: Path):
    page, _steps = robin
    deploy(own_server, tmp_path / "newer")
    ask = """version => new Promise(resolve => {
      navigator.serviceWorker.addEventListener("message", ({data}) => data.type === "kept" && resolve(true));
      const {account} = document.documentElement.dataset;
      navigator.serviceWorker.controller.postMessage({type: "keep", account, version, asked: true});
    })"""
    style = page.locator("link[rel=stylesheet]").first.get_attribute("href")
    assert style
    assert page.evaluate(ask, style.split("/")[2])
    own_server.stop()
    page.goto("/today")
    assert page.evaluate("document.documentElement.dataset.kept")
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "20px"


def test_the_pages_that_are_kept_keep_their_files_until_there_are_newer_ones(
    robin: Robin, handset: Handset, own_server: Server, tmp_path: Path
):
    page, _steps = robin
    color = "getComputedStyle(document.querySelector('.rung')).color"
    deploy(own_server, tmp_path / "newer", 'blueprint.before_request(lambda: ("Not now.", 503))')
    page.goto("/today")
    with page.expect_navigation():
        page.get_by_role("button", name="Use it").tap()
    own_server.stop()
    page.goto("/ladder")
    assert page.evaluate(color) != "rgb(1, 2, 3)"
    assert page.evaluate("getComputedStyle(document.querySelector('.rung-body')).display") == "flex"
    shutil.copy(ROOT / "erp/web/offline.py", tmp_path / "newer/erp/web/offline.py")
    own_server.start()
    page.goto("/today")
    until(
        page,
        lambda: (
            page.evaluate("caches.match('/ladder').then(kept => kept.headers.get('Rung-Assets'))")
            in page.evaluate("document.querySelector('link[rel=stylesheet]').href")
        ),
    )
    own_server.stop()
    page.goto("/ladder")
    assert page.evaluate(color) == "rgb(1, 2, 3)"
