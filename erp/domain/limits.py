"""How much there may be of everything that a person can add: generous, and small enough that nothing grows for ever."""

from __future__ import annotations

# Lines of one form.
MAX_LISTED_STEPS = 30
MAX_MICRO_STEPS = 12

# Of an account, what is put away and what is over included.
MAX_FEARS = 500
MAX_STEPS = 3000
MAX_PAUSES = 500
MAX_DEVICES = 20
MAX_SIGN_INS = 50  # the one that was seen least lately gives way

# Exposures that begin on one local date, and those received within a day of which no start is known.
MAX_EXPOSURES_A_DAY = 100
# Events of an exposure: notes, and each other kind by itself, so that no tap keeps a finish out.
MAX_NOTES_AN_EXPOSURE = 100
MAX_EVENTS_OF_A_KIND = 1000
# Of all kinds together: beyond it only what an exposure is lost or miscounted without, each by the bound of its kind.
MAX_EVENTS_AN_EXPOSURE = 2000
# Stored events that are read for one batch: its other exposures wait on the phone for the next.
MAX_EVENTS_READ = 5000

# Of a client's invitations, and of a supporter's cheers.
MAX_OPEN_INVITATIONS = 10
MAX_INVITATIONS_A_DAY = 30
MAX_CHEERS_PER_EXPOSURE = 20
