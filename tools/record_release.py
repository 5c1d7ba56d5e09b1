"""Runs inside a checkout of a release, with its own requirements: makes its demo, and notes what its pages send.

`python record_release.py FOLDER` writes into FOLDER `rung.sqlite3.gz`, and where the release has coaches and devices
`requests.jsonl` and `after.json`. The keys come from the environment. It uses of the release only what every one has:
`create_app`, `erp.demo.fill`, migrations, and its pages by Flask's test client. `tools/fixtures.py` starts it.
"""

import base64
import gzip
import json
import logging
import re
import sqlite3
import sys
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

from erp import create_app, demo
from erp.demo import Sessions, box, migrate, open_engine
from erp.settings import Settings

# Shorter than the whole demo, so that the file stays small: past the day on which the coach comes.
DAYS = 90
PHONE = {"Sec-Fetch-Site": "same-origin", "User-Agent": "Mozilla/5.0 (Android 16; Mobile; rv:150.0) Firefox/150.0"}
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
NEW_PASSWORD = "a lighthouse in the fog"
# In this order a table's new rows are told apart; those of one request that made several.
ORDERS = {"step": "position, created_at, id"}
SKIPPED = {"alembic_version", "notification", "delivery", "recovery_code"}


class Forms(HTMLParser):
    """The forms of a page: each action with what a browser would send of it untouched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str]]]] = []
        self._select = self._area = None
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, and the fields that are in it."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = True
            self.found.append((given.get("action") or given.get("hx-post", ""), []))
        elif self._inside and "name" in given and "disabled" not in given:
            self._field(tag, given)
        elif tag == "option" and self._select and ("selected" in given):
            self._fields[-1:] = [(self._select, given.get("value", ""))]

    def _field(self, tag: str, given: dict[str, str]) -> None:
        if tag == "select":
            self._select = given["name"]
            self._fields.append((self._select, ""))
        elif tag == "textarea":
            self._area = given["name"]
            self._fields.append((self._area, ""))
        elif tag == "input" and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self._fields.append((given["name"], given.get("value", "on" if "checked" in given else "")))

    def handle_data(self, data: str) -> None:
        """What stands in a long field."""
        if self._area:
            self._fields[-1] = (self._area, data.strip("\n"))

    def handle_endtag(self, tag: str) -> None:
        """The end of a form or a field."""
        if tag == "form":
            self._inside = False
        if tag == "select":
            self._select = None
        if tag == "textarea":
            self._area = None

    @property
    def _fields(self) -> list[tuple[str, str]]:
        return self.found[-1][1]


class Recorder:
    """Browsers at the release's own application, and what they send, with the ids of the rows that came of each."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        self.database = settings.data / "rung.db"
        self.lines: list[dict[str, object]] = []
        self.recording = True
        self.phones = {name: self.app.test_client() for name in ("robin", "tablet", "kim", "sam")}

    def get(self, who: str, page: str) -> str:
        """The text of a page."""
        answer = self.phones[who].get(page, headers=PHONE, follow_redirects=True)
        assert answer.status_code == 200, (page, answer.status)
        return answer.text

    def form(self, who: str, page: str, action: str, *, htmx: bool = False, **filled: object) -> str:
        """Fill in a form of a page and send it, as the page would; where that led."""
        fields = next(fields for where, fields in Forms(self.get(who, page)).found if where.partition("?")[0] == action)
        pairs = [(name, value) for name, value in fields if name not in filled]
        for name, value in filled.items():
            pairs += [(name, str(each)) for each in (value if isinstance(value, list) else [value])]
        return self.send(who, action, HTMX | {"HX-Current-URL": f"http://localhost{page}"} if htmx else {}, form=pairs)

    def send(self, who: str, path: str, headers: dict[str, str] | None = None, **body: object) -> str:
        """POST a form or JSON; where that led."""
        headers = PHONE | (headers or {})
        line = {"who": who, "at": datetime.now(UTC).isoformat(), "path": path, "headers": headers, **body}
        before = self._ids()
        options = {"json": body["json"]} if "json" in body else {"data": _grouped(body.get("form", []))}
        answer = self.phones[who].post(path, headers=headers, **options)
        assert answer.status_code < 400, (path, body, answer.status, answer.text[:3000])
        refused = (answer.get_json(silent=True) or {}).get("refused")
        assert not refused, refused
        after = self._ids()
        line["made"] = {name: [each for each in ids if each not in before[name]] for name, ids in after.items()}
        line["gone"] = {name: len(set(ids) - set(after[name])) for name, ids in before.items()}
        line["led_to"] = answer.headers.get("HX-Redirect") or answer.location or ""
        if self.recording:
            self.lines.append(line)
        return str(line["led_to"]).partition("?")[0]

    def _ids(self) -> dict[str, list[str]]:
        """The ids of the rows of every table, as they stand in addresses."""
        with closing(sqlite3.connect(self.database)) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {table: self._of(connection, table) for table in sorted(set(tables) - SKIPPED)}

    def _of(self, connection: sqlite3.Connection, table: str) -> list[str]:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        key = "id" if "id" in columns else " || ' ' || ".join(each for each in columns if each in KEYS)
        rows = connection.execute(f"SELECT {key} FROM {table} ORDER BY {ORDERS.get(table, '1')}")
        return [_dashed(value) for (value,) in rows]


