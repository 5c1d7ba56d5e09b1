"""Fears and the steps of their ladders: reading them, and everything a client does to them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from erp.domain.errors import Invalid, NotFound, Problem
from erp.domain.fields import Fields
from erp.domain.limits import MAX_FEARS, MAX_LISTED_STEPS, MAX_MICRO_STEPS, MAX_STEPS
from erp.storage.db import Unread, legible, table_of
from erp.storage.ladder import Fear, Step


class StoppingRule(StrEnum):
    """When an exposure may end: after its time, at half the distress, or once the prediction was tested."""

    time = "time"
    halved = "halved"
    tested = "tested"


MAX_NAME_LENGTH = 80
MAX_TITLE_LENGTH = 200
MAX_TEXT_LENGTH = 2000
# No step, no exposure and no day of a plan is planned longer.
MAX_MINUTES = 240
PLANNED_MINUTES = 20
CHECK_IN_MINUTES = 5
FIRST_SUDS = 50


@dataclass(frozen=True, slots=True)
class StepView:
    """One step for a page. `first_suds` → `suds` is how its rating moved; `next` marks the one to do now."""

    id: uuid.UUID
    fear_id: uuid.UUID
    parent_id: uuid.UUID | None
    title: str
    details: str
    response: str
    first_suds: int
    suds: int
    planned_minutes: int
    check_in_minutes: int
    stopping_rule: StoppingRule
    mastered: bool
    archived: bool
    next: bool
    runs: int
    ratings: list[int]

    @property
    def has_moved(self) -> bool:
        """Whether it is rated otherwise than at first."""
        return self.suds != self.first_suds

    @property
    def planned_seconds(self) -> int:
        """How long it is practised."""
        return self.planned_minutes * 60


@dataclass(frozen=True, slots=True)
class FearView:
    """One fear with its active steps, hardest first."""

    id: uuid.UUID
    name: str
    archived: bool
    steps: list[StepView] = field(default_factory=list)


def view_of(step: Step | Row[*tuple[Any, ...]], *, is_next: bool = False) -> StepView:
    """The step for a page."""
    return StepView(
        id=step.id,
        fear_id=step.fear_id,
        parent_id=step.parent_id,
        title=step.title,
        details=legible(step.details),
        response=legible(step.response),
        first_suds=step.first_suds,
        suds=step.suds,
        planned_minutes=step.planned_minutes,
        check_in_minutes=step.check_in_minutes,
        stopping_rule=StoppingRule(step.stopping_rule),
        mastered=step.mastered_at is not None,
        archived=step.archived_at is not None,
        next=is_next,
        runs=step.runs,
        ratings=list(step.ratings),
    )


def fear_of(session: Session, account_id: uuid.UUID, fear_id: uuid.UUID) -> Fear:
    """The client's own fear; raises NotFound for everybody else's and for none."""
    fear = session.get(Fear, fear_id)
    if fear is None or fear.account_id != account_id:
        raise NotFound
    return fear


def step_of(session: Session, account_id: uuid.UUID, step_id: uuid.UUID) -> Step:
    """The client's own step; raises NotFound for everybody else's and for none."""
    step = session.get(Step, step_id)
    if step is None or step.account_id != account_id:
        raise NotFound
    return step


def fears(session: Session, account_id: uuid.UUID) -> list[Fear]:
    """The fears that are not archived, oldest first."""
    return list(
        session.scalars(
            select(Fear)
            .where(Fear.account_id == account_id, Fear.archived_at.is_(None))
            .order_by(Fear.created_at, Fear.id)
        )
    )


def practised_last(fears: Sequence[Fear]) -> Fear | None:
    """The fear that was practised last, else the first; None where there is none."""
    practised = [fear for fear in fears if fear.practised_at is not None]
    return max(practised, key=lambda fear: fear.practised_at or fear.created_at, default=fears[0] if fears else None)


def practised_first(fears: Sequence[Fear]) -> list[Fear]:
    """The fears as they are likely to be wanted: those practised last before all, the others in their order."""
    practised = [fear for fear in fears if fear.practised_at is not None]
    practised.sort(key=lambda fear: fear.practised_at or fear.created_at, reverse=True)
    return practised + [fear for fear in fears if fear.practised_at is None]


def steps_to_rate(session: Session, fear: Fear) -> list[Step]:
    """The fear's active steps in the order in which they were listed."""
    return list(
        session.scalars(
            select(Step)
            .where(Step.account_id == fear.account_id, Step.fear_id == fear.id, Step.archived_at.is_(None))
            .order_by(Step.created_at, Step.position)
        )
    )


def has_ladder(session: Session, account_id: uuid.UUID) -> bool:
    """Whether there is a fear that is not archived."""
    return session.connection().scalar(ANY_FEAR, {"account": account_id}) is not None


