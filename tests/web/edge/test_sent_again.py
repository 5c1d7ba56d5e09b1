"""A form that makes something and is sent again is the same form: it makes nothing new, and leads to the same page."""

import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from erp.domain.account import sending
from erp.services import services_of
from erp.storage.account import FormResult
from erp.storage.db import Sessions
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Fear, Step
from erp.storage.practice import Pause, Plan
from erp.storage.support import Cheer, Invitation
from tests.make.clock import NOW, ZONE, Clock
from tests.make.pages import HTMX, a_coach, a_ladder, an_exposure, today
from tests.web.conftest import Phone

A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    return person("robin", ZONE)


def count(database: Session, model: type) -> int:
    database.rollback()
    return database.scalar(select(func.count()).select_from(model)) or 0


def id_in(html: str, action: str) -> str:
    """The id of the first form on a page that goes to an address."""
    within = next(form for form in html.split("<form")[1:] if f'action="{action}"' in form.partition(">")[0])
    found = re.search(r'name="form_id" value="([^"]+)"', within.partition("</form>")[0])
    assert found, f"the form to {action} has no id"
    return str(uuid.UUID(unescape(found[1])))


DOGS = {"name": "dogs"}
LISTED = {"title": ["one", "two"]}
ADDED = {"title": "one", "suds": "10", "planned_minutes": "5", "check_in_minutes": "5", "stopping_rule": "time"}
SPLIT = {"title": ["one", "two"], "suds": ["10", "20"]}
PAUSED = {"first_day": str(today()), "last_day": str(today() + timedelta(days=3))}
PLANNED = {"minutes": "20", "kind": "per_week", "days_per_week": "5", "starts_on": str(today())}


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("page", "action", "data", "model"),
    [
        ("/ladder/new", "/ladder/new", DOGS, Fear),
        ("/ladder/{fear}/list", "/ladder/{fear}/list", LISTED, Step),
        ("/ladder/{fear}/new", "/ladder/{fear}/new", ADDED, Step),
        ("/steps/{step}/split", "/steps/{step}/split", SPLIT, Step),
        ("/plan", "/plan/pauses", PAUSED, Pause),
        ("/plan", "/plan", PLANNED, Plan),
        ("/people/invite", "/people/invitations", {}, Invitation),
        ("/people/{support}", "/people/{support}/cheers", {"text": "go on", "place": "own"}, Cheer),
        ("/people/{support}", "/people/{support}/cheers", {"phrase": "hard", "place": "phrases"}, Cheer),
        ("/people", "/people/{support}/cheers", {"phrase": "hard", "place": "card"}, Cheer),
    ],
)
def test_every_form_that_makes_something_makes_it_once(
    client: Phone,
    other: Phone,
    sessions: Sessions,
    database: Session,
    clock: Clock,
    page: str,
    action: str,
    data: dict[str, object],
    model: type,
    headers: dict[str, str],
):
    ladder, theirs = a_ladder(sessions, client), a_ladder(sessions, other)
    an_exposure(sessions, other, theirs.steps[0], NOW - 5 * A_MINUTE, None)
    names = {"fear": ladder.fear, "step": ladder.steps[1], "support": a_coach(sessions, other, client)}
    page, action = page.format(**names), action.format(**names)
    html = client.get(page).text
    form = {**data, "form_id": id_in(html, action)}
    first = client.post(action, data=form, headers=headers)
    assert first.status_code in (200, 303), first.text
    made = count(database, model)
    assert made
    assert id_in(client.get(page).text, action) != form["form_id"], "the next one is another form"
    clock.go_on(timedelta(hours=20))
    again = client.post(action, data=form, headers=headers)
    assert again.status_code == first.status_code
    assert (again.location, again.headers.get("HX-Redirect")) == (first.location, first.headers.get("HX-Redirect"))
    assert count(database, model) == made


def test_the_same_form_with_other_words_is_another_one(client: Phone, database: Session):
    form = id_in(client.get("/ladder/new").text, "/ladder/new")
    first = client.post("/ladder/new", data={"name": "dogs", "form_id": form}).location
    assert client.post("/ladder/new", data={"name": "cats", "form_id": form}).location != first
    assert count(database, Fear) == 2


def test_a_form_that_was_refused_is_taken_when_it_is_put_right_or_sent_again(client: Phone, database: Session):
    form = str(uuid.uuid4())
    for _ in range(2):
        assert client.post("/ladder/new", data={"name": "", "form_id": form}).status_code == 422
    assert client.post("/ladder/new", data={"name": "dogs", "form_id": form}).status_code == 303
    assert count(database, Fear) == 1


def test_the_form_of_one_account_is_nothing_to_another(client: Phone, other: Phone, database: Session):
    form = {"name": "dogs", "form_id": str(uuid.uuid4())}
    assert client.post("/ladder/new", data=form).location != other.post("/ladder/new", data=form).location
    assert count(database, Fear) == 2


@pytest.mark.parametrize(
    ("action", "data", "model"),
    [
        ("/ladder/new", DOGS, Fear),
        ("/ladder/{fear}/list", LISTED, Step),
        ("/ladder/{fear}/new", ADDED, Step),
        ("/steps/{step}/split", SPLIT, Step),
    ],
)
def test_a_page_of_the_version_before_goes_on_and_its_double_post_is_one(
    client: Phone,
    sessions: Sessions,
    database: Session,
    clock: Clock,
    action: str,
    data: dict[str, object],
    model: type,
):
    ladder = a_ladder(sessions, client)
    action, before = action.format(fear=ladder.fear, step=ladder.steps[1]), count(database, model)
    first = client.post(action, data=data)
    made = count(database, model) - before
    assert made
    clock.go_on(timedelta(seconds=4))
    assert client.post(action, data=data).location == first.location
    assert count(database, model) - before == made
    clock.go_on(timedelta(seconds=6))
    assert client.post(action, data=data).status_code == 303
    assert count(database, model) - before == 2 * made


