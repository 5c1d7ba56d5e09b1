"""A client of Rung inside this process: an account with a ladder and a history, and the requests of a phone."""

import io
import json
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select
from uuid6 import uuid7

from erp import create_app
from erp.domain.exposure.event import parse
from erp.domain.recording import record
from erp.settings import Settings
from erp.storage.account import Account
from erp.storage.db import Sessions, open_engine
from erp.storage.migrating import migrate

Wsgi = Callable[..., Iterable[bytes]]
ENCODINGS = "gzip, deflate, br, zstd"
PLANNED_MINUTES = 20


@dataclass(frozen=True)
class Request:
    """One request of a phone."""

    method: str
    path: str
    cookie: str = ""
    body: bytes = b""
    etag: str = ""
    language: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers a browser would send that matter here."""
        headers = {
            "Host": "127.0.0.1",
            "Accept-Encoding": ENCODINGS,
            "Cookie": self.cookie,
            "Sec-Fetch-Site": "same-origin",
        }
        more = {"If-None-Match": self.etag, "Accept-Language": self.language}
        more["Content-Type"] = "application/json" if self.body else ""
        return headers | {name: value for name, value in more.items() if value}

    def environ(self) -> dict[str, Any]:
        """The same request as a WSGI server would hand it over."""
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(self.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            if name == "Content-Type":
                environ["CONTENT_TYPE"] = value
            else:
                environ["HTTP_" + name.upper().replace("-", "_")] = value
        return environ


class Client:
    """One account with one fear and its steps, signed in."""

    def __init__(self, app: Flask, settings: Settings, name: str) -> None:
        self.app = app
        self.sessions = Sessions(open_engine(settings.database_url))
        self.browser = app.test_client()
        email = f"{name}@example.org"
        self.post(
            "/sign-up",
            {
                "display_name": name,
                "email": email,
                "password": "a long walk with the dog",
                "time_zone": "Europe/London",
            },
        )
        with self.sessions.reading() as session:
            self.id = session.scalars(select(Account.id).where(Account.email == email)).one()
        self.build_ladder()
        self.browser.get("/today")
        cookie = self.browser.get_cookie("rung")
        if cookie is None:
            raise SystemExit("signing up left no cookie")
        self.cookie = f"rung={cookie.value}"

    def post(self, path: str, data: dict[str, Any]) -> str:
        """Send a form; the address that the answer leads to."""
        response = self.browser.post(path, data=data, headers={"Sec-Fetch-Site": "same-origin"})
        if response.status_code not in (302, 303):
            raise SystemExit(f"{path} answered {response.status_code}: {response.text[:500]}")
        return response.location

    def build_ladder(self) -> None:
        """Nine steps, as many as a usual ladder has."""
        listing = self.post("/ladder/new", {"name": "Dogs"})
        for part in range(2):
            titles = [f"Step {part * 6 + number} of my own words on the way" for number in range(6 - 3 * part)]
            rating = self.post(listing, {"title": titles})
        page = self.browser.get(rating).text
        ids = re.findall(r'name="suds-([0-9a-f-]{36})"', page)
        self.post(rating, {f"suds-{step}": 10 + 9 * place for place, step in enumerate(ids)})
        self.step = uuid.UUID(ids[0])
        self.post("/plan", {"minutes": 20, "kind": "per_week", "days_per_week": 6})

    def practise(self, days: int) -> None:
        """Practise once a day, five days of each six, on as many days before today."""
        now = datetime.now(UTC)
        for ago in range(days, 0, -1):
            if ago % 6 == 0:
                continue
            moment = now - timedelta(days=ago)
            with self.sessions.writing() as session:
                record(session, self.id, [parse(raw) for raw in self.run(moment)], moment, moment)
                session.commit()

    def run(self, end: datetime) -> list[dict[str, Any]]:
        """The twelve events of one exposure that ended at this moment, as the phone sends them."""
        exposure = str(uuid7())
        start = end - timedelta(minutes=PLANNED_MINUTES)

        def event(kind: str, minute: float, **data: Any) -> dict[str, Any]:
            at = (start + timedelta(minutes=minute)).isoformat(timespec="milliseconds")
            return {"id": str(uuid7()), "exposure": exposure, "kind": kind, "at": at, **data}

        started = event(
            "started",
            0,
            step=str(self.step),
            expected_suds=60,
            prediction="It will bark",
            likelihood=70,
            response="Crossing the street",
            planned_minutes=PLANNED_MINUTES,
            check_in_minutes=5,
            stopping_rule="time",
            zone="Europe/London",
        )
        checks = [event("checked_in", 2 * number, suds=60 - 3 * number) for number in range(1, 9)]
        urge = event("resisted", 17)
        done = event("finished", PLANNED_MINUTES)
        noted = event("noted", PLANNED_MINUTES + 1, suds=30, outcome="no", learning="It only looked", note="Again")
        return [started, *checks, urge, done, noted]

    def get(self, path: str) -> Request:
        """A page, as this client's phone asks for it."""
        return Request("GET", path, self.cookie)

    def posts(self, exposures: int) -> list[Request]:
        """The event posts of so many whole exposures, one event each, as the phone sends them with a network."""
        now = datetime.now(UTC)
        bodies = [
            {"sent_at": now.isoformat(timespec="milliseconds"), "account": str(self.id), "events": [event]}
            for number in range(exposures)
            for event in self.run(now - timedelta(minutes=2))
        ]
        return [Request("POST", "/events", self.cookie, json.dumps(body).encode()) for body in bodies]


def call(app: Wsgi, environ: dict[str, Any]) -> int:
    """Hand one request to an application and read the whole answer; the status."""
    status: list[str] = []
    answer = app(environ, lambda line, _headers, _info=None: status.append(line))
    try:
        for _part in answer:
            pass
    finally:
        close = getattr(answer, "close", None)
        if close:
            close()
    return int(status[0][:3])


def make(folder: Path) -> tuple[Flask, Settings]:
    """Rung on a new SQLite file, with the settings of a first start."""
    settings = Settings.from_env({"RUNG_DATA": str(folder)})
    migrate(settings.database_url)
    return create_app(settings), settings
