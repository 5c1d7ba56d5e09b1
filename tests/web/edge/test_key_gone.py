"""A data key that is gone: pages show where a text would stand, nothing is written over it, and all goes on."""

from collections.abc import Callable, Iterator

import pytest
from cryptography.fernet import Fernet

from erp.storage.box import box
from erp.storage.db import Sessions
from tests.make.clock import ZONE
from tests.make.keys import DATA_KEY
from tests.make.pages import Ladder, a_ladder
from tests.web.conftest import Phone


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    return person("robin", ZONE)


@pytest.fixture
def ladder(sessions: Sessions, client: Phone) -> Ladder:
    return a_ladder(sessions, client, details="slowly")


@pytest.fixture
def another_key(ladder: Ladder) -> Iterator[None]:
    box.set_keys([Fernet.generate_key().decode()])
    yield
    box.set_keys((DATA_KEY,))


@pytest.mark.usefixtures("another_key")
@pytest.mark.parametrize("path", ["/today", "/ladder", "/ladder/{fear}", "/steps/{step}"])
def test_a_page_shows_that_there_are_texts_which_nobody_can_read(client: Phone, ladder: Ladder, path: str):
    answer = client.get(path.format(fear=ladder.fear, step=ladder.steps[0]))
    assert answer.status_code == 200
    assert "[…]" in answer.text


@pytest.mark.usefixtures("another_key")
def test_nothing_is_written_over_what_cannot_be_read(client: Phone, ladder: Ladder):
    form = {"title": "Another", "suds": "30", "details": "", "response": "", "planned_minutes": "20"}
    form |= {"check_in_minutes": "5", "stopping_rule": "time"}
    assert client.post(f"/steps/{ladder.steps[0]}/edit", data=form).status_code == 303
    box.set_keys((DATA_KEY,))
    assert "slowly" in client.get(f"/steps/{ladder.steps[0]}").text


@pytest.mark.usefixtures("another_key")
@pytest.mark.parametrize("path", ["/plan", "/calendar", "/account", "/people"])
def test_a_page_without_such_texts_is_there(client: Phone, path: str):
    assert client.get(path).status_code == 200
