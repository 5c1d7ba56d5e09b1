"""Python runs this first where it is on the path: `datetime.now` is TEST_DAYS_AGO days behind, for a server of then."""

import datetime as dt
import os

DAYS_AGO = dt.timedelta(days=int(os.environ["TEST_DAYS_AGO"]))


class Then(dt.datetime):
    """The class under its own name, with another now."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
        """So many days ago."""
        return super().now(tz) - DAYS_AGO


dt.datetime = Then  # type: ignore[misc]
