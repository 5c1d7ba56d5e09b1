"""What people write stands by itself: apart from our words in every page, and in no title that a browser remembers."""

from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from erp.storage.db import Sessions
from tests.make.clock import NOW, ZONE
from tests.make.pages import a_cheer, a_coach, a_ladder, an_exposure, an_invitation, today
from tests.web.conftest import Phone

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Written(HTMLParser):
    """Collects what stands unprotected of the texts marked with ¤, and the title."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.bare: list[str] = []
        self.seen = 0
        self.title = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if value and "¤" in value and name != "value":
                self.seen += 1
                if "\u2068¤" not in value or "¤\u2069" not in value:
                    self.bare.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            self.open = self.open[: len(self.open) - 1 - self.open[::-1].index(tag)]

    def handle_data(self, data: str) -> None:
        if "title" in self.open:
            self.title += data
        if "¤" in data and not {"textarea", "script"} & {*self.open}:
            self.seen += 1
            if "bdi" not in self.open:
                self.bare.append(data.strip())


def read(html: str) -> Written:
    """A page as it stands for a reader of either direction."""
    parser = Written()
    parser.feed(html)
    return parser


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    return person("¤robin¤", ZONE)


@pytest.fixture
def coach(person: Callable[..., Phone]) -> Phone:
    return person("¤sam¤", ZONE)


def test_every_text_of_somebodys_is_isolated_and_no_title_holds_one(
    client: Phone, coach: Phone, nobody: Phone, sessions: Sessions
):
    words = {"details": "¤details¤", "response": "¤response¤"}
    ladder = a_ladder(sessions, client, "¤dogs¤", [("¤near¤", 20), ("¤touch¤", 60)], **words)
    a_ladder(sessions, client, "¤heights¤", [("¤stair¤", 10)])
    away = a_ladder(sessions, client, "¤away¤", [("¤gone¤", 10)])
    client.post(f"/ladder/{away.fear}/archived", data={"archived": "1"})
    client.post(f"/steps/{ladder.steps[1]}/split", data={"title": ["¤small¤"], "suds": ["30"]})
    support = a_coach(sessions, client, coach, titles="1", suds="1", notes="1")
    told = {"prediction": "¤it bites¤", "likelihood": 60, "expected_suds": 60}
    noted = {"suds": 20, "learning": "¤it slept¤", "note": "¤phew¤", "outcome": "no"}
    done = an_exposure(sessions, client, ladder.steps[0], NOW - timedelta(hours=5), noted=noted, **told)
    after = an_exposure(sessions, client, ladder.steps[0], NOW - timedelta(hours=4), 300, **told)
    a_cheer(sessions, support, "¤well done¤", NOW - timedelta(hours=3))
    open_invitation = an_invitation(sessions, client)
    paths = ["/today", "/people", "/calendar", "/plan", "/account", "/notifications", f"/calendar/days/{today()}"]
    paths += ["/ladder", "/ladder/new", "/ladder/archived"]
    paths += [f"/ladder/{ladder.fear}{page}" for page in ("", "/list", "/rate", "/edit", "/new")]
    paths += [
        f"/steps/{step}{page}" for step in ladder.steps for page in ("", "/edit", "/split", "/smaller", "/practice")
    ]
    paths += [f"/exposures/{done}", f"/exposures/{done}/summary", f"/exposures/{after}", f"/supporters/{support}"]
    pages = {path: read(client.get(path).text) for path in paths}
    running = an_exposure(sessions, client, ladder.steps[0], NOW - timedelta(minutes=4), None, **told)
    for path in ("/today", f"/exposures/{running}", f"/steps/{ladder.steps[0]}/practice"):
        pages[f"{path} while one runs"] = read(client.get(path).text)
    for path in ("/people", f"/people/{support}", f"/people/{support}?welcome=1"):
        pages[f"{path} of the coach"] = read(coach.get(path).text)
    a_cheer(sessions, support, "¤still here¤")
    pages["/people once cheered"] = read(coach.get("/people").text)
    for who, phone in (("nobody", nobody), ("the coach", coach), ("the client", client)):
        pages[f"the invitation for {who}"] = read(phone.get(f"/invitations/{open_invitation}").text)
    assert {path: page.bare for path, page in pages.items() if page.bare} == {}
    assert {path: page.title for path, page in pages.items() if "¤" in page.title} == {}
    assert all(page.title for path, page in pages.items() if "/summary" not in path and "/days/" not in path)
    assert sum(page.seen for page in pages.values()) > 100
    assert "<h1><bdi>¤dogs¤</bdi></h1>" in client.get(f"/ladder/{ladder.fear}").text


def test_the_kit_names_nothing_in_its_titles(client: Phone, sessions: Sessions):
    a_ladder(sessions, client, "¤dogs¤", [("¤near¤", 20)])
    kit = client.get("/kit").json
    assert kit
    titles = {path: read(html).title for path, html in kit["pages"].items()}
    assert len(titles) >= 4
    assert not [title for title in titles.values() if "¤" in title or "{" in title]


def test_a_name_that_turns_words_about_is_refused_its_turning(client: Phone, nobody: Phone, sessions: Sessions):
    details = {"time_zone": ZONE, "check_in_minutes": "5"}
    assert client.post("/account/details", data=details | {"display_name": "\u202eabc"}).status_code == 303
    page = nobody.get(f"/invitations/{an_invitation(sessions, client)}").text
    assert "<bdi>abc</bdi> would like you as a coach" in page
    assert "\u202e" not in page
    assert client.post("/account/details", data=details | {"display_name": "Ann\nX"}).status_code == 303
    assert 'value="Ann X"' in client.get("/account").text


@pytest.mark.parametrize("blank", ["\u200b", "\u3164", "\u2800", "\u202e", "\u00a0\u200d"])
def test_a_name_or_a_fear_that_nobody_sees_is_none(client: Phone, blank: str):
    details = {"time_zone": ZONE, "check_in_minutes": "5", "display_name": blank}
    assert client.post("/account/details", data=details).status_code == 422
    assert client.post("/ladder/new", data={"name": blank}).status_code == 422
