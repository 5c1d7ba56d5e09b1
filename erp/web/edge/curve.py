"""Where SUDS over time are drawn. js/exposure/curve.js lays the chart out by the same rule, and both are held to
tests/unit/exposure/curve_vectors.json: the numbers on the phone stay where they are when the server's drawing comes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEFT, RIGHT, ZERO, SCALE = 8, 288, 112, 0.96
ROOM = 24  # what a number needs beside another


@dataclass(frozen=True, slots=True)
class Point:
    """One rating: where it stands, and whether it shows its number, whose foot is at `label_y`."""

    x: float
    y: float
    suds: int
    label_y: float
    labelled: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The points from first to last; where the line of the time still planned begins, if there is one."""

    points: tuple[Point, ...]
    rest: tuple[float, float] | None


def drawn(curve: Sequence[tuple[int, int]], planned: float | None = None) -> Layout:
    """Lay a curve of seconds and SUDS out in a drawing 320 wide and 128 high; `planned` is in seconds."""
    span = max(planned or 0, curve[-1][0], 1)
    places = [
        (_rounded(LEFT + second / span * (RIGHT - LEFT)), _rounded(ZERO - suds * SCALE)) for second, suds in curve
    ]
    labels = _labels([x for x, _y in places], [suds for _second, suds in curve])
    points = tuple(
        Point(x, y, suds, _rounded(y + (-10 if suds < 90 else 18)), index in labels)
        for index, ((x, y), (_second, suds)) in enumerate(zip(places, curve, strict=True))
    )
    x, y = places[-1]
    goes_on = planned is not None and planned > curve[-1][0]
    return Layout(points, (x + 8, y) if goes_on and x < RIGHT - 12 else None)


def _labels(across: list[float], ratings: list[int]) -> list[int]:
    """Which points show their number, as room allows: the last before all, then first, highest, and the later ones."""
    last = len(ratings) - 1
    labels: list[int] = []
    for index in (last, 0, ratings.index(max(ratings)), *range(last, -1, -1)):
        if all(abs(across[one] - across[index]) >= ROOM for one in labels):
            labels.append(index)
    return labels


def _rounded(value: float) -> float:
    return math.floor(value * 10 + 0.5) / 10


def sparkline(values: Sequence[int]) -> list[tuple[int, int]]:
    """Where at least two SUDS stand as a small line without axes, in a drawing 60 wide and 24 high."""
    return [(round(60 * index / (len(values) - 1)), round(22 - suds * 0.2)) for index, suds in enumerate(values)]
