"""Rows that cannot be read, that point to nothing, and exposures and events without each other."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Row,
    Select,
    Table,
    and_,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from erp.domain.exposure.columns import columns_of, values_of
from erp.domain.exposure.event import UNREADABLE
from erp.domain.upkeep.finding import Finding
from erp.domain.upkeep.integrity import AT_ONCE, place_now, states_of
from erp.storage.account import Account
from erp.storage.box import UnknownKey, box
from erp.storage.db import as_stored, damages, sealed_columns, sealed_type, table_of, token_in
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Step
from erp.storage.notification import Device, Notification
from erp.storage.tables import Base

_account, _exposure, _event, _step = map(table_of, (Account, Exposure, EventRow, Step))
_device, _notification = map(table_of, (Device, Notification))

# One check: what it finds in a session; with another one, in which each is mended before it is told.
Check = Callable[[Session, Session | None], Iterator[Finding]]


def check_readable(session: Session) -> Iterator[Finding]:
    """Pages of the file that are damaged, and texts that none of the data keys opens.

    Whether what an exposure and its events say can be read comes later; whose key is gone is told here.
    """
    for answer in damages(session):
        yield Finding("database", "file", answer, lost=True)
    for table in Base.metadata.sorted_tables:
        yield from _unreadable(session, table)


def drop_unreadable(session: Session, found: Iterable[Finding], now: datetime) -> None:
    """Drop notifications that cannot be read, and stop devices of which that holds: they would hold up the others."""
    found = list(found)
    pings, devices = ([uuid.UUID(one.key) for one in found if one.table == name] for name in ("notification", "device"))
    session.execute(delete(_notification).where(_notification.c.id.in_(pings)))
    stopped = {"digest": None, "subscription": None, "stopped_at": now}
    session.execute(update(_device).where(_device.c.id.in_(devices)).values(stopped))


def checks_of_links() -> Iterator[Check]:
    """The checks for rows that point to none, and for exposures and events without each other, in their order.

    What points to nothing goes as if the other had been deleted; but an exposure and its events know whose the other
    is. An exposure that is gone comes back from its events.
    """
    yield _missing_exposures
    for table in Base.metadata.sorted_tables:
        for constraint in sorted(table.foreign_key_constraints, key=lambda each: str(each.name)):
            if constraint.referred_table is not _exposure or table is not _event:
                yield partial(_dangling, table, constraint)
    yield _exposures_alone
    yield _strange_steps


def _missing_exposures(session: Session, mending: Session | None) -> Iterator[Finding]:
    gone = ~select(_exposure.c.id).where(_exposure.c.id == _event.c.exposure_id).exists()
    its = select(_event.c.exposure_id, _event.c.account_id).where(gone)
    missing = its.distinct().join(_account, _account.c.id == _event.c.account_id)
    for exposure, account in {row.exposure_id: row.account_id for row in session.execute(missing)}.items():
        # As it is now: a phone may bring the exposure back meanwhile.
        now = mending or session
        if mending and not mending.execute(its.where(_event.c.exposure_id == exposure).limit(1)).first():
            continue
        try:
            (state,) = states_of(now, account, [exposure]).values()
            place = place_now(now, account, state)
            values = columns_of(state).values() | (values_of(place) if place else {})
        except UNREADABLE:
            yield Finding("exposure", str(exposure), "is not there, and its events cannot be read", lost=True)
            continue
        if mending:
            mending.execute(insert(_exposure).values(id=exposure, account_id=account, **values))
        yield Finding("exposure", str(exposure), "is not there, but its events are")


def _exposures_alone(session: Session, mending: Session | None) -> Iterator[Finding]:
    alone = ~select(_event.c.id).where(_event.c.exposure_id == _exposure.c.id).exists()
    for exposure, began in session.execute(
        select(_exposure.c.id, _exposure.c.started_at.is_not(None)).where(alone)
    ).all():
        if mending and not began:
            mending.execute(delete(_exposure).where(_exposure.c.id == exposure, alone))
        # Where something was practised, the row is all that is left of it.
        yield Finding("exposure", str(exposure), "has no event", lost=bool(began))


def _strange_steps(session: Session, mending: Session | None) -> Iterator[Finding]:
    owner = select(_step.c.account_id).where(_step.c.id == _exposure.c.step_id).scalar_subquery()
    strange = owner != _exposure.c.account_id
    for exposure in session.scalars(select(_exposure.c.id).where(strange)).all():
        if mending:
            mending.execute(update(_exposure).where(_exposure.c.id == exposure, strange).values(step_id=None))
        yield Finding("exposure", str(exposure), "step_id points to somebody else's")


def _dangling(
    table: Table, constraint: ForeignKeyConstraint, session: Session, mending: Session | None
) -> Iterator[Finding]:
    column, dangles, found = _pointing_to_nothing(table, constraint)
    keys = list(table.primary_key.columns)
    for row in session.execute(found).all():
        if mending:
            mine = [key == value for key, value in zip(keys, row, strict=True)]
            if owner := _owner(mending, column, row):
                mending.execute(update(table).where(*mine, dangles).values({column: owner}))
            elif constraint.ondelete == "SET NULL":
                mending.execute(update(table).where(*mine, dangles).values({column.name: None}))
            else:
                mending.execute(delete(table).where(*mine, dangles))
        yield Finding(table.name, _key(row), f"{column.name} points to nothing")


@cache
def _pointing_to_nothing(
    table: Table, constraint: ForeignKeyConstraint
) -> tuple[Column[Any], ColumnElement[bool], Select[Any]]:
    """The column, when a row of it points to nothing, and the keys of such rows."""
    parent = constraint.referred_table.alias("parent")
    (element,) = constraint.elements
    there = select(parent.c[element.column.name]).where(parent.c[element.column.name] == element.parent).exists()
    dangles = and_(element.parent.is_not(None), ~there)
    return element.parent, dangles, select(*table.primary_key.columns).where(dangles)


def _owner(session: Session, column: Any, row: Row[Any]) -> uuid.UUID | None:
    """Whose an exposure or an event is that names nobody: its events, or its exposure, know it."""
    if column is _exposure.c.account_id:
        other = select(_event.c.account_id).where(_event.c.exposure_id == row.id)
    elif column is _event.c.account_id:
        its = select(_event.c.exposure_id).where(_event.c.account_id == row.account_id, _event.c.id == row.id)
        other = select(_exposure.c.account_id).where(_exposure.c.id.in_(its))
    else:
        return None
    there = other.join(_account, _account.c.id == other.selected_columns[0])
    return session.scalar(there.limit(1))


def _key(row: Sequence[Any]) -> str:
    return " ".join(map(str, row))


def _unreadable(session: Session, table: Table) -> Iterator[Finding]:
    """Encrypted texts that none of the data keys opens, or that belong to another column."""
    keys = list(table.primary_key.columns)
    sealed = sealed_columns(table)
    if not sealed:
        return
    for row in session.execute(select(*keys, *map(as_stored, sealed)).execution_options(yield_per=AT_ONCE)):
        for column, stored in zip(sealed, row[len(keys) :], strict=True):
            token = token_in(stored)
            if token is not None and (fault := _fault(column, token)):
                # Nobody needs a notification or a device that cannot be read; an exposure comes back from its events.
                lost = table not in (_notification, _device, _exposure)
                yield Finding(table.name, _key(row[: len(keys)]), f"{column.name} {fault}", lost)


def _fault(column: Column[Any], token: bytes) -> str | None:
    """Why a token cannot be read, if it cannot. Of exposures and events only a key that is gone: see check_account."""
    told_later = column.table is _exposure or column.table is _event
    try:
        box.open(token, sealed_type(column).place)
    except UnknownKey as error:
        named = f"cannot be read: its key {error} is none of the data keys" if error.args else "cannot be read"
        return None if told_later and not error.args else named
    except InvalidToken:
        return None if told_later else "cannot be read"
    return None
