"""What the pages of a release sent is taken by the server of today, on that release's database: nothing twice or lost.

An update finds pages open and practice waiting on phones; these were made by the code of before.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from werkzeug.datastructures import MultiDict

from erp.services import services_of
from erp.settings import Settings
from erp.storage.db import Sessions
from erp.storage.migrating import migrate
from erp.storage.support import Invitation
from erp.storage.tables import Base
from tests.make.clock import Clock
from tests.make.releases import Row, left_by, phones_of, requests_of, rows_of
from tests.web.conftest import Phone

RELEASES = ["0.1.0"]
UUID_LIKE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What a request makes several of is told apart in this order, as it was when it was recorded.
ORDERS = {"step": ("position", "created_at", "id")}
# Rows that the server of today makes otherwise: more sign-ins, other codes, and what is told when.
OF_TODAY = {"sign_in", "form_result", "former_phone_key", "recovery_code", "notification", "delivery"}


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def settings(settings: Settings, release: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings with the database of a release, brought up to the tables of today."""
    folder = tmp_path / "left"
    folder.mkdir()
    with left_by(release, folder) as url:
        migrate(url)
        yield replace(settings, database_url=url)


def ids(engine: Engine) -> dict[str, list[str]]:
    """The keys of the rows of every table of before; an id as it stands in an address."""
    found = {}
    with engine.connect() as connection:
        for name, table in Base.metadata.tables.items():
            if name not in OF_TODAY:
                keys = list(table.primary_key.columns)
                rows = connection.execute(select(*keys).order_by(*(table.c[each] for each in ORDERS.get(name, ()))))
                found[name] = [" ".join(map(str, row)) for row in rows]
    return found


@dataclass
class Replay:
    """The browsers of before at the server of today; `there` is what it has.

    `now_called` is what it calls the things of then.
    """

    app: Flask
    clock: Clock
    phones: dict[str, Phone]
    there: dict[str, list[str]]
    now_called: dict[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        return services_of(self.app).sessions.engine

    def translated(self, value: Any) -> Any:
        """The same with today's ids, tokens and days of what was made in this replay."""
        if isinstance(value, str):
            return re.sub(r"[\w-]{22,36}", lambda found: self.now_called.get(found[0], found[0]), value)
        if isinstance(value, list):
            return [self.translated(each) for each in value]
        if isinstance(value, dict):
            return {name: self.translated(each) for name, each in value.items()}
        return value

    def send(self, line: Row) -> None:
        """Send one request, and compare what came of it with what came of it then."""
        self.clock.stand(datetime.fromisoformat(line["at"]))
        path = self.translated(line["path"])
        before = self.there
        body = {"json": self.translated(line["json"])} if "json" in line else {"data": self._form(line)}
        answer = self.phones[line["who"]].post(path, headers=line["headers"], **body)
        what = f"{line['who']} {path} {body}: {answer.status} {answer.location} {answer.text[:2000]}"
        assert answer.status_code < 400, what
        assert not (answer.get_json(silent=True) or {}).get("refused"), what
        led_to = answer.headers.get("HX-Redirect") or answer.location or ""
        assert led_to.startswith("/sign-in") == line["led_to"].startswith("/sign-in"), what
        self._compare(line, before, what)

    def _form(self, line: Row) -> MultiDict[str, str]:
        form: MultiDict[str, str] = MultiDict()
        for name, value in line.get("form", []):
            form.add(self.translated(name), self.translated(value))
        return form

    def _compare(self, line: Row, before: dict[str, list[str]], what: str) -> None:
        after = self.there = ids(self.engine)
        for table, now in after.items():
            made = [key for key in now if key not in before[table]]
            then = line["made"][table]
            assert len(made) == len(then), f"{table}: {made} instead of {then}; {what}"
            self.now_called |= {old: new for old, new in zip(then, made, strict=True) if UUID_LIKE.fullmatch(new)}
            gone = len(set(before[table]) - set(now))
            assert gone == line["gone"][table], f"{table}: {gone} are gone; {what}"
        if "token" in line:
            with Sessions(self.engine).reading() as session:
                made_last = session.scalars(select(Invitation.token).order_by(Invitation.created_at.desc())).first()
            self.now_called[line["token"]] = str(made_last)


def texts_in(line: Row) -> list[str]:
    """What somebody wrote in a request, and nothing later in the recording takes back."""
    pairs = [
        *line.get("form", []),
        *(pair for event in line.get("json", {}).get("events", []) for pair in event.items()),
    ]
    return [value for name, value in pairs if name in ("title", "prediction", "learning", "note", "text") and value]


@pytest.fixture
def replay(app: Flask, clock: Clock, phone: Callable[[], Phone], release: str) -> Replay:
    """Browsers with the cookies that they had then."""
    phones = {name: phone() for name in ("robin", "tablet", "kim", "sam")}
    kept = phones_of(release)
    signer = app.session_interface.get_signing_serializer(app)
    for name, session in kept["cookies"].items():
        phones[name].set_cookie(kept["name"], signer.dumps(session))
    return Replay(app, clock, phones, ids(services_of(app).sessions.engine))


def test_what_the_pages_of_a_release_sent_is_taken_and_nothing_is_doubled_or_lost(replay: Replay, release: str):
    lines = requests_of(release)
    assert len(lines) > 50
    for line in lines:
        replay.send(line)
    after, then = rows_of(replay.engine), phones_of(release)["after"]
    for table, count in then["counts"].items():
        assert table in OF_TODAY | {"alembic_version"} or len(after[table]) == count, table
    days = sorted([str(row["date"]), row["seconds"], row["exposures"]] for row in after["day"])
    assert days == sorted(then["days"])
    totals = [[str(row["first_day"]), row["days"], row["seconds"], row["exposures"]] for row in after["tally"]]
    assert sorted(totals) == sorted(then["totals"])
    written = {text for line in lines for text in texts_in(line)}
    assert len(written) > 8
    assert [text for text in written if text not in str(after)] == []
    with replay.app.app_context():
        checked = replay.app.test_cli_runner(catch_exceptions=False).invoke(args=["check"])
    assert checked.output == "Everything holds together.\n"
