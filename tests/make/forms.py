"""What people have done before a browser test begins: sent as the pages would, without a page."""

import itertools
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import APIResponse, BrowserContext
from uuid6 import uuid7

PASSWORD = "a long walk with the dog"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
STEPS = (("Look at a photo of a dog", 20), ("Stand across the street from one", 45), ("Stroke a calm dog", 80))
people = itertools.count(1)


def new_email() -> str:
    """An address that no other test uses."""
    return f"robin{next(people)}.{time.time_ns()}@example.org"


def send(context: BrowserContext, path: str, form: dict[str, Any]) -> APIResponse:
    """Post a form as the phone would, without a page; it must be taken."""
    answer = context.request.post(path, form=form, headers=SAME_ORIGIN, max_redirects=0)
    assert answer.status == 303, f"{path} answered {answer.status}: {answer.text()[:2000]}"
    return answer


def make_account(context: BrowserContext, time_zone: str = "") -> str:
    """Sign up without tapping; the address. The phone is signed in afterwards."""
    email = new_email()
    zone = time_zone or zone_of(context)
    form = {"display_name": "Robin", "email": email, "password": PASSWORD, "time_zone": zone}
    send(context, "/sign-up", form)
    send(context, "/account/codes/saved", {})
    return email


def zone_of(context: BrowserContext) -> str:
    """The time zone of the phone. A second page in front would slow the first down to a frame a second."""
    page = context.new_page()
    zone: str = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    page.close()
    return zone


def sign_in(context: BrowserContext, email: str) -> None:
    """Sign in on another phone, without tapping."""
    send(context, "/sign-in", {"email": email, "password": PASSWORD})


def make_ladder(context: BrowserContext, steps: Sequence[tuple[str, int]] = STEPS) -> list[str]:
    """A fear with these steps, without tapping; the ids of the steps in the order given."""
    listing = send(context, "/ladder/new", {"name": "Dogs"}).headers["location"]
    rating = listing
    for title, _suds in steps:
        rating = send(context, listing, {"title": title}).headers["location"]
    page = context.request.get(rating).text()
    ids = {title: step_id(page, title) for title, _suds in steps}
    send(context, rating, {f"suds-{ids[title]}": str(suds) for title, suds in steps})
    return [ids[title] for title, _suds in steps]


def step_id(page: str, title: str) -> str:
    """The id of the step with this title on the page where steps are rated."""
    fields = re.findall(r'for="suds-([0-9a-f-]{36})"[^>]*>\s*<bdi>(.*?)</bdi>', page)
    return next(found for found, label in fields if label == title)


def set_plan(context: BrowserContext, minutes: int = 20) -> None:
    """Commit to so many minutes on six days a week."""
    send(context, "/plan", {"minutes": str(minutes), "kind": "per_week", "days_per_week": "6"})


def account_id(context: BrowserContext) -> str:
    """The id under which this phone's events are sent."""
    found = re.search(r'data-account="([0-9a-f-]{36})"', context.request.get("/today").text())
    assert found
    return found[1]


def practise(context: BrowserContext, step: str, end: datetime, minutes: int = 20) -> str:
    """Send the events of a whole exposure that ended at this moment; its id."""
    exposure = str(uuid7())
    start = end - timedelta(minutes=minutes)

    def event(kind: str, minute: float, **data: Any) -> dict[str, Any]:
        at = (start + timedelta(minutes=minute)).isoformat(timespec="milliseconds")
        return {"id": str(uuid7()), "exposure": exposure, "kind": kind, "at": at, **data}

    started = {"step": step, "expected_suds": 60, "prediction": "It will bark", "likelihood": 70}
    events = [
        event("started", 0, planned_minutes=minutes, check_in_minutes=5, stopping_rule="time", **started),
        event("checked_in", minutes / 2, suds=65),
        event("resisted", minutes / 2),
        event("finished", minutes),
        event("noted", minutes, suds=30, outcome="no", learning="It only looked at me", note="Again tomorrow"),
    ]
    body = {"sent_at": datetime.now(UTC).isoformat(), "account": account_id(context), "events": events}
    answer = context.request.post("/events", data=body, headers=SAME_ORIGIN)
    assert answer.status == 200, answer.text()[:2000]
    assert answer.json()["refused"] == []
    return exposure


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


def invite(client: BrowserContext) -> str:
    """Make an invitation; the address that it leads to."""
    send(client, "/people/invitations", {})
    found = re.search(r"/invitations/[\w-]{22}", client.request.get("/people/invite").text())
    assert found
    return found[0]


def become_coach(client: BrowserContext, coach: BrowserContext) -> str:
    """Let one phone's person coach the other's; the id of the relation."""
    accepted = send(coach, invite(client), {}).headers["location"]
    return accepted.rpartition("/")[2].partition("?")[0]


def happened(context: BrowserContext, exposure: str) -> list[dict[str, Any]]:
    """The events of an exposure as the server has them."""
    answer = context.request.get(f"/exposures/{exposure}/record")
    assert answer.status == 200, answer.status
    events: list[dict[str, Any]] = answer.json()["events"]
    return events
