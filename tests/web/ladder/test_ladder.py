import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.storage.db import Sessions
from erp.storage.ladder import Fear, Step
from tests.make.pages import HTMX, Ladder, a_ladder, a_plan, an_exposure, error_beside, is_page
from tests.web.conftest import Phone

STEP = {
    "title": "sit beside a dog",
    "suds": "55",
    "details": "in the park",
    "response": "looking away",
    "planned_minutes": "15",
    "check_in_minutes": "3",
    "stopping_rule": "halved",
}
FEAR_PAGES = ["/ladder/{}", "/ladder/{}/list", "/ladder/{}/rate", "/ladder/{}/edit", "/ladder/{}/new"]
FEAR_POSTS = ["/ladder/{}/list", "/ladder/{}/rate", "/ladder/{}/edit", "/ladder/{}/archived", "/ladder/{}/new"]
STEP_PAGES = ["/steps/{}", "/steps/{}/edit", "/steps/{}/split", "/steps/{}/smaller"]
STEP_POSTS = ["/steps/{}/edit", "/steps/{}/mastered", "/steps/{}/archived", "/steps/{}/split"]


@pytest.fixture
def ladder(sessions: Sessions, client: Phone) -> Ladder:
    return a_ladder(sessions, client)


def steps_of(database: Session) -> list[Step]:
    database.rollback()
    database.expire_all()
    return list(database.scalars(select(Step).order_by(Step.suds)))


def refused(phone: Phone, path: str, data: dict[str, object], *fields: str) -> str:
    """Send a form that cannot be, plainly and by htmx; the plain answer's text."""
    by_htmx = phone.post(path, data=data, headers=HTMX)
    plain = phone.post(path, data=data)
    for answer in (by_htmx, plain):
        assert answer.status_code == 422
        for field in fields:
            assert error_beside(answer, field), field
        assert is_page(answer) is (answer is plain)
    return str(plain.text)


@pytest.mark.parametrize("path", FEAR_PAGES)
def test_a_page_of_a_ladder_is_there_for_its_client_only(
    client: Phone, other: Phone, nobody: Phone, ladder: Ladder, path: str
):
    assert client.get(path.format(ladder.fear)).status_code == 200
    assert "dogs" in client.get(path.format(ladder.fear)).text
    assert other.get(path.format(ladder.fear)).status_code == 404
    assert client.get(path.format(uuid.uuid4())).status_code == 404
    assert nobody.get(path.format(ladder.fear)).status_code == 303


@pytest.mark.parametrize("path", STEP_PAGES)
def test_a_page_of_a_step_is_there_for_its_client_only(
    client: Phone, other: Phone, nobody: Phone, ladder: Ladder, path: str
):
    assert client.get(path.format(ladder.steps[1])).status_code == 200
    assert "stand beside a dog" in client.get(path.format(ladder.steps[1])).text
    assert other.get(path.format(ladder.steps[1])).status_code == 404
    assert client.get(path.format(uuid.uuid4())).status_code == 404
    assert nobody.get(path.format(ladder.steps[1])).status_code == 303


@pytest.mark.parametrize("path", FEAR_POSTS + STEP_POSTS)
def test_nobody_else_can_change_a_ladder(
    client: Phone, other: Phone, nobody: Phone, ladder: Ladder, database: Session, path: str
):
    data = STEP | {"name": "changed", "title": "changed", "archived": "1", "mastered": "1"}
    data |= {f"suds-{step}": "1" for step in ladder.steps}
    target = path.format(ladder.fear if path in FEAR_POSTS else ladder.steps[1])
    assert other.post(target, data=data).status_code == 404
    assert other.post(target, data=data, headers=HTMX).status_code == 404
    assert client.post(path.format(uuid.uuid4()), data=data).status_code == 404
    assert nobody.post(target, data=data).status_code == 303
    assert nobody.post(target, data=data, headers=HTMX).status_code == 401
    fear = database.scalars(select(Fear)).one()
    assert (fear.name, fear.archived_at) == ("dogs", None)
    kept = [(step.title, step.suds, step.mastered_at, step.archived_at) for step in steps_of(database)]
    assert kept == [("look at a photo of a dog", 30, None, None), ("stand beside a dog", 70, None, None)]


