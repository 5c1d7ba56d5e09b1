import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.storage.db import Sessions
from erp.storage.support import Cheer
from tests.make.clock import NOW, ZONE
from tests.make.pages import HTMX, a_cheer, a_coach, a_ladder, an_exposure, error_beside, is_page, page_error
from tests.web.conftest import Phone

JSON = {"Accept": "application/json"}
SOOTHING = "Don’t worry, nothing will happen"


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    return person("robin", ZONE)


@pytest.fixture
def coach(person: Callable[..., Phone]) -> Phone:
    return person("anna", ZONE)


@pytest.fixture
def support(sessions: Sessions, client: Phone, coach: Phone) -> uuid.UUID:
    return a_coach(sessions, client, coach)


@pytest.fixture
def path(support: uuid.UUID) -> str:
    return f"/people/{support}/cheers"


def sent(database: Session) -> list[str]:
    database.rollback()
    return [cheer.text for cheer in database.scalars(select(Cheer).order_by(Cheer.sent_at))]


def test_a_phrase_is_sent_by_one_tap_and_the_worker_is_woken(
    coach: Phone, path: str, support: uuid.UUID, database: Session, woken: list[datetime | None]
):
    answer = coach.post(path, data={"phrase": "hard"})
    assert (answer.status_code, answer.location) == (303, f"/people/{support}?sent=1")
    assert sent(database) == ["This is hard, and you can do hard things."]
    assert woken == [None]
    assert re.search(r'role="status"><svg.*?</svg>Sent\.', coach.get(answer.location).text)


def test_ones_own_words_are_sent(coach: Phone, path: str, database: Session):
    assert coach.post(path, data={"text": "  You went  in.\r\nGreat! "}).status_code == 303
    assert sent(database) == ["You went in. Great!"]


@pytest.mark.parametrize(
    ("place", "root"), [("card", "client"), ("phrases", "phrases"), ("", "own"), ("nonsense", "own")]
)
def test_htmx_gets_back_the_place_that_was_tapped(
    client: Phone, coach: Phone, sessions: Sessions, path: str, support: uuid.UUID, place: str, root: str
):
    step = a_ladder(sessions, client).steps[0]
    an_exposure(sessions, client, step, NOW - timedelta(minutes=3), seconds=None)
    answer = coach.post(path, data={"phrase": "with_you", "place": place}, headers=HTMX)
    assert answer.status_code == 200
    assert not is_page(answer)
    assert re.search(rf'^\s*<\w+ [^>]*\bid="{root}-{support}"', answer.text)
    assert 'role="status"' in answer.text
    assert "Still with you." in answer.text
    # The list of what was sent goes along, for its own place on the page.
    assert ('hx-swap-oob="outerMorph"' in answer.text) is (root != "client")


def test_the_card_shows_the_cheer_of_this_practice_and_the_heart_that_came_back(
    client: Phone, coach: Phone, sessions: Sessions, support: uuid.UUID
):
    a_cheer(sessions, support, "from before", NOW - timedelta(minutes=30))
    step = a_ladder(sessions, client).steps[0]
    an_exposure(sessions, client, step, NOW - timedelta(minutes=3), seconds=None)
    assert "from before" not in coach.get("/people").text
    cheer = a_cheer(sessions, support, "go on", NOW - timedelta(minutes=2))
    assert "go on" in coach.get("/people").text
    assert "sent a heart" not in coach.get("/people").text
    client.post(f"/cheers/{cheer}/heart")
    assert "<bdi>Robin</bdi> sent a heart" in coach.get("/people").text


def test_the_service_worker_gets_json(coach: Phone, path: str, database: Session):
    answer = coach.post(path, data={"phrase": "stay"}, headers=JSON)
    assert (answer.status_code, answer.json) == (200, {"sent": True})
    answer = coach.post(path, data={"phrase": "stay"}, headers=JSON)
    assert answer.status_code == 422
    assert answer.json
    assert answer.json["sent"] is False
    assert "Give it a minute" in answer.json["message"]
    assert len(sent(database)) == 1


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_reassurance_is_explained_with_a_phrase_to_send_instead(
    coach: Phone, path: str, database: Session, headers: dict[str, str], woken: list[datetime | None]
):
    answer = coach.post(path, data={"text": SOOTHING}, headers=headers)
    assert answer.status_code == 422
    assert "staying with the doubt is the exercise" in error_beside(answer, "text")
    assert is_page(answer) is not bool(headers)
    assert SOOTHING in answer.text
    assert 'name="anyway" value="1"' in answer.text
    assert re.search(r'name="phrase" value="hard" id="instead"', answer.text)
    assert (sent(database), woken) == ([], [])
    # The text stays in its field; the phrase that is sent instead comes with it.
    instead = coach.post(path, data={"text": SOOTHING, "phrase": "hard"}, headers=headers)
    assert instead.status_code in (200, 303)
    assert sent(database) == ["This is hard, and you can do hard things."]
    assert SOOTHING not in instead.text


