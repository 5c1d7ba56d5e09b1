"""The events of exposures as they come in: what each kind carries, and what is refused."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from erp.domain.exposure.fold import KINDS, OUTCOMES
from erp.domain.fields import Fields
from erp.domain.ladder.ladder import STOPPING_RULES

# A clock that is further off was never set; its batch is taken by what it shows at sending, like one without a measure.
LARGEST_SKEW = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as it came, checked. `at` is the phone's clock (UTC)."""

    id: uuid.UUID
    exposure_id: uuid.UUID
    kind: str
    at: datetime
    value: int | None
    data: dict[str, Any] | None


def parse(raw: Mapping[str, Any]) -> NewEvent:
    """One event from a form or from JSON. Raises Invalid, keyed by field."""
    fields = Fields(raw)
    event_id, exposure_id = fields.identifier("id"), fields.identifier("exposure")
    kind = fields.one_of("kind", KINDS)
    at = fields.moment("at")
    value: int | None = None
    data: dict[str, Any] | None = None
    match kind:
        case "started":
            prediction = fields.text("prediction", 2000)
            likelihood = fields.whole_or_none("likelihood", 0, 100)
            data = {
                "step": str(fields.identifier("step")),
                "expected_suds": fields.whole_or_none("expected_suds", 0, 100),
                "prediction": prediction,
                "likelihood": likelihood if prediction else None,
                "response": fields.text("response", 2000),
                "planned_minutes": fields.whole("planned_minutes", 1, 240),
                "check_in_minutes": fields.whole("check_in_minutes", 0, 60, default=0),
                "stopping_rule": fields.one_of("stopping_rule", STOPPING_RULES, default="time"),
                "zone": fields.text("zone", 64),
            }
        case "checked_in":
            value = fields.whole("suds", 0, 100)
        case "extended":
            value = fields.whole("minutes", 1, 120)
        case "noted":
            data = {
                "suds": fields.whole_or_none("suds", 0, 100),
                "outcome": fields.one_of("outcome", OUTCOMES, default="") or None,
                "learning": fields.text("learning", 2000),
                "note": fields.text("note", 500),
            }
    fields.check()
    assert event_id
    assert exposure_id
    assert at
    return NewEvent(event_id, exposure_id, kind, at, value, data)


def skew_of(raw: object) -> timedelta | None:
    """What a phone measured that its clock lacks (ms), or None when it says nothing that makes sense."""
    if not isinstance(raw, int) or isinstance(raw, bool) or abs(raw) > LARGEST_SKEW / timedelta(milliseconds=1):
        return None
    return timedelta(milliseconds=raw)
