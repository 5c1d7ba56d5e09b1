"""Nothing is read otherwise than it was typed: what is written in another way is said, not guessed."""

from datetime import UTC, date, datetime

import pytest

from erp.domain.errors import Invalid
from erp.domain.fields import Fields


def problem(fields: Fields, name: str) -> str:
    with pytest.raises(Invalid) as raised:
        fields.check()
    return raised.value.problems[name].code


@pytest.mark.parametrize(
    ("typed", "minutes"), [("21:30", 1290), ("00:00", 0), ("23:59", 1439), ("9:30", 570), ("21:30:00", 1290)]
)
def test_a_time_of_day_is_read_as_a_clock_shows_it(typed: str, minutes: int):
    fields = Fields({"quiet_from": typed})
    assert fields.time_of_day("quiet_from") == minutes
    fields.check()


@pytest.mark.parametrize(
    "typed",
    [
        *("21.30", "2130", "9pm", "9:30pm", "21", "21:3", "T21:30", "21:30Z", "21:30+01:00", "21:30:59", "21:30:00.5"),
        *("24:00", "21:60", "-1:30", "２１:３０", "٢١:٣٠", "21：30", "21:30\n", " 21:30", "21,5", "", None, 2130, 21.3),
    ],
)
def test_what_is_no_time_of_day_is_said(typed: object):
    fields = Fields({"quiet_from": typed})
    fields.time_of_day("quiet_from")
    assert problem(fields, "quiet_from") == "not_a_clock_time"


def test_a_date_is_read_as_a_form_sends_it():
    fields = Fields({"starts_on": "2026-11-22"})
    assert fields.day("starts_on") == date(2026, 11, 22)
    fields.check()


@pytest.mark.parametrize(
    "typed",
    [
        *("20261122", "2026-W48-1", "2026W481", "2026-11-22T00:00", "2026-11-22 00:00", "22.11.2026", "2026-1-2"),
        *(
            "2026-02-30",
            "2026-13-01",
            "0000-01-01",
            "２０２６-11-22",
            "2026-11-22\n",
            " 2026-11-22",
            "+2026-11-22",
            20261122,
        ),
    ],
)
def test_what_is_no_date_is_said(typed: object):
    fields = Fields({"starts_on": typed})
    assert fields.day("starts_on") is None
    assert problem(fields, "starts_on") == "not_a_date"


@pytest.mark.parametrize(("typed", "number"), [("20", 20), (" 20 ", 20), ("020", 20), (20, 20), ("0", 0)])
def test_a_whole_number_is_read(typed: object, number: int):
    fields = Fields({"minutes": typed})
    assert fields.whole("minutes", 0, 240) == number
    fields.check()


@pytest.mark.parametrize(
    "typed",
    [
        "+20",
        "-0",
        "2_0",
        "2 0",
        "20.0",
        "2e1",
        "0x14",
        "２０",
        "٢٠",
        "²",
        "20\n",
        "20\u00a0",
        "\t20",
        20.0,
        True,
        [20],
        "9" * 5000,
    ],
)
def test_what_is_no_whole_number_is_said(typed: object):
    fields = Fields({"minutes": typed})
    fields.whole("minutes", 0, 240, default=20)
    assert problem(fields, "minutes") == "not_whole"


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("2026-11-18T12:00:00.123Z", datetime(2026, 11, 18, 12, 0, 0, 123000, UTC)),
        ("2026-11-18T13:00:00+01:00", datetime(2026, 11, 18, 12, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_phones_write_it(typed: str, moment: datetime):
    fields = Fields({"at": typed})
    assert fields.moment("at") == moment
    fields.check()


@pytest.mark.parametrize(
    "typed",
    [
        *("2026-11-18", "20261118T120000Z", "2026-W47-3T12:00Z", "2026-11-18T12:00:00", "2026-11-18T12:00:00,5Z"),
        *("1763467200", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_what_is_no_moment_is_said(typed: str):
    fields = Fields({"at": typed})
    assert fields.moment("at") is None
    assert problem(fields, "at") == "not_a_time"
