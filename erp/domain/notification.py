"""What somebody should hear: the rows that verbs add in their own transaction, and the client's own timer signals.

Nothing is sent here. A ping says who practised, how long and the streak, whatever else is shared: it lies on a lock
screen.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.orm import Session, aliased

from erp.domain.exposure import FORGOTTEN_AFTER, State, exposure_of, fold, happenings_of
from erp.domain.practice import (
    COUNTS_FROM_SECONDS,
    ONE_DAY,
    DayView,
    Practice,
    pauses_of,
    practice_of,
    practices_of,
)
from erp.domain.support import EARLIER, heard, hears
from erp.storage.account import Account
from erp.storage.cheer import Cheer
from erp.storage.exposure import Exposure
from erp.storage.notification import Delivery, Device, Notification
from erp.storage.support import Support

# How long each kind is worth hearing. After that it is dropped, not sent late.
LIFETIMES = {
    "started": timedelta(minutes=15),
    "finished": timedelta(hours=12),
    "goal": timedelta(hours=12),
    "milestone": timedelta(hours=24),
    "earlier": timedelta(hours=12),
    "weekly": timedelta(hours=24),
    "cheer": timedelta(hours=12),
    "check_in": timedelta(minutes=3),
    "end": timedelta(minutes=30),
    "test": timedelta(minutes=5),
}
SIGNALS = ("check_in", "end")
# What the person asked for a moment ago comes in quiet hours too: their own timer, and a test.
AT_ANY_HOUR = (*SIGNALS, "test")
A_TEST = timedelta(seconds=15)
A_MOMENT = 2  # seconds by which two stamps of one phone may differ after each was put right
FRESH_START = timedelta(minutes=5)
FRESH_END = timedelta(minutes=30)
# What can be said of practice, and how much it says: of several pings the one that says the most stands for the others.
RANKS = {EARLIER: 0, "started": 0, "finished": 1, "goal": 2, "milestone": 3}
ENDS = ("finished", "goal", "milestone", EARLIER)
# A streak is told once, however often the day it stands on goes on.
MILESTONE_HOLDS = timedelta(days=2)
MILESTONES = (3, 7, 14, 30, 60, 100)
WEEKLY_FROM_HOUR = 9
MINUTES_A_DAY = 24 * 60


def is_milestone(streak: int) -> bool:
    """Whether a streak of so many days is told as a milestone: 3, 7, 14, 30, 60, 100, then every 50."""
    return streak in MILESTONES or (streak > MILESTONES[-1] and streak % 50 == 0)


def quiet_ends(moment: datetime, zone: str, start: int, end: int) -> datetime | None:
    """When the quiet hours that hold at the moment end (UTC), or None outside of them.

    `start` and `end` are minutes after midnight in the zone; they may reach over midnight, and equal ends mean none.
    """
    at, length = moment.astimezone(UTC), (end - start) % MINUTES_A_DAY
    while (passed := _minutes_since(start, at.astimezone(ZoneInfo(zone)))) < length:
        at = at.replace(second=0, microsecond=0)
        # The clocks may be changed on a quarter of an hour; up to the next one they go on evenly.
        at += timedelta(minutes=min(length - passed, 15 - at.minute % 15))
    return at if at > moment else None


def _minutes_since(start: int, shown: datetime) -> int:
    return (shown.hour * 60 + shown.minute - start) % MINUTES_A_DAY


def _row(account_id: uuid.UUID, kind: str, facts: Mapping[str, Any], now: datetime, **more: Any) -> dict[str, Any]:
    row = {"id": uuid.uuid4(), "account_id": account_id, "kind": kind, "facts": dict(facts), "created_at": now}
    due = more.pop("due_at", now)
    links = {"support_id": None, "exposure_id": None, "device_id": None} | more
    return row | links | {"due_at": due, "expires_at": due + LIFETIMES[kind]}


def tell_of_practice(
    session: Session,
    account_id: uuid.UUID,
    exposure_id: uuid.UUID,
    after: Mapping[str, Any],
    today: date,
    now: datetime,
) -> bool:
    """Add the pings for an exposure that was just started or finished; whether there were any.

    `after` holds the exposure's columns. A finish that was taken back and made again is told again only where more can
    be said of it now. News that come late, from a phone that was offline, are no news, but for one word about today;
    and a pause holds pings back.
    """
    ended = after["finished_at"] is not None
    late = now - (after["finished_at"] or after["started_at"]) > (FRESH_END if ended else FRESH_START)
    if late and not (ended and after["local_date"] == today):
        return False
    rows = session.execute(
        select(Support, Account)
        .join(Account, Account.id == Support.client_id)
        .where(Support.client_id == account_id, Support.ended_at.is_(None))
    ).all()
    listening = [(support, client) for support, client in rows if heard(support)]
    if not listening or any(pause.first_day <= today <= pause.last_day for pause in pauses_of(session, account_id)):
        return False
    if late:
        return _tell_late(session, listening, exposure_id, today, now)
    told = _told_of_its_end(session, exposure_id) if ended else {}
    congratulated: Collection[uuid.UUID | None] = ()
    facts: dict[str, Any] = {}
    happened: tuple[str, ...] = ("started",)
    if ended:
        # Whose phone is further east than their days begins tomorrow's already.
        day = after["local_date"]
        practice = practice_of(session, account_id, max(today, day), day, day)
        happened = _happened(practice, practice.between(day, day)[0], after["seconds"])
        facts = {"seconds": after["seconds"], "streak": practice.totals().current}
        if "milestone" in happened:
            congratulated = _congratulated(session, [support.id for support, _client in listening], now)
    pings = []
    for support, client in listening:
        # One exposure is one ping at a time: the most that can be said of it, to who wants to hear that.
        new = [kind for kind in happened if kind != "milestone" or support.id not in congratulated]
        kind = next((kind for kind in new if kind in heard(support)), None)
        if kind and RANKS[kind] > told.get(support.id, -1):
            links = {"support_id": support.id, "exposure_id": exposure_id}
            pings.append(_row(support.supporter_id, kind, facts | {"name": client.display_name}, now, **links))
    if pings:
        session.execute(insert(Notification), pings)
    return bool(pings)


def _told_of_its_end(session: Session, exposure_id: uuid.UUID) -> dict[uuid.UUID | None, int]:
    """How much each supporter was told of the end, by rank."""
    told: dict[uuid.UUID | None, int] = {}
    rows = session.execute(
        select(Notification.support_id, Notification.kind).where(
            Notification.exposure_id == exposure_id, Notification.kind.in_(ENDS), Notification.given_up.is_(None)
        )
    )
    for support_id, kind in rows:
        told[support_id] = max(told.get(support_id, RANKS["finished"]), RANKS[kind])
    return told


def _congratulated(session: Session, supports: Collection[uuid.UUID], now: datetime) -> Collection[uuid.UUID | None]:
    """Which supporters were told of this milestone: the one before was three days ago at least."""
    return session.scalars(
        select(Notification.support_id).where(
            Notification.support_id.in_(supports),
            Notification.kind == "milestone",
            Notification.created_at > now - MILESTONE_HOLDS,
            Notification.given_up.is_(None),
        )
    ).all()


def _tell_late(
    session: Session, listening: Sequence[tuple[Support, Account]], exposure_id: uuid.UUID, today: date, now: datetime
) -> bool:
    """Say once for the client's today that there was practice, to who was told of none; whether somebody new hears.

    What was not handed out yet is brought up to date instead.
    """
    asking = {support.id: support for support, _client in listening if hears(support, EARLIER)}
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
    facts = {"name": client.display_name, "seconds": day.seconds, "streak": practice.totals().current}
    waiting = Notification.id.in_([row.id for row in told if row.kind == EARLIER]), Notification.settled_at.is_(None)
    session.execute(update(Notification).where(*waiting).values(facts=facts))
    # Tomorrow it would not be true any more.
    midnight = datetime.combine(today + ONE_DAY, time(), ZoneInfo(client.time_zone)).astimezone(UTC)
    pings = []
    for key in asking.keys() - {row.support_id for row in told}:
        ping = _row(asking[key].supporter_id, EARLIER, facts, now, support_id=key, exposure_id=exposure_id)
        pings.append(ping | {"expires_at": min(ping["expires_at"], midnight)})
    if pings:
        session.execute(insert(Notification), pings)
    return bool(pings)


def _happened(practice: Practice, day: DayView, seconds: int) -> tuple[str, ...]:
    """What an exposure of so many seconds brought about, the greatest first."""
    kinds = ["finished"]
    if seconds >= COUNTS_FROM_SECONDS:
        if day.state == "goal" and day.goal_seconds and day.seconds - seconds < day.goal_seconds:
            kinds.insert(0, "goal")
        if is_milestone(practice.totals().current):
            kinds.insert(0, "milestone")
    return tuple(kinds)


def tell_of_cheer(session: Session, support: Support, cheer: Cheer, name: str, now: datetime) -> None:
    """Let the client hear of a cheer; `name` is who sent it."""
    links = {"support_id": support.id, "exposure_id": cheer.exposure_id}
    session.execute(
        insert(Notification), [_row(cheer.client_id, "cheer", {"name": name, "text": cheer.text}, now, **links)]
    )


def tell_device(session: Session, device: Device, now: datetime) -> bool:
    """Send one device of a person's own a test; False while the one before is on its way."""
    recent = select(Notification.id).where(Notification.device_id == device.id, Notification.created_at > now - A_TEST)
    if session.scalars(recent.limit(1)).first() is not None:
        return False
    session.execute(insert(Notification), [_row(device.account_id, "test", {}, now, device_id=device.id)])
    return True