def ladder_of(session: Session, fear: Fear) -> FearView:
    """The fear's active steps, hardest first; the lowest that is not mastered is next."""
    return ladders_of(session, [fear])[0]


def ladders_of(session: Session, fears: Sequence[Fear]) -> list[FearView]:
    """The ladders of fears of one client, in their order."""
    found: dict[uuid.UUID, list[Step]] = {fear.id: [] for fear in fears}
    if fears:
        steps = session.scalars(
            select(Step)
            .where(Step.account_id == fears[0].account_id, Step.fear_id.in_(found), Step.archived_at.is_(None))
            .order_by(Step.suds.desc(), Step.created_at.desc(), Step.position.desc())
        )
        for step in steps:
            found[step.fear_id].append(step)
    return [_ladder(fear, found[fear.id]) for fear in fears]


def _ladder(fear: Fear, steps: Sequence[Step]) -> FearView:
    lowest = next((step.id for step in reversed(steps) if step.mastered_at is None), None)
    views = [view_of(step, is_next=step.id == lowest) for step in steps]
    return FearView(fear.id, fear.name, fear.archived_at is not None, views)


_step, _fear = table_of(Step), table_of(Fear)
ANY_FEAR = select(_fear.c.id).where(_fear.c.account_id == bindparam("account"), _fear.c.archived_at.is_(None)).limit(1)
NEXT_STEP = (
    select(_step)
    .join(_fear, _fear.c.id == _step.c.fear_id)
    .where(
        _step.c.account_id == bindparam("account"),
        _step.c.archived_at.is_(None),
        _step.c.mastered_at.is_(None),
        _fear.c.archived_at.is_(None),
    )
    .order_by(
        _fear.c.practised_at.desc().nulls_last(),
        _fear.c.created_at,
        _step.c.suds,
        _step.c.created_at,
        _step.c.position,
    )
    .limit(1)
)


def next_step(session: Session, account_id: uuid.UUID) -> StepView | None:
    """The step to do now: the lowest that is not mastered, on the ladder that was practised last."""
    row = session.connection().execute(NEXT_STEP, {"account": account_id}).first()
    return None if row is None else view_of(row, is_next=True)


def easier_step(session: Session, step: Step) -> StepView | None:
    """The hardest active step of the same ladder that is easier than this one."""
    easier = session.scalars(
        select(Step)
        .where(
            Step.account_id == step.account_id,
            Step.fear_id == step.fear_id,
            Step.archived_at.is_(None),
            Step.suds < step.suds,
        )
        .order_by(Step.suds.desc(), Step.created_at)
        .limit(1)
    ).first()
    return None if easier is None else view_of(easier)


def archive_of(session: Session, account_id: uuid.UUID) -> tuple[list[Fear], list[Step]]:
    """What the client put away: fears, and steps of fears that are still there."""
    archived = session.scalars(
        select(Fear).where(Fear.account_id == account_id, Fear.archived_at.is_not(None)).order_by(Fear.archived_at)
    )
    steps = session.scalars(
        select(Step)
        .join(Fear, Fear.id == Step.fear_id)
        .where(Step.account_id == account_id, Step.archived_at.is_not(None), Fear.archived_at.is_(None))
        .order_by(Step.archived_at)
    )
    return list(archived), list(steps)


def name_fear(
    session: Session, account_id: uuid.UUID, raw: Mapping[str, Any], now: datetime, fear: Fear | None = None
) -> Fear:
    """Give a fear a name; a new one where none is given. Raises Invalid."""
    fields = Fields(raw)
    name = fields.text("name", MAX_NAME_LENGTH, required=True)
    fields.check()
    if fear is None:
        _check_room(session, fields, Fear, account_id, 1, MAX_FEARS)
        fear = Fear(id=uuid.uuid4(), account_id=account_id, name=name, created_at=now)
        session.add(fear)
    else:
        fear.name = name
    return fear


def _check_room(
    session: Session, fields: Fields, model: type[Fear | Step], account_id: uuid.UUID, more: int, most: int
) -> None:
    """Refuse to add so many more where there would be too many. Raises Invalid."""
    there = session.scalar(select(func.count()).select_from(model).where(model.account_id == account_id)) or 0
    if there + more > most:
        fields.wrong("", "too_many_fears" if model is Fear else "too_many_steps", most=most)
    fields.check()


def check_rows(titles: Sequence[str], most: int) -> None:
    """Refuse a form of too many lines that say something, before anything is done with it. Raises Invalid."""
    if sum(bool(title.strip()) for title in titles) > most:
        raise Invalid({"": Problem("too_many_rows", {"most": most})})


