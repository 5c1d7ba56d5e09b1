"""What each supporter may see and hear, and the end of it."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain.errors import Invalid, NotFound
from erp.domain.support import relation as relations
from erp.storage.notification import Delivery
from erp.storage.support import Support
from tests.make.clients import Client
from tests.make.supporters import (
    A_SECOND,
    NOON,
    ZONE,
    accepts,
    begins,
    coach,
    exposes,
    kinds,
    lets,
    notifications,
    person,
    phone,
)

PINGS = ["started", "finished", "goal", "milestone"]


# What each may see and hear.


def test_at_first_the_least_is_shown_and_every_practice_is_told(client: Client, session: Session):
    relation = coach(client)
    session.expire_all()
    (seen,) = relations.supporters_of(session, client.account.id)
    assert (seen.id, seen.name, seen.since) == (relation.id, "Sam", NOON)
    assert (seen.titles, seen.suds, seen.notes) == (False, False, False)
    assert (seen.contact, seen.allowed_kinds) == ("every", ("started", "finished", "goal", "milestone"))
    assert relations.heard(relation) == ("started", "finished", "goal", "milestone")


@pytest.mark.parametrize("name", ["titles", "suds", "notes"])
def test_each_switch_shares_one_thing_and_can_be_taken_back(client: Client, session: Session, name: str):
    relation = coach(client)
    relations.share(relation, {"contact": "every", name: "on"})
    session.flush()
    session.expire_all()
    (seen,) = relations.supporters_of(session, client.account.id)
    assert {each for each in relations.SHARES if getattr(seen, each)} == {name}
    relations.share(relation, {"contact": "every"})
    assert (relation.shares_titles, relation.shares_suds, relation.shares_notes) == (False, False, False)


def test_the_switches_of_one_supporter_are_not_those_of_another(client: Client, session: Session):
    sam, kim = coach(client, "Sam"), coach(client, "Kim")
    lets(sam, titles=True, contact="none")
    session.flush()
    assert (kim.shares_titles, kim.contact) == (False, "every")


@pytest.mark.parametrize("contact", ["", "sometimes", None])
def test_a_contact_that_there_is_not_is_refused_and_nothing_changes(client: Client, contact: Any):
    relation = coach(client)
    with pytest.raises(Invalid) as refused:
        relations.share(relation, {"contact": contact, "titles": "on"})
    assert {name: problem.code for name, problem in refused.value.problems.items()} == {"contact": "not_an_option"}
    assert (relation.contact, relation.shares_titles) == ("every", False)


def test_only_kinds_that_there_are_are_taken_from_either_side(client: Client):
    relation = coach(client)
    relations.share(relation, {"contact": "every", "told": ["milestone", "cheer", "weekly", "started"]})
    relations.want(relation, {"wanted": ["weekly", "test", "goal"]})
    assert (relation.allowed_kinds, relation.asked_kinds) == (["started", "milestone"], ["goal", "weekly"])
    relations.share(relation, {"contact": "every"})
    relations.want(relation, {})
    assert (relation.allowed_kinds, relation.asked_kinds) == ([], [])


@pytest.mark.parametrize(
    ("contact", "told", "wanted", "heard"),
    [
        ("every", PINGS, [*PINGS, "weekly"], PINGS),
        ("every", ["goal", "started"], [*PINGS, "weekly"], ["started", "goal"]),
        ("every", PINGS, ["milestone", "weekly"], ["milestone"]),
        ("every", ["started"], ["finished"], []),
        ("every", PINGS, [], []),
        ("every", [], [*PINGS, "weekly"], []),
        ("finished", PINGS, [*PINGS, "weekly"], ["finished"]),
        ("finished", ["started"], [*PINGS, "weekly"], ["finished"]),
        ("finished", PINGS, ["started", "goal", "milestone", "weekly"], []),
        ("weekly", PINGS, [*PINGS, "weekly"], ["weekly"]),
        ("weekly", [], ["weekly"], ["weekly"]),
        ("weekly", PINGS, PINGS, []),
        ("none", PINGS, [*PINGS, "weekly"], []),
    ],
)
def test_of_every_practice_both_sides_choose_and_the_later_stages_say_it_all(
    client: Client, contact: str, told: list[str], wanted: list[str], heard: list[str]
):
    relation = coach(client)
    relations.share(relation, {"contact": contact, "told": told})
    relations.want(relation, {"wanted": wanted})
    assert list(relations.heard(relation)) == heard


# The end.


def by_the_client(session: Session, relation: Support) -> Support:
    return relations.support_for_client(session, relation.client_id, relation.id)[0]


def by_the_coach(session: Session, relation: Support) -> Support:
    return relations.support_for_supporter(session, relation.supporter_id, relation.id)[0]


@pytest.mark.parametrize("load", [by_the_client, by_the_coach])
def test_either_ends_it_at_once(client: Client, session: Session, load: Callable[[Session, Support], Support]):
    relation = coach(client)
    relations.end(session, load(session, relation), NOON)
    session.expire_all()
    assert relations.supporters_of(session, client.account.id) == []
    for gone in (by_the_client, by_the_coach):
        with pytest.raises(NotFound):
            gone(session, relation)


def test_with_the_end_goes_what_was_about_to_be_told_and_nothing_of_others(client: Client, session: Session):
    sam, kim = coach(client, "Sam"), coach(client, "Kim")
    phone(session, sam.supporter_id)
    begins(client)
    assert kinds(session) == ["started", "started"]
    ping, device = notifications(session, sam.supporter_id)[0], phone(session, sam.supporter_id)
    session.add(Delivery(notification_id=ping.id, device_id=device.id, next_at=NOON))
    session.flush()
    relations.end(session, sam, NOON)
    assert [each.support_id for each in notifications(session)] == [kim.id]
    assert session.scalars(select(Delivery.id)).all() == []
    exposes(client)
    assert kinds(session, sam.supporter_id) == []


def test_invited_again_it_begins_with_the_defaults(client: Client, session: Session):
    sam = person(session)
    relation = accepts(client, sam)
    lets(relation, titles=True, suds=True, notes=True, contact="none", told=[])
    relations.want(relation, {"wanted": []})
    relations.end(session, relation, NOON)
    client.now += A_SECOND
    again = accepts(client, sam)
    session.flush()
    session.expire_all()
    assert (again.id, again.created_at, again.ended_at) == (relation.id, client.now, None)
    assert (again.shares_titles, again.shares_suds, again.shares_notes) == (False, False, False)
    assert (again.contact, again.allowed_kinds, again.asked_kinds) == ("every", PINGS, [*PINGS, "weekly"])


def test_several_coaches_for_a_client_several_clients_for_a_coach_and_both_ways(client: Client, session: Session):
    other = Client(session, ZONE, NOON)
    sam, kim = person(session, "Sam"), person(session, "Kim")
    accepts(client, sam)
    client.now += A_SECOND
    accepts(client, kim)
    accepts(other, sam)
    accepts(client, other.account)
    accepts(other, client.account)
    names = [each.name for each in relations.supporters_of(session, client.account.id)]
    assert names[0] == "Sam"
    assert sorted(names[1:]) == ["Kim", "Noor"]
    assert sorted(each.name for each in relations.supporters_of(session, other.account.id)) == ["Noor", "Sam"]


def test_a_relation_is_found_from_its_two_ends_and_by_nobody_else(client: Client, session: Session):
    relation, stranger = coach(client), person(session, "Kim")
    assert relations.support_for_client(session, client.account.id, relation.id) == (relation, "Sam")
    assert relations.support_for_supporter(session, relation.supporter_id, relation.id) == (relation, "Noor")
    for look, who in (
        (relations.support_for_client, relation.supporter_id),
        (relations.support_for_supporter, client.account.id),
        (relations.support_for_client, stranger.id),
        (relations.support_for_supporter, stranger.id),
    ):
        with pytest.raises(NotFound):
            look(session, who, relation.id)
    with pytest.raises(NotFound):
        relations.support_for_client(session, client.account.id, uuid.uuid4())