def test_without_a_ladder_the_page_says_how_to_begin(client: Phone):
    answer = client.get("/ladder")
    assert answer.status_code == 200
    assert 'href="/ladder/new"' in answer.text


def test_the_ladder_stands_with_the_hardest_step_on_top_and_marks_the_next(client: Phone, ladder: Ladder):
    html = client.get("/ladder").text
    assert html.index("stand beside a dog") < html.index("look at a photo")
    assert html.count("Next") == 1
    assert f'href="/steps/{ladder.steps[0]}/practice"' in html


def test_with_several_ladders_the_one_practised_last_is_shown_and_the_others_are_a_tap_away(
    client: Phone, sessions: Sessions, ladder: Ladder
):
    heights = a_ladder(sessions, client, "heights", [("first stair", 20)])
    assert "look at a photo" in client.get("/ladder").text
    an_exposure(sessions, client, heights.steps[0])
    html = client.get("/ladder").text
    assert "first stair" in html
    assert f'href="/ladder/{ladder.fear}"' in html


def test_nobody_signed_in_sees_no_ladder(nobody: Phone):
    for path in ("/ladder", "/ladder/new", "/ladder/archived"):
        assert nobody.get(path).status_code == 303
    assert nobody.post("/ladder/new", data={"name": "dogs"}).status_code == 303


def test_another_client_sees_nothing_of_mine(other: Phone, ladder: Ladder):
    for path in ("/ladder", "/ladder/archived", "/ladder/new"):
        assert "dogs" not in other.get(path).text


def test_the_first_ladder_is_built_in_three_steps_and_then_planned(client: Phone, database: Session):
    answer = client.post("/ladder/new", data={"name": "dogs"})
    assert answer.status_code == 303
    fear = database.scalars(select(Fear.id)).one()
    assert answer.location == f"/ladder/{fear}/list"
    answer = client.post(answer.location, data={"title": ["hear one bark", "", "touch one"]})
    assert (answer.status_code, answer.location) == (303, f"/ladder/{fear}/rate")
    page = client.get(answer.location).text
    made = {step.title: step.id for step in steps_of(database)}
    assert all(f'name="suds-{step}"' in page for step in made.values())
    ratings = {f"suds-{made['hear one bark']}": "20", f"suds-{made['touch one']}": "80"}
    answer = client.post(answer.location, data=ratings)
    assert (answer.status_code, answer.location) == (303, "/plan?first=1")
    assert [(step.title, step.suds) for step in steps_of(database)] == [("hear one bark", 20), ("touch one", 80)]


def test_once_there_is_a_plan_rating_leads_back_to_the_ladder(client: Phone, sessions: Sessions, ladder: Ladder):
    a_plan(sessions, client)
    answer = client.post(f"/ladder/{ladder.fear}/rate", data={f"suds-{ladder.steps[0]}": "10"})
    assert (answer.status_code, answer.location) == (303, f"/ladder/{ladder.fear}")


def test_every_form_of_the_ladder_works_by_htmx(client: Phone, sessions: Sessions, ladder: Ladder):
    a_plan(sessions, client)
    fear, step = ladder.fear, ladder.steps[1]
    sent: dict[str, dict[str, object]] = {
        f"/ladder/{fear}/list": {"title": ["one more"]},
        f"/ladder/{fear}/rate": {f"suds-{step}": "65"},
        f"/ladder/{fear}/edit": {"name": "big dogs"},
        f"/ladder/{fear}/new": dict(STEP),
        f"/steps/{step}/edit": dict(STEP),
        f"/steps/{step}/split": {"title": ["smaller"], "suds": ["10"]},
    }
    expected = {f"/ladder/{fear}/list": f"/ladder/{fear}/rate", f"/steps/{step}/edit": f"/steps/{step}"}
    for path, data in sent.items():
        answer = client.post(path, data=data, headers=HTMX)
        assert (answer.status_code, answer.data) == (200, b""), path
        assert answer.headers["HX-Redirect"] == expected.get(path, f"/ladder/{fear}")
    assert client.post("/ladder/new", data={"name": "heights"}, headers=HTMX).headers["HX-Redirect"].endswith("/list")


