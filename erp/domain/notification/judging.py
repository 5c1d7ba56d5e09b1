"""Whether a notification may reach somebody at a moment: one rule for handing out and for each send.

Pure: whoever asks has read everything that decides into a Case.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from erp.domain.notification.kinds import Permission, Reason, Terms, terms_of
from erp.storage.notification import Notification


@dataclass(frozen=True, slots=True)
class Case:
    """All that decides. What a notification has nothing to do with keeps its default.

    `terms` is None for a kind that this version does not know. `hidden`: the phone is put away in the exposure;
    `running`: the exposure is neither paused nor over. `ended`: the relation between client and supporter;
    `agreed`: both want this kind; `paused`: the client pauses today. `superseded`: something else says as much.
    `quiet_until`: when the person's quiet hours end. `unreachable`: why no device can be reached.
    """

    terms: Terms | None
    expires_at: datetime
    hidden: bool = False
    running: bool = False
    ended: bool = False
    agreed: bool = False
    paused: bool = False
    superseded: bool = False
    quiet_until: datetime | None = None
    unreachable: Reason | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """It may go."""


@dataclass(frozen=True, slots=True)
class Wait:
    """It is worth hearing still when this moment comes."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody will hear it."""

    reason: Reason


def judge(case: Case, now: datetime) -> Send | Wait | Drop:
    """What is to be done with a notification now."""
    if case.terms is None:
        return Drop(Reason.unknown)
    reason = _why_not(case, case.terms, now)
    if reason is not None:
        return Drop(reason)
    if case.quiet_until is not None and not case.terms.at_any_hour:
        return Wait(case.quiet_until) if case.quiet_until < case.expires_at else Drop(Reason.quiet)
    return Drop(case.unreachable) if case.unreachable else Send()


def _why_not(case: Case, terms: Terms, now: datetime) -> Reason | None:
    """Why it must not reach anybody any more, whatever the hour; None while it may."""
    if case.expires_at <= now:
        return Reason.expired
    if terms.permission is Permission.own_timer and not case.hidden:
        return Reason.superseded
    if terms.only_running and not case.running:
        return Reason.superseded
    if case.ended:
        return Reason.ended
    if terms.permission is Permission.both_sides and not case.agreed:
        return Reason.unwanted
    if case.superseded:
        return Reason.superseded
    return Reason.paused if terms.permission is Permission.both_sides and case.paused else None


Place = tuple[uuid.UUID, uuid.UUID | None, str]


def place_of(notification: Notification) -> Place:
    """What may take each other's place when several are due at once: equal places."""
    terms = terms_of(notification.kind)
    family = terms.family if terms else notification.kind
    if notification.support_id:
        return notification.account_id, notification.support_id, family
    # What is the person's own stands for itself, but for the signals of one exposure.
    return notification.account_id, notification.exposure_id or notification.id, family


def stands_for(greater: Notification, other: Notification) -> bool:
    """Whether nobody needs to hear the other of one place as well, which says less or is less fresh.

    A start is news beside an end that came before it; one end is enough.
    """
    ours, others = terms_of(greater.kind), terms_of(other.kind)
    if ours is None or others is None:
        return False
    return (
        ours.rank == others.rank
        or greater.exposure_id == other.exposure_id
        or others.tells_of_end
        or greater.created_at > other.created_at
    )
