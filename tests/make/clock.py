"""The moment around which the tests happen, and a clock that knows nothing of the real time.

So no test depends on the hour, the day, the week or the year in which it runs. The web tests hold at any moment:
RUNG_TEST_NOW is another one to try, as 2026-03-29T00:59:30+00:00.
"""

import os
from datetime import UTC, datetime, timedelta

ZONE = "Europe/Lisbon"
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday; in November the zone's clocks show UTC
NOW = datetime.fromisoformat(os.environ.get("RUNG_TEST_NOW") or NOON.isoformat()).astimezone(UTC)
A_TICK = timedelta(milliseconds=1)


class Clock:
    """A clock for an application: from NOW on it ticks once at each look, until a test stands it somewhere.

    It ticks because pages sort by when things were made: what was made later must be later.
    """

    def __init__(self) -> None:
        self._moment, self._tick = NOW, A_TICK

    def __call__(self) -> datetime:
        self._moment += self._tick
        return self._moment

    def stand(self, moment: datetime) -> datetime:
        """Let it be this moment (UTC) until it is told otherwise."""
        self._moment, self._tick = moment, timedelta()
        return moment

    def go_on(self, time: timedelta) -> datetime:
        """Let so much time go by at once, and stand there."""
        return self.stand(self() + time)
