"""A short soak: real phones on a bad network, with everything killed at random. `make soak` runs it for longer."""

import secrets
from pathlib import Path

import pytest

from tests.faults.proxy import BRISK
from tests.faults.soak import Wish, soak

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_nothing_is_lost_or_doubled_on_a_bad_network_with_everything_killed_at_random(tmp_path: Path):
    wish = Wish(secrets.randbits(32), exposures=10, people=1, round_seconds=15, rates=BRISK, web_lives=(3, 8))
    figures = soak(wish, tmp_path)
    assert figures.good, f"make soak EXPOSURES=10 SEED={wish.seed}\n{figures}"
    assert figures.audit.kept
    assert figures.faults
