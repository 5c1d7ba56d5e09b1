"""Acknowledged means durable: real servers killed under load, and what every connection to the database is told."""

import http.client
import json
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from erp import create_app
from erp.services import services_of
from erp.settings import Settings
from erp.storage.db import Sessions, open_engine
from erp.storage.exposure import EventRow
from tests.make.clients import Client
from tests.make.keys import KEY_SETTINGS
from tests.make.ports import free_port
from tests.make.server import ROOT, environment, wait_for

pytestmark = pytest.mark.slow

KILLS = 3
PHONES = 6


@dataclass
class Phone(threading.Thread):
    """Taps all the time and keeps each event until the server has said 2xx, as the real one does."""

    port: int
    cookie: str
    account: uuid.UUID
    step: uuid.UUID
    stop: threading.Event
    made: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    answers: int = 0
    failures: int = 0
    waiting: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        tapped = 0
        exposure = ""
        while not self.stop.is_set() or self.waiting:
            if not self.stop.is_set() and len(self.waiting) < 4:
                kind = "started" if tapped % 6 == 0 else "finished" if tapped % 6 == 5 else "checked_in"
                exposure = str(uuid.uuid4()) if kind == "started" else exposure
                self.tap(exposure, kind)
                tapped += 1
            self.send()

    def tap(self, exposure: str, kind: str) -> None:
        made = {"id": str(uuid.uuid4()), "exposure": exposure, "kind": kind, "at": datetime.now(UTC).isoformat()}
        if kind == "started":
            made |= {"step": str(self.step), "planned_minutes": 20, "zone": "UTC", "prediction": "it bites"}
        elif kind == "checked_in":
            made |= {"suds": 50}
        self.made.append(made["id"])
        self.waiting.append(made)

    def send(self) -> None:
        batch = {"account": str(self.account), "sent_at": datetime.now(UTC).isoformat(), "events": self.waiting[:2]}
        headers = {"Content-Type": "application/json", "Cookie": self.cookie, "Sec-Fetch-Site": "same-origin"}
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
                connection.request("POST", "/events", json.dumps(batch), headers)
                with connection.getresponse() as answer:
                    status, said = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.failures += 1
            time.sleep(0.2)
            return
        if status == 503:
            # Too many waited for the lock, on a machine that is busy with other things: a phone comes again.
            self.failures += 1
            time.sleep(0.2)
            return
        assert status == 200, said
        accepted = json.loads(said)["accepted"]
        self.answers += 1
        self.acknowledged += accepted
        self.waiting = [event for event in self.waiting if event["id"] not in set(accepted)]


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    services_of(app).sessions.engine.dispose()


def test_what_was_acknowledged_is_there_once_however_often_the_server_is_killed(
    app: Flask, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    seed = random.randrange(10**6)
    chance, port, stop = random.Random(seed), free_port(), threading.Event()
    phones = phones_of(app, port, stop)
    for number in range(KILLS + 1):
        process = serve(settings, port, tmp_path)
        try:
            wait_for(port, process)
            if not number:
                for phone in phones:
                    phone.start()
            # In the midst of it: so many answers later, while the other phones wait for theirs.
            enough, patient_until = answered(phones) + chance.randint(20, 60), time.monotonic() + 10
            while answered(phones) < enough and time.monotonic() < patient_until:
                time.sleep(0.001)
            if number < KILLS:
                process.send_signal(signal.SIGKILL)
            else:
                stop.set()
                for phone in phones:
                    phone.join(90)
                    assert not phone.is_alive()
        finally:
            process.kill()
            process.communicate()
    acknowledged = {event for phone in phones for event in phone.acknowledged}
    made = {event for phone in phones for event in phone.made}
    with services_of(app).sessions.reading() as session:
        kept = [str(event) for event in session.scalars(select(EventRow.id))]
        assert session.scalar(select(func.count()).select_from(EventRow)) == len(kept)
    lost, doubled = len(acknowledged - set(kept)), len(kept) - len(set(kept))
    failures = sum(phone.failures for phone in phones)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{KILLS} kills (seed {seed}): {len(made)} events made, {answered(phones)} requests answered, "
            f"{failures} failed, {len(acknowledged)} acknowledged, {lost} lost, {doubled} doubled\n"
        )
    assert len(acknowledged) > 50
    assert (lost, doubled) == (0, 0)
    assert made == acknowledged == set(kept)
    with app.app_context():
        checked = app.test_cli_runner(catch_exceptions=False).invoke(args=["check"])
    assert checked.output == "Everything holds together.\n"
    assert checked.exit_code == 0


def answered(phones: list[Phone]) -> int:
    """How many requests of all phones had an answer so far."""
    return sum(phone.answers for phone in phones)


def phones_of(app: Flask, port: int, stop: threading.Event) -> list[Phone]:
    """Two phones of each of a few people, signed in."""
    sessions: Sessions = services_of(app).sessions
    phones = []
    with sessions.writing() as session:
        for _ in range(PHONES // 2):
            client = Client(session, "UTC", datetime.now(UTC))
            browser = app.test_client()
            with browser.session_transaction() as cookie:
                cookie["_user_id"], cookie["_fresh"] = f"{client.account.id}.0", True
            signed = browser.get_cookie("rung")
            assert signed
            phones += [Phone(port, f"rung={signed.value}", client.account.id, client.step.id, stop) for _ in range(2)]
        session.commit()
    return phones


def serve(settings: Settings, port: int, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment(RUNG_DATA=str(folder), RUNG_PORT=str(port), DATABASE_URL=settings.database_url, **KEY_SETTINGS),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_every_connection_waits_until_the_disk_has_it(app: Flask, settings: Settings):
    sessions: Sessions = services_of(app).sessions
    with ExitStack() as stack:
        # As many as the pool keeps, and those that it makes beyond that.
        opened = [stack.enter_context(sessions.reading()) for _ in range(4)]
        opened += [stack.enter_context(sessions.writing()) for _ in range(4)]
        for session in opened:
            # The engine of the writers begins by taking the lock, of which there is one.
            connection = session.connection(execution_options={"writes": False})
            if connection.dialect.name == "sqlite":
                told = [connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")]
                assert told == ["wal", 2]
                assert connection.scalar(text("PRAGMA foreign_keys")) == 1
            else:
                asked = "SELECT setting, source FROM pg_settings WHERE name IN ('synchronous_commit', 'fsync')"
                for setting, source in connection.execute(text(asked)):
                    assert setting == "on" or source != "session"
    engine = open_engine(settings.database_url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA synchronous")) == 2
    engine.dispose()
