"""The table of kinds: every kind has its row and its words, and every rule reads the table."""

from datetime import timedelta

import pytest

from erp.domain.notification import kinds
from erp.domain.notification.facts import CheerFacts, Facts, PracticeFacts
from erp.domain.notification.kinds import CONTACTS, KINDS, Contact, Kind, Permission, Side
from erp.storage.notification import Notification


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_row(kind: Kind):
    terms = kinds.terms_of(kind)
    assert terms is not None
    assert terms.lifetime > timedelta()
    assert terms.facts.read({}) == terms.facts()


def test_a_kind_of_a_newer_version_has_none():
    assert kinds.terms_of("something_new") is None


def test_every_word_that_a_row_keeps_fits_its_column():
    assert max(map(len, Kind)) <= Notification.__table__.c.kind.type.length
    assert max(map(len, kinds.Reason)) <= Notification.__table__.c.given_up.type.length


def test_a_kind_that_needs_both_sides_is_let_through_by_some_contact_or_heard_as_one_that_is():
    reached = {kind for heard in CONTACTS.values() for kind in heard}
    for kind, terms in KINDS.items():
        needs_both = terms.permission is Permission.both_sides
        assert ((terms.heard_as or kind) in reached) == needs_both, kind


def test_only_who_gives_leave_can_switch_a_kind_off():
    for kind, terms in KINDS.items():
        if terms.permission is not Permission.both_sides:
            assert not terms.switches, kind
        elif terms.heard_as is None:
            assert Side.supporter in terms.switches, kind


def test_what_is_derived_is_what_it_always_was():
    assert kinds.PINGS == ("started", "finished", "goal", "milestone")
    assert (*kinds.PINGS, "weekly") == kinds.WANTED
    assert {Contact.every: kinds.PINGS, "finished": ("finished",), "weekly": ("weekly",), "none": ()} == CONTACTS
    assert kinds.SIGNALS == ("check_in", "end")
    assert kinds.RANKS == {"earlier": 0, "started": 0, "finished": 1, "goal": 2, "milestone": 3}
    assert set(kinds.ENDS) == {"finished", "goal", "milestone", "earlier"}
    assert {kind for kind, terms in KINDS.items() if terms.at_any_hour} == {"check_in", "end", "test"}
    assert {kind for kind, terms in KINDS.items() if terms.urgency == "normal"} == {"weekly", "earlier"}


@pytest.mark.parametrize("facts", [Facts(), PracticeFacts("Noor", 600, 3), CheerFacts("Sam", "Still with you.")])
def test_facts_come_back_from_their_row_as_they_went(facts: Facts):
    assert type(facts).read(facts.stored()) == facts


def test_facts_of_another_version_are_read_as_far_as_they_go():
    assert PracticeFacts.read({"name": "Noor", "mood": "brave"}) == PracticeFacts("Noor", 0, 0)
