"""What another device tells the server, without a browser."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import BrowserContext
from uuid6 import uuid7

from tests.browser.acts import SAME_ORIGIN, account_id


def tell(context: BrowserContext, exposure: str, kind: str, ago: float = 0, **data: object) -> None:
    """Send one event of so many seconds ago, as another device would."""
    at = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat(timespec="milliseconds")
    event = {"id": str(uuid7()), "exposure": exposure, "kind": kind, "at": at, **data}
    body = {"sent_at": datetime.now(UTC).isoformat(), "account": account_id(context), "events": [event]}
    answer = context.request.post("/events", data=body, headers=SAME_ORIGIN)
    assert answer.json()["refused"] == []


def started_elsewhere(context: BrowserContext, step: str, ago: float, **start: object) -> str:
    """An exposure started so many seconds ago, of one minute unless `start` says otherwise; its id."""
    exposure = str(uuid7())
    told = {"step": step, "planned_minutes": 1, "check_in_minutes": 0, "stopping_rule": "time", **start}
    tell(context, exposure, "started", ago, **told)
    return exposure
