"""The log: one JSON object a line on standard output, for the web and the worker alike."""

from __future__ import annotations

import logging
import sys


def logger(name: str) -> logging.Logger:
    """The logger of that name, which says what is worth knowing (INFO) even where nobody set logging up."""
    log = logging.getLogger(name)
    log.setLevel(logging.INFO)
    if not log.hasHandlers():
        log.addHandler(logging.StreamHandler(sys.stdout))
    return log
