"""Cheers: sending one, the phrases to borrow, what reads like reassurance, and the heart that answers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from erp.domain.dates import ONE_DAY, local_day
from erp.domain.errors import NotFound
from erp.domain.exposure.reading import runs
from erp.domain.fields import Fields
from erp.domain.limits import MAX_CHEERS_PER_EXPOSURE
from erp.domain.notification.facts import CheerFacts
from erp.domain.notification.kinds import Kind
from erp.domain.notification.outbox import Notice, add
from erp.storage.account import Account
from erp.storage.exposure import EventRow, Exposure
from erp.storage.support import Cheer, Support

MAX_CHEER_LENGTH = 200
CHEER_COOLDOWN = timedelta(minutes=1)
APOSTROPHES = str.maketrans(dict.fromkeys("‘’ʼ´`′", "'"))


def N_(text: str) -> str:  # noqa: N802  (gettext's usual name for a text that is translated where it is shown)
    """Mark a text for the translators."""
    return text


# Acceptance and confidence, never a promise that nothing will happen.
PHRASES = {
    "hard": N_("This is hard, and you can do hard things."),
    "with_you": N_("Still with you."),
    "stay": N_("You are staying with it. That is the whole job."),
    "courage": N_("That took courage."),
    "again": N_("One more time that you went towards it."),
}


@dataclass(frozen=True, slots=True)
class CheerView:
    """A cheer as the client sees it."""

    id: uuid.UUID
    name: str
    text: str
    sent_at: datetime
    hearted: bool


def reads_like_reassurance(text: str) -> bool:
    """Whether a text promises or soothes, which works against exposure: the doubt is the exercise.

    A hint for the person who writes, not a judgement. The patterns, one a line, stand in a file for each language.
    """
    plain = " ".join(text.translate(APOSTROPHES).casefold().split())
    honest, reassuring = _patterns()
    for pattern in honest:
        plain = pattern.sub("…", plain)
    return any(pattern.search(plain) for pattern in reassuring)


@cache
def _patterns() -> tuple[list[re.Pattern[str]], list[re.Pattern[str]]]:
    """What is honest doubt, and what reassures."""
    folder = files("erp.domain.support").joinpath("reassurance")
    lines = [line.strip() for path in folder.iterdir() for line in path.read_text("utf-8").splitlines()]
    honest = [re.compile(line[1:]) for line in lines if line.startswith("~")]
    return honest, [re.compile(line) for line in lines if line and line[0] not in "#~"]


def send(session: Session, support: Support, raw: Mapping[str, Any], now: datetime) -> Cheer:
    """Send a cheer to the client of a relation. Takes text, and anyway where the person was told of reassurance.

    It belongs to the practice that runs or, for a day after, to the last one. Raises Invalid; among its codes are
    reassurance, one_a_minute and enough.
    """
    fields = Fields(raw)
    text = " ".join(fields.text("text", MAX_CHEER_LENGTH, required=True).split())
    if text and not raw.get("anyway") and reads_like_reassurance(text):
        fields.wrong("text", "reassurance")
    fields.check()
    # The row lock makes two quick taps take turns, so that the second one sees the first.
    session.refresh(support, with_for_update=True)
    if support.ended_at is not None:
        raise NotFound
    client = session.get_one(Account, support.client_id)
    latest = _latest_exposure(session, support.client_id, now)
    _check_pace(session, support, latest, now, fields)
    day = latest.local_date if latest and latest.local_date else local_day(now, client.time_zone)
    cheer = Cheer(
        id=uuid.uuid4(),
        client_id=support.client_id,
        supporter_id=support.supporter_id,
        exposure_id=latest.id if latest else None,
        local_date=day,
        sent_at=now,
        text=text,
    )
    session.add(cheer)
    session.flush()
    sender = session.get_one(Account, support.supporter_id)
    tell_of_cheer(session, support, cheer, sender.display_name, now)
    return cheer


def _latest_exposure(session: Session, client_id: uuid.UUID, now: datetime) -> Exposure | None:
    """The exposure that runs, else the last one of the day before now; one that was left open is none that runs."""
    recent = select(Exposure).where(Exposure.account_id == client_id, Exposure.local_date >= (now - 2 * ONE_DAY).date())
    latest = recent.where(Exposure.started_at > now - ONE_DAY)
    return session.scalars(latest.order_by(case((runs(now), 0), else_=1), Exposure.started_at.desc()).limit(1)).first()


def _check_pace(session: Session, support: Support, latest: Exposure | None, now: datetime, fields: Fields) -> None:
    mine = (Cheer.supporter_id == support.supporter_id, Cheer.client_id == support.client_id)
    last = session.scalar(select(func.max(Cheer.sent_at)).where(*mine))
    if last is not None and now - last < CHEER_COOLDOWN:
        fields.wrong("", "one_a_minute")
    same = Cheer.exposure_id == latest.id if latest else Cheer.sent_at > now - ONE_DAY
    if (session.scalar(select(func.count()).where(*mine, same)) or 0) >= MAX_CHEERS_PER_EXPOSURE:
        fields.wrong("", "enough")
    fields.check()


def cheers_on(session: Session, client_id: uuid.UUID, day: date) -> list[CheerView]:
    """The cheers of one of the client's days, first to last."""
    return _views(session, Cheer.client_id == client_id, Cheer.local_date == day)


