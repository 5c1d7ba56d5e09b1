"""Exposures: their events, what these fold to, and the timer's signals."""
