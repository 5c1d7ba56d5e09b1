"""What a page says once after something was done."""

import re
from pathlib import Path

import pytest

from erp.web.edge.notices import NOTICES
from tests.make.clock import NOW, Clock
from tests.web.conftest import Phone

SAID_JS = Path(__file__).parents[3] / "static" / "js" / "shell" / "said.js"
QUERY = "&".join(f"{word}=1" for word in NOTICES)
DETAILS = {"display_name": "Robin", "time_zone": "Europe/Berlin", "check_in_minutes": "5"}


def test_the_script_takes_out_every_word_that_a_page_may_say():
    (words,) = re.findall(r"for \(const word of \[(.*?)\]", SAID_JS.read_text("utf-8"))
    assert re.findall(r'"(\w+)"', words) == sorted(NOTICES)


def test_what_was_done_is_said_by_the_page_that_follows_and_by_no_other(client: Phone):
    client.get("/account")
    answer = client.post("/account/details", data=DETAILS)
    assert "Set-Cookie" not in answer.headers, "nothing is stored"
    assert "Saved." not in client.get("/account").text
    said = client.get(answer.location)
    assert "Saved." in said.text
    assert "said.js" in said.text
    assert "Set-Cookie" not in said.headers
    plain = client.get("/account").text
    assert "Saved." not in plain
    assert "said.js" not in plain


@pytest.mark.parametrize("path", ["/today", "/ladder", "/calendar"])
def test_a_page_that_the_phone_keeps_says_nothing(client: Phone, clock: Clock, path: str):
    clock.stand(NOW)
    assert client.get(f"{path}?{QUERY}").text == client.get(path).text


def test_what_is_brought_for_the_time_without_a_network_says_nothing(client: Phone, clock: Clock):
    clock.stand(NOW)
    answer = client.post("/account/details", data=DETAILS)
    assert client.get(f"/kit?{QUERY}").json == client.get("/kit").json
    assert "said.js" not in client.get("/kit").text
    assert "Saved." in client.get(answer.location).text, "and uses nothing up"


def test_htmx_is_led_to_the_page_that_says_it(client: Phone):
    answer = client.htmx("/account/details", data=DETAILS)
    assert answer.headers["HX-Redirect"] == "/account?saved=1"  # type: ignore[attr-defined]
