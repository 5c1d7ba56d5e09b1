"""A clock for an application: it goes with the world's until a test stands it somewhere."""

from datetime import datetime, timedelta

from erp.domain.dates import utc_now


class Clock:
    def __init__(self) -> None:
        self._stands_at: datetime | None = None

    def __call__(self) -> datetime:
        return self._stands_at or utc_now()

    def stand(self, moment: datetime) -> datetime:
        """Let it be this moment (UTC) until it is told otherwise."""
        self._stands_at = moment
        return moment

    def go_on(self, time: timedelta) -> datetime:
        """Let so much time go by at once, and stand there."""
        return self.stand(self() + time)
