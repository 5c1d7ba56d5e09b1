"""Every text that a person sees goes through gettext: with a catalogue that marks each message, none is left bare."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.dates import get_day_names, get_month_names
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from flask import Flask
from sqlalchemy import text

from erp.services import provide, services_of
from erp.storage.db import Sessions
from erp.web.practice import pages as practice
from tests.make.clock import NOW, ZONE
from tests.make.pages import HTMX, a_ladder, a_pause, a_plan, an_exposure, batch, event, today
from tests.web.conftest import PASSWORD, Phone

pytestmark = pytest.mark.alike

ROOT = Path(__file__).parents[3]
WORDS = {"rung"} | {
    word.lower().strip(".")
    for names in (get_month_names, get_day_names)
    for width in ("wide", "abbreviated", "narrow")
    for word in names(width, locale="en_GB").values()
}
TOLD = ("aria-label", "title", "placeholder", "alt", "aria-description", "aria-roledescription", "aria-valuetext")


class Visible(HTMLParser):
    """Collects what can be read or heard of a page: its text, and the attributes that are told."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = [""]
        self.unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # What a person wrote stands in the middle of a sentence.
        if tag != "bdi":
            self.texts.append("")
        if tag in ("script", "style", "option", "optgroup"):
            self.unseen.append(tag)
        for name, value in attrs:
            said = name in TOLD or name.startswith(("data-text", "data-say")) or name in ("data-done", "data-name")
            described = tag == "meta" and name == "content" and ("name", "description") in attrs
            if tag == "optgroup" or not value:
                continue
            if said or described:
                self.texts += [value, ""]

    def handle_endtag(self, tag: str) -> None:
        if tag != "bdi":
            self.texts.append("")
        if tag in self.unseen:
            self.unseen = self.unseen[: self.unseen.index(tag)]

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.texts[-1] += data


