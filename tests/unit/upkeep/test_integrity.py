"""The check: every way in which rows can contradict each other is found and rebuilt, and nothing else is touched."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Table, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from erp.domain.account import sending, sign_in
from erp.domain.exposure.signals import note_hidden
from erp.domain.support import cheer as cheers
from erp.domain.upkeep.finding import Finding
from erp.domain.upkeep.integrity import _some_at_once, accounts, check_account, count_accounts
from erp.domain.upkeep.orphans import check_readable, checks_of_links, drop_unreadable
from erp.domain.upkeep.refolding import refold
from erp.storage.account import Account, FormerPhoneKey, SignIn
from erp.storage.box import Box
from erp.storage.db import Base, table_of
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Step
from erp.storage.notification import Notification
from erp.storage.practice import Day, PracticeTotals
from erp.storage.support import Support
from tests.make.clients import EVERY_DAY, Client, undone
from tests.make.examples import examples
from tests.make.supporters import A_DAY, A_MINUTE, A_SECOND, NOON, ZONE, begins, coach, exposes, goes_on, phone, takes
from tests.unit.practice.test_practice_against_reference import (
    TURNING_POINTS,
    Life,
    after_midnight,
    hours_of_day,
    steps,
    zones,
)

TEXTS = ("Noor", "dogs", "kennel", "it bites", "not running", "it slept", "proud", "example.org", "Still with you")


def findings(session: Session, now: datetime, *, repair: bool = False) -> list[Finding]:
    """Everything that does not hold."""
    session.flush()
    session.expire_all()
    found = list(check_readable(session))
    for check in checks_of_links():
        found += check(session, session if repair else None)
    for account in accounts(session):
        found += check_account(session, account, now, repair=repair)
    session.expire_all()
    return found


def everything(session: Session) -> dict[str, list[Any]]:
    """Every row of every table."""
    session.flush()
    return {table.name: sorted(map(repr, session.execute(select(table)))) for table in Base.metadata.tables.values()}


@contextmanager
def unguarded(session: Session) -> Iterator[None]:
    """Without foreign keys, as a damaged or a carelessly edited database is."""
    session.flush()
    if session.get_bind().dialect.name == "sqlite":
        # Off they cannot be within a transaction; the test's own is never committed, so that they are never looked at.
        session.execute(text("PRAGMA defer_foreign_keys=ON"))
        yield
        session.flush()
    else:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        yield
        session.flush()
        session.execute(text("SET LOCAL session_replication_role = origin"))
    session.expire_all()


@pytest.fixture
def client(session: Session) -> Client:
    """Somebody with a week of practice long ago, texts, a plan, a pause, a coach, cheers and pings: all there is."""
    client = Client(session, ZONE, NOON - 43 * A_DAY)
    client.plans_weekdays(5, EVERY_DAY)
    for _ in range(5):
        client.now += A_DAY
        client.practises(client.now, 420)
    client.pauses_for(client.today, client.today + A_DAY)
    client.now = NOON
    sam = coach(client)
    phone(session, sam.supporter_id)
    phone(session, client.account.id)
    said = {"expected_suds": 60, "prediction": "it bites", "likelihood": 70, "response": "not running"}
    exposure = begins(client, **said, check_in_minutes=3, stopping_rule="halved")
    goes_on(client, exposure, "checked_in", A_MINUTE, suds=80)
    goes_on(client, exposure, "resisted", A_SECOND)
    goes_on(client, exposure, "ritual", A_SECOND)
    cheers.send(session, sam, {"text": "Still with you."}, client.now)
    note_hidden(session, client.account.id, exposure, True, client.now)
    takes(session, client.now)
    goes_on(client, exposure, "finished", 8 * A_MINUTE)
    goes_on(client, exposure, "noted", outcome="no", learning="it slept", note="proud", suds=30)
    begins(client)
    exposes(Client(session, "Asia/Kathmandu", NOON))
    session.flush()
    return client


@pytest.fixture
def exposure(client: Client, session: Session) -> uuid.UUID:
    """The one with texts."""
    return session.scalars(select(Exposure.id).where(Exposure.phase == "done")).one()


# What is healthy.


def test_nothing_is_found_where_all_is_well_and_a_repair_changes_nothing(client: Client, session: Session):
    before = everything(session)
    assert session.scalar(select(PracticeTotals.settled_through).where(PracticeTotals.account_id == client.account.id))
    assert findings(session, client.now) == []
    assert findings(session, client.now, repair=True) == []
    assert everything(session) == before


@settings(max_examples=examples(30))
@given(
    start=st.sampled_from(TURNING_POINTS), second=hours_of_day, zone=zones, way=st.lists(steps, min_size=2, max_size=14)
)
def test_nothing_is_found_whatever_a_client_lived_through(
    migrated_engine: Engine, start: date, second: int, zone: str, way: list[tuple]
):
    with undone(migrated_engine) as session:
        life = Life(Client(session, zone, after_midnight(zone, start, second)))
        for step in way:
            life.live(step)
        assert findings(session, life.client.now) == []
        life.tell_the_rest()
        assert findings(session, life.client.now) == []


# Exposures.

WRONG = {
    "phase": "after",
    "started_at": NOON - A_SECOND,
    "finished_at": NOON,
    "ended": False,
    "due_at": NOON,
    "seconds": 100_000,
    "planned_seconds": 60,
    "peak_suds": 100,
    "last_suds": None,
    "resisted": 7,
    "rituals": 0,
    "curve": [[0, 1]],
    "expected_suds": 1,
    "likelihood": None,
    "stopping_rule": "time",
    "check_in_minutes": 60,
    "prediction": "it barks",
    "response": None,
    "outcome": "yes",
    "learning": "nothing",
    "note": None,
}


@pytest.mark.parametrize("column", WRONG)
def test_a_folded_column_that_is_wrong_is_named_and_rebuilt(
    client: Client, exposure: uuid.UUID, session: Session, column: str
):
    row = select(table_of(Exposure)).where(Exposure.id == exposure)
    healthy = session.execute(row).one()
    session.execute(update(Exposure).where(Exposure.id == exposure).values({column: WRONG[column]}))
    found = findings(session, client.now)
    assert found[0] == Finding("exposure", str(exposure), f"not what its events fold to: {column}")
    assert findings(session, client.now, repair=True)
    assert session.execute(row).one() == healthy
    assert findings(session, client.now) == []


def test_every_folded_column_is_looked_at():
    fixed = {"id", "account_id", "step_id", "local_date", "zone", "away_since"}
    assert set(WRONG) == set(table_of(Exposure).columns.keys()) - fixed


@pytest.mark.parametrize("column", ["local_date", "zone"])
def test_an_exposure_without_its_date_gets_it_back(client: Client, exposure: uuid.UUID, session: Session, column: str):
    session.execute(update(Exposure).where(Exposure.id == exposure).values({column: None}))
    what = {finding.what for finding in findings(session, client.now) if finding.table == "exposure"}
    assert what == {"started and has no date"}
    findings(session, client.now, repair=True)
    row = session.get_one(Exposure, exposure)
    assert (row.local_date, row.zone) == (date(2026, 11, 18), ZONE)
    assert findings(session, client.now) == []


def test_an_exposure_that_is_gone_comes_back_from_its_events_with_its_day(
    client: Client, exposure: uuid.UUID, session: Session
):
    row = select(table_of(Exposure)).where(Exposure.id == exposure)
    healthy, before = session.execute(row).one(), everything(session)
    events = session.execute(select(table_of(EventRow)).where(EventRow.exposure_id == exposure)).all()
    with unguarded(session):
        session.execute(delete(Exposure).where(Exposure.id == exposure))
        if not session.scalar(select(func.count()).where(EventRow.exposure_id == exposure)):
            # SQLite deletes with it what only the foreign key would.
            session.execute(insert(EventRow), [each._asdict() for each in events])
    found = findings(session, client.now)
    assert Finding("exposure", str(exposure), "is not there, but its events are") in found
    assert not [finding for finding in found if finding.table == "event"]
    findings(session, client.now, repair=True)
    assert session.execute(row).one() == healthy
    assert findings(session, client.now) == []
    after = everything(session)
    assert all(after[name] == before[name] for name in ("event", "day", "tally", "step"))


def test_an_exposure_without_an_event_in_which_was_practised_is_all_that_is_left_and_stays(
    client: Client, exposure: uuid.UUID, session: Session
):
    session.execute(delete(EventRow).where(EventRow.exposure_id == exposure))
    before = everything(session)
    lost = Finding("exposure", str(exposure), "has no event", lost=True)
    assert findings(session, client.now, repair=True) == [lost]
    assert everything(session) == before


def test_a_step_of_somebody_else_is_none(client: Client, exposure: uuid.UUID, session: Session):
    other = session.scalars(select(Step.id).where(Step.account_id != client.account.id)).first()
    session.execute(update(Exposure).where(Exposure.id == exposure).values(step_id=other))
    found = findings(session, client.now, repair=True)
    assert Finding("exposure", str(exposure), "step_id points to somebody else's") in found
    assert session.get_one(Exposure, exposure).step_id is None
    assert findings(session, client.now) == []


def test_an_exposure_without_an_event_goes(client: Client, session: Session):
    stray = uuid.uuid4()
    session.execute(insert(Exposure).values(id=stray, account_id=client.account.id))
    assert findings(session, client.now) == [Finding("exposure", str(stray), "has no event")]
    findings(session, client.now, repair=True)
    assert session.get(Exposure, stray) is None
    assert findings(session, client.now) == []


# Days, totals, the settled streak, steps.


@pytest.mark.parametrize(
    "change",
    [
        update(Day).where(Day.date == date(2026, 11, 18)).values(seconds=1),
        update(Day).where(Day.date == date(2026, 11, 18)).values(exposures=9),
        delete(Day).where(Day.date == date(2026, 11, 18)),
        update(Day).where(Day.date == date(2026, 11, 18)).values(date=date(2026, 11, 17)),
    ],
    ids=["seconds", "exposures", "missing", "elsewhere"],
)
def test_a_day_that_is_not_what_its_exposures_add_up_to_is_rebuilt(client: Client, session: Session, change: Any):
    before = everything(session)
    session.execute(change.where(Day.account_id == client.account.id))
    found = findings(session, client.now)
    assert {finding.table for finding in found} == {"day"}
    assert Finding("day", f"{client.account.id} 2026-11-18", "not what its exposures add up to") in found
    findings(session, client.now, repair=True)
    assert everything(session) == before


def test_a_day_too_many_goes(client: Client, session: Session):
    before = everything(session)
    session.add(Day(account_id=client.account.id, date=date(2026, 11, 17), seconds=60, exposures=1))
    assert [finding.key for finding in findings(session, client.now)] == [f"{client.account.id} 2026-11-17"]
    findings(session, client.now, repair=True)
    assert everything(session) == before


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("days", 0, "days"),
        ("seconds", 1, "seconds"),
        ("exposures", 99, "exposures"),
        ("first_day", date(2026, 11, 18), "first_day"),
        ("first_day", date(2020, 1, 1), "first_day"),
        ("settled_run", 99, "settled"),
        ("settled_longest", 0, "settled"),
        ("settled_through", date(2026, 10, 14), "settled"),
        ("settled_through", date(2026, 11, 22), "settled"),
    ],
)
def test_totals_and_streak_that_are_wrong_are_counted_anew(
    client: Client, session: Session, column: str, value: Any, named: str
):
    totals = client.counted()
    session.execute(
        update(PracticeTotals).where(PracticeTotals.account_id == client.account.id).values({column: value})
    )
    what = f"not what the days add up to: {named}"
    assert findings(session, client.now) == [Finding("tally", str(client.account.id), what)]
    findings(session, client.now, repair=True)
    assert findings(session, client.now) == []
    assert client.counted() == totals
    exposes(client)
    assert client.settled_through() == date(2026, 10, 18)
    assert findings(session, client.now) == []


def test_a_tally_that_is_gone_comes_back(client: Client, session: Session):
    totals = client.counted()
    session.execute(delete(PracticeTotals).where(PracticeTotals.account_id == client.account.id))
    assert findings(session, client.now) == [Finding("tally", str(client.account.id), "is not there")]
    findings(session, client.now, repair=True)
    assert client.counted() == totals


def test_the_first_day_of_who_travelled_since_signing_up_is_right_as_it_is(session: Session):
    client = Client(session, "Pacific/Kiritimati", NOON)
    client.moves_to("America/New_York")
    assert findings(session, client.now) == []


@pytest.mark.parametrize(("column", "value"), [("runs", 0), ("runs", 1000), ("ratings", []), ("ratings", [1, 2])])
def test_what_a_step_keeps_of_its_exposures_is_rebuilt(client: Client, session: Session, column: str, value: Any):
    before = everything(session)
    session.execute(update(Step).where(Step.id == client.step.id).values({column: value}))
    what = f"not what its exposures say: {column}"
    assert findings(session, client.now) == [Finding("step", str(client.step.id), what)]
    findings(session, client.now, repair=True)
    assert everything(session) == before


# Orphans.


def links() -> list[Any]:
    """Every column that points to another table, but for an event's exposure, which comes back instead."""
    return [
        pytest.param(table, column.name, id=f"{table.name}.{column.name}")
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.foreign_keys and (table.name, column.name) != ("event", "exposure_id")
    ]


