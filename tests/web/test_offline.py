"""The kit: what the phone keeps for when there is no network, the same as the pages themselves."""

import json
import re
from collections.abc import Callable

import pytest

from erp.storage.db import Sessions
from tests.make.pages import HTMX, a_ladder, a_plan, an_exposure
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


def test_what_a_phone_keeps_is_bounded_and_has_the_ladders_practised_last(client: Phone, sessions: Sessions):
    for number in range(40):
        a_ladder(sessions, client, f"fear {number}", [("s" * 200, 30)] * 5, details="d" * 2000, response="r" * 2000)
    last = a_ladder(sessions, client, "dogs")
    assert len(client.get("/kit").data) < 1_500_000
    an_exposure(sessions, client, last.steps[0])
    answer = client.get("/kit")
    assert len(answer.data) < 1_500_000
    kit = answer.json
    assert kit["pages"]["/ladder"] == kit["pages"][f"/ladder/{last.fear}"]
    assert {str(step) for step in last.steps} <= {step["id"] for step in kit["steps"]}
    assert kit["next"] in [step["id"] for step in kit["steps"]]
    assert {"/today", "/calendar", "/practice"} <= set(kit["pages"])
    assert 5 <= len([path for path in kit["pages"] if path.startswith("/ladder/")]) <= 20


def test_a_ladder_of_very_many_long_steps_leaves_room_for_the_rest(client: Phone, sessions: Sessions):
    steps = [("s" * 200, suds % 100) for suds in range(400)]
    a_ladder(sessions, client, "long", steps, details="d" * 2000, response="r" * 2000)
    answer = client.get("/kit")
    assert len(answer.data) < 1_500_000
    assert answer.json["next"] in [step["id"] for step in answer.json["steps"]]
    assert len(answer.json["steps"]) > 50


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