def bare(html: str) -> list[str]:
    """The texts of a page that came through no catalogue and are neither the person's own, numbers nor dates."""
    parser = Visible()
    parser.feed(html)
    found = []
    for whole in parser.texts:
        left, before = re.sub(r"¤[^¤]*¤", " ", whole), ""
        while left != before:
            left, before = re.sub(r"⟦[^⟦⟧]*⟧", " ", left), left
        words = [word for word in re.findall(r"[^\W\d_]+", left) if word.lower() not in WORDS]
        if words or "⟦" in left or "⟧" in left:
            found.append(whole.strip())
    return found


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Translations into an English in which every message stands in brackets."""
    catalogue = Catalog(locale="en")
    methods = [("erp/**.py", "python"), ("templates/**.html", "jinja2")]
    for _file, _line, message, comments, context in extract_from_dir(ROOT, method_map=methods):
        marks = tuple(f"⟦{each}⟧" for each in message) if isinstance(message, tuple) else f"⟦{message}⟧"
        catalogue.add(message, marks, auto_comments=comments, context=context)
    assert len(catalogue) > 150
    folder = tmp_path_factory.mktemp("translations")
    path = folder / "en" / "LC_MESSAGES" / "messages.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)
    return folder


@pytest.fixture
def app(app: Flask, marked: Path) -> Iterator[Flask]:
    app.extensions["babel"].translation_directories = [str(marked)]
    app.testing = False
    # Days are drawn once a process and kept; these are drawn in another language.
    practice._drawn.cache_clear()
    yield app
    practice._drawn.cache_clear()


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    return person("¤robin¤", ZONE)


def test_the_marks_are_there_and_bare_text_is_found(nobody: Phone):
    assert "⟦" in nobody.get("/").text
    assert bare("<p>⟦Hello⟧ 5 · ¤dogs¤ Rung, 3 November</p><script>let it = be</script>") == []
    assert bare("<p>⟦⟦3 days⟧ in a row⟧</p>") == []
    assert bare('<p aria-label="Close">⟦x⟧</p>') == ["Close"]
    assert bare('<p title="Close">⟦x⟧ and more</p>') == ["Close", "⟦x⟧ and more"]
    assert bare('<b data-text="{n} left"></b>') == ["{n} left"]


@pytest.mark.parametrize(
    "path", ["/", "/about", "/offline", "/sign-up", "/sign-in", "/sign-in?next=/plan", "/recover", "/no"]
)
def test_what_everybody_may_see_is_marked_for_translation(nobody: Phone, path: str):
    assert bare(nobody.get(path).text) == []


@pytest.mark.parametrize("path", ["/today", "/ladder", "/ladder/new", "/ladder/archived", "/plan", "/plan?first=1"])
def test_what_a_new_client_sees_is_marked_for_translation(client: Phone, path: str):
    assert bare(client.get(path).text) == []


def test_what_a_client_sees_is_marked_for_translation(client: Phone, sessions: Sessions):
    steps = [("¤photo¤", 20), ("¤near¤", 50), ("¤touch¤", 90)]
    words = {"details": "¤details¤", "response": "¤response¤", "stopping_rule": "halved"}
    ladder = a_ladder(sessions, client, "¤dogs¤", steps, **words)
    a_ladder(sessions, client, "¤heights¤", [("¤stair¤", 10)], stopping_rule="tested")
    away = a_ladder(sessions, client, "¤away¤", [("¤gone¤", 10)])
    client.post(f"/ladder/{away.fear}/archived", data={"archived": "1"})
    client.post(f"/steps/{ladder.steps[2]}/split", data={"title": ["¤small¤", "¤put away¤"], "suds": ["30", "35"]})
    a_plan(sessions, client, minutes=10)
    later = str(today() + timedelta(days=20))
    client.post("/plan", data={"minutes": "15", "kind": "weekdays", "weekdays": ["1"], "starts_on": later})
    a_pause(sessions, client, 2, 3)
    now = NOW
    told = {"prediction": "¤it bites¤", "likelihood": 60, "expected_suds": 60}
    noted = {"suds": 20, "learning": "¤it slept¤", "note": "¤phew¤"}
    exposures = [
        an_exposure(
            sessions,
            client,
            ladder.steps[0],
            now - timedelta(days=2 + back),
            noted=noted | {"outcome": outcome},
            **told,
        )
        for back, outcome in enumerate(("no", "partly", "yes", ""))
    ]
    exposures += [
        an_exposure(sessions, client, ladder.steps[1], now - timedelta(hours=2), 30),
        an_exposure(sessions, client, ladder.steps[1], now - timedelta(hours=1), 1500, **told),
    ]
    client.post(f"/steps/{ladder.steps[0]}/mastered", data={"mastered": "1"})
    paths = [
        "/today",
        "/plan",
        "/calendar",
        "/account",
        "/account/codes",
        "/ladder",
        "/ladder/archived",
        "/about",
    ]
    paths += [f"/ladder/{ladder.fear}{page}" for page in ("", "/list", "/rate", "/edit", "/new")]
    paths += [f"/ladder/{away.fear}", f"/calendar/{today().year}", "/calendar/2026/1", "/calendar/2100/12"]
    for step in (*ladder.steps, *away.steps):
        paths += [f"/steps/{step}{page}" for page in ("", "/edit", "/split", "/smaller", "/practice")]
    for exposure in exposures:
        paths += [f"/exposures/{exposure}", f"/exposures/{exposure}/summary"]
    paths += [f"/calendar/days/{today() - timedelta(days=back)}" for back in range(-5, 9)]
    paths += ["/calendar/days/2020-01-01"]
    left = {path: bare(client.get(path).text) for path in paths}
    running = an_exposure(sessions, client, ladder.steps[1], now - timedelta(minutes=90), None, **told)
    for path in ("/today", f"/exposures/{running}", f"/steps/{ladder.steps[0]}/practice"):
        left[f"{path} while one runs"] = bare(client.get(path).text)
    client.post("/account/codes", data={"current": PASSWORD})
    shown = re.sub(r"<code>.*?</code>", "", client.get("/account/codes").text)
    left["codes that are shown"] = bare(shown)
    assert {path: texts for path, texts in left.items() if texts} == {}


def test_what_is_said_about_a_wrong_form_is_marked_for_translation(client: Phone, nobody: Phone, sessions: Sessions):
    ladder = a_ladder(sessions, client, "¤dogs¤", [("¤near¤", 50)])
    over = a_pause(sessions, client, -5, -2)
    answers = [
        phone.post(path, data=data, headers=headers)
        for headers in ({}, HTMX)
        for phone, path, data in (
            (nobody, "/sign-up", {}),
            (nobody, "/sign-up", {"password": "password12", "email": "x"}),
            (
                nobody,
                "/sign-up",
                {"email": client.email, "password": "soup on a rainy day", "display_name": "¤", "time_zone": "UTC"},
            ),
            (nobody, "/sign-in", {}),
            (nobody, "/recover", {"password": "soup on a rainy day"}),
            (client, "/account/details", {"display_name": "¤" + "x" * 90 + "¤"}),
            (client, "/account/password", {}),
            (client, "/account/codes", {}),
            (client, "/plan", {}),
            (client, "/plan", {"minutes": "5", "kind": "weekdays", "starts_on": "2020-01-01"}),
            (client, "/plan/pauses", {}),
            (client, "/plan/pauses", {"first_day": "2020-01-01", "last_day": "2020-01-01"}),
            (client, f"/plan/pauses/{over}/end", {}),
            (client, "/ladder/new", {}),
            (client, f"/ladder/{ladder.fear}/list", {}),
            (client, f"/ladder/{ladder.fear}/rate", {f"suds-{ladder.steps[0]}": "500"}),
            (client, f"/ladder/{ladder.fear}/new", {}),
            (client, f"/steps/{ladder.steps[0]}/split", {}),
            (client, "/events", {"kind": "started", "step": str(ladder.steps[0])}),
            (client, "/today", {}),
            (client, "/account/zone", {}),
        )
    ]
    assert {answer.status_code for answer in answers} == {400, 405, 409, 422}
    assert {answer.request.path: bare(answer.text) for answer in answers if bare(answer.text)} == {}


def test_every_error_page_is_marked_for_translation(client: Phone, nobody: Phone, sessions: Sessions):
    answers = [
        client.post("/plan", headers={"Sec-Fetch-Site": "cross-site"}),
        client.get("/nowhere"),
        client.post("/events", data=b"x" * 600_000, content_type="application/json"),
        *[nobody.post("/sign-in", data={"email": "¤"}) for _ in range(11)][-1:],
    ]
    with sessions.writing() as session:
        session.execute(text("ALTER TABLE plan RENAME TO elsewhere"))
        session.commit()
    try:
        answers.append(client.get("/today"))
    finally:
        with sessions.writing() as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO plan"))
            session.commit()
    assert [answer.status_code for answer in answers] == [403, 404, 413, 429, 500]
    assert [bare(answer.text) for answer in answers] == [[]] * 5


def test_what_is_said_in_json_is_marked_for_translation(client: Phone, nobody: Phone):
    manifest = json.loads(nobody.get("/manifest.webmanifest").text)
    said = [manifest["description"], *[shortcut["name"] for shortcut in manifest["shortcuts"]]]
    wrong = event("checked_in", uuid.uuid4(), NOW, suds=500)
    refused = client.post("/events", json=batch(client, wrong)).json
    assert refused
    said += [refused["refused"][0]["message"]]
    assert [text for text in said if bare(text)] == []


def test_dates_and_numbers_follow_the_language_of_the_phone(client: Phone, app: Flask):
    provide(app, replace(services_of(app), languages=frozenset({"de"})))
    html = client.get("/calendar/days/2026-11-22", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}).text
    assert 'lang="de-AT"' in html
    assert "22. November" in html
    assert "22 November" not in html
    english = client.get("/calendar/days/2026-11-22", headers={"Accept-Language": "xx,fr;q=0.9"}).text
    assert 'lang="en-GB"' in english
    assert "22 November" in english
