import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from erp.domain.errors import Invalid
from erp.domain.exposure.event import parse

STARTED = {"step": str(uuid.uuid4()), "planned_minutes": 20}


def wrong(raw: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        parse(raw)
    return {name: problem.code for name, problem in refused.value.problems.items()}


def raw_event(kind: str, /, **data: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "exposure": str(uuid.uuid4()),
        "kind": kind,
        "at": "2026-11-18T12:00:00.123Z",
    } | data


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        ({"kind": "resisted"}, {"id": "not_an_id", "exposure": "not_an_id", "at": "not_a_time"}),
        (raw_event("resisted", id="1"), {"id": "not_an_id"}),
        (raw_event("resisted", exposure=None), {"exposure": "not_an_id"}),
        (raw_event("danced", **STARTED), {"kind": "not_an_option"}),
        (raw_event("resisted", **STARTED, kind=["resisted"]), {"kind": "not_an_option"}),
        (raw_event("resisted", at="yesterday"), {"at": "not_a_time"}),
        (raw_event("resisted", at="2026-11-18T12:00:00"), {"at": "not_a_time"}),
        (raw_event("resisted", at=1_800_000_000), {"at": "not_a_time"}),
        (raw_event("resisted", at="1999-12-31T12:00:00Z"), {"at": "not_a_time"}),
        (raw_event("resisted", at="2100-01-02T12:00:00Z"), {"at": "not_a_time"}),
        (raw_event("resisted", at="0001-01-01T00:00:00+23:59"), {"at": "not_a_time"}),
        (raw_event("checked_in"), {"suds": "required"}),
        (raw_event("checked_in", suds=101), {"suds": "not_whole"}),
        (raw_event("checked_in", suds=-1), {"suds": "not_whole"}),
        (raw_event("checked_in", suds=5.5), {"suds": "not_whole"}),
        (raw_event("checked_in", suds=True), {"suds": "not_whole"}),
        (raw_event("checked_in", suds="٣"), {"suds": "not_whole"}),
        (raw_event("extended", minutes=0), {"minutes": "not_whole"}),
        (raw_event("extended", minutes=121), {"minutes": "not_whole"}),
        (raw_event("started", planned_minutes=20), {"step": "not_an_id"}),
        (raw_event("started", **STARTED | {"planned_minutes": None}), {"planned_minutes": "required"}),
        (raw_event("started", **STARTED | {"planned_minutes": 241}), {"planned_minutes": "not_whole"}),
        (raw_event("started", **STARTED, check_in_minutes=61), {"check_in_minutes": "not_whole"}),
        (raw_event("started", **STARTED, expected_suds="high"), {"expected_suds": "not_whole"}),
        (raw_event("started", **STARTED, likelihood=200), {"likelihood": "not_whole"}),
        (raw_event("started", **STARTED, stopping_rule="later"), {"stopping_rule": "not_an_option"}),
        (raw_event("started", **STARTED, prediction="x" * 2001), {"prediction": "too_long"}),
        (raw_event("started", **STARTED, prediction=["x"]), {"prediction": "not_text"}),
        (raw_event("noted", outcome="maybe"), {"outcome": "not_an_option"}),
        (raw_event("noted", note="x" * 501), {"note": "too_long"}),
        (raw_event("noted", suds=101, learning=5), {"suds": "not_whole", "learning": "not_text"}),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_field_by_field(raw: dict[str, Any], problems: dict[str, str]):
    assert wrong(raw) == problems


def test_everything_optional_may_be_left_out_and_the_zone_of_the_phone_does_not_matter_for_the_time():
    started = parse(raw_event("started", **STARTED, at="2026-11-18T17:45:00+05:45"))
    assert (started.at, started.at.utcoffset()) == (datetime(2026, 11, 18, 12, tzinfo=UTC), timedelta(0))
    assert started.data
    assert (started.data["expected_suds"], started.data["prediction"], started.data["check_in_minutes"]) == (
        None,
        "",
        0,
    )
    assert parse(raw_event("noted")).data == {"suds": None, "outcome": None, "learning": "", "note": ""}


@pytest.mark.parametrize(("given", "kept"), [("it bites", 70), ("", None), ("  \r\n ", None), (None, None)])
def test_a_likelihood_is_one_of_a_prediction_and_is_nothing_without_it(given: str | None, kept: int | None):
    said = {name: value for name, value in {"prediction": given, "likelihood": 70}.items() if value is not None}
    data = parse(raw_event("started", **STARTED, **said)).data
    assert data is not None
    assert data.get("likelihood") == kept


def test_what_a_clock_tells_beyond_milliseconds_is_left_out_as_phones_do():
    assert parse(raw_event("resisted", at="2026-11-18T12:00:00.123999Z")).at.microsecond == 123_000
