"""A client and coaches with devices at the test's push service, arranged by the verbs that the app itself uses."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from erp.domain.account import signing
from erp.domain.exposure import event as exposure_events
from erp.domain.ladder import ladder as ladders
from erp.domain.notification.device import register
from erp.domain.notification.subscription import Subscription
from erp.domain.recording import record
from erp.domain.support import invitation as invitations
from erp.jobs.tasks import Jobs
from erp.settings import Settings
from erp.storage.account import Account
from erp.storage.db import Sessions
from erp.storage.notification import Device
from erp.storage.support import Support

# A place where it is about noon, so that no test runs into quiet hours or midnight.
NOON = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
ORIGIN = "https://rung.example.org"
SECRET = "touch the door handle"


@dataclass
class Clock:
    """The worker's clock: the real one, moved on by what a test says."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Crew:
    """Robin, who practises, and whoever coaches; and the worker that tells them."""

    settings: Settings
    sessions: Sessions
    jobs: Jobs
    clock: Clock
    client: uuid.UUID
    step: uuid.UUID

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at the end."""
        with self.sessions.writing() as session:
            yield session
            session.commit()

    def coach(self, name: str = "sam", *subscriptions: Subscription, zone: str = NOON) -> uuid.UUID:
        """A coach with a device for each subscription; the id of the relation."""
        with self.writing() as session:
            account = an_account(session, name, zone)
            token = invitations.invite(session, self.client, datetime.now(UTC)).token
            support = invitations.accept(session, token, account.id, datetime.now(UTC))
            for subscription in subscriptions:
                self.device(session, account.id, subscription)
            return support.id

    def device(self, session: Session, account: uuid.UUID, subscription: Subscription, locale: str = "en_GB") -> Device:
        """A device of the account."""
        now = datetime.now(UTC)
        return register(session, account, subscription, now, name="Firefox", locale=locale, origin=ORIGIN)

    def support(self, session: Session, support_id: uuid.UUID) -> Support:
        """The relation, to change it."""
        return session.get_one(Support, support_id)

    def client_device(self, subscription: Subscription) -> None:
        """A device of the client's own."""
        with self.writing() as session:
            self.device(session, self.client, subscription)

    def practise(self, *kinds: str, exposure: uuid.UUID | None = None, minutes: int = 20, **start: Any) -> uuid.UUID:
        """Send these events of one exposure: "started" so many minutes ago, the others now."""
        exposure = exposure or uuid.uuid4()
        now = datetime.now(UTC)
        with self.writing() as session:
            for kind in kinds:
                at = now - timedelta(minutes=minutes) if kind == "started" and "finished" in kinds else now
                raw = {"id": str(uuid.uuid4()), "exposure": str(exposure), "kind": kind, "at": at.isoformat()}
                if kind == "started":
                    raw |= {"step": str(self.step), "planned_minutes": 20, "zone": NOON, "prediction": SECRET} | start
                receipt = record(session, self.client, [exposure_events.parse(raw)], now, now)
                assert not receipt.refused
        return exposure

    def another_worker(self) -> Jobs:
        """A second worker on the same database, with the same clock."""
        return Jobs(self.settings, self.sessions, self.clock)


def an_account(session: Session, name: str, zone: str) -> Account:
    """A person who has signed up."""
    raw = {"email": f"{name}@example.org", "password": "a long walk with the dog", "display_name": name.capitalize()}
    account, _codes = signing.sign_up(session, raw | {"time_zone": zone}, datetime.now(UTC))
    return account


def a_crew(settings: Settings, sessions: Sessions, origin: str) -> Crew:
    """A client with a ladder of one step, and a worker that may reach the push service at `origin`."""
    settings = replace(settings, push_hosts=(origin,))
    clock = Clock()
    with sessions.writing() as session:
        client = an_account(session, "robin", NOON)
        now = datetime.now(UTC)
        fear = ladders.name_fear(session, client.id, {"name": "contamination"}, now)
        session.flush()
        raw = {"title": SECRET, "suds": 45, "planned_minutes": 20, "check_in_minutes": 5, "stopping_rule": "time"}
        step = ladders.save_step(session, fear, raw, now)
        session.commit()
        return Crew(settings, sessions, Jobs(settings, sessions, clock), clock, client.id, step.id)