def list_steps(session: Session, fear: Fear, titles: Sequence[str], check_in_minutes: int, now: datetime) -> list[Step]:
    """Add a step for every title that is not empty; they are rated afterwards. Raises Invalid."""
    check_rows(titles, MAX_LISTED_STEPS)
    fields = Fields({f"title-{number}": title for number, title in enumerate(titles)})
    kept = [title for name in fields.raw if (title := fields.text(name, MAX_TITLE_LENGTH))]
    if not kept:
        fields.wrong("title-0", "required")
    fields.check()
    _check_room(session, fields, Step, fear.account_id, len(kept), MAX_STEPS)
    steps = [_new_step(session, fear, now, title=title, suds=FIRST_SUDS) for title in kept]
    for position, step in enumerate(steps):
        step.position = position
        step.check_in_minutes = check_in_minutes
    return steps


def rate_steps(steps: Sequence[Step], raw: Mapping[str, Any]) -> None:
    """Take the rating `suds-<id>` of each step. Raises Invalid."""
    fields = Fields(raw)
    ratings = {step.id: fields.whole(f"suds-{step.id}", 0, 100, default=step.suds) for step in steps}
    fields.check()
    for step in steps:
        _rate(step, ratings[step.id])


def save_step(
    session: Session,
    fear: Fear,
    raw: Mapping[str, Any],
    now: datetime,
    step: Step | None = None,
) -> Step:
    """Write down a step, or a new one where none is given. Raises Invalid.

    What cannot be read and was left empty stays as it is stored.
    """
    fields = Fields(raw)
    title = fields.text("title", MAX_TITLE_LENGTH, required=True)
    suds = fields.whole("suds", 0, 100)
    values = {
        "details": fields.text("details", MAX_TEXT_LENGTH, multiline=True),
        "response": fields.text("response", MAX_TEXT_LENGTH, multiline=True),
        "planned_minutes": fields.whole("planned_minutes", 1, MAX_MINUTES),
        "check_in_minutes": fields.whole("check_in_minutes", 0, 60),
        "stopping_rule": fields.one_of("stopping_rule", StoppingRule),
    }
    fields.check()
    if step is None:
        _check_room(session, fields, Step, fear.account_id, 1, MAX_STEPS)
        step = _new_step(session, fear, now, title=title, suds=suds)
    step.title = title
    _rate(step, suds)
    for name, value in values.items():
        if value or not isinstance(getattr(step, name), Unread):
            setattr(step, name, value)
    return step


def split_step(session: Session, step: Step, rows: Sequence[tuple[str, str]], now: datetime) -> list[Step]:
    """Make micro-steps, (title, SUDS) each, out of a step; every one must be rated lower. Raises Invalid.

    Rows without a title are left out. The micro-steps take over what else the step says.
    """
    check_rows([title for title, _suds in rows], MAX_MICRO_STEPS)
    raw: dict[str, str] = {}
    for number, (title, suds) in enumerate(rows):
        raw |= {f"title-{number}": title, f"suds-{number}": suds}
    fields = Fields(raw)
    made = []
    for number in range(len(rows)):
        title = fields.text(f"title-{number}", MAX_TITLE_LENGTH)
        if title:
            made.append((title, fields.whole(f"suds-{number}", 0, max(0, step.suds - 1))))
    if not made:
        fields.wrong("title-0", "required")
    fields.check()
    _check_room(session, fields, Step, step.account_id, len(made), MAX_STEPS)
    fear = session.get_one(Fear, step.fear_id)
    micro_steps = [_new_step(session, fear, now, title=title, suds=suds) for title, suds in made]
    for micro_step in micro_steps:
        micro_step.parent_id = step.id
        micro_step.response = legible(step.response)
        micro_step.stopping_rule = step.stopping_rule
        micro_step.planned_minutes = step.planned_minutes
        micro_step.check_in_minutes = step.check_in_minutes
    return micro_steps


def set_mastered(step: Step, mastered: bool, now: datetime) -> None:
    """Say that a step has become easy, or not any more; the first time stays."""
    step.mastered_at = (step.mastered_at or now) if mastered else None


def set_archived(thing: Step | Fear, archived: bool, now: datetime) -> None:
    """Put a step or a whole ladder away, or take it up again; the first time stays."""
    thing.archived_at = (thing.archived_at or now) if archived else None


def _rate(step: Step, suds: int) -> None:
    step.suds = suds
    if not step.runs:
        step.first_suds = suds


def _new_step(session: Session, fear: Fear, now: datetime, *, title: str, suds: int) -> Step:
    step = Step(
        id=uuid.uuid4(),
        account_id=fear.account_id,
        fear_id=fear.id,
        title=title,
        details="",
        response="",
        first_suds=suds,
        suds=suds,
        planned_minutes=PLANNED_MINUTES,
        check_in_minutes=CHECK_IN_MINUTES,
        stopping_rule=StoppingRule.time,
        created_at=now,
        position=0,
        runs=0,
        ratings=[],
    )
    session.add(step)
    return step
