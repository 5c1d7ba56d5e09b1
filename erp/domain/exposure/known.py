"""What is stored already of the exposures that a batch of events touches, read so that damage to one hides no other."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select

from erp.domain.exposure.event import UNREADABLE
from erp.domain.limits import MAX_EVENTS_READ
from erp.storage.db import table_of
from erp.storage.exposure import EventRow, Exposure

AnyRow = Row[*tuple[Any, ...]]

_event, _exposure = table_of(EventRow), table_of(Exposure)
_mine = _event.c.account_id == bindparam("account")
# The account stands in both arms, and hidden from SQLite's planner where the exposure's index is the one to go by: it
# would else read all of the account's events to find these.
_also_mine = func.coalesce(_event.c.account_id, _event.c.account_id) == bindparam("account")
_asked_for = or_(
    and_(_also_mine, _event.c.exposure_id.in_(bindparam("exposures", expanding=True))),
    and_(_mine, _event.c.id.in_(bindparam("ids", expanding=True))),
)
KNOWN = select(
    _event.c.id,
    _event.c.exposure_id,
    _event.c.kind,
    _event.c.happened_at,
    _event.c.shift_ms,
    _event.c.value,
    _event.c.data,
).where(_asked_for)
# What can be read of whatever is damaged.
KNOWN_IDS = select(_event.c.id, _event.c.exposure_id, _event.c.kind).where(_asked_for)
TOUCHED = select(
    _exposure.c.id,
    _exposure.c.account_id,
    _exposure.c.step_id,
    _exposure.c.local_date,
    _exposure.c.started_at,
    _exposure.c.finished_at,
    _exposure.c.ended,
    _exposure.c.seconds,
    _exposure.c.expected_suds,
    _exposure.c.away_since.label("hidden_since"),
).where(_exposure.c.id.in_(bindparam("exposures", expanding=True)))
OWNERS = select(_exposure.c.id, _exposure.c.account_id).where(
    _exposure.c.id.in_(bindparam("exposures", expanding=True))
)
# Of one's own: how much somebody else's exposure holds is not told by what becomes of a batch.
STORED = (
    select(_event.c.exposure_id, func.count().label("stored"))
    .join(_exposure, _exposure.c.id == _event.c.exposure_id)
    .where(
        _exposure.c.account_id == bindparam("account"),
        _event.c.exposure_id.in_(bindparam("exposures", expanding=True)),
    )
    .group_by(_event.c.exposure_id)
)


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored already of the exposures that a batch touches.

    `owners`: whose each exposure is; `damaged`: those of which no more than that can be read.
    """

    events: Mapping[uuid.UUID, AnyRow]
    exposures: Mapping[uuid.UUID, AnyRow]
    owners: Mapping[uuid.UUID, uuid.UUID]
    damaged: Collection[uuid.UUID] = ()
    _by_exposure: dict[uuid.UUID, list[AnyRow]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for row in self.events.values():
            self._by_exposure.setdefault(row.exposure_id, []).append(row)

    def events_of(self, exposure_id: uuid.UUID) -> list[AnyRow]:
        """The stored events of an exposure that can be read."""
        return [] if exposure_id in self.damaged else self._by_exposure.get(exposure_id, [])


def read_at_once(connection: Connection, asked: Mapping[str, Any]) -> Collection[uuid.UUID]:
    """Those of the `exposures` of the `account` for which one transaction has room, in the order they are named.

    That is one at least, so that a phone that sends the others again comes to an end.
    """
    named: Sequence[uuid.UUID] = asked["exposures"]
    if len(named) < 2:
        return named
    stored = {row.exposure_id: row.stored for row in connection.execute(STORED, asked)}
    room = MAX_EVENTS_READ
    taken: dict[uuid.UUID, None] = {}
    for exposure_id in named:
        if not taken or stored.get(exposure_id, 0) <= room:
            taken[exposure_id] = None
            room -= stored.get(exposure_id, 0)
    return taken.keys()


def known_of(connection: Connection, asked: Mapping[str, Any]) -> Known:
    """What is stored already of the `exposures` and event `ids` of the `account`; one by one where some is damaged."""
    try:
        events, exposures = (
            {row.id: row for row in connection.execute(statement, asked).all()} for statement in (KNOWN, TOUCHED)
        )
        return Known(events, exposures, {row.id: row.account_id for row in exposures.values()})
    except UNREADABLE:
        pass
    owners = {row.id: row.account_id for row in connection.execute(OWNERS, asked)}
    events = {row.id: row for row in connection.execute(KNOWN_IDS, asked)}
    exposures, damaged = {}, []
    for exposure_id in asked["exposures"]:
        alone = {**asked, "exposures": [exposure_id], "ids": []}
        try:
            its_events = {row.id: row for row in connection.execute(KNOWN, alone).all()}
            exposures |= {row.id: row for row in connection.execute(TOUCHED, alone).all()}
            events |= its_events
        except UNREADABLE:
            damaged.append(exposure_id)
    return Known(events, exposures, owners, damaged)
