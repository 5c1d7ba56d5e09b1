"""What the phones recorded, kept by the test itself, and whether the database holds exactly that."""

import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from erp.domain.exposure.columns import columns_of
from erp.domain.exposure.event import IncomingEvent, event_of, parse
from erp.domain.exposure.fold import fold
from erp.storage.exposure import EventRow, Exposure
from erp.storage.notification import Delivery, Notification


@dataclass
class Entry:
    """One event of a phone. `kept`: the phone said that it is stored, so it must arrive."""

    account: uuid.UUID
    event: IncomingEvent
    kept: bool = False


class Ledger:
    """Every event that a phone set out to store. A browser killed over it may or may not have stored it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[tuple[uuid.UUID, uuid.UUID], Entry] = {}

    def tried(self, account: uuid.UUID, raw: Mapping[str, Any]) -> uuid.UUID:
        """A phone is about to store this event; its id."""
        event = parse(raw)
        with self._lock:
            self._entries[account, event.id] = Entry(account, event)
        return event.id

    def kept(self, account: uuid.UUID, event: uuid.UUID) -> None:
        """The phone has stored it."""
        with self._lock:
            self._entries[account, event].kept = True

    def entries(self) -> dict[tuple[uuid.UUID, uuid.UUID], Entry]:
        """All of them by account and id."""
        with self._lock:
            return dict(self._entries)


@dataclass
class Audit:
    """What the database holds against what the phones recorded, as sentences; nothing but counts where all is well."""

    kept: int = 0
    unsure: int = 0
    exposures: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    longest_wait: timedelta = timedelta()


def audit(session: Session, ledger: Ledger) -> Audit:
    """Hold the database against the ledger: each event there once, as it was recorded, and nothing else."""
    entries = ledger.entries()
    found = Audit(kept=sum(entry.kept for entry in entries.values()))
    rows = {(row.account_id, row.id): row for row in session.scalars(select(EventRow))}
    found.lost = [said(entry) for key, entry in entries.items() if entry.kept and key not in rows]
    found.unsure = sum(not entry.kept and key in rows for key, entry in entries.items())
    found.doubled = [f"{row.kind} {row.id} that no phone recorded" for key, row in rows.items() if key not in entries]
    for key, row in rows.items():
        entry = entries.get(key)
        if entry is None:
            continue
        event = entry.event
        recorded = (event.exposure_id, event.kind, event.at, 0, event.value, event.data)
        if (row.exposure_id, row.kind, row.happened_at, row.shift_ms, row.value, row.data) != recorded:
            found.changed.append(said(entry))
    found.changed += unlike(session, [entry for key, entry in entries.items() if key in rows])
    found.exposures = session.scalar(select(func.count()).select_from(Exposure)) or 0
    return found


def said(entry: Entry) -> str:
    """An entry for a report."""
    return f"{entry.event.kind} {entry.event.id} of {entry.event.exposure_id} at {entry.event.at:%H:%M:%S.%f}"


def unlike(session: Session, arrived: list[Entry]) -> Iterator[str]:
    """Exposures whose row is not what the events in the ledger fold to: one counted twice would show here."""
    events: dict[uuid.UUID, list[IncomingEvent]] = {}
    for entry in arrived:
        events.setdefault(entry.event.exposure_id, []).append(entry.event)
    for row in session.scalars(select(Exposure)):
        state = fold(event_of(one.id, one.kind, one.at, 0, one.value, one.data) for one in events.get(row.id, []))
        folded = columns_of(state).values()
        wrong = sorted(name for name, value in folded.items() if getattr(row, name) != value)
        if wrong:
            yield f"exposure {row.id}: {', '.join(wrong)}"


@dataclass(frozen=True)
class Told:
    """What became of the notifications: state and reason → how many. `stuck` are those that nothing became of."""

    notifications: dict[str, int]
    deliveries: dict[str, int]
    stuck: int


def told(session: Session) -> Told:
    """Count the notifications and their deliveries by what became of them."""
    notifications: dict[str, int] = {}
    stuck = 0
    for row in session.scalars(select(Notification)):
        stuck += row.settled_at is None
        what = row.given_up or ("handed out" if row.settled_at else "waiting")
        notifications[what] = notifications.get(what, 0) + 1
    deliveries: dict[str, int] = {}
    for delivery in session.scalars(select(Delivery)):
        stuck += delivery.state == "waiting" or (delivery.state == "given_up" and not delivery.reason)
        what = delivery.reason or delivery.state
        deliveries[what] = deliveries.get(what, 0) + 1
    return Told(notifications, deliveries, stuck)
