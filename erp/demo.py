"""`make demo`: a client with four months of believable history and a coach who cheers, made through the real verbs."""

from __future__ import annotations

import random
import shutil
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session
from uuid6 import uuid7

from erp.domain.account import signing
from erp.domain.dates import utc_now
from erp.domain.delivery import hand_out
from erp.domain.exposure.event import EventKind, IncomingEvent, PredictionOutcome, parse
from erp.domain.ladder import ladder as ladders
from erp.domain.notification import kinds
from erp.domain.practice import plan as plans
from erp.domain.practice.days import PlanKind
from erp.domain.recording import record
from erp.domain.support import cheer as cheers
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.settings import BadSetting, Settings
from erp.storage.account import Account
from erp.storage.box import box
from erp.storage.db import Sessions, open_engine
from erp.storage.ladder import Step
from erp.storage.migrating import migrate
from erp.storage.support import Support

EMAIL = "robin@rung.example"
COACH_EMAIL = "sam@rung.example"
PASSWORD = "one rung at a time"  # noqa: S105  (printed on purpose: it opens a made-up history)
ZONE = "Europe/Lisbon"
DAYS = 122

LADDERS = {
    "Dogs": (
        (15, "Look at photos of dogs", "Looking away, scrolling on"),
        (30, "Watch videos of dogs barking", "Turning the sound off"),
        (45, "Stand across the street from the dog park", "Checking where every dog is"),
        (60, "Sit on the bench inside the dog park", "Leaving when one comes near"),
        (75, "Pet the neighbour's dog", "Asking again whether it bites"),
        (90, "Walk a friend's dog around the block", "Crossing the street"),
    ),
    "Contamination": (
        (25, "Touch the kitchen door handle, wait to wash", "Washing hands"),
        (40, "Hold the railing on the train", "Using a sleeve"),
        (55, "Touch the door handle at work, no washing for an hour", "Washing, wiping, sanitiser"),
        (70, "Eat a snack after shaking hands", "Washing first"),
    ),
}
LEARNINGS = (
    "It rose, it stayed, and then it let go by itself.",
    "I can want to leave and still stay.",
    "What I was waiting for did not happen.",
    "The second half was easier than the first.",
    "Not knowing is unpleasant. I can do unpleasant.",
)
OUTCOMES = (PredictionOutcome.no, PredictionOutcome.no, PredictionOutcome.no, PredictionOutcome.partly)
PREDICTIONS = ("I will not be able to stand it", "It will get worse and worse", "Something bad will happen")


WORDS = (
    *cheers.PHRASES.values(),
    "I saw your ping on the bus and smiled all the way home!",
    "You went back to it after a bad day. That counts double for me.",
)
COACH_SINCE_DAY = 75


@dataclass
class History:
    """The client, the coach once there is one, and the dice that decide what happened on each day."""

    session: Session
    account: Account
    dice: random.Random
    support: Support | None = None

    def practise(self, step: Step, day: date, minutes: int, planned: int, progress: float) -> None:
        """One exposure on a day: `progress` 0–1 is how far the client has come with the step."""
        hour, minute = self.dice.choice((8, 12, 17, 18, 19)), self.dice.randrange(60)
        start = datetime.combine(day, time(hour, minute), ZoneInfo(ZONE)).astimezone(UTC)
        events = list(self._events(step, start, minutes, planned, progress))
        end = start + timedelta(minutes=minutes, seconds=40)
        record(self.session, self.account.id, events, end, end)
        if self.support is not None and self.dice.random() < 0.6:
            self._cheer(end - timedelta(minutes=self.dice.randrange(2, minutes)))

    def _cheer(self, at: datetime) -> None:
        assert self.support is not None
        cheer = cheers.send(self.session, self.support, {"text": self.dice.choice(WORDS)}, at)
        if self.dice.random() < 0.5:
            cheers.heart(cheer, at + timedelta(minutes=20))

    def _events(
        self, step: Step, start: datetime, minutes: int, planned: int, progress: float
    ) -> Iterator[IncomingEvent]:
        event = partial(_event, uuid7(), start)

        expected = self._near(step.first_suds * (1 - 0.55 * progress))
        predicted = self.dice.random() < 0.5
        yield event(
            EventKind.started,
            0,
            step=str(step.id),
            expected_suds=expected,
            prediction=self.dice.choice(PREDICTIONS) if predicted else "",
            likelihood=self._near(75 - 40 * progress) if predicted else None,
            response=step.response,
            planned_minutes=planned,
            check_in_minutes=5,
            stopping_rule=ladders.StoppingRule.time,
            zone=ZONE,
        )
        peak = self._near(expected + 15)
        falls = (peak - expected * 0.5) / max(minutes, 1)
        for at in range(5, minutes, 5):
            yield event(EventKind.checked_in, at, suds=self._near(peak - falls * at))
        for _ in range(self.dice.randrange(4)):
            yield event(EventKind.resisted, self.dice.uniform(1, minutes))
        if self.dice.random() < 0.2:
            yield event(EventKind.ritual, self.dice.uniform(1, minutes))
        yield event(EventKind.finished, minutes)
        yield event(
            EventKind.noted,
            minutes + 0.5,
            suds=self._near(expected * 0.5),
            outcome=self.dice.choice(OUTCOMES) if predicted else None,
            learning=self.dice.choice(LEARNINGS) if self.dice.random() < 0.5 else "",
            note="",
        )

    def _near(self, value: float) -> int:
        return max(0, min(100, round(value + self.dice.gauss(0, 4))))


