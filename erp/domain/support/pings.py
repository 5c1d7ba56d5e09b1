"""What supporters should hear of a client's practice, added in the transaction of the verb that causes it.

Nothing is sent here. A ping says who practised, how long and the streak, whatever else is shared: it lies on a lock
screen.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from erp.domain.dates import ONE_DAY, is_zone, local_day, monday_of, zone_info
from erp.domain.exposure.columns import Change
from erp.domain.exposure.event import UNREADABLE
from erp.domain.notification.facts import Facts, PracticeFacts, StartFacts, WeekFacts
from erp.domain.notification.kinds import ENDS, RANKS, Contact, Kind
from erp.domain.notification.outbox import Notice, add
from erp.domain.practice.days import COUNTS_FROM_SECONDS, DayState, DayView
from erp.domain.practice.record import Practice, paused_among, practice_of, practices_of
from erp.domain.support.relation import heard, hears
from erp.storage.account import Account
from erp.storage.exposure import Exposure
from erp.storage.notification import Notification
from erp.storage.support import Support

# A start or an end that is older when it arrives is no news any more.
FRESH_START = timedelta(minutes=5)
FRESH_END = timedelta(minutes=30)
# A milestone is told once, however often the day it stands on goes on.
MILESTONE_COOLDOWN = timedelta(days=2)
MILESTONES = (3, 7, 14, 30, 60, 100)
WEEKLY_FROM_HOUR = 9


def is_milestone(streak: int) -> bool:
    """Whether a streak of so many days is told as a milestone: 3, 7, 14, 30, 60, 100, then every 50."""
    return streak in MILESTONES or (streak > MILESTONES[-1] and streak % 50 == 0)


def tell_of_practice(session: Session, account_id: uuid.UUID, change: Change, today: date, now: datetime) -> bool:
    """Add the pings for an exposure that was just started or finished; whether there were any.

    A finish that was taken back and made again is told again only where more can be said of it now. News that come
    late, from a phone that was offline, are no news, but for one word about today; and a pause holds pings back.
    """
    is_late, is_of_today = _is_late(change, now), change.after.local_date == today
    ended = change.after.finished_at is not None
    if is_late and not (ended and is_of_today):
        return False
    listening = _listening(session, account_id, today)
    if not listening:
        return False
    if is_late:
        return _tell_late(session, listening, change.exposure_id, today, now)
    if ended:
        news = _news_of_end(session, account_id, change, listening, today, now)
    else:
        news = News((Kind.started,), StartFacts(listening[0][1].display_name))
    pings = [
        Notice(support.supporter_id, kind, news.facts, support_id=support.id, exposure_id=change.exposure_id)
        for support, _client in listening
        if (kind := news.greatest_for(support))
    ]
    return add(session, pings, now)


def _is_late(change: Change, now: datetime) -> bool:
    after = change.after
    assert after.started_at
    if after.finished_at is None:
        return now - after.started_at > FRESH_START
    return now - after.finished_at > FRESH_END


def _listening(session: Session, account_id: uuid.UUID, today: date) -> list[tuple[Support, Account]]:
    """The client's supporters who hear anything at all, each with the client; nobody does in a pause."""
    rows = session.execute(
        select(Support, Account)
        .join(Account, Account.id == Support.client_id)
        .where(Support.client_id == account_id, Support.ended_at.is_(None))
    ).all()
    listening = [(support, client) for support, client in rows if heard(support)]
    return [] if listening and paused_among(session, {account_id: today}) else listening


@dataclass(frozen=True, slots=True)
class News:
    """What can be said of an exposure: the kinds of ping that fit it, the greatest first, and the facts they name.

    `ranks_heard`: how much each supporter was told of its end already. `congratulated`: who was told of this milestone.
    """

    kinds: tuple[Kind, ...]
    facts: Facts
    ranks_heard: Mapping[uuid.UUID | None, int] = field(default_factory=dict)
    congratulated: Collection[uuid.UUID | None] = ()

    def greatest_for(self, support: Support) -> Kind | None:
        """The one ping that a supporter gets: the greatest that both sides agree on, if it says more than before."""
        new = [kind for kind in self.kinds if kind is not Kind.milestone or support.id not in self.congratulated]
        kind = next((kind for kind in new if kind in heard(support)), None)
        return kind if kind and RANKS[kind] > self.ranks_heard.get(support.id, -1) else None


def _news_of_end(
    session: Session,
    account_id: uuid.UUID,
    change: Change,
    listening: Sequence[tuple[Support, Account]],
    today: date,
    now: datetime,
) -> News:
    ranks_heard = _ranks_heard(session, change.exposure_id)
    day, seconds = change.after.local_date, change.after.seconds
    assert day
    # Whose phone is further east than their days begins tomorrow's already.
    practice = practice_of(session, account_id, max(today, day), day, day)
    kinds = _happened(practice, practice.between(day, day)[0], seconds)
    facts = PracticeFacts(listening[0][1].display_name, seconds, practice.totals().current)
    supports = [support.id for support, _client in listening]
    congratulated = _congratulated(session, supports, now) if Kind.milestone in kinds else ()
    return News(kinds, facts, ranks_heard, congratulated)


def _ranks_heard(session: Session, exposure_id: uuid.UUID) -> dict[uuid.UUID | None, int]:
    """How much each supporter was told of the end, by rank."""
    ranks: dict[uuid.UUID | None, int] = {}
    rows = session.execute(
        select(Notification.support_id, Notification.kind).where(
            Notification.exposure_id == exposure_id, Notification.kind.in_(ENDS), Notification.given_up.is_(None)
        )
    )
    for support_id, kind in rows:
        ranks[support_id] = max(ranks.get(support_id, RANKS[Kind.finished]), RANKS[Kind(kind)])
    return ranks


