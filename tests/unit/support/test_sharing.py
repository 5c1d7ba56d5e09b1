"""What a supporter may see of a client: the practice and the streak, and only what the client shares of the rest."""

import uuid
from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from erp.domain.errors import NotFound
from erp.domain.support import cheer as cheers
from erp.domain.support import relation as relations
from erp.domain.support import sharing
from erp.storage.account import Account
from erp.storage.box import box
from tests.make.clients import EVERY_DAY, Client, local, march, undone
from tests.make.supporters import (
    A_DAY,
    A_MINUTE,
    NOON,
    ZONE,
    accepts,
    begins,
    coach,
    exposes,
    goes_on,
    lets,
    person,
    practised_before,
    view,
)

WRITTEN = ("it bites me", "not running off", "it slept all along", "proud of my legs")
NEVER_SHARED = ("dogs", *WRITTEN[:2])


def views(client: Client, supporter_id: uuid.UUID, now: datetime | None = None) -> list[sharing.ClientView]:
    client.session.flush()
    client.session.expire_all()
    return sharing.clients_of(client.session, supporter_id, now or client.now)


def full_of_text(client: Client, **data: object) -> uuid.UUID:
    """An exposure with every field filled in; it is over now."""
    prediction, response, learning, note = WRITTEN
    exposure = begins(client, expected_suds=73, prediction=prediction, likelihood=91, response=response, **data)
    goes_on(client, exposure, "checked_in", 3 * A_MINUTE, suds=87)
    goes_on(client, exposure, "ritual", A_MINUTE)
    goes_on(client, exposure, "finished", 6 * A_MINUTE)
    goes_on(client, exposure, "noted", suds=59, outcome="partly", learning=learning, note=note)
    return exposure


# What is shared.


@given(titles=st.booleans(), suds=st.booleans(), notes=st.booleans())
def test_titles_suds_and_words_are_there_exactly_when_they_are_shared(
    migrated_engine: Engine, titles: bool, suds: bool, notes: bool
):
    with undone(migrated_engine) as session:
        client = Client(session, ZONE, NOON)
        relation = coach(client)
        lets(relation, titles=titles, suds=suds, notes=notes)
        full_of_text(client)
        begins(client, expected_suds=67, prediction=WRITTEN[0], response=WRITTEN[1])
        seen = view(client, relation)
        assert seen.now
        assert seen.last
        for glimpse, curve, words in (
            (seen.now, [(0, 67)], ()),
            (seen.last, [(0, 73), (180, 87), (600, 59)], WRITTEN[2:]),
        ):
            assert glimpse.title == ("pass the kennel" if titles else None)
            assert glimpse.curve == (curve if suds else None)
            assert glimpse.words == (words if notes else None)
        shown = repr(seen)
        assert ("kennel" in shown) == titles
        assert any(f" {number})" in shown for number in (67, 73, 87, 59)) == suds
        assert any(words in shown for words in WRITTEN[2:]) == notes
        assert not any(words in shown for words in NEVER_SHARED)


def test_by_default_a_coach_learns_that_there_was_practice_how_long_and_the_streak(client: Client):
    practised_before(client, 4)
    relation = coach(client)
    exposure = full_of_text(client)
    assert view(client, relation) == sharing.ClientView(
        support_id=relation.id,
        name="Noor",
        today=date(2026, 11, 18),
        now=None,
        last=sharing.SharedExposure(
            id=exposure,
            running=False,
            paused=False,
            started_at=NOON,
            local_date=date(2026, 11, 18),
            seconds=600,
            planned_seconds=1200,
            title=None,
            curve=None,
            words=None,
        ),
        week=[(date(2026, 11, day), True if day < 19 else None) for day in range(16, 23)],
        streak=5,
        days=5,
        asked_kinds=("started", "finished", "goal", "milestone", "weekly"),
        cheers=[],
    )


def test_what_is_not_shared_any_more_is_gone_from_the_next_look(client: Client):
    relation = coach(client)
    lets(relation, titles=True, suds=True, notes=True)
    full_of_text(client)
    assert "kennel" in repr(view(client, relation))
    lets(relation, titles=False, suds=False, notes=False)
    last = view(client, relation).last
    assert last
    assert (last.title, last.curve, last.words) == (None, None, None)


def test_each_supporter_sees_by_their_own_switches(client: Client):
    sam, kim = coach(client, "Sam"), coach(client, "Kim")
    lets(sam, titles=True)
    full_of_text(client)
    assert "kennel" in repr(view(client, sam))
    assert "kennel" not in repr(view(client, kim))


def test_a_step_that_is_gone_leaves_no_title(client: Client, session: Session):
    relation = coach(client)
    lets(relation, titles=True)
    full_of_text(client)
    session.delete(client.step)
    last = view(client, relation).last
    assert last
    assert last.title is None


def test_the_week_tells_no_rest_from_a_pause_from_a_missed_day(session: Session):
    weeks = []
    for arrange in ("nothing", "plan", "pause"):
        client = Client(session, ZONE, local(ZONE, 2026, 3, 2, 8))
        relation = coach(client)
        if arrange == "plan":
            client.plans_weekdays(10, EVERY_DAY)
        if arrange == "pause":
            client.pauses_for(march(3), march(4))
        client.practises(local(ZONE, 2026, 3, 2, 9), 300)
        client.now = local(ZONE, 2026, 3, 5, 9)
        states = [day.state for day in client.days(march(3), march(4))]
        assert states == {"nothing": ["rest"] * 2, "plan": ["missed"] * 2, "pause": ["paused"] * 2}[arrange]
        weeks.append(view(client, relation).week)
    assert weeks[0] == weeks[1] == weeks[2]
    assert [practised for _day, practised in weeks[0]] == [True, False, False, False, None, None, None]


