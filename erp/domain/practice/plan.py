"""What the client commits to: plans that hold from a date on, and pauses in which nothing is expected."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from erp.domain.account.account import account_of
from erp.domain.dates import ONE_DAY, read_date
from erp.domain.errors import Conflict, NotFound
from erp.domain.fields import Fields
from erp.domain.ladder.ladder import MAX_MINUTES
from erp.domain.limits import MAX_PAUSES
from erp.domain.practice.days import PlanKind
from erp.domain.practice.record import settle_anew
from erp.storage.practice import Pause, Plan

MAX_PAUSE_REACHES_BACK = timedelta(days=7)
MAX_PAUSE = timedelta(days=366)
MAX_TAKEN_BACK = timedelta(days=30)
MAX_STARTS_AHEAD = timedelta(days=366)


def set_plan(session: Session, account_id: uuid.UUID, raw: Mapping[str, Any], today: date) -> Plan:
    """Commit to minutes a day and days from a date on, today at the earliest; earlier days keep their states.

    Takes minutes (or own_minutes where minutes is "own"), kind, weekdays (list of 0–6), days_per_week, starts_on, and
    opened_on: a start that was today when the form was opened is today. Raises Invalid.
    """
    fields = Fields(raw)
    name = "own_minutes" if raw.get("minutes") == "own" else "minutes"
    minutes = fields.whole(name, 1, MAX_MINUTES)
    kind = fields.one_of("kind", PlanKind)
    weekdays = 0
    days_per_week = 7
    if kind == PlanKind.weekdays:
        chosen = {str(day) for day in raw.get("weekdays") or ()}
        if not chosen or not chosen <= set("0123456"):
            fields.wrong("weekdays", "no_weekday")
        else:
            weekdays = sum(1 << int(day) for day in chosen)
    else:
        days_per_week = fields.whole("days_per_week", 1, 7)
    starts_on = fields.day("starts_on", default=today)
    if starts_on == read_date(str(raw.get("opened_on"))):
        starts_on = today
    if starts_on and not today <= starts_on <= today + MAX_STARTS_AHEAD:
        fields.wrong("starts_on", "plan_start")
    fields.check()
    assert starts_on
    account_of(session, account_id)
    plan = session.get(Plan, (account_id, starts_on))
    if plan is None:
        plan = Plan(account_id=account_id, starts_on=starts_on)
        session.add(plan)
    plan.minutes, plan.kind, plan.weekdays, plan.days_per_week = minutes, kind, weekdays, days_per_week
    session.flush()
    return plan


def add_pause(session: Session, account_id: uuid.UUID, raw: Mapping[str, Any], today: date, now: datetime) -> Pause:
    """Expect nothing from first_day to last_day, both included. It may start up to 7 days back. Raises Invalid.

    Takes opened_on too: a first day that was today when the form was opened, and is too far back now, is today, unless
    the pause ends before it. With the pauses that it overlaps it becomes one.
    """
    fields = Fields(raw)
    first_day, last_day = fields.day("first_day"), fields.day("last_day")
    earliest = today - MAX_PAUSE_REACHES_BACK
    if first_day and first_day == read_date(str(raw.get("opened_on"))) and first_day < earliest:
        first_day = today if last_day is None or last_day >= today else first_day
    if first_day and not earliest <= first_day <= today + MAX_STARTS_AHEAD:
        fields.wrong("first_day", "pause_start")
    elif first_day and last_day and not first_day <= last_day <= first_day + MAX_PAUSE:
        fields.wrong("last_day", "pause_end")
    fields.check()
    assert first_day
    assert last_day
    account_of(session, account_id)
    overlapping = _overlapping(session, account_id, first_day, last_day)
    there = session.scalar(select(func.count()).select_from(Pause).where(Pause.account_id == account_id)) or 0
    if not overlapping and there >= MAX_PAUSES:
        fields.wrong("", "too_many_pauses", most=MAX_PAUSES)
    fields.check()
    pause = overlapping[0] if overlapping else Pause(account_id=account_id, created_at=now)
    pause.first_day = min([first_day, *(each.first_day for each in overlapping)])
    pause.last_day = max([last_day, *(each.last_day for each in overlapping)])
    for each in overlapping[1:]:
        session.delete(each)
    session.add(pause)
    session.flush()
    return pause


def _overlapping(session: Session, account_id: uuid.UUID, first: date, last: date) -> list[Pause]:
    """The client's pauses that share a day with these days, or with one of those that do, first to last."""
    pauses = session.scalars(select(Pause).where(Pause.account_id == account_id).order_by(Pause.first_day)).all()
    found: list[Pause] = []
    while True:
        more = [each for each in pauses if each not in found and each.first_day <= last and each.last_day >= first]
        if not more:
            return sorted(found, key=lambda each: (each.first_day, each.created_at))
        found += more
        first = min(first, *(each.first_day for each in more))
        last = max(last, *(each.last_day for each in more))


def pause_of(session: Session, account_id: uuid.UUID, pause_id: uuid.UUID) -> Pause:
    """The client's own pause; raises NotFound for everybody else's and for none."""
    pause = session.get(Pause, pause_id)
    if pause is None or pause.account_id != account_id:
        raise NotFound
    return pause


def end_pause(session: Session, pause: Pause, today: date) -> None:
    """End a pause: it covers the days before today; one that has not begun goes away. Raises Conflict when over.

    Pauses that overlap it, of the version that did not make one of them, end with it.
    """
    if pause.last_day < today:
        raise Conflict
    account_of(session, pause.account_id)
    for each in _overlapping(session, pause.account_id, pause.first_day, pause.last_day):
        if each.first_day >= today:
            session.delete(each)
        else:
            each.last_day = min(each.last_day, today - ONE_DAY)
    session.flush()


def take_back_pause(session: Session, pause: Pause, today: date) -> None:
    """Take a pause back that is over, as if it had never been; its days are what plan and practice make of them.

    Raises Conflict while it is not over, and when it has been for more than 30 days.
    """
    if not can_be_taken_back(pause.last_day, today):
        raise Conflict
    account_of(session, pause.account_id)
    overlapping = _overlapping(session, pause.account_id, pause.first_day, pause.last_day)
    if overlapping[-1].last_day >= today:
        raise Conflict
    for each in overlapping:
        session.delete(each)
    session.flush()
    settle_anew(session, pause.account_id, overlapping[0].first_day, today)


def can_be_taken_back(last_day: date, today: date) -> bool:
    """Whether a pause that ended on a day can be taken back today."""
    return today - MAX_TAKEN_BACK <= last_day < today


def call_off_upcoming(session: Session, account_id: uuid.UUID, today: date) -> None:
    """Forget every plan that has not begun; the one that holds today goes on."""
    session.execute(delete(Plan).where(Plan.account_id == account_id, Plan.starts_on > today))


def has_plan(session: Session, account_id: uuid.UUID) -> bool:
    """Whether the client ever committed to a plan."""
    return session.scalar(select(Plan.starts_on).where(Plan.account_id == account_id).limit(1)) is not None
