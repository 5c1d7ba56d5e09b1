"""The kinds of notification: how long each is worth hearing, how much it says, who may hear it."""

from __future__ import annotations

from datetime import timedelta

PINGS = ("started", "finished", "goal", "milestone")
WANTED = (*PINGS, "weekly")
# What comes late is heard by who asks for what would have come in time; nobody chooses it.
EARLIER = "earlier"
NEWS = (*WANTED, EARLIER)

# How long each kind is worth hearing. After that it is dropped, not sent late.
LIFETIMES = {
    "started": timedelta(minutes=15),
    "finished": timedelta(hours=12),
    "goal": timedelta(hours=12),
    "milestone": timedelta(hours=24),
    "earlier": timedelta(hours=12),
    "weekly": timedelta(hours=24),
    "cheer": timedelta(hours=12),
    "check_in": timedelta(minutes=3),
    "end": timedelta(minutes=30),
    "test": timedelta(minutes=5),
}
SIGNALS = ("check_in", "end")
# What the person asked for a moment ago comes in quiet hours too: their own timer, and a test.
AT_ANY_HOUR = (*SIGNALS, "test")

# What can be said of practice, and how much it says: of several pings the one that says the most stands for the others.
RANKS = {EARLIER: 0, "started": 0, "finished": 1, "goal": 2, "milestone": 3}
ENDS = ("finished", "goal", "milestone", EARLIER)
