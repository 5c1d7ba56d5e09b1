"""A made-up client who is told to the real code and to the reference at once: the same facts, two books."""

import itertools
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from erp.domain import dates, recording
from erp.domain.account import account as accounts
from erp.domain.exposure import event as exposure_events
from erp.domain.practice import days as practice_days
from erp.domain.practice import plan as plans
from erp.domain.practice import record as practice_record
from erp.storage.account import Account
from erp.storage.ladder import Fear, Step
from erp.storage.practice import PracticeTotals
from tests.unit.practice import reference_calendar as reference

ZONES = (
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
    "Asia/Kathmandu",
)
NEW_YORK = "America/New_York"
EVERY_DAY = frozenset(range(7))
WORKDAYS = frozenset(range(5))


def march(day: int) -> date:
    """A day counted from 1 March 2026, a Sunday: the 2nd, 9th and 16th are Mondays, 0 is 28 February."""
    return date(2026, 3, 1) + timedelta(days=day - 1)


def local(zone: str, *when: int) -> datetime:
    """The moment at which the clocks of the zone show year, month, day, hour, minute, second."""
    return datetime(*when, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def event_id(exposure: uuid.UUID, kind: str) -> uuid.UUID:
    """An id that puts what happens in one moment in its natural order."""
    place = ("started", "paused", "resumed", "finished").index(kind)
    return uuid.UUID(int=exposure.int // 4 * 4 + place)


def facts_of(calendar: reference.Calendar) -> practice_days.Facts:
    """The facts of a reference calendar as the pure rules take them."""
    days = {one.local_date for one in calendar.exposures if one.seconds >= 60}
    return practice_days.Facts(
        first_day=calendar.first_day(),
        plans=[
            practice_days.PlanView(
                starts_on=plan.starts_on,
                minutes=plan.minutes,
                kind="per_week" if plan.weekdays is None else "weekdays",
                weekdays=tuple(sorted(plan.weekdays or ())),
                days_per_week=plan.days_per_week or 7,
            )
            for plan in sorted(calendar.plans, key=lambda plan: plan.starts_on)
        ],
        pauses=[practice_days.PauseView(None, pause.first_day, pause.last_day) for pause in calendar.pauses],
        practised={day: (calendar.seconds_on(day), len(calendar.counted_on(day))) for day in days},
    )


def pure_streaks(calendar: reference.Calendar) -> tuple[int, int]:
    """The current and the longest streak by the real pure rules."""
    begin = practice_days.Run(dates.monday_of(calendar.first_day()) - timedelta(days=1))
    run = practice_days.run_through(facts_of(calendar), begin, calendar.today, calendar.today)
    return run.current, run.longest


@dataclass
class Told:
    """What was told of one exposure so far: kind → moment, by the right clock. The first telling holds."""

    id: uuid.UUID
    zone: str
    moments: dict[str, datetime] = field(default_factory=dict)

    @property
    def half_told(self) -> bool:
        """Whether it may have run for some time, but no finish was told yet."""
        return "started" in self.moments and "finished" not in self.moments and len(self.moments) > 1

    @property
    def seconds(self) -> int | None:
        """Whole seconds from start to finish but for one pause; None while no finish was told."""
        start, end = self.moments["started"], self.moments.get("finished")
        if end is None:
            return None
        away = timedelta()
        if "paused" in self.moments:
            away = self.moments.get("resumed", end) - self.moments["paused"]
        return (end - start - away) // timedelta(seconds=1)


class Client:
    """Signs up at `now`, practises, plans and pauses through the real verbs, and keeps the raw facts beside."""

    def __init__(self, session: Session, zone: str, now: datetime) -> None:
        self.session, self.zone, self.now = session, zone, now
        self.numbers = itertools.count(1)
        self.account = Account(
            id=uuid.uuid4(),
            email=f"{uuid.uuid4()}@example.org",
            password_hash="-",
            display_name="Noor",
            time_zone=zone,
            created_at=now,
        )
        session.add(self.account)
        session.flush()
        session.add(PracticeTotals(account_id=self.account.id, first_day=dates.local_day(now, zone)))
        fear = Fear(account_id=self.account.id, name="dogs", created_at=now)
        session.add(fear)
        session.flush()
        self.step = Step(
            account_id=self.account.id,
            fear_id=fear.id,
            title="pass the kennel",
            first_suds=40,
            suds=40,
            planned_minutes=20,
            check_in_minutes=5,
            created_at=now,
        )
        session.add(self.step)
        session.flush()
        self.signed_up = now.astimezone(ZoneInfo(zone)).date()
        self.plans: dict[date, reference.Plan] = {}
        self.pauses: dict[uuid.UUID, reference.Pause] = {}
        self.told: dict[uuid.UUID, Told] = {}

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.zone)).date()

    def moves_to(self, zone: str) -> None:
        """Travel: the account's zone changes, what was recorded does not."""
        accounts.change_zone(self.account, {"time_zone": zone})
        self.zone = zone

    def plans_weekdays(self, minutes: int, weekdays: Iterable[int], starts_on: date | None = None) -> None:
        """Commit to fixed weekdays (Monday is 0) from a day on, today by default."""
        starts_on, chosen = starts_on or self.today, frozenset(weekdays)
        raw = {"minutes": minutes, "kind": "weekdays", "weekdays": sorted(chosen), "starts_on": str(starts_on)}
        plans.set_plan(self.session, self.account.id, raw, self.today)
        self.session.flush()
        self.plans[starts_on] = reference.Plan(starts_on, minutes, weekdays=chosen)

    def plans_per_week(self, minutes: int, days: int, starts_on: date | None = None) -> None:
        """Commit to a number of days a week from a day on, today by default."""
        starts_on = starts_on or self.today
        raw = {"minutes": minutes, "kind": "per_week", "days_per_week": days, "starts_on": str(starts_on)}
        plans.set_plan(self.session, self.account.id, raw, self.today)
        self.session.flush()
        self.plans[starts_on] = reference.Plan(starts_on, minutes, days_per_week=days)

    def pauses_for(self, first_day: date, last_day: date) -> uuid.UUID:
        """Pause; the id is for ending it early. What overlaps is one pause."""
        raw = {"first_day": str(first_day), "last_day": str(last_day)}
        pause = plans.add_pause(self.session, self.account.id, raw, self.today, self.now)
        self.session.flush()
        while met := [
            key for key, one in self.pauses.items() if one.first_day <= last_day and one.last_day >= first_day
        ]:
            first_day = min([first_day, *(self.pauses[key].first_day for key in met)])
            last_day = max([last_day, *(self.pauses[key].last_day for key in met)])
            for key in met:
                del self.pauses[key]
        self.pauses[pause.id] = reference.Pause(first_day, last_day)
        return pause.id

    def ends_pause(self, pause_id: uuid.UUID) -> None:
        """End a pause: the days before today stay paused."""
        pause = plans.pause_of(self.session, self.account.id, pause_id)
        plans.end_pause(self.session, pause, self.today)
        self.session.flush()
        kept = reference.Pause(self.pauses[pause_id].first_day, self.today - timedelta(days=1))
        if kept.first_day <= kept.last_day:
            self.pauses[pause_id] = kept
        else:
            del self.pauses[pause_id]

    def takes_back_pause(self, pause_id: uuid.UUID) -> None:
        """Take a pause back that is over."""
        plans.take_back_pause(self.session, plans.pause_of(self.session, self.account.id, pause_id), self.today)
        self.session.flush()
        del self.pauses[pause_id]

    def event(self, exposure: uuid.UUID, kind: str, at: datetime, **data: Any) -> exposure_events.IncomingEvent:
        """An event as the phone sends it; `at` is what the phone's clock showed."""
        raw = {"id": str(uuid.UUID(int=next(self.numbers))), "exposure": str(exposure), "kind": kind, **data}
        if kind == "started":
            raw = {"step": str(self.step.id), "planned_minutes": 20, "zone": self.zone, **raw}
        return exposure_events.parse({**raw, "at": at.isoformat()})

    def sends(
        self, *events: exposure_events.IncomingEvent, slow: timedelta = timedelta(), skew: timedelta | None = None
    ) -> recording.Receipt:
        """Record events now; `slow` is how far the phone's clock stands behind, `skew` what it measured itself."""
        return recording.record(self.session, self.account.id, events, self.now - slow, self.now, skew)

    def tells(
        self, exposure: uuid.UUID, zone: str, moments: dict[str, datetime], slow: timedelta = timedelta()
    ) -> None:
        """Send one batch of an exposure: kind → the right moment; the phone's clock may stand behind."""
        sent = [
            self.event(exposure, kind, at - slow, id=str(event_id(exposure, kind)), zone=zone)
            for kind, at in moments.items()
        ]
        receipt = self.sends(*sent, slow=slow)
        assert receipt.accepted == [one.id for one in sent]
        assert not receipt.refused
        told = self.told.setdefault(exposure, Told(exposure, zone))
        told.moments = {**moments, **told.moments}

    def practises(self, start: datetime, seconds: float, zone: str | None = None) -> uuid.UUID:
        """A whole exposure from a start on, recorded now or, when it goes on longer, at its finish."""
        exposure = uuid.uuid4()
        self.now = max(self.now, start + timedelta(seconds=seconds))
        self.tells(exposure, zone or self.zone, {"started": start, "finished": start + timedelta(seconds=seconds)})
        return exposure

    def calendar(self) -> reference.Calendar:
        """The facts so far, for the reference. An exposure that has not finished has no seconds yet."""
        return reference.Calendar(
            signed_up=self.signed_up,
            today=self.today,
            exposures=[
                reference.Exposure(one.moments["started"], one.seconds or 0, one.zone)
                for one in self.told.values()
                if "started" in one.moments
            ],
            plans=list(self.plans.values()),
            pauses=list(self.pauses.values()),
        )

    def days(self, first: date, last: date) -> list[practice_days.DayView]:
        """The days as the real code reads them from the rows."""
        return practice_record.practice_of(self.session, self.account.id, self.today, first, last).between(first, last)

    def settled_through(self) -> date | None:
        """The Sunday up to which the real code has settled the streak."""
        return self.session.scalar(
            select(PracticeTotals.settled_through).where(PracticeTotals.account_id == self.account.id)
        )

    def states(self, first: date, last: date) -> list[str]:
        """The states of the days as the real code reads them, checked against the reference."""
        states = [day.state for day in self.days(first, last)]
        assert states == self.calendar().states(first, last)
        return states

    def counted(self) -> practice_days.Totals:
        """The totals as the real code reads them from the rows."""
        return practice_record.practice_of(self.session, self.account.id, self.today, self.today, self.today).totals()

    def totals(self) -> practice_days.Totals:
        """The totals as the real code reads them, checked against the reference."""
        totals = self.counted()
        expected = self.calendar().totals()
        assert totals == practice_days.Totals(
            expected.current, expected.longest, expected.days, expected.seconds, expected.exposures
        )
        return totals


@contextmanager
def undone(engine: Engine) -> Iterator[Session]:
    """A session whose work is taken back at the end: hypothesis wants a clean one for every example."""
    with engine.execution_options(writes=True).connect() as connection:
        transaction = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()
