"""Whether what is folded equals its events, and days, steps and totals equal the exposures.

Each exposure is read and folded once, a few at a time, so that a check takes time with the history and no memory. With
`repair` what does not hold is rebuilt from the events as it is found; the caller commits. What cannot be read and what
points to nothing is in erp/domain/upkeep/orphans.py.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import Row, String, cast, delete, func, insert, select, update
from sqlalchemy.orm import Session

from erp.domain.dates import ONE_DAY, local_day, monday_of
from erp.domain.exposure.columns import Place, columns_of, place_of, values_of
from erp.domain.exposure.event import Event, event_of
from erp.domain.exposure.fold import State, fold
from erp.domain.practice.days import COUNTS_FROM_SECONDS, Facts, Run, run_through
from erp.domain.practice.record import COUNTED_SECONDS, pauses_of, plans_of
from erp.domain.recording import MAX_RATINGS
from erp.storage.account import Account
from erp.storage.db import table_of
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Step
from erp.storage.practice import Day, PracticeTotals

AT_ONCE = 200
# What reading a damaged row or folding a damaged event raises.
UNREADABLE = (InvalidToken, KeyError, TypeError, ValueError)
_account, _exposure, _event, _day, _totals, _step = map(
    table_of, (Account, Exposure, EventRow, Day, PracticeTotals, Step)
)

Practised = Mapping[date, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold: in which table, which row, and which columns. Never what they say.

    `lost`: nothing tells any more what it should be.
    """

    table: str
    key: str
    what: str
    lost: bool = False


def count_accounts(session: Session) -> int:
    """How many accounts there are to check."""
    return session.scalar(select(func.count()).select_from(_account)) or 0


def accounts(session: Session, after: uuid.UUID | None = None) -> Sequence[uuid.UUID]:
    """The next accounts to check, in order."""
    rest = select(_account.c.id).order_by(_account.c.id).limit(AT_ONCE)
    return session.scalars(rest.where(_account.c.id > after) if after else rest).all()


def check_account(session: Session, account_id: uuid.UUID, now: datetime, *, repair: bool = False) -> Iterator[Finding]:
    """What does not hold of one person: exposures, steps, days, totals and the settled streak."""
    # Nobody may add to what is being rebuilt.
    account = session.get(Account, account_id, with_for_update={"key_share": True} if repair else None)
    if account is None:
        return
    yield from _exposures(session, account, repair=repair)
    yield from _steps(session, account, repair=repair)
    yield from _days(session, account, now, repair=repair)


def states_of(session: Session, account: uuid.UUID, exposures: Sequence[uuid.UUID]) -> dict[uuid.UUID, State]:
    """What the events of each of the exposures fold to, where there are any. Raises what is UNREADABLE."""
    rows = session.execute(
        select(
            _event.c.exposure_id,
            _event.c.id,
            _event.c.kind,
            _event.c.happened_at,
            _event.c.shift_ms,
            _event.c.value,
            _event.c.data,
        ).where(_event.c.account_id == account, _event.c.exposure_id.in_(exposures))
    )
    events: dict[uuid.UUID, list[Event]] = {}
    for exposure, *event in rows:
        events.setdefault(exposure, []).append(event_of(*event))
    return {exposure: fold(its) for exposure, its in events.items()}


def place_now(session: Session, account_id: uuid.UUID, state: State) -> Place | None:
    """Step, zone and date of an exposure, as if its start were recorded now; None without a start."""
    if state.started_at is None:
        return None
    place = place_of(state, state.started_at, session.get_one(Account, account_id).time_zone)
    step = session.get(Step, place.step_id)
    return replace(place, step_id=step.id if step is not None and step.account_id == account_id else None)