def test_what_reads_like_reassurance_may_be_sent_anyway(coach: Phone, path: str, database: Session):
    answer = coach.post(path, data={"text": SOOTHING, "anyway": "1"}, headers=HTMX)
    assert answer.status_code == 200
    assert sent(database) == [SOOTHING]
    assert SOOTHING not in re.sub(r"<section.*", "", answer.text, flags=re.DOTALL)


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("data", [{}, {"text": " "}, {"text": "x" * 201}])
def test_words_that_cannot_be_sent_are_said_beside_the_field(
    coach: Phone, path: str, database: Session, headers: dict[str, str], data: dict[str, str]
):
    answer = coach.post(path, data=data, headers=headers)
    assert answer.status_code == 422
    assert error_beside(answer, "text")
    assert is_page(answer) is not bool(headers)
    assert sent(database) == []


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_phrase_that_is_none_is_refused(coach: Phone, path: str, database: Session, headers: dict[str, str]):
    answer = coach.post(path, data={"phrase": "nothing", "place": "phrases"}, headers=headers)
    assert answer.status_code == 422
    assert page_error(answer) == "Please choose one of these."
    assert sent(database) == []


@pytest.mark.parametrize("place", ["card", "phrases", ""])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_second_cheer_within_a_minute_waits(
    client: Phone, coach: Phone, sessions: Sessions, path: str, place: str, headers: dict[str, str], database: Session
):
    an_exposure(sessions, client, a_ladder(sessions, client).steps[0], seconds=None)
    coach.post(path, data={"phrase": "hard"})
    answer = coach.post(path, data={"text": "And again", "place": place}, headers=headers)
    assert answer.status_code == 422
    assert answer.text.count("Give it a minute to land") == 1
    assert len(sent(database)) == 1


def test_enough_is_enough_and_said_kindly(
    client: Phone, coach: Phone, sessions: Sessions, path: str, support: uuid.UUID
):
    begun = NOW - timedelta(minutes=50)
    an_exposure(sessions, client, a_ladder(sessions, client).steps[0], begun, seconds=None, planned_minutes=60)
    for number in range(20):
        a_cheer(sessions, support, "on", NOW - timedelta(minutes=45 - 2 * number))
    answer = coach.post(path, data={"phrase": "hard", "place": "phrases"}, headers=HTMX)
    assert answer.status_code == 422
    assert "They know that you are there." in page_error(answer)


def test_only_a_supporter_can_cheer_and_only_while_it_lasts(
    client: Phone, coach: Phone, other: Phone, nobody: Phone, path: str, support: uuid.UUID, database: Session
):
    assert nobody.post(path, data={"phrase": "hard"}).status_code == 303
    assert nobody.post(path, data={"phrase": "hard"}, headers=JSON).status_code == 401
    for phone in (client, other):
        assert phone.post(path, data={"phrase": "hard"}).status_code == 404
    client.post(f"/supporters/{support}/end")
    for headers in ({}, HTMX, JSON):
        assert coach.post(path, data={"phrase": "hard"}, headers=headers).status_code == 404
    assert sent(database) == []


# The heart.


def test_a_heart_answers_a_cheer(client: Phone, sessions: Sessions, support: uuid.UUID, database: Session):
    cheer = a_cheer(sessions, support)
    answer = client.post(f"/cheers/{cheer}/heart", headers=HTMX)
    assert answer.status_code == 200
    assert not is_page(answer)
    assert "You sent a heart" in answer.text
    assert "hx-post" not in answer.text
    first = database.get_one(Cheer, cheer).hearted_at
    assert first
    # A second one changes nothing, and without htmx it leads back.
    answer = client.post(f"/cheers/{cheer}/heart", data={"next": "/calendar"})
    assert (answer.status_code, answer.location) == (303, "/calendar")
    database.rollback()
    database.expire_all()
    assert database.get_one(Cheer, cheer).hearted_at == first


def test_only_who_was_cheered_can_send_the_heart(
    client: Phone, coach: Phone, other: Phone, nobody: Phone, sessions: Sessions, support: uuid.UUID, database: Session
):
    cheer = a_cheer(sessions, support)
    path = f"/cheers/{cheer}/heart"
    assert nobody.post(path).status_code == 303
    for phone in (coach, other):
        assert phone.post(path).status_code == 404
    assert client.post(f"/cheers/{uuid.uuid4()}/heart").status_code == 404
    assert client.post(path, data={"next": "//evil.example"}).location == "/today"
    assert database.get_one(Cheer, cheer).hearted_at
