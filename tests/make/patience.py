"""How long a test waits for what must come. Only a failing test ever waits it out, however busy the machine is.

Where less or more is meant, that is what the test is about, and the clock of the page is moved instead.
"""

import os
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = float(os.environ.get("RUNG_TEST_PATIENCE", "120"))  # seconds; fewer while a test is being written
MILLISECONDS = PATIENCE * 1_000  # the same for Playwright


Value = TypeVar("Value")


def until(condition: Callable[[], Value], seconds: float = PATIENCE, pause: float = 0.02) -> Value:
    """Wait until the condition holds; its value. For where no page has to be kept alive meanwhile."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(pause)
    return value