def _exposures(session: Session, account: Account, *, repair: bool) -> Iterator[Finding]:
    """Exposures whose columns are not what their events fold to."""
    mine = select(_exposure.c.id).where(_exposure.c.account_id == account.id).order_by(_exposure.c.id).limit(AT_ONCE)
    exposures = session.scalars(mine).all()
    while exposures:
        try:
            yield from _compared(session, account, exposures, repair=repair)
        except UNREADABLE:
            yield from _one_by_one(session, account, exposures, repair=repair)
        exposures = session.scalars(mine.where(_exposure.c.id > exposures[-1])).all()


def _one_by_one(
    session: Session, account: Account, exposures: Sequence[uuid.UUID], *, repair: bool
) -> Iterator[Finding]:
    for exposure in exposures:
        try:
            yield from _compared(session, account, [exposure], repair=repair)
        except UNREADABLE:
            yield _made_anew(session, account, exposure, repair=repair)


def _made_anew(session: Session, account: Account, exposure: uuid.UUID, *, repair: bool) -> Finding:
    """What is wrong with an exposure that cannot be read: its row alone, or its events as well."""
    try:
        (state,) = states_of(session, account.id, [exposure]).values()
        folded = columns_of(state).values()
    except UNREADABLE:
        return Finding("exposure", str(exposure), "cannot be read", lost=True)
    if repair:
        session.execute(update(_exposure).where(_exposure.c.id == exposure).values(folded))
    return Finding("exposure", str(exposure), "cannot be read, but its events can")


def _compared(session: Session, account: Account, exposures: Sequence[uuid.UUID], *, repair: bool) -> Iterator[Finding]:
    # All is read before the first is found, so that nothing is found twice when one of them cannot be.
    rows = session.execute(select(_exposure).where(_exposure.c.id.in_(exposures)).order_by(_exposure.c.id)).all()
    states = states_of(session, account.id, exposures)
    for row in rows:
        state = states.get(row.id)
        if state is None:
            continue
        folded = columns_of(state).values()
        wrong = sorted(name for name, value in folded.items() if getattr(row, name) != value)
        changes = {name: folded[name] for name in wrong}
        if wrong:
            yield Finding("exposure", str(row.id), f"not what its events fold to: {', '.join(wrong)}")
        place = place_now(session, account.id, state) if row.local_date is None or row.zone is None else None
        if place is not None:
            yield Finding("exposure", str(row.id), "started and has no date")
            changes |= values_of(replace(place, step_id=row.step_id or place.step_id))
        if repair and changes:
            session.execute(update(_exposure).where(_exposure.c.id == row.id).values(changes))


def _steps(session: Session, account: Account, *, repair: bool) -> Iterator[Finding]:
    """Steps whose runs and ratings are not those of their exposures."""
    runs: dict[uuid.UUID, int] = {}
    latest: dict[uuid.UUID, list[int | None]] = {}
    rows = session.execute(
        select(_exposure.c.step_id, _exposure.c.expected_suds)
        .where(
            _exposure.c.account_id == account.id, _exposure.c.started_at.is_not(None), _exposure.c.step_id.is_not(None)
        )
        .order_by(_exposure.c.started_at.desc(), _exposure.c.id.desc())
        .execution_options(yield_per=AT_ONCE)
    )
    for step, suds in rows:
        runs[step] = runs.get(step, 0) + 1
        if runs[step] <= MAX_RATINGS:
            latest.setdefault(step, []).append(suds)
    # As text, so that one that is damaged stops nothing.
    written = cast(_step.c.ratings, String)
    steps = select(_step.c.id, _step.c.runs, written).where(_step.c.account_id == account.id)
    for step, runs_kept, ratings_kept in session.execute(steps.order_by(_step.c.id)).all():
        ratings = [suds for suds in reversed(latest.get(step, [])) if suds is not None]
        real = {"runs": runs.get(step, 0), "ratings": ratings}
        kept = {"runs": runs_kept, "ratings": _list(ratings_kept)}
        wrong = [name for name, value in real.items() if kept[name] != value]
        if wrong:
            yield Finding("step", str(step), f"not what its exposures say: {', '.join(wrong)}")
            if repair:
                session.execute(update(_step).where(_step.c.id == step).values(real))