def tell_of_weeks(session: Session, now: datetime) -> int:
    """Add the summary of last week for supporters who hear that alone, once it is Monday morning; how many."""
    client = aliased(Account)
    rows = session.execute(
        select(Support, client.display_name, client.time_zone)
        .join(client, client.id == Support.client_id)
        .where(
            Support.ended_at.is_(None),
            Support.contact == "weekly",
            ~exists().where(
                Notification.support_id == Support.id,
                Notification.kind == "weekly",
                Notification.created_at > now - 6 * ONE_DAY,
            ),
        )
    ).all()
    mornings = [
        (support, name, local.date())
        for support, name, local in ((support, name, now.astimezone(ZoneInfo(zone))) for support, name, zone in rows)
        if local.weekday() == 0 and local.hour >= WEEKLY_FROM_HOUR and heard(support)
    ]
    practices = practices_of(session, {support.client_id: today for support, _name, today in mornings})
    summaries = []
    for support, name, today in mornings:
        practice = practices[support.client_id]
        days = [day for day in practice.between(today - 7 * ONE_DAY, today - ONE_DAY) if day.exposures]
        # A week without practice is not held up to anybody, and a pause is the client's own.
        if days and not practice.facts.paused_on(today):
            facts = {"name": name, "days": len(days), "seconds": sum(day.seconds for day in days)}
            summaries.append(_row(support.supporter_id, "weekly", facts, now, support_id=support.id))
    if summaries:
        session.execute(insert(Notification), summaries)
    return len(summaries)


