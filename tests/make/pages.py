"""What a client has before a test begins, made by the verbs that the app itself uses."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

from werkzeug.test import TestResponse

from erp.domain.dates import local_day
from erp.domain.exposure import event as exposure_events
from erp.domain.ladder import ladder as ladders
from erp.domain.notification import kinds
from erp.domain.practice import plan as plans
from erp.domain.recording import record
from erp.domain.support import cheer as cheers
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.storage.account import Account
from erp.storage.db import Sessions
from erp.storage.support import Support
from tests.make.clock import NOW, ZONE
from tests.web.conftest import Phone

STEPS = (("look at a photo of a dog", 30), ("stand beside a dog", 70))
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True)
class Ladder:
    """The ids of a fear and of its steps, easiest first."""

    fear: uuid.UUID
    steps: list[uuid.UUID]


def a_ladder(
    sessions: Sessions, phone: Phone, name: str = "dogs", steps: Sequence[tuple[str, int]] = STEPS, **fields: Any
) -> Ladder:
    """A fear with rated steps; `fields` are what each step says besides."""
    now = phone.now()
    with sessions.writing() as session:
        account = session.get_one(Account, uuid.UUID(phone.account_id))
        fear = ladders.name_fear(session, account.id, {"name": name}, now)
        session.flush()
        raw = {"planned_minutes": 20, "check_in_minutes": 5, "stopping_rule": "time", **fields}
        made = [ladders.save_step(session, fear, raw | {"title": title, "suds": suds}, now) for title, suds in steps]
        session.commit()
        return Ladder(fear.id, [step.id for step in made])


def event(kind: str, exposure: uuid.UUID | str, at: datetime, **data: Any) -> dict[str, Any]:
    """An event as the phone writes it into a batch."""
    if kind == "started":
        data = {"planned_minutes": 20, "zone": ZONE} | data
    made = {"id": str(uuid.uuid4()), "exposure": str(exposure), "kind": kind, "at": at.isoformat()}
    return made | {name: str(value) if isinstance(value, uuid.UUID) else value for name, value in data.items()}


def batch(phone: Phone, *events: dict[str, Any], sent_at: datetime | None = None) -> dict[str, Any]:
    """A batch of the phone's outbox, sent now."""
    return {
        "sent_at": (sent_at or phone.now()).isoformat(),
        "account": phone.account_id,
        "events": list(events),
    }


def an_exposure(
    sessions: Sessions,
    phone: Phone,
    step: uuid.UUID,
    started: datetime | None = None,
    seconds: int | None = 600,
    noted: dict[str, Any] | None = None,
    **start: Any,
) -> uuid.UUID:
    """An exposure of so many seconds; None for one that still runs, `noted` for what was written afterwards."""
    now = phone.now()
    begun = started or now - timedelta(seconds=seconds or 60)
    exposure = uuid.uuid4()
    told = [event("started", exposure, begun, step=step, **start)]
    if seconds is not None:
        told.append(event("finished", exposure, begun + timedelta(seconds=seconds)))
    if noted is not None:
        told.append(event("noted", exposure, begun + timedelta(seconds=(seconds or 0) + 1), **noted))
    with sessions.writing() as session:
        parsed = [exposure_events.parse(raw) for raw in told]
        receipt = record(session, uuid.UUID(phone.account_id), parsed, now, now)
        assert not receipt.refused
        session.commit()
    return exposure


def a_plan(sessions: Sessions, phone: Phone, **raw: Any) -> None:
    """A plan from today on: 20 minutes on 5 days a week, unless said otherwise."""
    with sessions.writing() as session:
        account = session.get_one(Account, uuid.UUID(phone.account_id))
        given = {"minutes": 20, "kind": "per_week", "days_per_week": 5} | raw
        plans.set_plan(session, account.id, given, local_day(phone.now(), account.time_zone))
        session.commit()


def a_pause(sessions: Sessions, phone: Phone, first: int = 0, last: int = 3) -> uuid.UUID:
    """A pause; its ends in days from today."""
    now = phone.now()
    with sessions.writing() as session:
        account = session.get_one(Account, uuid.UUID(phone.account_id))
        day = local_day(now, account.time_zone)
        raw = {"first_day": str(day + timedelta(days=first)), "last_day": str(day + timedelta(days=last))}
        pause = plans.add_pause(session, account.id, raw, day, now)
        session.commit()
        return pause.id


def an_invitation(sessions: Sessions, client: Phone, ago: timedelta = timedelta()) -> str:
    """The token of an open invitation of the client, made so long ago."""
    with sessions.writing() as session:
        made = invitations.invite(session, uuid.UUID(client.account_id), client.now() - ago)
        session.commit()
        return made.token


def a_coach(sessions: Sessions, client: Phone, coach: Phone, **shared: Any) -> uuid.UUID:
    """Let one person coach the other; the id of the relation. `shared`: titles, suds, notes, contact, told."""
    now = client.now()
    token = an_invitation(sessions, client)
    with sessions.writing() as session:
        support = invitations.accept(session, token, uuid.UUID(coach.account_id), now)
        relations.share(support, {"contact": "every", "told": kinds.PINGS} | shared)
        session.commit()
        return support.id


def a_cheer(sessions: Sessions, support: uuid.UUID, text: str = "That took courage.", at: datetime = NOW) -> uuid.UUID:
    """A cheer that the supporter of a relation sent at that moment."""
    with sessions.writing() as session:
        raw = {"text": text, "anyway": "1"}
        cheer = cheers.send(session, session.get_one(Support, support), raw, at)
        session.commit()
        return cheer.id


def today() -> date:
    """The date on which the tests stand."""
    return local_day(NOW, ZONE)


def error_beside(answer: TestResponse, field: str) -> str:
    """The message that a page shows beside a field, which must point to it; empty where there is none."""
    html = answer.get_data(as_text=True)
    found = re.search(rf'<p class="error" id="{re.escape(field)}-error">(.*?)</p>', html, re.DOTALL)
    if found is None:
        return ""
    assert re.search(rf'aria-describedby="[^"]*\b{re.escape(field)}-error"', html), f"nothing points to {field}-error"
    return unescape(found[1]).strip()


def page_error(answer: TestResponse) -> str:
    """The message for a whole form."""
    found = re.search(r'<p class="error whole" role="alert">(.*?)</p>', answer.get_data(as_text=True), re.DOTALL)
    return unescape(found[1]).strip() if found else ""


def is_page(answer: TestResponse) -> bool:
    """Whether the answer is a whole page and not a fragment."""
    return "<!doctype html>" in answer.get_data(as_text=True).lower()
