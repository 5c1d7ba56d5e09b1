"""A data key that is gone: the pages that need it say so, nothing is changed, and the others go on."""

import json
from collections.abc import Callable, Iterator

import pytest
from cryptography.fernet import Fernet
from flask import Flask

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
@pytest.mark.parametrize("path", ["/today", "/ladder", "/ladder/{fear}", "/steps/{step}", "/steps/{step}/edit"])
def test_a_page_whose_texts_nobody_can_read_says_so(client: Phone, ladder: Ladder, path: str):
    answer = client.get(path.format(fear=ladder.fear, step=ladder.steps[0]))
    assert answer.status_code == 503
    assert "cannot be read just now" in answer.text
    assert "still there" in answer.text


@pytest.mark.usefixtures("another_key")
def test_nothing_is_written_over_what_cannot_be_read(app: Flask, client: Phone, ladder: Ladder):
    form = {"title": "", "suds": "30"}
    assert client.post(f"/steps/{ladder.steps[0]}/edit", data=form).status_code == 503
    box.set_keys((DATA_KEY,))
    assert "slowly" in client.get(f"/steps/{ladder.steps[0]}").text


@pytest.mark.usefixtures("another_key")
@pytest.mark.parametrize("path", ["/plan", "/calendar", "/account", "/people"])
def test_a_page_without_such_texts_is_there(client: Phone, path: str):
    assert client.get(path).status_code == 200


@pytest.mark.usefixtures("another_key")
def test_the_log_names_the_error_alone(client: Phone, caplog: pytest.LogCaptureFixture):
    client.get("/ladder")
    [line] = [json.loads(record.message) for record in caplog.records if record.levelname == "ERROR"]
    assert set(line) == {"time", "route", "error", "at"}
    assert line["error"] == "UnknownKey"