KEYS = ("account_id", "date", "starts_on")


def _dashed(value: str) -> str:
    return str(uuid.UUID(hex=value)) if re.fullmatch("[0-9a-f]{32}", value) else value


def _grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def record(recorder: Recorder) -> None:
    """What a client, somebody new and a coach do on all pages that send something."""
    account = re.search(r'data-account="([0-9a-f-]{36})"', recorder.get("robin", "/today"))
    assert account
    today = datetime.now(UTC).date()
    sign_up(recorder)
    fear, step, other = ladder(recorder)
    practice(recorder, account[1], step, other)
    plan(recorder, today)
    people(recorder)
    devices(recorder)
    settings(recorder, fear)


def sign_up(recorder: Recorder) -> None:
    """Somebody new, with a first ladder and a plan, out and in again."""
    kim = {"display_name": "Kim", "email": "kim@rung.example", "password": NEW_PASSWORD, "time_zone": "Europe/Berlin"}
    recorder.form("kim", "/sign-up", "/sign-up", **kim)
    recorder.form("kim", "/account/codes", "/account/codes/saved")
    listing = recorder.form("kim", "/ladder/new", "/ladder/new", name="Heights")
    rating = recorder.form("kim", listing, listing, title=["Stand on a chair", "Look down from a bridge"])
    fields = re.findall(r'name="(suds-[0-9a-f-]{36})"', recorder.get("kim", rating))
    recorder.form("kim", rating, rating, **{name: 30 + 20 * at for at, name in enumerate(dict.fromkeys(fields))})
    recorder.form("kim", "/plan", "/plan", minutes="10", kind="weekdays", weekdays=["0", "2", "4"])
    recorder.form("kim", "/account", "/sign-out")
    recorder.form("kim", "/sign-in", "/sign-in", email=kim["email"], password=NEW_PASSWORD)


def ladder(recorder: Recorder) -> tuple[str, str, str]:
    """Changes of the ladder that is there; its fear and two steps that are left."""
    page = recorder.get("robin", "/ladder")
    fear = re.search(r'href="/ladder/([0-9a-f-]{36})/edit"', page) or re.search(r"/ladder/([0-9a-f-]{36})", page)
    assert fear
    here = f"/ladder/{fear[1]}"
    recorder.form("robin", f"{here}/new", f"{here}/new", title="Feed a pigeon", suds="35", response="Stepping back")
    steps = list(dict.fromkeys(re.findall(r'href="/steps/([0-9a-f-]{36})"', recorder.get("robin", here))))
    first, second = steps[0], steps[1]
    recorder.form("robin", f"/steps/{first}/edit", f"/steps/{first}/edit", title="Said otherwise", suds="41")
    recorder.form(
        "robin", f"/steps/{second}/split", f"/steps/{second}/split", title=["Half", "A quarter"], suds=[22, 11]
    )
    for name in ("mastered", "archived"):
        for value in ("1", "0"):
            recorder.send("robin", f"/steps/{second}/{name}", form=[(name, value)])
    recorder.form("robin", f"{here}/rate", f"{here}/rate")
    recorder.form("robin", f"{here}/edit", f"{here}/edit", name="Animals")
    return fear[1], first, second