@pytest.mark.parametrize(("table", "column"), links())
def test_whatever_points_to_nothing_is_found_and_goes_as_if_the_other_had_been_deleted(
    client: Client, session: Session, table: Table, column: str
):
    _complete(client, session)
    where = table.c[column].is_not(None)
    if table.name == "exposure":
        where = table.c.phase == "done"
    row = session.execute(select(*table.primary_key.columns).where(where).limit(1)).one()
    mine = [key == value for key, value in zip(table.primary_key.columns, row, strict=True)]
    with unguarded(session):
        session.execute(update(table).where(*mine).values({column: uuid.uuid4()}))
    found = [finding for finding in findings(session, client.now) if finding.what == f"{column} points to nothing"]
    assert [finding.table for finding in found] == [table.name]
    findings(session, client.now, repair=True)
    assert findings(session, client.now) == []
    if column != "account_id" and column in ("parent_id", "step_id", "accepted_by"):
        kept = session.execute(select(table).where(*mine)).one()
        assert getattr(kept, column) is None


def _complete(client: Client, session: Session) -> None:
    """What the client's history lacks: a link of every kind."""
    session.execute(update(Step).where(Step.id == client.step.id).values(parent_id=client.step.id))
    coach(client, "Kim")
    sam = session.scalars(select(Support)).first()
    assert sam
    device = phone(session, sam.supporter_id, "other")
    session.execute(
        insert(Notification).values(
            account_id=sam.supporter_id,
            device_id=device.id,
            kind="test",
            facts={},
            created_at=NOON,
            due_at=NOON,
            expires_at=NOON,
        )
    )
    session.execute(
        insert(Base.metadata.tables["recovery_code"]).values(
            id=uuid.uuid4(), account_id=client.account.id, digest=b"0" * 32
        )
    )
    session.add(FormerPhoneKey(account_id=sam.supporter_id, key=b"0" * 32, replaced_at=NOON))
    sign_in.start(session, sam.supporter_id, NOON, browser="A browser")
    session.execute(update(SignIn).values(device_id=device.id))
    sending.keep_result(session, client.account.id, b"0" * 32, "/ladder", NOON)
    session.flush()