def latest_cheers(session: Session, client_id: uuid.UUID, day: date, count: int) -> list[CheerView]:
    """The newest cheers, so many at most, of one of the client's days and of all after it, newest first."""
    newest = select(Cheer.id).where(Cheer.client_id == client_id, Cheer.local_date >= day)
    newest = newest.order_by(Cheer.sent_at.desc(), Cheer.id.desc()).limit(count)
    return _views(session, Cheer.id.in_(newest))[::-1]


def cheers_of(session: Session, client_id: uuid.UUID, exposure_id: uuid.UUID) -> list[CheerView]:
    """The cheers that came for one of the client's exposures, first to last."""
    return _views(session, Cheer.client_id == client_id, Cheer.exposure_id == exposure_id)


def news_of(session: Session, client_id: uuid.UUID, exposure_id: uuid.UUID) -> tuple[int, int, int]:
    """How many events, cheers and hearts the client's exposure has: while these stay, there is nothing new in it.

    One statement, which reads no text. Raises NotFound for somebody else's and for none.
    """
    events = select(func.count()).where(EventRow.account_id == client_id, EventRow.exposure_id == exposure_id)
    cheers = select(func.count()).where(Cheer.client_id == client_id, Cheer.exposure_id == exposure_id)
    hearts = cheers.where(Cheer.hearted_at.is_not(None))
    mine = select(events.scalar_subquery(), cheers.scalar_subquery(), hearts.scalar_subquery()).where(
        select(Exposure.id).where(Exposure.id == exposure_id, Exposure.account_id == client_id).exists()
    )
    row = session.execute(mine).first()
    if row is None:
        raise NotFound
    return row[0], row[1], row[2]


def view_of(session: Session, cheer: Cheer) -> CheerView:
    """The cheer as the client sees it."""
    return _views(session, Cheer.id == cheer.id)[0]


def _views(session: Session, *which: Any) -> list[CheerView]:
    rows = session.execute(
        select(Cheer.id, Account.display_name, Cheer.text, Cheer.sent_at, Cheer.hearted_at)
        .join(Account, Account.id == Cheer.supporter_id)
        .where(*which)
        .order_by(Cheer.sent_at, Cheer.id)
    )
    return [CheerView(row[0], row[1], row[2], row[3], row[4] is not None) for row in rows]


def cheer_of(session: Session, client_id: uuid.UUID, cheer_id: uuid.UUID) -> Cheer:
    """A cheer that the client got; raises NotFound for everybody else's and for none."""
    cheer = session.get(Cheer, cheer_id)
    if cheer is None or cheer.client_id != client_id:
        raise NotFound
    return cheer


def heart(cheer: Cheer, now: datetime) -> None:
    """Answer with a heart, once."""
    cheer.hearted_at = cheer.hearted_at or now


def tell_of_cheer(session: Session, support: Support, cheer: Cheer, name: str, now: datetime) -> None:
    """Let the client hear of a cheer; `name` is who sent it."""
    facts = CheerFacts(name, cheer.text)
    notice = Notice(cheer.client_id, Kind.cheer, facts, support_id=support.id, exposure_id=cheer.exposure_id)
    add(session, [notice], now)