def _list(written: str) -> Any:
    try:
        return json.loads(written)
    except ValueError:
        return None


def _days(session: Session, account: Account, now: datetime, *, repair: bool) -> Iterator[Finding]:
    """Days, totals and the settled streak that are not what the exposures add up to."""
    real = _real_days(session, account.id)
    days = select(_day.c.date, _day.c.seconds, _day.c.exposures).where(_day.c.account_id == account.id)
    kept = {row.date: (row.seconds, row.exposures) for row in session.execute(days)}
    for day in sorted(real.keys() | kept.keys()):
        if real.get(day) != kept.get(day):
            yield Finding("day", f"{account.id} {day}", "not what its exposures add up to")
            if repair:
                session.execute(delete(_day).where(_day.c.account_id == account.id, _day.c.date == day))
                if day in real:
                    seconds, count = real[day]
                    row = {"account_id": account.id, "date": day, "seconds": seconds, "exposures": count}
                    session.execute(insert(_day).values(row))
    right = {
        "days": len(real),
        "seconds": sum(seconds for seconds, _count in real.values()),
        "exposures": sum(count for _seconds, count in real.values()),
    }
    totals = session.execute(select(_totals).where(_totals.c.account_id == account.id)).first()
    first = _first_day(session, account, totals.first_day if totals else None)
    wrong = []
    if totals:
        wrong = [name for name, value in right.items() if getattr(totals, name) != value]
        wrong += ["first_day"] * (totals.first_day != first)
        wrong += ["settled"] * (not wrong and not _is_settled(session, account, totals, real, now))
    if totals is None or wrong:
        what = f"not what the days add up to: {', '.join(wrong)}" if wrong else "is not there"
        yield Finding("tally", str(account.id), what)
        if repair:
            # The streak is settled anew with the next practice; until then it is counted from the beginning.
            anew = {"first_day": first, "settled_through": None, "settled_run": 0, "settled_longest": 0}
            session.execute(delete(_totals).where(_totals.c.account_id == account.id))
            session.execute(insert(_totals).values(account_id=account.id, **right, **anew))


def _first_day(session: Session, account: Account, kept: date | None) -> date:
    """The first day: of signing up, or of the first exposure; the one that is kept where that can be.

    In which zone somebody signed up is not kept, so the day before and the day after are as good.
    """
    signed_up = local_day(account.created_at, account.time_zone)
    first = session.scalar(select(func.min(_exposure.c.local_date)).where(_exposure.c.account_id == account.id))
    earliest, right, latest = (min(day, first or day) for day in (signed_up - ONE_DAY, signed_up, signed_up + ONE_DAY))
    return kept if kept is not None and earliest <= kept <= latest else right


def _is_settled(session: Session, account: Account, totals: Row[Any], real: Practised, now: datetime) -> bool:
    """Whether the settled streak ends on a Sunday of the past and is what the days from the first on give."""
    through = totals.settled_through
    if through is None:
        return True
    if through.weekday() != 6 or through >= local_day(now, account.time_zone):
        return False
    facts = Facts(totals.first_day, plans_of(session, account.id), pauses_of(session, account.id), real)
    run = run_through(facts, Run(monday_of(totals.first_day) - ONE_DAY), through, through + ONE_DAY)
    return (run.current, run.longest) == (totals.settled_run, totals.settled_longest)


def _real_days(session: Session, account: uuid.UUID) -> Practised:
    rows = session.execute(
        select(_exposure.c.local_date, func.sum(COUNTED_SECONDS), func.count())
        .where(
            _exposure.c.account_id == account,
            _exposure.c.local_date.is_not(None),
            _exposure.c.ended,
            _exposure.c.seconds >= COUNTS_FROM_SECONDS,
        )
        .group_by(_exposure.c.local_date)
    )
    return {day: (int(seconds), exposures) for day, seconds, exposures in rows}