def test_a_ping_whose_relation_is_gone_goes_with_it_and_reaches_nobody(client: Client, session: Session):
    with unguarded(session):
        session.execute(update(Notification).where(Notification.kind == "started").values(support_id=uuid.uuid4()))
    findings(session, client.now, repair=True)
    assert not session.scalars(select(Notification).where(Notification.kind == "started")).all()


# What cannot be read.


def sealed_elsewhere() -> bytes:
    return Fernet(Fernet.generate_key()).encrypt(b"?")


@pytest.mark.parametrize(
    ("table", "column", "comes_back"),
    [("fear", "name", False), ("event", "data", False), ("exposure", "note", True), ("notification", "facts", False)],
)
def test_a_value_whose_key_is_gone_is_named_with_the_key(
    client: Client, session: Session, table: str, column: str, comes_back: bool
):
    other = Box()
    other.set_keys((Fernet.generate_key().decode(),))
    token = other.seal("{}", f"{table}.{column}")
    session.flush()
    session.execute(text(f"UPDATE {table} SET {column} = :token WHERE {column} IS NOT NULL"), {"token": token})
    named = f"{column} cannot be read: its key {token[1:5].hex()} is none of the data keys"
    found = [finding for finding in findings(session, client.now, repair=True) if finding.table == table]
    assert named in {finding.what for finding in found}
    assert (named in {finding.what for finding in findings(session, client.now)}) is not comes_back