def test_two_posts_of_one_form_at_the_same_moment_make_one(client: Phone, app: Flask, database: Session):
    data = MultiDict({"name": "dogs", "form_id": str(uuid.uuid4())})
    client.get("/ladder/new")
    phones = []
    for _ in range(4):
        phone = app.test_client()
        phone.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
        phone.sign_in_as(client.account_id, client.email)
        phones.append(phone)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda phone: phone.post("/ladder/new", data=data), phones))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert count(database, Fear) == 1


def test_a_plain_start_that_is_sent_again_is_one_exposure(client: Phone, sessions: Sessions, database: Session):
    step = a_ladder(sessions, client).steps[0]
    html = client.get(f"/steps/{step}/practice").text
    form = {"kind": "started", "step": str(step), "planned_minutes": "20", "form_id": id_in(html, "/events")}
    first, again = client.post("/events", data=form), client.post("/events", data=form)
    assert first.status_code == again.status_code == 303
    assert first.location == again.location
    assert (count(database, Exposure), count(database, EventRow)) == (1, 1)
    html = client.get(first.location).text
    tap = {"kind": "resisted", "exposure": first.location.rpartition("/")[2], "form_id": id_in(html, "/events")}
    for _ in range(2):
        assert client.post("/events", data=tap).status_code == 303
    assert client.post("/events", data=tap | {"kind": "ritual"}).status_code == 303
    assert count(database, EventRow) == 3


def test_what_is_kept_of_a_form_tells_nothing_of_its_words_without_the_server_s_secret(
    client: Phone, app: Flask, database: Session
):
    client.post("/ladder/new", data=DOGS)
    (kept,) = database.scalars(select(FormResult))
    secret = services_of(app).settings.secret_keys[0]
    assert kept.digest == sending.digest_of(secret, "/ladder/new", [*DOGS.items()])
    assert kept.digest != sending.digest_of("", "/ladder/new", [*DOGS.items()])
    assert "dogs" not in kept.led_to


def test_what_came_of_a_form_is_forgotten_after_some_days(client: Phone, sessions: Sessions, database: Session):
    client.post("/ladder/new", data={"name": "dogs", "form_id": str(uuid.uuid4())})
    for days, left in ((6, 1), (8, 0)):
        with sessions.writing() as session:
            sending.tidy(session, NOW + timedelta(days=days))
            session.commit()
        assert count(database, FormResult) == left


def started(client: Phone, step: uuid.UUID, form_id: str) -> str:
    """The path of the practice that a form without JavaScript began."""
    form = {"kind": "started", "step": str(step), "planned_minutes": "20", "form_id": form_id}
    answer = client.post("/events", data=form)
    assert answer.status_code == 303
    return answer.location.partition("?")[0]


def phases(database: Session) -> dict[str, str]:
    database.rollback()
    rows = database.execute(select(Exposure.id, Exposure.phase)).all()
    return {f"/exposures/{row.id}": row.phase for row in rows}


def test_a_start_that_is_sent_again_ends_nothing_that_runs_by_now(
    client: Phone, sessions: Sessions, database: Session, clock: Clock
):
    ladder, form = a_ladder(sessions, client), str(uuid.uuid4())
    first = started(client, ladder.steps[0], form)
    clock.go_on(A_MINUTE)
    second = started(client, ladder.steps[1], str(uuid.uuid4()))
    assert phases(database) == {first: "after", second: "running"}
    for _tap in range(2):
        clock.go_on(A_MINUTE)
        assert started(client, ladder.steps[0], form) == first
        assert phases(database) == {first: "after", second: "running"}


def test_an_old_page_of_a_practice_that_is_over_ends_nothing_that_runs(
    client: Phone, sessions: Sessions, database: Session, clock: Clock
):
    ladder = a_ladder(sessions, client)
    over = started(client, ladder.steps[0], str(uuid.uuid4()))
    for kind in ("finished", "noted"):
        clock.go_on(A_MINUTE)
        form = {"kind": kind, "exposure": over.rpartition("/")[2], "form_id": str(uuid.uuid4()), "learning": "it sat"}
        assert client.post("/events", data=form).status_code == 303
    clock.go_on(A_MINUTE)
    runs = started(client, ladder.steps[1], str(uuid.uuid4()))
    clock.go_on(A_MINUTE)
    stale = {"kind": "resumed", "exposure": over.rpartition("/")[2], "form_id": str(uuid.uuid4())}
    client.post("/events", data=stale)
    assert phases(database)[runs] == "running"


def test_the_forms_of_one_page_are_told_apart_by_their_practice(
    client: Phone, sessions: Sessions, database: Session, clock: Clock
):
    ladder, page = a_ladder(sessions, client), str(uuid.uuid4())
    first = started(client, ladder.steps[0], str(uuid.uuid4()))
    clock.go_on(A_MINUTE)
    second = started(client, ladder.steps[1], str(uuid.uuid4()))
    for path in (second, first):
        clock.go_on(A_MINUTE)
        client.post("/events", data={"kind": "resumed", "exposure": path.rpartition("/")[2], "form_id": page})
    assert phases(database) == {first: "running", second: "after"}