def test_a_fear_without_a_name_is_refused_and_a_name_too_long_kept_as_typed(client: Phone, ladder: Ladder):
    for path in ("/ladder/new", f"/ladder/{ladder.fear}/edit"):
        refused(client, path, {}, "name")
        assert "x" * 81 in refused(client, path, {"name": "x" * 81}, "name")


def test_a_fear_is_renamed(client: Phone, ladder: Ladder):
    answer = client.post(f"/ladder/{ladder.fear}/edit", data={"name": "big dogs"})
    assert (answer.status_code, answer.location) == (303, f"/ladder/{ladder.fear}")
    assert "big dogs" in client.get("/ladder").text


def test_listing_no_step_is_refused_and_a_line_too_long_keeps_the_others(client: Phone, ladder: Ladder):
    path = f"/ladder/{ladder.fear}/list"
    refused(client, path, {}, "title-0")
    html = refused(client, path, {"title": ["short one", "x" * 201]}, "title-1")
    assert 'value="short one"' in html
    assert "x" * 201 in html


def test_a_rating_that_cannot_be_is_said_beside_its_step(client: Phone, ladder: Ladder, database: Session):
    field = f"suds-{ladder.steps[0]}"
    refused(client, f"/ladder/{ladder.fear}/rate", {field: "101", f"suds-{ladder.steps[1]}": "5"}, field)
    assert [step.suds for step in steps_of(database)] == [30, 70]


def test_a_step_is_added_and_changed(client: Phone, ladder: Ladder, database: Session):
    answer = client.post(f"/ladder/{ladder.fear}/new", data=STEP)
    assert (answer.status_code, answer.location) == (303, f"/ladder/{ladder.fear}")
    added = steps_of(database)[1]
    assert (added.title, added.suds, added.response, added.stopping_rule) == (
        "sit beside a dog",
        55,
        "looking away",
        "halved",
    )
    assert (added.planned_minutes, added.check_in_minutes, added.details) == (15, 3, "in the park")
    answer = client.post(f"/steps/{added.id}/edit", data=STEP | {"title": "sit by two dogs", "suds": "60"})
    assert (answer.status_code, answer.location) == (303, f"/steps/{added.id}")
    assert [step.title for step in steps_of(database)][1] == "sit by two dogs"
    html = client.get(f"/steps/{added.id}/edit").text
    assert 'value="sit by two dogs"' in html
    assert "looking away" in html


def test_a_step_that_cannot_be_is_said_beside_every_field_and_kept_as_typed(client: Phone, ladder: Ladder):
    typed: dict[str, object] = {
        "title": "",
        "suds": "101",
        "details": "d" * 2001,
        "response": "r" * 2001,
        "planned_minutes": "241",
        "check_in_minutes": "61",
        "stopping_rule": "never",
    }
    for path in (f"/ladder/{ladder.fear}/new", f"/steps/{ladder.steps[0]}/edit"):
        html = refused(client, path, typed, *typed)
        assert "d" * 2001 in html
        assert "r" * 2001 in html
        assert 'value="241"' in html
        refused(client, path, {}, "title", "suds", "planned_minutes")


def test_the_page_of_a_step_shows_its_latest_practice(client: Phone, sessions: Sessions, ladder: Ladder):
    made = [an_exposure(sessions, client, ladder.steps[0], seconds=60 + number) for number in range(12)]
    html = client.get(f"/steps/{ladder.steps[0]}").text
    assert sum(f"/exposures/{exposure}" in html for exposure in made) == 10


def test_a_step_is_marked_as_mastered_and_not_mastered_after_all(client: Phone, ladder: Ladder, database: Session):
    path = f"/steps/{ladder.steps[0]}/mastered"
    answer = client.post(path, data={"mastered": "1"})
    assert (answer.status_code, answer.location) == (303, f"/ladder/{ladder.fear}")
    assert steps_of(database)[0].mastered_at is not None
    assert client.post(path, data={"mastered": "0"}, headers=HTMX).headers["HX-Redirect"] == f"/ladder/{ladder.fear}"
    assert steps_of(database)[0].mastered_at is None
    assert client.post(path).status_code == 303
    assert steps_of(database)[0].mastered_at is None


