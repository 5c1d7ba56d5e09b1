"""A ciphertext that was copied into another column, or is damaged, reads as nothing and hides nothing else."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Column, select, type_coerce, update

from erp.storage.db import Sessions, as_stored, sealed_columns, sealed_type
from erp.storage.tables import Base
from tests.make.clock import NOW, ZONE
from tests.make.pages import Ladder, a_cheer, a_coach, a_ladder, an_exposure, an_invitation
from tests.web.conftest import Phone
from tests.web.notification.test_device import registered

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


def a_damaged(token: Any, damage: str) -> Any:
    """A stored value that was damaged on the disk, or whose key is gone."""
    if isinstance(token, str):
        mark, text = ("\x02", token[1:]) if token.startswith("\x02") else ("", token)
        return (
            mark + {"cut": text[:9], "strange": "AAAA" + text[4:], "noise": "!!", "changed": text[:-2] + "AA"}[damage]
        )
    whole = bytes(token)
    return {"cut": whole[:9], "strange": b"\x01\0\0\0\0" + whole[5:], "noise": b"\x124", "changed": whole[:-1] + b"\0"}[
        damage
    ]


@pytest.mark.parametrize("damage", ["cut", "strange", "noise", "changed"])
@pytest.mark.parametrize("column", SEALED, ids=str)
def test_a_damaged_value_takes_no_page_away_but_that_of_its_exposure(
    sessions: Sessions, pages: list[tuple[Phone, str]], column: Column[Any], damage: str
):
    packed = sealed_type(column).packed(json.dumps("a text"))
    with sessions.writing() as session:
        stored = type_coerce(a_damaged(packed, damage), sealed_type(column).impl_instance)
        session.execute(update(column.table).where(column.is_not(None)).values({column.name: stored}))
        session.commit()
    if column.table.name in ("fear", "step") and column.name in ("name", "title"):
        assert "[…]" in pages[0][0].get("/ladder").text
    broken = {path: status for phone, path in pages if (status := phone.get(path).status_code) >= 400}
    assert {path: status for path, status in broken.items() if status >= 500} == {}
    assert all(path.startswith(("/exposures/", "/people/invite/")) for path in broken)


def test_what_cannot_be_read_is_never_written_over_unseen(sessions: Sessions, client: Phone, ladder: Ladder):
    step = ladder.steps[0]
    table = Base.metadata.tables["step"]
    with sessions.writing() as session:
        damaged = {
            name: type_coerce(b"\x124", sealed_type(table.c[name]).impl_instance) for name in ("title", "details")
        }
        session.execute(update(table).where(table.c.id == step).values(damaged))
        session.commit()
    page = client.get(f"/steps/{step}/edit").text
    assert "[…]" not in page.partition("<form")[2]
    form = {"suds": "40", "details": "", "response": "no looking away", "planned_minutes": "20"}
    form |= {"check_in_minutes": "5", "stopping_rule": "time"}
    assert client.post(f"/steps/{step}/edit", data=form | {"title": ""}).status_code == 422
    assert client.post(f"/steps/{step}/edit", data=form | {"title": "Pass the kennel"}).status_code == 303
    with sessions.reading() as session:
        raw = session.execute(select(as_stored(table.c.details), table.c.title).where(table.c.id == step)).one()
    assert raw.details == b"\x124"
    assert raw.title == "Pass the kennel"
    assert client.post(f"/steps/{step}/edit", data=form | {"title": "Pass it", "details": "slowly"}).status_code == 303
    assert "slowly" in client.get(f"/steps/{step}").text


@pytest.mark.parametrize(("table", "path"), [("account", "/account"), ("device", "/notifications")])
def test_a_name_that_cannot_be_read_is_shown_as_such_and_is_an_empty_field(
    sessions: Sessions, client: Phone, table: str, path: str
):
    column = Base.metadata.tables[table].c["display_name" if table == "account" else "name"]
    registered(client)
    with sessions.writing() as session:
        stored = type_coerce("\x02no token", sealed_type(column).impl_instance)
        session.execute(update(column.table).values({column.name: stored}))
        session.commit()
    page = client.get(path).text
    field = re.search(rf'<input[^>]*name="{column.name}"[^>]*>', page)
    assert field
    assert 'value=""' in field[0]
    assert ("[…]" in page) == (table == "device")
