"""The kinds of notification: one row each, with all that the rules ask of a kind; and the words that the outbox keeps.

A new kind is a member of Kind, its row in KINDS, and its words in erp/jobs/words. What stands below the table is read
off it, so that no rule keeps a list of kinds of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from erp.domain.notification.facts import CheerFacts, Facts, PracticeFacts, StartFacts, WeekFacts


class Kind(StrEnum):
    """What a notification is about. The value is kept in its row and, for pings, in what both sides chose."""

    started = "started"
    finished = "finished"
    goal = "goal"
    milestone = "milestone"
    weekly = "weekly"
    earlier = "earlier"
    cheer = "cheer"
    check_in = "check_in"
    end = "end"
    test = "test"


class Family(StrEnum):
    """What takes each other's place, in the outbox and on a device. The value goes into the message's tag."""

    practice = "ping"
    week = "weekly"
    cheer = "cheer"
    own = "timer"

    @property
    def per_exposure(self) -> bool:
        """Whether on a device only what tells of the same exposure takes each other's place."""
        return self in (Family.practice, Family.own)


class Urgency(StrEnum):
    """How soon a push service should wake a sleeping phone (RFC 8030)."""

    low = "low"
    normal = "normal"
    high = "high"


class Permission(StrEnum):
    """Whose leave a kind needs at the moment when it is sent."""

    # The client's sharing allows it and the supporter asks for it; a pause of the client's holds it back.
    both_sides = "both_sides"
    # The relation between the two still holds.
    relation = "relation"
    # The person's own phone is put away in the exposure.
    own_timer = "own_timer"
    # The person asked for it on this device.
    own_device = "own_device"


class Side(StrEnum):
    """Who may switch a kind off by itself."""

    client = "client"
    supporter = "supporter"


class Contact(StrEnum):
    """How much of their practice a client lets a supporter hear, from every practice to silence.

    Contact fades: leaning on a coach can itself become a safety behaviour.
    """

    every = "every"
    finished = "finished"
    weekly = "weekly"
    none = "none"


class Reason(StrEnum):
    """Why a notification or a delivery was given up."""

    expired = "expired"
    superseded = "superseded"
    ended = "ended"
    unwanted = "unwanted"
    paused = "paused"
    quiet = "quiet"
    no_device = "no_device"
    gone = "gone"
    refused = "refused"
    unknown = "unknown"


class DeliveryState(StrEnum):
    """How far a notification is on its way to one device."""

    waiting = "waiting"
    sent = "sent"
    given_up = "given_up"


class Outcome(StrEnum):
    """What follows from one attempt to send: nothing, drop the subscription, try again, or give this message up."""

    sent = "sent"
    gone = "gone"
    later = "later"
    refused = "refused"


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one kind.

    `lifetime`: how long it is worth hearing; after that it is dropped, not sent late. `rank`: how much it says; of one
    family the greatest that is due stands for the others. `switches`: who may switch it off by itself. `contacts`:
    under which the client lets a supporter hear it. `heard_as`: it is heard by who hears that kind. `tells_of_end`: it
    says that a practice is over. `only_running`: it makes no sense once the exposure is paused or over.
    """

    lifetime: timedelta
    family: Family
    permission: Permission
    urgency: Urgency = Urgency.high
    rank: int = 0
    at_any_hour: bool = False
    switches: frozenset[Side] = frozenset()
    contacts: frozenset[Contact] = frozenset()
    heard_as: Kind | None = None
    tells_of_end: bool = False
    only_running: bool = False
    facts: type[Facts] = Facts


EITHER = frozenset(Side)

KINDS: Mapping[Kind, Terms] = {
    Kind.started: Terms(
        lifetime=timedelta(minutes=15),
        family=Family.practice,
        permission=Permission.both_sides,
        switches=EITHER,
        contacts=frozenset({Contact.every}),
        facts=StartFacts,
    ),
    Kind.finished: Terms(
        lifetime=timedelta(hours=12),
        family=Family.practice,
        rank=1,
        permission=Permission.both_sides,
        switches=EITHER,
        contacts=frozenset({Contact.every, Contact.finished}),
        tells_of_end=True,
        facts=PracticeFacts,
    ),
    Kind.goal: Terms(
        lifetime=timedelta(hours=12),
        family=Family.practice,
        rank=2,
        permission=Permission.both_sides,
        switches=EITHER,
        contacts=frozenset({Contact.every}),
        tells_of_end=True,
        facts=PracticeFacts,
    ),
    Kind.milestone: Terms(
        lifetime=timedelta(hours=24),
        family=Family.practice,
        rank=3,
        permission=Permission.both_sides,
        switches=EITHER,
        contacts=frozenset({Contact.every}),
        tells_of_end=True,
        facts=PracticeFacts,
    ),
    Kind.weekly: Terms(
        lifetime=timedelta(hours=24),
        family=Family.week,
        urgency=Urgency.normal,
        permission=Permission.both_sides,
        switches=frozenset({Side.supporter}),
        contacts=frozenset({Contact.weekly}),
        facts=WeekFacts,
    ),
    # What comes late is heard by who asks for what would have come in time; nobody chooses it.
    Kind.earlier: Terms(
        lifetime=timedelta(hours=12),
        family=Family.practice,
        urgency=Urgency.normal,
        permission=Permission.both_sides,
        heard_as=Kind.finished,
        tells_of_end=True,
        facts=PracticeFacts,
    ),
    Kind.cheer: Terms(
        lifetime=timedelta(hours=12),
        family=Family.cheer,
        permission=Permission.relation,
        facts=CheerFacts,
    ),
    # What the person asked for a moment ago comes in quiet hours too: their own timer, and a test.
    Kind.check_in: Terms(
        lifetime=timedelta(minutes=3),
        family=Family.own,
        permission=Permission.own_timer,
        at_any_hour=True,
        only_running=True,
    ),
    Kind.end: Terms(
        lifetime=timedelta(minutes=30),
        family=Family.own,
        permission=Permission.own_timer,
        at_any_hour=True,
    ),
    Kind.test: Terms(
        lifetime=timedelta(minutes=5),
        family=Family.own,
        permission=Permission.own_device,
        at_any_hour=True,
    ),
}


# Rows keep a kind as plain text.
_BY_WORD: Mapping[str, Terms] = {kind.value: terms for kind, terms in KINDS.items()}


def terms_of(kind: str) -> Terms | None:
    """The row of a kind; None for one that this version does not know, because a newer one wrote it."""
    return _BY_WORD.get(kind)


# Which the client may switch off for a supporter, and which the supporter may.
PINGS = tuple(kind for kind, terms in KINDS.items() if Side.client in terms.switches)
WANTED = tuple(kind for kind, terms in KINDS.items() if Side.supporter in terms.switches)
CONTACTS = {contact: tuple(kind for kind in KINDS if contact in KINDS[kind].contacts) for contact in Contact}
SIGNALS = tuple(kind for kind, terms in KINDS.items() if terms.permission is Permission.own_timer)
# What can be said of practice, and how much it says; and what of it says that a practice is over.
RANKS = {kind: terms.rank for kind, terms in KINDS.items() if terms.family is Family.practice}
ENDS = tuple(kind for kind, terms in KINDS.items() if terms.tells_of_end)
