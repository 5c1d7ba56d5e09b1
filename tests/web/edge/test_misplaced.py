"""A ciphertext that somebody copied into another column reads as nothing, on every page."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Column, type_coerce, update

from erp.storage.db import Sessions, sealed_columns, sealed_type
from erp.storage.tables import Base
from tests.make.clock import NOW, ZONE
from tests.make.pages import Ladder, a_cheer, a_coach, a_ladder, an_exposure, an_invitation
from tests.web.conftest import Phone

SEALED = [column for table in Base.metadata.sorted_tables for column in sealed_columns(table)]
SECRET = "a secret that stays in its own field"


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    return person("robin", ZONE)


@pytest.fixture
def coach(person: Callable[..., Phone]) -> Phone:
    return person("sam", ZONE)


@pytest.fixture
def ladder(sessions: Sessions, client: Phone) -> Ladder:
    return a_ladder(sessions, client, details="slowly", response="no looking away")


@pytest.fixture
def pages(sessions: Sessions, client: Phone, coach: Phone, ladder: Ladder) -> list[tuple[Phone, str]]:
    """The pages that show what people wrote, of a client and a coach who have everything."""
    yesterday = NOW - timedelta(days=1)
    noted = {"learning": "it sat", "note": "proud", "suds": 20}
    done = an_exposure(sessions, client, ladder.steps[0], yesterday, noted=noted, prediction="it bites")
    runs = an_exposure(sessions, client, ladder.steps[1], seconds=None, prediction="it barks")
    support = a_coach(sessions, client, coach, titles=True, suds=True, notes=True)
    a_cheer(sessions, support)
    an_invitation(sessions, client)
    step, fear = ladder.steps[0], ladder.fear
    of_client = (
        "/today",
        "/ladder",
        f"/ladder/{fear}",
        f"/ladder/{fear}/edit",
        f"/steps/{step}",
        f"/steps/{step}/edit",
    )
    of_client += (f"/exposures/{done}", f"/exposures/{done}/summary", f"/exposures/{runs}", f"/exposures/{runs}/record")
    of_client += (
        "/calendar",
        f"/calendar/days/{yesterday.date()}",
        "/people",
        "/people/invite",
        "/kit",
        "/notifications",
    )
    of_coach = ("/people", f"/people/{support}", f"/people/{support}/card")
    return [(client, path) for path in of_client] + [(coach, path) for path in of_coach]


@pytest.mark.parametrize("column", SEALED, ids=str)
def test_a_value_copied_into_another_field_is_no_text_and_no_error(
    sessions: Sessions, pages: list[tuple[Phone, str]], column: Column[Any]
):
    with sessions.writing() as session:
        strange = type(sealed_type(column))("elsewhere.secret").packed(json.dumps(SECRET))
        stored = type_coerce(strange, sealed_type(column).impl_instance)
        session.execute(update(column.table).where(column.is_not(None)).values({column.name: stored}))
        session.commit()
    answers = {path: phone.get(path) for phone, path in pages}
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code >= 500} == {}
    assert [path for path, answer in answers.items() if SECRET in answer.get_data(as_text=True)] == []
