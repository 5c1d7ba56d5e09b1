"""The server's drawing of SUDS over time, held to the vectors that tests/js/curve.test.js holds the phone's to."""

import json
from pathlib import Path

import pytest

from erp.web.edge.curve import drawn

VECTORS = json.loads((Path(__file__).parents[2] / "unit/exposure/curve_vectors.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_points_and_their_numbers_stand_where_the_vectors_say(vector: dict):
    layout = drawn([(second, suds) for second, suds in vector["curve"]], vector["planned"])
    assert [[point.x, point.y] for point in layout.points] == vector["points"]
    assert [index for index, point in enumerate(layout.points) if point.labelled] == vector["labels"]
    assert (list(layout.rest) if layout.rest else None) == vector["rest"]


def test_a_number_stands_above_its_point_and_below_a_high_one():
    low, high = drawn([(0, 89), (600, 90)]).points
    assert (round(low.label_y - low.y, 1), round(high.label_y - high.y, 1)) == (-10, 18)
