"""What a check says of a row that does not hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold: in which table, which row, and which columns. Never what they say.

    `lost`: nothing tells any more what it should be.
    """

    table: str
    key: str
    what: str
    lost: bool = False