def _congratulated(session: Session, supports: Collection[uuid.UUID], now: datetime) -> Collection[uuid.UUID | None]:
    """Which supporters were told of this milestone: the one before was three days ago at least."""
    return session.scalars(
        select(Notification.support_id).where(
            Notification.support_id.in_(supports),
            Notification.kind == Kind.milestone,
            Notification.created_at > now - MILESTONE_COOLDOWN,
            Notification.given_up.is_(None),
        )
    ).all()


def _tell_late(
    session: Session, listening: Sequence[tuple[Support, Account]], exposure_id: uuid.UUID, today: date, now: datetime
) -> bool:
    """Say once for the client's today that there was practice, to who was told of none; whether somebody new hears.

    What was not handed out yet is brought up to date instead.
    """
    asking = {support.id: support for support, _client in listening if hears(support, Kind.earlier)}
    if not asking:
        return False
    told = session.execute(
        select(Notification.id, Notification.support_id, Notification.kind)
        .join(Exposure, Exposure.id == Notification.exposure_id)
        .where(
            Notification.support_id.in_(asking),
            Notification.kind.in_(ENDS),
            Notification.given_up.is_(None),
            Exposure.local_date == today,
        )
    ).all()
    client = listening[0][1]
    practice = practice_of(session, client.id, today, today, today)
    day = practice.between(today, today)[0]
    facts = PracticeFacts(client.display_name, day.seconds, practice.totals().current)
    earlier = [row.id for row in told if row.kind == Kind.earlier]
    waiting = Notification.id.in_(earlier), Notification.settled_at.is_(None)
    session.execute(update(Notification).where(*waiting).values(facts=facts.stored()))
    # Tomorrow it would not be true any more.
    midnight = datetime.combine(today + ONE_DAY, time(), zone_info(client.time_zone)).astimezone(UTC)
    pings = [
        Notice(asking[key].supporter_id, Kind.earlier, facts, support_id=key, exposure_id=exposure_id, until=midnight)
        for key in asking.keys() - {row.support_id for row in told}
    ]
    return add(session, pings, now)


def _happened(practice: Practice, day: DayView, seconds: int) -> tuple[Kind, ...]:
    """What an exposure of so many seconds brought about, the greatest first."""
    kinds = [Kind.finished]
    if seconds >= COUNTS_FROM_SECONDS:
        if day.state == DayState.goal and day.goal_seconds and day.seconds - seconds < day.goal_seconds:
            kinds.insert(0, Kind.goal)
        if is_milestone(practice.totals().current):
            kinds.insert(0, Kind.milestone)
    return tuple(kinds)


def tell_of_weeks(session: Session, now: datetime) -> int:
    """Add the summary of last week for supporters who hear that alone; how many.

    It comes on Monday morning; where that was missed, once on a later day of the week.
    """
    client = aliased(Account)
    last = (
        select(func.max(Notification.created_at))
        .where(Notification.support_id == Support.id, Notification.kind == Kind.weekly)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Support, client.display_name, client.time_zone, last)
        .join(client, client.id == Support.client_id)
        .where(Support.ended_at.is_(None), Support.contact == Contact.weekly)
    ).all()
    due = [
        (support, name, local_day(now, zone))
        for support, name, zone, told in rows
        # Whose zone cannot be used is passed over; the others hear.
        if is_zone(zone) and _lacks_summary(support, told, now, zone) and heard(support)
    ]
    practices = _readable_practices(session, {support.client_id: today for support, _name, today in due})
    summaries = [
        Notice(support.supporter_id, Kind.weekly, facts, support_id=support.id)
        for support, name, today in due
        if support.client_id in practices and (facts := _week_of(practices[support.client_id], name, today))
    ]
    add(session, summaries, now)
    return len(summaries)


def _lacks_summary(support: Support, told: datetime | None, now: datetime, zone: str) -> bool:
    """Whether a supporter from before Monday morning was told of no week since, nor of one a moment ago elsewhere."""
    local = now.astimezone(zone_info(zone))
    morning = datetime.combine(monday_of(local.date()), time(WEEKLY_FROM_HOUR), local.tzinfo)
    if local < morning or local.hour < WEEKLY_FROM_HOUR or (local.weekday() and support.created_at > morning):
        return False
    return told is None or (told < morning and told < now - 2 * ONE_DAY)


def _readable_practices(session: Session, todays: Mapping[uuid.UUID, date]) -> dict[uuid.UUID, Practice]:
    """The practice of each client, without those of whom something is damaged."""
    try:
        return practices_of(session, todays)
    except UNREADABLE:
        found: dict[uuid.UUID, Practice] = {}
        for client, today in todays.items():
            with suppress(*UNREADABLE):
                found |= practices_of(session, {client: today})
        return found


def _week_of(practice: Practice, name: str, today: date) -> WeekFacts | None:
    """What is told of the week before; None where nobody practised, or where this week began with a pause."""
    monday = monday_of(today)
    days = [day for day in practice.between(monday - 7 * ONE_DAY, monday - ONE_DAY) if day.exposures]
    # A week without practice is not held up to anybody, and a pause is the client's own.
    if not days or any(practice.facts.paused_on(monday + ONE_DAY * n) for n in range(today.weekday() + 1)):
        return None
    return WeekFacts(name, len(days), sum(day.seconds for day in days))
