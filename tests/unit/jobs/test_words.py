"""Every kind has words: what it says in the open and with discretion, and where it leads."""

import json
import uuid
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from erp.domain.delivery import Claimed
from erp.domain.notification.kinds import KINDS, Kind
from erp.domain.notification.subscription import Subscription
from erp.jobs.message import message
from erp.jobs.words import WORDS

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
GIVEN = {"name": "Noor", "text": "Still with you.", "seconds": 754, "streak": 9, "days": 3}


def claimed(kind: Kind, *, discreet: bool = False) -> Claimed:
    """A delivery of a kind whose facts say all they can."""
    facts = KINDS[kind].facts.read(GIVEN)
    assert {field.name for field in fields(facts)} <= GIVEN.keys(), "a new fact: give the test one"
    return Claimed(
        id=uuid.uuid4(),
        attempt=1,
        kind=kind,
        facts=facts,
        support_id=uuid.UUID(int=1),
        exposure_id=uuid.UUID(int=2),
        subscription=Subscription("https://push.example/a", b"", b""),
        origin="https://rung.example",
        locale="en",
        discreet=discreet,
        created_at=NOON,
        expires_at=NOON + KINDS[kind].lifetime,
    )


def shown(kind: Kind, *, discreet: bool = False) -> dict[str, Any]:
    """What the device gets to show."""
    found: dict[str, Any] = json.loads(message(claimed(kind, discreet=discreet), NOON).payload)["notification"]
    return found


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words_of_its_own(kind: Kind):
    said = shown(kind)
    assert said["title"]
    assert said["body"]
    assert said["data"]["kind"] == kind
    others = [shown(other) for other in Kind if other is not kind]
    assert (said["title"], said["body"]) not in [(other["title"], other["body"]) for other in others]
    assert len({*WORDS.values()}) == len(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_discreet_one_says_nothing_that_it_knows(kind: Kind):
    said = shown(kind, discreet=True)
    assert said["title"] == "Rung"
    assert said["body"]
    text = json.dumps(said)
    assert not [value for value in ("Noor", "Still with you", "12 minutes", "9 days", "practis") if value in text]


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_leads_to_a_page_and_lives_as_long_as_its_row_says(kind: Kind):
    assert shown(kind)["navigate"].startswith("https://rung.example/")
    sent = message(claimed(kind), NOON)
    assert timedelta(seconds=sent.ttl) == KINDS[kind].lifetime
    assert sent.urgency == KINDS[kind].urgency


def test_what_takes_each_others_place_has_one_tag():
    tags = {kind: shown(kind)["tag"] for kind in Kind}
    assert len({tags[kind] for kind in (Kind.started, Kind.finished, Kind.goal, Kind.milestone, Kind.earlier)}) == 1
    assert tags[Kind.check_in] == tags[Kind.end]
    assert len({*tags.values()}) == len({terms.family for terms in KINDS.values()})


@pytest.mark.parametrize(
    "kind", [kind for kind in Kind if {each.name for each in fields(KINDS[kind].facts)} & {"name"}]
)
def test_a_name_stands_isolated_and_turns_nothing_about(kind: Kind, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(GIVEN, "name", "\u202e\u2069Noor\nX")
    monkeypatch.setitem(GIVEN, "text", "\u202eStill\u2069 here")
    said = shown(kind)
    text = f"{said['title']} {said['body']}"
    assert "\u2068Noor X\u2069" in text
    assert "\u202e" not in json.dumps(said, ensure_ascii=False)
    assert text.count("\u2068") == text.count("\u2069") == 1 + (kind is Kind.cheer)