def test_a_value_that_stands_in_another_column_is_found(client: Client, session: Session):
    session.flush()
    session.execute(text("UPDATE step SET details = title"))
    found = {(one.table, one.what, one.lost) for one in findings(session, client.now)}
    assert found == {("step", "details cannot be read", True)}


@pytest.mark.parametrize("table", ["fear", "step", "cheer", "invitation", "device", "notification"])
def test_a_text_that_no_key_opens_is_found_and_left_as_it_is(client: Client, session: Session, table: str):
    column = {"fear": "name", "step": "title", "cheer": "text", "invitation": "token", "device": "subscription"}.get(
        table, "facts"
    )
    token = sealed_elsewhere()
    only = f"UPDATE {table} SET {column} = :token WHERE id = (SELECT min(CAST(id AS VARCHAR(36))) FROM {table})"
    if session.get_bind().dialect.name == "postgresql":
        only = only.replace("min(CAST(id AS VARCHAR(36)))", "min(id::text)::uuid")
    session.execute(text(only), {"token": token})
    nobody_needs_it = table in ("device", "notification")
    for repair in (True, False):
        (found,) = findings(session, client.now, repair=repair)
        assert (found.table, found.what, found.lost) == (table, f"{column} cannot be read", not nobody_needs_it)
    drop_unreadable(session, [found], client.now)
    left = findings(session, client.now)
    assert left == ([] if nobody_needs_it else [found])


