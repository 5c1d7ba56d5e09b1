"""The people's pages with a catalogue that marks each message: none of their texts is left bare."""

from collections.abc import Callable
from datetime import timedelta

from erp.storage.db import Sessions
from tests.make.clock import NOW, ZONE
from tests.make.pages import HTMX, a_cheer, a_coach, a_ladder, an_exposure, an_invitation
from tests.web.conftest import Phone
from tests.web.edge import test_templates
from tests.web.edge.test_templates import bare

app, client, marked = test_templates.app, test_templates.client, test_templates.marked


def bare_cards(html: str) -> list[str]:
    """What is left bare; the link of an invitation is no text."""
    return [text for text in bare(html) if "/invitations/" not in text]


def test_everything_about_people_is_marked_for_translation(
    client: Phone, person: Callable[..., Phone], nobody: Phone, sessions: Sessions
):
    coach, other = person("¤anna¤", ZONE), person("¤kim¤", ZONE)
    paths = ["/people", "/people/invite", "/people/learn"]
    left = {f"new: {path}": bare_cards(client.get(path).text) for path in paths}
    all_shared = {"titles": "1", "suds": "1", "notes": "1"}
    support = a_coach(sessions, client, coach, **all_shared)
    a_coach(sessions, other, coach)
    quiet = a_coach(sessions, client, person("¤lena¤", ZONE), contact="none")
    for contact in ("finished", "weekly"):
        a_coach(sessions, client, person(f"¤{contact}¤", ZONE), contact=contact)
    step = a_ladder(sessions, client, "¤dogs¤", [("¤photo¤", 20), ("¤near¤", 50)]).steps[0]
    mine = [f"/people/{support}", f"/people/{support}?welcome=1&saved=1&sent=1", f"/people/{support}/card?alone=1"]
    for days in (40, 9, 3, 1, 0):
        ended = NOW - timedelta(days=days, minutes=40)
        an_exposure(sessions, client, step, ended, noted={"suds": 20, "learning": "¤it slept¤", "note": "¤phew¤"})
        left[f"{days} days ago"] = [bare_cards(coach.get(path).text) for path in ("/people", *mine)]
    an_exposure(sessions, client, step, NOW - timedelta(minutes=5), seconds=None)
    cheer = a_cheer(sessions, support, "¤go¤", NOW - timedelta(minutes=2))
    client.post(f"/cheers/{cheer}/heart")
    left["live"] = [bare_cards(coach.get(path).text) for path in ("/people", *mine, "/people?ended=1")]
    cheers = f"/people/{support}/cheers"
    for data in ({"text": "¤ I promise ¤"}, {"phrase": "hard"}, {"phrase": "hard"}, {"phrase": "none"}, {}):
        for place in ("card", "phrases", "own"):
            left[f"{data} {place}"] = [
                bare_cards(coach.post(cheers, data=data | {"place": place}, headers=headers).text)
                for headers in ({}, HTMX)
            ]
    tokens = [an_invitation(sessions, client), an_invitation(sessions, client, timedelta(days=8))]
    tokens += [an_invitation(sessions, client), "nowhere"]
    for path in ("/people", "/people/invite", f"/supporters/{support}?saved=1", f"/supporters/{quiet}"):
        left[f"client: {path}"] = bare_cards(client.get(path).text)
    left["refused"] = bare_cards(client.post(f"/supporters/{support}", data={}).text)
    other.post(f"/invitations/{tokens[2]}")
    for token in tokens:
        left[token] = [bare_cards(phone.get(f"/invitations/{token}").text) for phone in (nobody, client, coach, other)]
    for _ in range(10):
        answer = client.post("/people/invitations")
    assert answer.status_code == 409
    left["too many"] = bare_cards(answer.text)
    assert {name: texts for name, texts in left.items() if any(texts)} == {}
