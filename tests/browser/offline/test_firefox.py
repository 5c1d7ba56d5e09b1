"""The same in Firefox: opened once, then without a server, then with it again."""

from tests.make.firefox import Firefox
from tests.make.forms import PASSWORD, STEPS, new_email, step_id
from tests.make.gate import Gate
from tests.make.phone import Problems

PAGE = "path => fetch(path).then(answer => answer.text())"
HAS_KIT = "caches.match('/kit').then(Boolean)"
WAITING = "document.querySelectorAll('#waiting li').length"
PHASE = "document.querySelector('practice-page[data-ready]')?.dataset.phase"


def test_firefox_practises_without_the_server_and_sends_it_all_later(firefox: Firefox, gate: Gate, problems: Problems):
    problems.allow("Navigated away from page|NetworkError|error occurred|loading")
    firefox.origin = gate.origin
    firefox.goto("/about")
    form = {"display_name": "Robin", "email": new_email(), "password": PASSWORD, "time_zone": firefox.zone}
    firefox.send("/sign-up", form)
    firefox.send("/account/codes/saved", {})
    listing = firefox.send("/ladder/new", {"name": "Dogs"})
    title, suds = STEPS[0]
    rating = firefox.send(listing, {"title": title})
    step = step_id(firefox.script(PAGE, rating), title)
    firefox.send(rating, {f"suds-{step}": str(suds)})
    firefox.goto("/today")
    firefox.until(lambda: firefox.script(HAS_KIT))

    gate.stop()
    firefox.goto("/ladder")
    assert firefox.text("h1") == "Dogs"
    firefox.goto("/today")
    assert firefox.text("#offline-mark").startswith("Offline, as of")
    firefox.tap("Start")
    firefox.until(lambda: firefox.script(PHASE) == "before")
    assert firefox.text("[data-section=before] h1") == title
    firefox.tap("[data-section=before] .dock button")
    firefox.until(lambda: firefox.script(PHASE) == "running")
    firefox.tap("[data-part=resisted]")
    firefox.goto(firefox.url)
    firefox.until(lambda: firefox.script(PHASE) == "running")
    firefox.tap("Finish")
    firefox.fill("learning", "it only looked")
    firefox.tap("[data-section=after] .dock button")
    firefox.until(lambda: firefox.script(PHASE) == "done")
    exposure = firefox.url.rpartition("/")[2].partition("?")[0]
    firefox.goto("/calendar")
    firefox.until(lambda: firefox.script(WAITING) == 1)

    gate.start()
    firefox.tap("Send now")
    firefox.until(lambda: firefox.script(WAITING) == 0)
    record = firefox.script("path => fetch(path).then(answer => answer.json())", f"/exposures/{exposure}/record")
    assert [event["kind"] for event in record["events"]] == ["started", "resisted", "finished", "noted"]