def test_a_step_is_put_away_with_its_history_and_brought_back(client: Phone, sessions: Sessions, ladder: Ladder):
    exposure = an_exposure(sessions, client, ladder.steps[0])
    path = f"/steps/{ladder.steps[0]}/archived"
    assert client.post(path, data={"archived": "1"}).status_code == 303
    assert "look at a photo" not in client.get("/ladder").text
    assert "look at a photo" in client.get("/ladder/archived").text
    assert f"/exposures/{exposure}" in client.get(f"/steps/{ladder.steps[0]}").text
    assert client.post(path, data={"archived": "0"}, headers=HTMX).status_code == 200
    assert "look at a photo" in client.get("/ladder").text
    assert "look at a photo" not in client.get("/ladder/archived").text


def test_a_ladder_is_put_away_and_brought_back(client: Phone, ladder: Ladder):
    path = f"/ladder/{ladder.fear}/archived"
    answer = client.post(path, data={"archived": "1"})
    assert (answer.status_code, answer.location) == (303, "/ladder")
    assert "look at a photo" not in client.get("/ladder").text
    assert "dogs" in client.get("/ladder/archived").text
    answer = client.post(path, data={"archived": "0"}, headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"/ladder/{ladder.fear}"
    assert "look at a photo" in client.get("/ladder").text


def test_a_step_is_split_into_smaller_ones(client: Phone, ladder: Ladder, database: Session):
    data = {"title": ["see one far away", "", "pass one on a lead"], "suds": ["10", "20", "40"]}
    answer = client.post(f"/steps/{ladder.steps[1]}/split", data=data)
    assert (answer.status_code, answer.location) == (303, f"/ladder/{ladder.fear}")
    micro = [step for step in steps_of(database) if step.parent_id == ladder.steps[1]]
    assert [(step.title, step.suds) for step in micro] == [("see one far away", 10), ("pass one on a lead", 40)]


def test_a_split_that_is_not_smaller_is_said_beside_its_row_and_kept_as_typed(client: Phone, ladder: Ladder):
    path = f"/steps/{ladder.steps[1]}/split"
    typed: dict[str, object] = {"title": ["fine", "as hard", "x" * 201], "suds": ["10", "70", "5"]}
    html = refused(client, path, typed, "suds-1", "title-2")
    assert 'value="fine"' in html
    assert 'value="as hard"' in html
    refused(client, path, {}, "title-0")


def test_a_smaller_step_without_a_rating_is_said_and_not_dropped(client: Phone, ladder: Ladder, database: Session):
    path = f"/steps/{ladder.steps[1]}/split"
    html = refused(client, path, {"title": ["rated", "unrated"], "suds": ["10"]}, "suds-1")
    assert 'value="unrated"' in html
    refused(client, path, {"title": ["unrated"]}, "suds-0")
    assert len(steps_of(database)) == len(ladder.steps)


def test_whoever_cannot_start_is_offered_less(client: Phone, ladder: Ladder):
    html = client.get(f"/steps/{ladder.steps[1]}/smaller").text
    assert f"/steps/{ladder.steps[1]}/practice?minutes=2" in html
    assert f"/steps/{ladder.steps[0]}/practice" in html
    assert f"/steps/{ladder.steps[1]}/split" in html
    lowest = client.get(f"/steps/{ladder.steps[0]}/smaller").text
    assert f"/steps/{ladder.steps[1]}/practice" not in lowest


def test_what_somebody_wrote_is_shown_as_text_and_never_as_html(client: Phone, sessions: Sessions):
    evil = "<img src=x onerror=alert(1)>"
    ladder = a_ladder(sessions, client, evil, [(evil, 40)], details=evil, response=evil)
    step = ladder.steps[0]
    for path in ("/today", "/ladder", f"/steps/{step}", f"/steps/{step}/edit", f"/steps/{step}/practice"):
        html = client.get(path).text
        assert evil not in html
        assert "&lt;img src=x" in html