def look_away(
    session: Session, account_id: uuid.UUID, exposure_id: uuid.UUID, away: bool, now: datetime
) -> datetime | None:
    """Note that the client's phone was put away in an exposure, or taken up again; when the next signal is due."""
    # Taps and this take turns, as taps do among each other: neither may miss what the other says.
    session.get_one(Account, account_id, with_for_update={"key_share": True})
    exposure = exposure_of(session, account_id, exposure_id)
    exposure.away_since = now if away and exposure.phase == "running" else None
    session.flush()
    return renew_signal(session, exposure, fold(happenings_of(session, account_id, exposure_id)), now)


def renew_signal(session: Session, exposure: Exposure, state: State, now: datetime) -> datetime | None:
    """Let the client's next signal be the one that the exposure asks for now, if anybody is away; when it is due."""
    # A page that nobody sees finishes by itself at the planned end. That is no reason to say nothing of it.
    rings = (
        exposure.away_since is not None and state.phase == "after" and state.planned_seconds - state.seconds <= A_MOMENT
    )
    kinds = ("check_in",) if rings else SIGNALS
    signals = Notification.exposure_id == exposure.id, Notification.kind.in_(kinds)
    waiting = *signals, Notification.settled_at.is_(None)
    # A worker that hands one out just now has its follower ready: waited for here, so that it is seen below.
    session.execute(select(Notification.id).where(*waiting).with_for_update())
    session.execute(delete(Notification).where(*waiting))
    handed_out = Delivery.notification_id.in_(select(Notification.id).where(*signals)), Delivery.state == "waiting"
    session.execute(update(Delivery).where(*handed_out).values(state="given_up", reason="superseded", done_at=now))
    if state.phase != "running" and not rings:
        exposure.away_since = None
        session.flush()
    signal = next_signal(state, now) if exposure.away_since else None
    if signal is None:
        return None
    kind, due = signal
    row = _row(exposure.account_id, kind, {}, now, exposure_id=exposure.id, due_at=due)
    session.execute(insert(Notification), [row])
    return due


def next_signal(state: State, after: datetime) -> tuple[str, datetime] | None:
    """The next check-in or the planned end after a moment, and when it comes; None in a pause and when it is over.

    Where the stopping rule is not time, check-ins go on past the planned end, until the exposure counts as forgotten.
    """
    if state.phase != "running" or state.due_at is None:
        return None
    end = state.due_at if state.due_at > after else None
    last = state.due_at if state.start.get("stopping_rule", "time") == "time" else state.due_at + FORGOTTEN_AFTER
    every = timedelta(minutes=state.start.get("check_in_minutes", 0))
    check_in = None
    if every:
        begun = state.due_at - timedelta(seconds=state.planned_seconds)
        due = begun + every * max((after - begun) // every + 1, 1)
        check_in = due if due < last and due != state.due_at else None
    if check_in and (end is None or check_in < end):
        return "check_in", check_in
    return ("end", end) if end else None