@pytest.mark.parametrize(
    ("table", "column", "key", "lost"),
    [("event", "data", "exposure_id", True), ("exposure", "note", "id", False)],
)
def test_an_exposure_that_no_key_opens_is_found_alone_and_the_others_are_still_rebuilt(
    client: Client, exposure: uuid.UUID, session: Session, table: str, column: str, key: str, lost: bool
):
    session.execute(update(Exposure).where(Exposure.id != exposure, Exposure.ended).values(resisted=5))
    mine = exposure.hex if session.get_bind().dialect.name == "sqlite" else exposure
    session.execute(
        text(f"UPDATE {table} SET {column} = :token WHERE {key} = :key AND {column} IS NOT NULL"),
        {"token": sealed_elsewhere(), "key": mine},
    )
    found = findings(session, client.now, repair=True)
    assert len(found) == 7
    what = "cannot be read" if lost else "cannot be read, but its events can"
    this = Finding("exposure", str(exposure), what, lost)
    assert [finding for finding in found if finding.key == str(exposure)] == [this]
    assert findings(session, client.now) == ([this] if lost else [])


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        ("UPDATE event SET value = NULL WHERE kind = 'checked_in'", True),
        ("UPDATE event SET data = NULL WHERE kind = 'started' AND exposure_id = :key", True),
        ("UPDATE exposure SET curve = '[[' WHERE id = :key", False),
        ("UPDATE step SET ratings = '[[' WHERE id = (SELECT step_id FROM exposure WHERE id = :key)", False),
    ],
)
def test_one_damaged_value_stops_nothing(
    client: Client, exposure: uuid.UUID, session: Session, damage: str, lost: bool
):
    mine: Any = exposure.hex
    if session.get_bind().dialect.name == "postgresql":
        mine, damage = exposure, damage.replace("[[", "{}")  # its JSON is always JSON
    session.execute(text(damage), {"key": mine} if ":key" in damage else {})
    findings(session, client.now, repair=True)
    assert [finding.lost for finding in findings(session, client.now)] == [True] * lost


