"""The kit: what the phone keeps for when there is no network, the same as the pages themselves."""

import json
import re
from collections.abc import Callable

import pytest

from erp.storage.db import Sessions
from tests.make.pages import HTMX, a_ladder, a_plan
from tests.web.conftest import Phone


def test_the_kit_holds_the_pages_as_they_are(client: Phone, sessions: Sessions):
    a_plan(sessions, client)
    dogs, heights = (a_ladder(sessions, client, name) for name in ("dogs", "heights"))
    pages = client.get("/kit").json["pages"]
    paths = {"/today", "/ladder", "/calendar", f"/ladder/{dogs.fear}", f"/ladder/{heights.fear}"}
    assert set(pages) == paths | {"/practice"}
    for path in paths:
        assert pages[path] == client.get(path).text, path


def test_the_kit_holds_what_every_step_says_and_which_one_is_next(client: Phone, sessions: Sessions):
    a_plan(sessions, client)
    ladder = a_ladder(sessions, client, details="In the park", response="Washing")
    a_ladder(sessions, client, "heights", [("stand on a chair", 10)])
    kit = client.get("/kit").json
    assert kit["account"] == client.account_id
    assert len(kit["steps"]) == 3
    step = next(each for each in kit["steps"] if each["id"] == str(ladder.steps[0]))
    assert step == {
        "id": str(ladder.steps[0]),
        "title": "look at a photo of a dog",
        "details": "In the park",
        "response": "Washing",
        "suds": 30,
        "planned_minutes": 20,
        "check_in_minutes": 5,
        "stopping_rule": "time",
    }
    assert kit["next"] == str(ladder.steps[0])
    assert kit["plan_minutes"] == 20


def test_the_practice_page_of_the_kit_has_a_place_for_all_that_a_step_says(client: Phone, sessions: Sessions):
    page = client.get("/kit").json["pages"]["/practice"]
    for place in ("{title}", "{details}", "{response}"):
        assert place in page
    assert re.search(r'id="record">[^<]*</script>', page), "js/worker/worker.js writes into it"
    assert 'data-phase="before"' in page


def test_somebody_without_a_ladder_gets_a_kit_too(client: Phone):
    kit = client.get("/kit").json
    assert (kit["steps"], kit["next"], kit["plan_minutes"]) == ([], None, None)
    assert kit["pages"]["/ladder"] == client.get("/ladder").text


def test_the_kit_is_for_who_is_signed_in_and_is_not_stored_on_the_way(
    nobody: Phone, client: Phone, person: Callable[..., Phone], sessions: Sessions
):
    a_ladder(sessions, client, "private fear")
    assert nobody.get("/kit", headers={"Accept": "application/json"}).status_code == 401
    answer = client.get("/kit")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "private fear" in answer.text
    assert "private fear" not in person("somebody").get("/kit").text


@pytest.mark.parametrize("path", ["/today", "/ladder", "/calendar"])
def test_a_page_that_may_be_kept_says_so(client: Phone, nobody: Phone, path: str):
    answer = client.get(path)
    assert answer.headers["Rung-Page"] == client.account_id
    assert "Rung-Keep" in answer.headers
    assert "Rung-Keep" not in nobody.get(path).headers


@pytest.mark.parametrize("path", ["/account", "/plan", "/people", "/notifications", "/calendar/2026/1", "/about", "/x"])
def test_no_other_page_may_be_kept_and_each_says_whose_it_is(client: Phone, path: str):
    answer = client.get(path)
    assert answer.headers["Rung-Page"] == client.account_id
    assert "Rung-Keep" not in answer.headers


def test_a_page_of_nobody_is_marked_as_ours_and_a_fragment_or_a_redirection_is_not_marked(nobody: Phone, client: Phone):
    for path in ("/", "/offline", "/sign-in", "/nowhere"):
        assert nobody.get(path).headers["Rung-Page"] == "nobody"
    assert "Rung-Page" not in nobody.get("/today").headers
    assert "Rung-Page" not in client.get("/calendar", headers=HTMX).headers
    assert json.loads(client.get("/kit").text)
