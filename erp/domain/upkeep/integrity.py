"""Whether what is folded equals its events, and days, steps and totals equal the exposures.

Each exposure is read and folded once, a few at a time, so that a check takes time with the history and no memory. With
`repair` what does not hold is rebuilt from the events in pieces that are committed one by one, so that nobody waits for
all of it, and a kill between two of them leaves books that agree no less than before. Where the events are what is
damaged, the row is the last witness: it is named, and left as it stands. What two books agree on is never taken away.
What cannot be read and what points to nothing is in erp/domain/upkeep/orphans.py.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, String, cast, delete, func, insert, select, update
from sqlalchemy.orm import Session

from erp.domain.dates import ONE_DAY, local_day, monday_of
from erp.domain.exposure.columns import Place, columns_of, place_of, values_of
from erp.domain.exposure.event import UNREADABLE, Event, fault_of, stored_event
from erp.domain.exposure.fold import LONGEST, State, fold
from erp.domain.practice.days import COUNTS_FROM_SECONDS, Facts, Run, run_through
from erp.domain.practice.record import COUNTED_SECONDS, pauses_of, plans_of
from erp.domain.recording import MAX_RATINGS
from erp.domain.upkeep.commitments import check_commitments
from erp.domain.upkeep.finding import Finding
from erp.storage.account import Account
from erp.storage.busy import let_others_in
from erp.storage.db import table_of
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Step
from erp.storage.practice import Day, PracticeTotals

AT_ONCE = 100
EVENTS_AT_ONCE = 1_000
# A piece of a repair ends after so long, so that nobody waits for its lock.
PIECE_SECONDS = 0.2
WRITTEN = ("outcome", "learning", "note")
_account, _exposure, _event, _day, _totals, _step = map(
    table_of, (Account, Exposure, EventRow, Day, PracticeTotals, Step)
)

Practised = Mapping[date, tuple[int, int]]
NOTHING = (0, 0)


def count_accounts(session: Session) -> int:
    """How many accounts there are to check."""
    return session.scalar(select(func.count()).select_from(_account)) or 0


def accounts(session: Session, after: uuid.UUID | None = None) -> Sequence[uuid.UUID]:
    """The next accounts to check, in order."""
    rest = select(_account.c.id).order_by(_account.c.id).limit(AT_ONCE)
    return session.scalars(rest.where(_account.c.id > after) if after else rest).all()


def check_account(session: Session, account_id: uuid.UUID, now: datetime, *, repair: bool = False) -> Iterator[Finding]:
    """What does not hold of one person: exposures, steps, days, totals and the settled streak.

    With `repair` each piece is rebuilt and committed before what was found in it is told.
    """
    try:
        account = _held(session, account_id) if repair else session.get(Account, account_id)
    except UNREADABLE:
        yield Finding("account", str(account_id), "cannot be read", lost=True)
        return
    if account is None:
        return
    choices = list(_part(account_id, "commitments", check_commitments(session, account)))
    if repair:
        session.commit()
    yield from choices
    yield from _part(account_id, "exposures", _exposures(session, account, repair=repair))
    if repair and _held(session, account_id) is None:
        return
    sums = [
        *_part(account_id, "steps", _steps(session, account, repair=repair)),
        *_part(account_id, "days", _days(session, account, now, repair=repair)),
    ]
    if repair:
        session.commit()
    yield from sums


def _held(session: Session, account_id: uuid.UUID) -> Account | None:
    """The account, locked: nobody may add to what is being rebuilt."""
    return session.get(Account, account_id, with_for_update={"key_share": True})


def _part(account_id: uuid.UUID, name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """What was found in one part, the others of which go on where it cannot be read."""
    try:
        yield from findings
    except UNREADABLE:
        yield Finding("account", str(account_id), f"its {name} cannot be read", lost=True)


def states_of(session: Session, account: uuid.UUID, exposures: Sequence[uuid.UUID]) -> dict[uuid.UUID, State]:
    """What the events of each of the exposures fold to, where there are any. Raises what is UNREADABLE."""
    events: dict[uuid.UUID, list[Event]] = {}
    for row in _events(session, account, exposures):
        told = stored_event(row.id, row.kind, row.happened_at, row.shift_ms, row.value, row.data)
        events.setdefault(row.exposure_id, []).append(told)
    return {exposure: fold(its) for exposure, its in events.items()}


def _events(session: Session, account: uuid.UUID, exposures: Sequence[uuid.UUID]) -> Sequence[Any]:
    return session.execute(
        select(
            _event.c.exposure_id,
            _event.c.id,
            _event.c.kind,
            _event.c.happened_at,
            _event.c.shift_ms,
            _event.c.value,
            _event.c.data,
        ).where(_event.c.account_id == account, _event.c.exposure_id.in_(exposures))
    ).all()


def place_now(session: Session, account_id: uuid.UUID, state: State) -> Place | None:
    """Step, zone and date of an exposure, as if its start were recorded now; None without a start."""
    if state.started_at is None:
        return None
    place = place_of(state, state.started_at, session.get_one(Account, account_id).time_zone)
    step = session.get(Step, place.step_id)
    return replace(place, step_id=step.id if step is not None and step.account_id == account_id else None)


def _exposures(session: Session, account: Account, *, repair: bool) -> Iterator[Finding]:
    """Exposures whose columns are not what their events fold to."""
    if not repair:
        books = _books(session, account.id)
        for some in _some_at_once(session, account.id):
            yield from _piece(session, account, some, books, repair=False)
        return
    rest = _some_at_once(session, account.id)
    is_over = False
    while not is_over:
        if _held(session, account.id) is None:
            return
        books, until = _books(session, account.id), time.monotonic() + PIECE_SECONDS
        found: list[Finding] = []
        for some in rest:
            found += _piece(session, account, some, books, repair=True)
            if time.monotonic() >= until:
                break
        else:
            is_over = True
        if found:
            _carry_on(session, account.id, books)
        session.commit()
        yield from found
        if not is_over:
            let_others_in()


def _some_at_once(session: Session, account: uuid.UUID) -> Iterator[Sequence[uuid.UUID]]:
    """The exposures of one person, a few at a time: one, or as many as have EVENTS_AT_ONCE together."""
    mine = select(_exposure.c.id).where(_exposure.c.account_id == account).order_by(_exposure.c.id).limit(AT_ONCE)
    counts = select(_event.c.exposure_id, func.count().label("events")).group_by(_event.c.exposure_id)
    rest = session.scalars(mine).all()
    while rest:
        mine_of_rest = counts.where(_event.c.account_id == account, _event.c.exposure_id.in_(rest))
        events = {row.exposure_id: row.events for row in session.execute(mine_of_rest)}
        some: list[uuid.UUID] = []
        for exposure in rest:
            if some and sum(events.get(each, 0) for each in (*some, exposure)) > EVENTS_AT_ONCE:
                yield some
                some = []
            some.append(exposure)
        yield some
        rest = session.scalars(mine.where(_exposure.c.id > rest[-1])).all()


def _piece(
    session: Session, account: Account, exposures: Sequence[uuid.UUID], books: _Books | None, *, repair: bool
) -> Iterator[Finding]:
    agreed = books.agreed if books else ()
    try:
        yield from _compared(session, account, exposures, agreed, repair=repair)
    except UNREADABLE:
        yield from _one_by_one(session, account, exposures, agreed, repair=repair)


@dataclass(frozen=True, slots=True)
class _Books:
    """What the rows of the exposures add up to on each day, and what the rows of the days say.

    `former`: what they add up to where an exposure of more than a day counts with all it says, as it did until 0.1.0.
    """

    real: Practised
    former: Practised
    kept: Practised

    @property
    def agreed(self) -> Collection[date]:
        """The days with exposures of which both say the same."""
        return {day for day in self.real if self.agree_on(day)}

    def agree_on(self, day: date) -> bool:
        """Whether both say the same of a day, by the rule of today or that of before."""
        return self.kept.get(day) in (self.real.get(day), self.former.get(day))


def _books(session: Session, account: uuid.UUID) -> _Books | None:
    """The books of one person; None where one of them cannot be read."""
    try:
        return _Books(*_real_days(session, account), _kept_days(session, account))
    except UNREADABLE:
        return None


def _carry_on(session: Session, account: uuid.UUID, before: _Books | None) -> None:
    """Let days that agreed with their exposures agree with what these are now, and the totals along with them.

    Whoever is killed between two pieces leaves nothing on which the books agreed before and not afterwards.
    """
    now = _books(session, account)
    if before is None or now is None:
        return
    seconds = exposures = days = 0
    for day in now.real.keys() | before.real.keys():
        was, is_now = before.kept.get(day), now.real.get(day)
        if was != is_now and before.agree_on(day):
            _keep_day(session, account, day, is_now)
            seconds += (is_now or NOTHING)[0] - (was or NOTHING)[0]
            exposures += (is_now or NOTHING)[1] - (was or NOTHING)[1]
            days += bool(is_now) - bool(was)
    if seconds or exposures or days:
        sums = _totals.c.seconds + seconds, _totals.c.exposures + exposures, _totals.c.days + days
        mine = update(_totals).where(_totals.c.account_id == account)
        session.execute(mine.values(seconds=sums[0], exposures=sums[1], days=sums[2]))


def _one_by_one(
    session: Session, account: Account, exposures: Sequence[uuid.UUID], agreed: Collection[date], *, repair: bool
) -> Iterator[Finding]:
    for exposure in exposures:
        try:
            yield from _compared(session, account, [exposure], agreed, repair=repair)
        except UNREADABLE:
            yield _made_anew(session, account, exposure, repair=repair)


def _made_anew(session: Session, account: Account, exposure: uuid.UUID, *, repair: bool) -> Finding:
    """What is wrong with an exposure that cannot be read: its row alone, or its events as well."""
    mine = _exposure.c.id == exposure
    try:
        (state,) = states_of(session, account.id, [exposure]).values()
        folded = columns_of(state).values()
    except UNREADABLE:
        return Finding("exposure", str(exposure), "cannot be read", lost=True)
    try:
        session.execute(select(_exposure.c.step_id, _exposure.c.local_date, _exposure.c.zone).where(mine)).all()
    except UNREADABLE:
        place = place_now(session, account.id, state)
        folded |= values_of(place) if place else {}
    if repair:
        session.execute(update(_exposure).where(mine).values(folded))
    return Finding("exposure", str(exposure), "cannot be read, but its events can")


def _compared(
    session: Session, account: Account, exposures: Sequence[uuid.UUID], agreed: Collection[date], *, repair: bool
) -> Iterator[Finding]:
    # All is read before the first is found, so that nothing is found twice when one of them cannot be.
    rows = session.execute(select(_exposure).where(_exposure.c.id.in_(exposures)).order_by(_exposure.c.id)).all()
    faults: dict[uuid.UUID, list[Finding]] = {}
    for event in _events(session, account.id, exposures):
        if fault := fault_of(event.kind, event.value, event.data):
            found = Finding("event", f"{account.id} {event.id}", f"no event has this {fault}", lost=True)
            faults.setdefault(event.exposure_id, []).append(found)
    states = states_of(session, account.id, [row.id for row in rows if row.id not in faults])
    for row in rows:
        yield from faults.get(row.id, ())
        state = states.get(row.id)
        if state is None:
            continue
        if _is_last_witness(row, state, agreed):
            yield Finding("exposure", str(row.id), "its events have lost some of what it says", lost=True)
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


def _is_last_witness(row: Row[Any], state: State, agreed: Collection[date]) -> bool:
    """Whether the events have lost what the row says: the start, what was written afterwards, or minutes.

    Minutes stand by the row alone where its day was counted with them.
    """
    if row.started_at is not None and state.started_at is None:
        return True
    if any(getattr(row, name) is not None and state.notes.get(name) is None for name in WRITTEN):
        return True
    return row.local_date in agreed and _counted(row.ended, row.seconds) > _counted(state.ended, state.seconds)


def _counted(ended: bool, seconds: int) -> int:
    """The seconds that count; more than a day was never practised."""
    return seconds if ended and COUNTS_FROM_SECONDS <= seconds <= LONGEST.total_seconds() else 0


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
    by_rows, former = _real_days(session, account.id)
    real = dict(by_rows)
    try:
        kept = _kept_days(session, account.id)
    except UNREADABLE:
        kept = {}
        yield Finding("day", str(account.id), "cannot be read")
        if repair:
            session.execute(delete(_day).where(_day.c.account_id == account.id))
    totals, is_readable = _kept_totals(session, account.id)
    if totals and _sums(kept) == _sums_kept(totals) and _sums(real) < _sums(kept):
        for day in sorted(
            day
            for day, counted in kept.items()
            if _exceeds(counted, real.get(day, NOTHING)) and counted != former.get(day)
        ):
            yield Finding("day", f"{account.id} {day}", "more than its exposures add up to", lost=True)
            real[day] = kept[day]
    for day in sorted(real.keys() | kept.keys()):
        if real.get(day) != kept.get(day):
            yield Finding("day", f"{account.id} {day}", "not what its exposures add up to")
            if repair:
                _keep_day(session, account.id, day, real.get(day))
    yield from _check_totals(session, account, now, (totals, is_readable), real, repair=repair)


def _kept_totals(session: Session, account: uuid.UUID) -> tuple[Row[Any] | None, bool]:
    """The row of the totals, and whether it can be read."""
    try:
        return session.execute(select(_totals).where(_totals.c.account_id == account)).first(), True
    except UNREADABLE:
        return None, False


def _keep_day(session: Session, account: uuid.UUID, day: date, counted: tuple[int, int] | None) -> None:
    session.execute(delete(_day).where(_day.c.account_id == account, _day.c.date == day))
    if counted:
        seconds, exposures = counted
        session.execute(insert(_day).values(account_id=account, date=day, seconds=seconds, exposures=exposures))


def _sums(days: Practised) -> tuple[int, int, int]:
    """Seconds, exposures and days of all days."""
    return sum(seconds for seconds, _ in days.values()), sum(count for _, count in days.values()), len(days)


def _sums_kept(totals: Row[Any]) -> tuple[int, int, int]:
    return totals.seconds, totals.exposures, totals.days


def _exceeds(kept: tuple[int, int], real: tuple[int, int]) -> bool:
    """Whether a day says more than its exposures; more than a day each was never practised."""
    (kept_seconds, kept_count), (real_seconds, real_count) = kept, real
    possible = kept_seconds <= kept_count * LONGEST.total_seconds()
    return possible and (kept_seconds > real_seconds or kept_count > real_count)


def _check_totals(
    session: Session,
    account: Account,
    now: datetime,
    kept: tuple[Row[Any] | None, bool],
    real: Practised,
    *,
    repair: bool,
) -> Iterator[Finding]:
    """Totals and the settled streak that are not what the days add up to."""
    totals, is_readable = kept
    seconds, exposures, days = _sums(real)
    right = {"days": days, "seconds": seconds, "exposures": exposures}
    first = _first_day(session, account, totals.first_day if totals else None)
    wrong = []
    if totals:
        wrong = [name for name, value in right.items() if getattr(totals, name) != value]
        wrong += ["first_day"] * (totals.first_day != first)
        wrong += ["settled"] * (not wrong and not _is_settled(session, account, totals, real, now))
    if totals is None or wrong:
        what = f"not what the days add up to: {', '.join(wrong)}" if wrong else "is not there"
        what = what if is_readable else "cannot be read"
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


def _kept_days(session: Session, account: uuid.UUID) -> Practised:
    days = select(_day.c.date, _day.c.seconds, _day.c.exposures).where(_day.c.account_id == account)
    return {row.date: (row.seconds, row.exposures) for row in session.execute(days).all()}


def _real_days(session: Session, account: uuid.UUID) -> tuple[Practised, Practised]:
    """What the exposures add up to by the rule of today, and where one of more than a day counts with all it says."""
    rows = session.execute(
        select(_exposure.c.local_date, func.sum(COUNTED_SECONDS), func.sum(_exposure.c.seconds), func.count())
        .where(
            _exposure.c.account_id == account,
            _exposure.c.local_date.is_not(None),
            _exposure.c.ended,
            _exposure.c.seconds >= COUNTS_FROM_SECONDS,
        )
        .group_by(_exposure.c.local_date)
    ).all()
    real = {day: (int(counted), exposures) for day, counted, _seconds, exposures in rows}
    return real, {day: (int(seconds), exposures) for day, _counted, seconds, exposures in rows}