def practice(recorder: Recorder, account: str, step: str, other: str) -> None:
    """A whole exposure from the phone's outbox, sent twice as after a lost answer; one that is away; one by forms."""
    now = datetime.now(UTC) - timedelta(hours=2)
    exposure = str(uuid.uuid4())

    def event(kind: str, after: float, **told: object) -> dict[str, object]:
        at = (now + timedelta(minutes=after)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"id": str(uuid.uuid4()), "exposure": exposure, "kind": kind, "at": at} | told

    start = {
        "step": step,
        "planned_minutes": 20,
        "check_in_minutes": 5,
        "stopping_rule": "time",
        "zone": "Europe/Lisbon",
    }
    told = {"expected_suds": 41, "prediction": "It will bite", "likelihood": 60, "response": "Stepping back"}
    whole = [
        event("started", 0, **start, **told),
        event("checked_in", 5, suds=62),
        event("resisted", 6),
        event("ritual", 7),
        event("paused", 8),
        event("resumed", 10),
        event("extended", 20, minutes=5),
        event("finished", 27),
        event("noted", 28, suds=20, outcome="no", learning="It only looked", note="Again tomorrow"),
    ]
    for events in (whole[:3], whole[3:], whole):
        sent = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        recorder.send("robin", "/events", json={"sent_at": sent, "account": account, "skew": 0, "events": events})
    by_form(recorder, other)


def by_form(recorder: Recorder, step: str) -> None:
    """An exposure on a page without JavaScript, whose phone is locked for a moment."""
    page = f"/steps/{step}/practice"
    start = next(fields for action, fields in Forms(recorder.get("robin", page)).found if action == "/events")
    exposure = recorder.send("robin", "/events", form=start)
    for away in ("1", "0"):
        recorder.send("robin", f"{exposure}/away", form=[("away", away)])
    named = [("exposure", exposure.rpartition("/")[2])]
    for told in ({"kind": "checked_in", "suds": "50"}, {"kind": "resisted"}, {"kind": "finished"}):
        recorder.send("robin", "/events", form=[*named, *told.items()])
    recorder.send("robin", "/events", form=[*named, ("kind", "noted"), ("suds", "30"), ("learning", "It passed")])


def plan(recorder: Recorder, today: object) -> None:
    """A plan from now on, one for later that is taken back, a pause that is ended."""
    recorder.form("robin", "/plan", "/plan", minutes="15", kind="per_week", days_per_week="4")
    later = today + timedelta(days=9)
    recorder.form("robin", "/plan", "/plan", minutes="25", kind="per_week", days_per_week="6", starts_on=later)
    recorder.form("robin", "/plan", "/plan/upcoming/end")
    days = {"first_day": today + timedelta(days=30), "last_day": today + timedelta(days=33)}
    recorder.form("robin", "/plan", "/plan/pauses", **days)
    ends = [action for action, _fields in Forms(recorder.get("robin", "/plan")).found if "/plan/pauses/" in action]
    recorder.form("robin", "/plan", ends[-1])


def people(recorder: Recorder) -> None:
    """Invitations, one withdrawn and one accepted; what is shared and wanted; cheers and a heart; an end."""
    recorder.form("robin", "/people/invite", "/people/invitations")
    (withdraw,) = re.findall(
        r'action="(/people/invitations/[0-9a-f-]{36}/withdraw)"', recorder.get("robin", "/people/invite")
    )
    recorder.send("robin", withdraw, form=[])
    recorder.form("robin", "/people/invite", "/people/invitations")
    link = re.search(r"/invitations/([\w-]{22})", recorder.get("robin", "/people/invite"))
    assert link
    recorder.lines[-1]["token"] = link[1]
    client = recorder.form("kim", link[0], link[0])
    theirs = client.rpartition("/")[2]
    recorder.form("kim", client, f"{client}/pings", wanted=["started", "goal"])
    supporter = f"/supporters/{theirs}"
    recorder.form(
        "robin", supporter, supporter, titles="1", suds="1", notes="1", contact="every", told=["started", "goal"]
    )
    recorder.send("kim", f"{client}/cheers", form=[("place", "phrases"), ("phrase", "with_you")])
    relation = re.search(r'href="/people/([0-9a-f-]{36})', recorder.get("sam", "/people"))
    assert relation
    recorder.send(
        "sam", f"/people/{relation[1]}/cheers", HTMX, form=[("place", "own"), ("text", "Look how far you came")]
    )
    (heart, *_rest) = re.findall(r'action="(/cheers/[0-9a-f-]{36}/heart)"', recorder.get("robin", "/today"))
    recorder.send("robin", heart, form=[("next", "/today")])
    recorder.form("robin", supporter, f"{supporter}/end")
    recorder.form("sam", f"/people/{relation[1]}", f"/people/{relation[1]}/leave")