# What a repair must never take away.


def minutes(session: Session) -> list[Any]:
    """Every book that holds minutes, ratings of the end and words."""
    rows = (table_of(Exposure), table_of(Day), table_of(PracticeTotals))
    return [sorted(map(repr, session.execute(select(table)))) for table in rows]


@pytest.mark.parametrize(
    ("damage", "tables"),
    [
        (delete(EventRow).where(EventRow.kind == "started"), {"exposure"}),
        (delete(EventRow).where(EventRow.kind == "finished"), {"exposure"}),
        (delete(EventRow).where(EventRow.kind == "noted"), {"exposure"}),
        (delete(EventRow), {"exposure"}),
        (update(EventRow).where(EventRow.kind == "checked_in").values(value=9999), {"event"}),
        (update(EventRow).where(EventRow.kind == "checked_in").values(value=-1), {"event"}),
        (update(EventRow).where(EventRow.kind == "finished").values(kind="garbage"), {"event"}),
        (update(EventRow).where(EventRow.kind == "started").values(kind="garbage"), {"event"}),
        (update(EventRow).where(EventRow.kind == "started").values(kind="resisted"), {"exposure"}),
        (update(EventRow).where(EventRow.kind == "started").values(data={"planned_minutes": 9999}), {"event"}),
        (update(EventRow).where(EventRow.kind == "noted").values(data={"suds": "high"}), {"event"}),
    ],
    ids=lambda value: None if isinstance(value, set) else str(value).replace("\n", " ")[:60],
)
def test_where_the_events_are_damaged_the_row_is_the_last_witness_and_stays(
    client: Client, session: Session, damage: Any, tables: set[str]
):
    before = minutes(session)
    session.execute(damage)
    found = findings(session, client.now, repair=True)
    assert {finding.table for finding in found} == tables
    assert all(finding.lost for finding in found)
    assert minutes(session) == before
    assert findings(session, client.now) == found


def test_minutes_of_which_days_and_totals_alone_still_know_stay(client: Client, session: Session):
    totals = client.counted()
    lost = session.scalars(select(Exposure.id).where(Exposure.local_date == date(2026, 10, 7))).all()
    assert lost
    session.execute(delete(EventRow).where(EventRow.exposure_id.in_(lost)))
    session.execute(delete(Exposure).where(Exposure.id.in_(lost)))
    found = [finding for finding in findings(session, client.now, repair=True) if finding.table != "step"]
    assert found == [Finding("day", f"{client.account.id} 2026-10-07", "more than its exposures add up to", lost=True)]
    assert client.counted() == totals