def _event(exposure: uuid.UUID, start: datetime, kind: EventKind, minutes: float, **data: object) -> IncomingEvent:
    """One event, so many minutes after the start."""
    moment = (start + timedelta(minutes=minutes)).isoformat()
    return parse({"id": uuid7(), "exposure": exposure, "kind": kind, "at": moment, **data})


def fill(session: Session, now: datetime) -> None:
    """Write the history that ends at `now`; today has no practice yet."""
    zone = ZoneInfo(ZONE)
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS)
    morning = datetime.combine(first, time(9), zone).astimezone(UTC)
    account, _codes = signing.sign_up(
        session, {"email": EMAIL, "password": PASSWORD, "display_name": "Robin", "time_zone": ZONE}, morning
    )
    session.flush()
    steps = [_ladder(session, account, name, rungs, morning) for name, rungs in LADDERS.items()]
    history = History(session, account, random.Random(20))
    for day_number in range(DAYS):
        day = first + timedelta(days=day_number)
        at = datetime.combine(day, time(9), zone).astimezone(UTC)
        if day_number == COACH_SINCE_DAY:
            history.support = _coach(session, account, at)
        _change_plans(session, account.id, day_number, day, at)
        _live_through(history, steps, day_number, day)
        _climb(steps, day_number, at)
    _pause(session, account.id, today + timedelta(days=12), today + timedelta(days=15), today, now)
    # Nobody has a device here: what the coach would have heard then is settled, not left for the worker.
    while hand_out(session, now):
        pass


def _coach(session: Session, account: Account, now: datetime) -> Support:
    """A friend accepts the client's invitation, and is shown the titles of the steps."""
    person = {"email": COACH_EMAIL, "password": PASSWORD, "display_name": "Sam", "time_zone": ZONE}
    coach, _codes = signing.sign_up(session, person, now)
    support = invitations.accept(session, invitations.invite(session, account.id, now).token, coach.id, now)
    relations.share(support, {"titles": "1", "contact": kinds.Contact.every, "told": kinds.PINGS})
    return support


def _ladder(
    session: Session, account: Account, name: str, rungs: tuple[tuple[int, str, str], ...], now: datetime
) -> list[Step]:
    fear = ladders.name_fear(session, account.id, {"name": name}, now)
    session.flush()
    made = []
    for suds, title, response in rungs:
        raw = {
            "title": title,
            "suds": suds,
            "response": response,
            "details": "",
            "stopping_rule": ladders.StoppingRule.time,
        }
        raw |= {"planned_minutes": 20, "check_in_minutes": 5}
        made.append(ladders.save_step(session, fear, raw, now))
    session.flush()
    return made


def _change_plans(session: Session, account_id: uuid.UUID, number: int, day: date, now: datetime) -> None:
    changes: dict[int, dict[str, Any]] = {
        0: {"minutes": "10", "kind": PlanKind.per_week, "days_per_week": "4"},
        28: {"minutes": "15", "kind": PlanKind.weekdays, "weekdays": ["0", "1", "3", "4", "6"]},
        70: {"minutes": "20", "kind": PlanKind.per_week, "days_per_week": "5"},
    }
    if number in changes:
        plans.set_plan(session, account_id, changes[number], day)
    if number == 50:
        _pause(session, account_id, day, day + timedelta(days=6), day, now)
    session.flush()


def _pause(session: Session, account_id: uuid.UUID, first: date, last: date, today: date, now: datetime) -> None:
    raw = {"first_day": first.isoformat(), "last_day": last.isoformat()}
    plans.add_pause(session, account_id, raw, today, now)


def _live_through(history: History, steps: list[list[Step]], number: int, day: date) -> None:
    dice = history.dice
    planned = 10 if number < 28 else 15 if number < 70 else 20
    in_pause, in_lapse = 50 <= number < 57, 86 <= number < 89
    resting = day.weekday() in (2, 5)
    slipped = dice.random() < 0.06 and number < DAYS - 21
    if in_lapse or slipped or (in_pause and number != 53) or (resting and dice.random() < 0.85):
        return
    short = dice.random() < 0.16
    minutes = dice.randrange(3, planned - 2) if short else planned + dice.choice((0, 0, 0, 5))
    ladder = steps[1] if number > 60 and dice.random() < 0.45 else steps[0]
    step = next((each for each in ladder if each.mastered_at is None), ladder[-1])
    history.practise(step, day, minutes, planned, min(1.0, step.runs / 12))


def _climb(steps: list[list[Step]], number: int, now: datetime) -> None:
    """Now and then a step has become easy: it is mastered, and the next one comes up."""
    for ladder in steps:
        step = next((each for each in ladder if each.mastered_at is None), None)
        if step is not None and step.runs >= 14 and step is not ladder[-1] and number < DAYS - 5:
            ladders.set_mastered(step, True, now)


def main() -> int:
    """Make the demo database anew and say how to sign in; 0, or 1 with a sentence."""
    folder = Path("var/demo")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        settings = Settings.from_env({"RUNG_DATA": str(folder)})
    except BadSetting as error:
        print(error, file=sys.stderr)
        return 1
    box.set_keys(settings.data_keys)
    migrate(settings.database_url)
    with Sessions(open_engine(settings.database_url)).writing() as session:
        fill(session, utc_now())
        session.commit()
    print(
        "\nThe demo is in var/demo. Start it:   RUNG_DATA=var/demo make run\n"
        f"Sign in as {EMAIL}, or as the coach {COACH_EMAIL}, with: {PASSWORD}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
