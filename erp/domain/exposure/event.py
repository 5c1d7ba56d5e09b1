"""The events of exposures: their kinds, what each carries, and what is refused as they come in."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict, cast

from cryptography.fernet import InvalidToken

from erp.domain.errors import Invalid, Unreadable
from erp.domain.fields import Fields
from erp.domain.ladder.ladder import MAX_MINUTES, StoppingRule

# A clock that is further off was never set; its batch is taken by what it shows at sending, like one without a measure.
MAX_SKEW = timedelta(days=3660)


class EventKind(StrEnum):
    """What can happen in an exposure."""

    started = "started"
    checked_in = "checked_in"
    resisted = "resisted"
    ritual = "ritual"
    paused = "paused"
    resumed = "resumed"
    extended = "extended"
    finished = "finished"
    noted = "noted"


class PredictionOutcome(StrEnum):
    """Whether what the client had predicted came true."""

    no = "no"
    partly = "partly"
    yes = "yes"


class Start(TypedDict, total=False):
    """What `started` carries. SUDS and likelihood 0–100; `step` is a UUID; `zone` an IANA name, or empty."""

    step: str
    expected_suds: int | None
    prediction: str
    likelihood: int | None
    response: str
    planned_minutes: int
    check_in_minutes: int
    stopping_rule: str
    zone: str


class CheckIn(TypedDict):
    """What `checked_in` carries: SUDS 0–100."""

    suds: int


class Extension(TypedDict):
    """What `extended` carries: how many minutes more."""

    minutes: int


class Note(TypedDict, total=False):
    """What `noted` carries: SUDS 0–100, a PredictionOutcome, and the client's words; None and "" say nothing."""

    suds: int | None
    outcome: str | None
    learning: str
    note: str


class Finish(TypedDict, total=False):
    """What `finished` carries: the id (UUID) of the exposure whose beginning ended this one, where one did."""

    gave_way_to: str


class Nothing(TypedDict):
    """What the other kinds carry."""


EventData = Start | CheckIn | Extension | Note | Finish | Nothing


@dataclass(frozen=True, slots=True)
class Event:
    """One event with its corrected time (UTC). `data` is what its kind carries, as the phone sent it, checked."""

    id: uuid.UUID
    kind: EventKind
    at: datetime
    data: EventData = field(default_factory=Nothing)


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event as it came, checked. `at` is the phone's clock (UTC).

    `value` is the SUDS of a check-in or the minutes of an extension; `data` what a start, a note or a finish carries.
    """

    id: uuid.UUID
    exposure_id: uuid.UUID
    kind: EventKind
    at: datetime
    value: int | None
    data: Start | Note | Finish | None


# What reading a damaged row, or folding a damaged event, raises.
UNREADABLE = (Unreadable, InvalidToken, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

# By its stored name; calling EventKind takes ten times as long, and a post reads every event of its exposure.
_KINDS = {kind.value: kind for kind in EventKind}
_VALUE_NAMES: dict[str, str] = {EventKind.checked_in: "suds", EventKind.extended: "minutes"}
_RANGES: dict[str, tuple[int, int]] = {EventKind.checked_in: (0, 100), EventKind.extended: (1, 120)}


def event_of(
    event_id: uuid.UUID, kind: str, at: datetime, shift_ms: int, value: int | None, data: Mapping[str, Any] | None
) -> Event:
    """An event from the columns of its row, which those of IncomingEvent are as well."""
    if named := _VALUE_NAMES.get(kind):
        data = {named: value}
    corrected = (at + timedelta(milliseconds=shift_ms)).astimezone(UTC)
    # A kind that only a newer version knows stays what it is: the fold passes over it.
    known = cast(EventKind, _KINDS.get(kind, kind))
    return Event(event_id, known, corrected, cast(EventData, data or {}))


def stored_event(
    event_id: uuid.UUID, kind: str, at: datetime, shift_ms: int, value: int | None, data: Mapping[str, Any] | None
) -> Event:
    """As event_of, of a stored row; raises what is UNREADABLE where `fault_of` finds one.

    A kind that a newer version wrote is none: the fold passes over it.
    """
    if kind in _KINDS and (fault := fault_of(kind, value, data)):
        raise Unreadable(fault)
    return event_of(event_id, kind, at, shift_ms, value, data)


def fault_of(kind: str, value: int | None, data: Mapping[str, Any] | None) -> str:
    """What a stored event says that no event can: "kind", "value" or "data"; "" where it is sound."""
    if kind not in _KINDS:
        return "kind"
    if kind in _RANGES:
        low, high = _RANGES[kind]
        return "" if type(value) is int and low <= value <= high else "value"
    if kind not in _READERS or (kind == EventKind.finished and data is None):
        return ""
    if not isinstance(data, dict):
        return "data"
    fields = Fields(data)
    _READERS[kind](fields)
    try:
        fields.check()
    except Invalid:
        return "data"
    return ""


def parse(raw: Mapping[str, Any]) -> IncomingEvent:
    """One event from a form or from JSON. Raises Invalid, keyed by field."""
    fields = Fields(raw)
    event_id, exposure_id = fields.identifier("id"), fields.identifier("exposure")
    kind = fields.one_of("kind", EventKind)
    at = fields.moment("at")
    # A phone's clock tells milliseconds; finer ones would sort here otherwise than there.
    at = at and at.replace(microsecond=at.microsecond // 1000 * 1000)
    value: int | None = None
    if kind in _RANGES:
        value = fields.whole(_VALUE_NAMES[kind], *_RANGES[kind])
    data = _READERS[kind](fields) if kind in _READERS else None
    fields.check()
    assert event_id
    assert exposure_id
    assert at
    return IncomingEvent(event_id, exposure_id, kind, at, value, data)


def _start(fields: Fields) -> Start:
    prediction = fields.text("prediction", 2000, multiline=True)
    likelihood = fields.whole_or_none("likelihood", 0, 100)
    return {
        "step": str(fields.identifier("step")),
        "expected_suds": fields.whole_or_none("expected_suds", 0, 100),
        "prediction": prediction,
        "likelihood": likelihood if prediction else None,
        "response": fields.text("response", 2000, multiline=True),
        "planned_minutes": fields.whole("planned_minutes", 1, MAX_MINUTES),
        "check_in_minutes": fields.whole("check_in_minutes", 0, 60, default=0),
        "stopping_rule": fields.one_of("stopping_rule", StoppingRule, default=StoppingRule.time),
        "zone": fields.text("zone", 64),
    }


def _note(fields: Fields) -> Note:
    return {
        "suds": fields.whole_or_none("suds", 0, 100),
        "outcome": fields.one_of_or_none("outcome", PredictionOutcome),
        "learning": fields.text("learning", 2000, multiline=True),
        "note": fields.text("note", 500),
    }


def _finish(fields: Fields) -> Finish | None:
    if not fields.raw.get("gave_way_to"):
        return None
    return {"gave_way_to": str(fields.identifier("gave_way_to"))}


_READERS: dict[str, Callable[[Fields], Start | Note | Finish | None]] = {
    EventKind.started: _start,
    EventKind.noted: _note,
    EventKind.finished: _finish,
}


def skew_of(raw: object) -> timedelta | None:
    """What a phone measured that its clock lacks (ms), or None when it says nothing that makes sense."""
    if not isinstance(raw, int) or isinstance(raw, bool) or abs(raw) > MAX_SKEW / timedelta(milliseconds=1):
        return None
    return timedelta(milliseconds=raw)