@pytest.mark.parametrize(
    ("damage", "table", "lost"),
    [
        ("UPDATE account SET time_zone = 'Mars/Base' WHERE id = :account", "account", True),
        ("UPDATE plan SET kind = 'garbage' WHERE account_id = :account", "plan", True),
        ("UPDATE plan SET minutes = 0 WHERE account_id = :account", "plan", True),
        ("UPDATE plan SET weekdays = 999 WHERE account_id = :account", "plan", True),
        ("UPDATE pause SET last_day = '2001-01-01' WHERE account_id = :account", "pause", True),
    ],
)
def test_what_somebody_chose_and_nobody_can_use_is_named_and_the_next_account_is_checked(
    client: Client, session: Session, damage: str, table: str, lost: bool
):
    mine = client.account.id.hex if session.get_bind().dialect.name == "sqlite" else client.account.id
    session.execute(text(damage), {"account": mine})
    other = session.scalars(select(Account.id).where(Account.id != client.account.id)).all()
    session.execute(update(Exposure).where(Exposure.account_id.in_(other)).values(resisted=1))
    for repair in (False, True):
        found = findings(session, client.now, repair=repair)
        assert (table, lost) in {(finding.table, finding.lost) for finding in found}
        assert "not what its events fold to: resisted" in {finding.what for finding in found}


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        ("UPDATE tally SET first_day = 'garbage'", False),
        ("UPDATE day SET date = 'garbage' WHERE date = '2026-11-18'", False),
        ("UPDATE exposure SET local_date = 'garbage' WHERE phase = 'done'", False),
        ("UPDATE exposure SET started_at = 'garbage' WHERE phase = 'done'", False),
        ("UPDATE plan SET starts_on = 'garbage'", True),
        ("UPDATE pause SET first_day = 'garbage'", True),
        ("UPDATE account SET created_at = 'garbage'", True),
        ("UPDATE event SET happened_at = 'garbage' WHERE kind = 'noted'", True),
    ],
)
def test_a_date_that_is_none_is_a_finding_and_stops_nothing(client: Client, session: Session, damage: str, lost: bool):
    if session.get_bind().dialect.name != "sqlite":
        pytest.skip("its dates are always dates")
    session.execute(text(damage))
    assert findings(session, client.now)
    findings(session, client.now, repair=True)
    left = findings(session, client.now)
    assert [finding for finding in left if not finding.lost] == []
    assert bool(left) == lost


# How it tells of it.


def test_no_finding_holds_a_word_about_anybody(client: Client, session: Session):
    session.execute(update(Exposure).values(seconds=1, prediction="it bites", curve=[[0, 99]]))
    session.execute(update(PracticeTotals).values(days=0))
    session.execute(update(Step).values(runs=0))
    with unguarded(session):
        session.execute(update(EventRow).values(account_id=uuid.uuid4()))
    found = findings(session, client.now)
    assert len(found) > 20
    assert not any(text in str(finding) for finding in found for text in TEXTS)


