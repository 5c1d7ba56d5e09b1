"""What the words of a notification need to know. A row keeps it as JSON; it is read back once, into one of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Facts:
    """Nothing: the words of the timer's signals and of a test say the same each time."""

    def stored(self) -> dict[str, Any]:
        """The JSON that a row keeps."""
        return asdict(self)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """The facts of a row; what another version left out or added does no harm."""
        return cls(**{field.name: stored[field.name] for field in fields(cls) if field.name in stored})


@dataclass(frozen=True, slots=True)
class StartFacts(Facts):
    """`name` is who practises."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class PracticeFacts(Facts):
    """`name` is who practised, for how many `seconds`; `streak` counts their days in a row."""

    name: str = ""
    seconds: int = 0
    streak: int = 0


@dataclass(frozen=True, slots=True)
class WeekFacts(Facts):
    """`name` is who practised last week: on so many `days`, for so many `seconds` in all."""

    name: str = ""
    days: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class CheerFacts(Facts):
    """`name` is who cheers, with which `text`."""

    name: str = ""
    text: str = ""