def devices(recorder: Recorder) -> None:
    """A browser that wants to be notified, under a new name, and removed; quiet hours."""
    key = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
    keys = {"p256dh": key, "auth": base64.urlsafe_b64encode(bytes(16)).rstrip(b"=").decode()}
    subscription = {"endpoint": "https://fcm.googleapis.com/wp/one", "expirationTime": None, "keys": keys}
    recorder.send("robin", "/devices", json={"subscription": subscription})
    (device,) = recorder.lines[-1]["made"]["device"]
    recorder.send("robin", "/devices", json={"subscription": subscription, "replaces": device})
    recorder.send("robin", f"/devices/{device}/name", HTMX, form=[("name", "My old phone")])
    recorder.send("robin", f"/devices/{device}/test", HTMX, form=[])
    recorder.form("robin", "/notifications", "/notifications", quiet_from="22:30", quiet_until="07:00", discreet="1")
    recorder.send("robin", f"/devices/{device}/remove", HTMX, form=[])


def settings(recorder: Recorder, fear: str) -> None:
    """Details, a zone, new codes and passwords; in by another phone and by a code; out everywhere."""
    recorder.form("robin", "/account", "/account/details", display_name="Robin Ü", check_in_minutes="10")
    recorder.send("robin", "/account/zone", HTMX, form=[("time_zone", "Europe/Madrid"), ("next", "/today")])
    recorder.send("robin", "/account/zone", form=[("time_zone", "Europe/Lisbon"), ("next", "/today")])
    recorder.form("tablet", "/sign-in", "/sign-in", email=demo.EMAIL, password=demo.PASSWORD)
    recorder.form("tablet", "/account", "/account/sign-out-everywhere")
    recorder.form("tablet", "/recover", "/recover", email=demo.EMAIL, code=recorder.code, password=NEW_PASSWORD)
    recorder.form("tablet", "/account", "/account/password", current=NEW_PASSWORD, password="a quiet hour by the sea")
    recorder.form("tablet", "/account/codes", "/account/codes", current="a quiet hour by the sea")
    recorder.form("tablet", "/account/codes", "/account/codes/saved")
    recorder.form("tablet", f"/ladder/{fear}/edit", f"/ladder/{fear}/archived")


def prepare(recorder: Recorder) -> dict[str, object]:
    """Sign the people of the demo in and give the client codes, before the database is kept; the phones' cookies."""
    recorder.recording = False
    for who, email in (("robin", demo.EMAIL), ("sam", demo.COACH_EMAIL)):
        recorder.form(who, "/sign-in", "/sign-in", email=email, password=demo.PASSWORD)
    recorder.form("robin", "/account/codes", "/account/codes", current=demo.PASSWORD)
    recorder.code = re.findall("<li><code>(.+?)</code>", recorder.get("robin", "/account/codes"))[0]
    recorder.form("robin", "/account/codes", "/account/codes/saved")
    recorder.recording = True
    cookies = {}
    for who in ("robin", "sam"):
        with recorder.phones[who].session_transaction() as session:
            # Not signed: a signature would be too old one day.
            cookies[who] = dict(session)
    return {"name": recorder.app.config["SESSION_COOKIE_NAME"], "cookies": cookies}


def kept(database: Path) -> dict[str, object]:
    """What a database says after all: rows of every table, and the days and totals as they are."""
    with closing(sqlite3.connect(database)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in sorted(names)}
        days = connection.execute("SELECT date, seconds, exposures FROM day ORDER BY date, seconds").fetchall()
        totals = "SELECT first_day, days, seconds, exposures FROM tally ORDER BY first_day, seconds"
        return {"counts": counts, "days": days, "totals": connection.execute(totals).fetchall()}


def main() -> None:
    """Make the database, and record where there are pages for all that is recorded."""
    logging.disable(logging.INFO)
    folder = Path(sys.argv[1])
    settings = Settings.from_env()
    box.set_keys(settings.data_keys)
    migrate(settings.database_url)
    demo.DAYS = DAYS
    with Sessions(open_engine(settings.database_url)).writing() as session:
        demo.fill(session, datetime.now(UTC))
        session.commit()
    recorder = Recorder(settings) if hasattr(demo, "COACH_EMAIL") else None
    phones = prepare(recorder) if recorder and "--requests" in sys.argv else None
    plain = folder / "rung.sqlite3"
    with closing(sqlite3.connect(settings.data / "rung.db")) as connection:
        connection.execute("VACUUM INTO ?", (str(plain),))
    (folder / "rung.sqlite3.gz").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.unlink()
    if recorder is None or phones is None:
        return
    record(recorder)
    lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in recorder.lines)
    (folder / "requests.jsonl").write_text(lines, "utf-8")
    after = phones | {"after": kept(settings.data / "rung.db")}
    (folder / "phones.json").write_text(json.dumps(after, indent=1, default=str) + "\n", "utf-8")


if __name__ == "__main__":
    main()
