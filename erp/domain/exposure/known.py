"""What is stored already of the exposures that a batch of events touches, read so that damage to one hides no other."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, or_, select

from erp.domain.exposure.event import UNREADABLE
from erp.storage.db import table_of
from erp.storage.exposure import EventRow, Exposure

AnyRow = Row[*tuple[Any, ...]]

_event, _exposure = table_of(EventRow), table_of(Exposure)
_mine = _event.c.account_id == bindparam("account")
# The account stands in both arms: SQLite would else read all of its events to find these.
_asked_for = or_(
    and_(_mine, _event.c.exposure_id.in_(bindparam("exposures", expanding=True))),
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


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored already of the exposures that a batch touches.

    `owners`: whose each exposure is; `damaged`: those of which no more than that can be read.
    """

    events: Mapping[uuid.UUID, AnyRow]
    exposures: Mapping[uuid.UUID, AnyRow]
    owners: Mapping[uuid.UUID, uuid.UUID]
    damaged: Collection[uuid.UUID] = ()

    def events_of(self, exposure_id: uuid.UUID) -> list[AnyRow]:
        """The stored events of an exposure that can be read."""
        if exposure_id in self.damaged:
            return []
        return [row for row in self.events.values() if row.exposure_id == exposure_id]


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
