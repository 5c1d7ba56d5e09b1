"""Reading raw values (of a form or of JSON) into what the verbs take, collecting every problem before refusing."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from erp.domain.dates import read_clock_time, read_date, read_moment
from erp.domain.errors import Invalid, Problem
from erp.domain.writing import is_visible, lines, one_line

Option = TypeVar("Option", bound=StrEnum)

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_DIGITS = re.compile("[0-9]{1,11}")


class Fields:
    """A raw mapping and the problems found in it so far. Ask for each field, then `check()` once."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.problems: dict[str, Problem] = {}

    def wrong(self, name: str, code: str, **values: int | str) -> None:
        """Note that a field is wrong; the first problem of a field stays."""
        self.problems.setdefault(name, Problem(code, values))

    def check(self) -> None:
        """Raise Invalid if anything was wrong."""
        if self.problems:
            raise Invalid(self.problems)

    def text(self, name: str, longest: int, *, required: bool = False, multiline: bool = False) -> str:
        """Text without surrounding space, at most `longest` characters; empty when wrong or missing.

        It is one line unless it may be several. A text of which nothing is seen, like a space of no width, is none.
        """
        value = self.raw.get(name)
        value = "" if value is None else value
        if not isinstance(value, str):
            self.wrong(name, "not_text")
            return ""
        value = lines(value) if multiline else one_line(value)
        value = value if is_visible(value) else ""
        if required and not value:
            self.wrong(name, "required")
        elif len(value) > longest:
            self.wrong(name, "too_long", longest=longest)
        return value

    def whole(self, name: str, low: int, high: int, *, default: int | None = None) -> int:
        """A whole number from `low` to `high`; a missing one is `default`, or a problem without a default."""
        value = self.whole_or_none(name, low, high)
        if value is not None:
            return value
        if default is None:
            self.wrong(name, "required")
            return low
        return default

    def whole_or_none(self, name: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`, or None when there is none or it is wrong."""
        value = self.raw.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and _DIGITS.fullmatch(value.strip(" ")):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.wrong(name, "not_whole", low=low, high=high)
            return None
        return value

    def one_of(self, name: str, options: type[Option], *, default: Option | None = None) -> Option:
        """One of the options; a missing one is `default`, or a problem without a default."""
        chosen = self.one_of_or_none(name, options)
        if chosen is not None:
            return chosen
        if default is None:
            self.wrong(name, "not_an_option")
            return next(iter(options))
        return default

    def one_of_or_none(self, name: str, options: type[Option]) -> Option | None:
        """One of the options, or None when it is missing or wrong (which is a problem)."""
        value = self.raw.get(name)
        if value is None or value == "":
            return None
        chosen = next((option for option in options if option == value), None)
        if chosen is None:
            self.wrong(name, "not_an_option")
        return chosen

    def identifier(self, name: str) -> uuid.UUID | None:
        """A UUID, or None when it is missing or wrong (which is a problem)."""
        try:
            return uuid.UUID(str(self.raw.get(name)))
        except ValueError:
            self.wrong(name, "not_an_id")
            return None

    def moment(self, name: str) -> datetime | None:
        """A time with a zone between 2000 and 2100, as UTC, or None when it is missing or wrong (a problem)."""
        moment = read_moment(str(self.raw.get(name)))
        if moment is None or not EARLIEST < moment < LATEST:
            self.wrong(name, "not_a_time")
            return None
        return moment

    def day(self, name: str, *, default: date | None = None) -> date | None:
        """A date like 2026-11-22; a missing one is `default`, or a problem without a default."""
        value = self.raw.get(name)
        if not value and default is not None:
            return default
        day = read_date(str(value))
        if day is None:
            self.wrong(name, "not_a_date")
        return day

    def time_of_day(self, name: str) -> int:
        """A time like 21:00, as minutes after midnight; 0 when it is missing or wrong (a problem)."""
        given = read_clock_time(str(self.raw.get(name)))
        if given is None:
            self.wrong(name, "not_a_clock_time")
            return 0
        return given