# Who sees it.


def test_strangers_and_those_whose_coaching_ended_see_nobody(client: Client, session: Session):
    relation, other = coach(client), coach(Client(session, ZONE, NOON))
    full_of_text(client)
    for stranger in (other.supporter_id, client.account.id, person(session, "Kim").id):
        with pytest.raises(NotFound):
            sharing.client_of(session, stranger, relation.id, NOON)
    with pytest.raises(NotFound):
        sharing.client_of(session, relation.supporter_id, uuid.uuid4(), NOON)
    relations.end(session, relation, client.now)
    with pytest.raises(NotFound):
        sharing.client_of(session, relation.supporter_id, relation.id, NOON)
    assert views(client, relation.supporter_id) == []


def test_who_practises_now_comes_first_then_who_practised_last_then_by_name(client: Client, session: Session):
    sam = person(session)
    names = ("Running", "Ran today", "Ran yesterday", "Ada", "Bo")
    clients = {name: Client(session, ZONE, NOON - A_DAY) for name in names}
    for name in reversed(names):
        clients[name].account.display_name = name
        accepts(clients[name], sam)
    exposes(clients["Ran yesterday"])
    for name in ("Running", "Ran today"):
        clients[name].now = NOON
    exposes(clients["Ran today"])
    begins(clients["Running"])
    assert [each.name for each in views(client, sam.id, NOON + 10 * A_MINUTE)] == list(names)


ZONES = ("Pacific/Kiritimati", "Europe/Lisbon", "America/Los_Angeles", "Asia/Kathmandu")


def test_clients_in_many_zones_get_the_same_answers_together_as_one_by_one(session: Session):
    sam = person(session)
    clients = [Client(session, zone, NOON - timedelta(days=40)) for zone in ZONES]
    for number, client in enumerate(clients):
        accepts(client, sam)
        client.plans_weekdays(5 + number, EVERY_DAY)
        for _ in range(10 + 7 * number):
            client.now += A_DAY
            exposes(client, 6)
        client.now = NOON
        if number % 2:
            begins(client)
    together = views(clients[0], sam.id, NOON)
    assert len(together) == 4
    assert {each.today for each in together} == {date(2026, 11, 18), date(2026, 11, 19)}
    assert [sharing.client_of(session, sam.id, each.support_id, NOON) for each in together] == together
    by_id = {each.support_id: each for each in together}
    for client in clients:
        (relation,) = relations.supporters_of(session, client.account.id)
        assert (by_id[relation.id].streak, by_id[relation.id].days) == (client.counted().current, client.counted().days)


def test_eight_statements_are_enough_for_every_client_of_a_coach(client: Client, session: Session):
    sam = person(session).id
    for each in (client, *(Client(session, ZONE, NOON) for _ in range(6))):
        accepts(each, session.get_one(Account, sam))
        exposes(each)
        begins(each)
    asked: list[str] = []
    session.flush()
    session.expire_all()
    event.listen(session.connection(), "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert len(sharing.clients_of(session, sam, client.now)) == 7
    assert len(asked) == 8


# Cheers that the supporter sent.


def test_the_supporter_sees_their_own_latest_cheers_and_the_hearts(client: Client, session: Session):
    sam, kim = coach(client, "Sam"), coach(client, "Kim")
    for number in range(7):
        client.now += A_MINUTE
        sent = cheers.send(session, sam, {"text": f"number {number}"}, client.now)
    cheers.send(session, kim, {"text": "from Kim"}, client.now)
    cheers.heart(sent, client.now)
    shown = view(client, sam).cheers
    assert [cheer.text for cheer in shown] == [f"number {number}" for number in (6, 5, 4, 3, 2)]
    assert [cheer.hearted for cheer in shown] == [True, False, False, False, False]
    assert shown[0].sent_at == client.now


def test_cheers_of_two_days_ago_are_not_shown_any_more(client: Client, session: Session):
    sam = coach(client)
    cheers.send(session, sam, {"text": "yesterday's"}, client.now)
    client.now += A_DAY
    assert [cheer.text for cheer in view(client, sam).cheers] == ["yesterday's"]
    client.now += A_DAY
    assert view(client, sam).cheers == []


# What is read.


@pytest.mark.parametrize("shared", [(), ("titles",), ("suds",), ("notes",), ("titles", "suds", "notes")])
def test_only_what_is_shared_of_what_is_shown_is_decrypted(
    client: Client, monkeypatch: pytest.MonkeyPatch, shared: tuple[str, ...]
):
    relation = coach(client)
    lets(relation, **dict.fromkeys(("titles", "suds", "notes"), False) | dict.fromkeys(shared, True))
    for _ in range(3):
        full_of_text(client)
        client.now += A_MINUTE
    begins(client, prediction=WRITTEN[0], response=WRITTEN[1])
    client.session.flush()
    client.session.expire_all()
    opened: dict[str, list[str]] = defaultdict(list)
    decrypt = box.open

    def note(token: bytes, place: str) -> str:
        opened[place].append(decrypt(token, place))
        return opened[place][-1]

    monkeypatch.setattr(box, "open", note)
    (seen,) = sharing.clients_of(client.session, relation.supporter_id, client.now)
    assert seen.now
    assert seen.last
    assert opened.pop("account.display_name")
    assert ("exposure.curve" in opened) == ("suds" in shared)
    opened.pop("exposure.curve", None)
    expected = ["pass the kennel"] * 2 * ("titles" in shared) + [*WRITTEN[2:]] * ("notes" in shared)
    assert sorted(chain(*opened.values())) == sorted(expected)