def test_many_accounts_are_gone_through_a_few_at_a_time(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("erp.domain.upkeep.integrity.AT_ONCE", 2)
    clients = [Client(session, ZONE, NOON) for _ in range(5)]
    for client in clients:
        for _ in range(5):
            client.practises(client.now, 60)
    session.execute(update(Exposure).values(resisted=1))
    seen: list[uuid.UUID] = []
    while some := accounts(session, seen[-1] if seen else None):
        assert len(some) <= 2
        seen += some
    assert len(seen) == count_accounts(session) == len(set(seen)) == 5
    assert sum(len(list(check_account(session, account, NOON, repair=True))) for account in seen) == 25
    assert not [found for account in seen for found in check_account(session, account, NOON)]


def test_an_account_that_is_gone_meanwhile_is_no_trouble(session: Session):
    assert list(check_account(session, uuid.uuid4(), NOON)) == []
    assert session.scalar(select(func.count()).select_from(Account)) == 0


# A repair beside people who go on.


def damaged_through_and_through(session: Session, now: datetime) -> Client:
    """Somebody with two months of practice of which hardly a row says what its events do; the days say as the rows."""
    client = Client(session, ZONE, now - 60 * A_DAY)
    for _ in range(40):
        client.now += A_DAY
        client.practises(client.now, 420)
        client.practises(client.now + 20 * A_MINUTE, 600)
    session.flush()
    rows = session.execute(
        select(Exposure.id, Exposure.local_date).where(Exposure.account_id == client.account.id)
    ).all()
    for number, (exposure, day) in enumerate(sorted(rows, key=lambda row: row.local_date)):
        less = (0, 60, 120)[number % 3]
        mine = table_of(Exposure).c.id == exposure
        session.execute(update(Exposure).where(mine).values(seconds=Exposure.seconds - less))
        of_day = Day.account_id == client.account.id, Day.date == day
        session.execute(update(Day).where(*of_day).values(seconds=Day.seconds - less))
        session.execute(
            update(PracticeTotals)
            .where(PracticeTotals.account_id == client.account.id)
            .values(seconds=PracticeTotals.seconds - less, settled_through=None)
        )
    session.commit()
    session.expire_all()
    return client


def seconds_of(session: Session, client: Client) -> list[Any]:
    """What the exposures add up to, the days, and the totals."""
    return [
        session.scalar(select(func.sum(column)).where(account == client.account.id))
        for column, account in (
            (Exposure.seconds, Exposure.account_id),
            (Day.seconds, Day.account_id),
            (PracticeTotals.seconds, PracticeTotals.account_id),
        )
    ]


def test_a_repair_is_committed_piece_by_piece_and_the_books_agree_wherever_it_is_cut_off(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("erp.domain.upkeep.integrity.AT_ONCE", 7)
    monkeypatch.setattr("erp.domain.upkeep.integrity.PIECE_SECONDS", 0)
    monkeypatch.setattr("erp.storage.busy.LOOKS_AGAIN_SECONDS", 0)
    client = damaged_through_and_through(session, NOON)
    whole = 40 * (420 + 600)
    before = seconds_of(session, client)
    assert before[0] == before[1] == before[2] < whole
    agreed: list[list[Any]] = []
    commit = session.commit

    def look() -> None:
        commit()
        agreed.append(seconds_of(session, client))

    monkeypatch.setattr(session, "commit", look)
    found = list(check_account(session, client.account.id, NOON, repair=True))
    assert len([finding for finding in found if finding.table == "exposure"]) == 53
    assert len(agreed) >= 12
    assert all(exposures == days == totals for exposures, days, totals in agreed)
    assert [seconds for seconds, _days, _totals in agreed] == sorted(seconds for seconds, _days, _totals in agreed)
    assert agreed[-1] == [whole] * 3
    monkeypatch.undo()
    assert findings(session, NOON) == []


def test_a_day_of_before_with_more_than_a_day_of_practice_is_counted_anew_beside_another_practice(session: Session):
    client = Client(session, ZONE, NOON - 3 * A_DAY)
    client.practises(client.now - 30 * A_MINUTE, 600)
    long = client.practises(client.now, 2 * 86_400)
    client.now += 2 * A_DAY
    session.flush()
    row = session.get_one(Exposure, long)
    day = session.get_one(Day, (client.account.id, row.local_date))
    assert (row.seconds, day.seconds) == (86_400, 87_000)
    # As it was written before one could last a day at most.
    totals = session.get_one(PracticeTotals, client.account.id)
    for kept in (row, day, totals):
        kept.seconds += 86_400
    session.flush()
    what = [(finding.table, finding.lost) for finding in findings(session, client.now)]
    assert what == [("exposure", False), ("day", False), ("tally", False)]
    refold(session, client.account.id, client.now)
    session.expire_all()
    assert [
        session.get_one(*key).seconds for key in ((Exposure, long), (Day, (client.account.id, row.local_date)))
    ] == [
        86_400,
        87_000,
    ]
    assert findings(session, client.now) == []


def test_a_piece_of_a_repair_is_bounded_by_events_as_well(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("erp.domain.upkeep.integrity.EVENTS_AT_ONCE", 5)
    client = Client(session, ZONE, NOON - A_DAY)
    for number in range(6):
        client.practises(client.now + number * 20 * A_MINUTE, 600)
    long = begins(client)
    for _tap in range(9):
        goes_on(client, long, "resisted", A_SECOND)
    session.flush()
    sizes = [len(some) for some in _some_at_once(session, client.account.id)]
    assert sum(sizes) == 7
    assert max(sizes) == 2
    assert findings(session, client.now) == []
