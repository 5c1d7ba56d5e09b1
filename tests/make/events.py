"""Events for the fold: short to write, whole to read."""

import uuid
from datetime import UTC, datetime, timedelta

from erp.domain.exposure.event import Event

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
START = {
    "step": "0190f3c0-0000-7000-8000-000000000001",
    "expected_suds": None,
    "prediction": "",
    "likelihood": None,
    "response": "",
    "planned_minutes": 20,
    "check_in_minutes": 5,
    "stopping_rule": "time",
    "zone": "America/New_York",
}


def happens(number: int, kind: str, after: float, /, **data: object) -> Event:
    """An event with the id `number`, so many minutes after noon."""
    whole = {**START, **data} if kind == "started" else data
    return Event(uuid.UUID(int=number), kind, NOON + timedelta(minutes=after), whole)
