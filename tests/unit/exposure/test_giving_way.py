"""A minute counts once: one exposure ends another, on the server, whatever order and however late it is told."""

import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from erp.domain.exposure.reading import events_of
from erp.storage.exposure import Exposure
from tests.make.clients import Client, local

ZONE = "Europe/Lisbon"
START = local(ZONE, 2026, 11, 18, 12, 0)
A, B, C = (uuid.UUID(int=number << 64) for number in (1, 2, 3))


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture
def client(session: Session) -> Client:
    return Client(session, ZONE, START)


def tell(client: Client, minute: float, exposure: uuid.UUID, kind: str, at: float | None = None, **data: object):
    """Tell of one event at a minute, of that moment unless said otherwise."""
    client.now = after(minute)
    return client.sends(client.event(exposure, kind, after(minute if at is None else at), **data))


def minutes(client: Client) -> dict[uuid.UUID, tuple[str, float]]:
    """Each exposure's phase and minutes."""
    client.session.expire_all()
    rows = client.session.query(Exposure).filter_by(account_id=client.account.id)
    return {row.id: (row.phase, row.seconds / 60) for row in rows}


def test_a_second_start_ends_the_first_at_that_moment(client: Client):
    tell(client, 0, A, "started")
    assert tell(client, 5, B, "started").gave_way == [A]
    # A page of the version before ends both when their time is over.
    tell(client, 20, A, "finished")
    tell(client, 20, B, "finished")
    assert minutes(client) == {A: ("after", 5), B: ("after", 15)}
    assert client.counted().seconds == 20 * 60


def test_the_finish_says_what_it_gave_way_to(client: Client):
    tell(client, 0, A, "started")
    tell(client, 5, B, "started")
    finish = events_of(client.session, client.account.id, A)[-1]
    assert (finish.kind, finish.at, finish.data) == ("finished", after(5), {"gave_way_to": str(B)})


def test_what_runs_at_somebody_else_gives_no_way(client: Client, session: Session):
    other = Client(session, ZONE, START)
    tell(other, 0, A, "started")
    assert tell(client, 5, B, "started").gave_way == []
    assert minutes(other) == {A: ("running", 0)}


@pytest.mark.parametrize("undo", ["resumed", "extended"])
def test_it_can_be_taken_back_and_then_the_other_one_ends(client: Client, undo: str):
    tell(client, 0, A, "started")
    tell(client, 5, B, "started")
    data = {"minutes": 5} if undo == "extended" else {}
    assert tell(client, 6, A, undo, **data).gave_way == [B]
    assert minutes(client) == {A: ("running", 5), B: ("after", 1)}
    tell(client, 20, A, "finished")
    assert minutes(client) == {A: ("after", 19), B: ("after", 1)}
    # And once more the other way round.
    tell(client, 21, B, "resumed")
    tell(client, 22, A, "resumed")
    assert minutes(client) == {A: ("running", 19), B: ("after", 2)}


def test_one_that_is_paused_gives_way_as_well(client: Client):
    tell(client, 0, A, "started")
    tell(client, 3, A, "paused")
    assert tell(client, 5, B, "started").gave_way == [A]
    assert minutes(client)[A] == ("after", 3)
    assert tell(client, 8, A, "resumed").gave_way == [B]
    assert minutes(client) == {A: ("running", 3), B: ("after", 3)}


def test_what_is_told_of_the_time_before_is_not_taken_away(client: Client):
    tell(client, 0, A, "started")
    tell(client, 10, A, "checked_in", suds=40)
    # The other phone had no network at its start.
    assert tell(client, 11, B, "started", at=5).gave_way == [A]
    assert minutes(client) == {A: ("after", 10), B: ("running", 0)}


def test_what_a_phone_without_a_network_did_meanwhile_stays_as_it_is_told(client: Client):
    tell(client, 0, A, "started")
    tell(client, 5, B, "started")
    tell(client, 15, B, "finished")
    tell(client, 40, A, "checked_in", at=9, suds=50)
    assert minutes(client) == {A: ("running", 9), B: ("after", 10)}
    tell(client, 40, A, "paused", at=10)
    tell(client, 40, A, "resumed", at=12)
    tell(client, 40, A, "finished", at=22)
    assert minutes(client) == {A: ("after", 20), B: ("after", 10)}


def test_while_the_other_still_runs_it_ends_with_what_was_told(client: Client):
    tell(client, 0, A, "started")
    tell(client, 5, B, "started")
    tell(client, 15, A, "checked_in", at=9, suds=50)
    assert minutes(client) == {A: ("after", 9), B: ("running", 0)}
    tell(client, 15, A, "paused", at=10)
    tell(client, 16, A, "resumed", at=12)
    tell(client, 16.5, A, "finished", at=14)
    assert minutes(client) == {A: ("after", 12), B: ("running", 0)}


def test_two_whole_ones_that_overlap_stay_as_they_are_told(client: Client):
    client.now = after(40)
    for exposure, start in ((A, 0), (B, 5)):
        told = [client.event(exposure, "started", after(start)), client.event(exposure, "finished", after(start + 20))]
        assert client.sends(*told).gave_way == []
    assert minutes(client) == {A: ("after", 20), B: ("after", 20)}


def test_a_late_start_that_is_the_older_one_gives_way_itself(client: Client):
    tell(client, 10, A, "started")
    assert tell(client, 12, B, "started", at=2).gave_way == [B]
    assert minutes(client) == {A: ("running", 0), B: ("after", 8)}


def test_one_that_was_forgotten_or_ends_with_its_time_ended_then(client: Client):
    tell(client, 0, A, "started", planned_minutes=20, stopping_rule="time")
    tell(client, 25, B, "started", planned_minutes=20, stopping_rule="halved")
    assert minutes(client)[A] == ("after", 20)
    tell(client, 50, C, "started")
    assert minutes(client)[B] == ("after", 25)
    tell(client, 51, B, "resumed")
    tell(client, 500, A, "resumed")
    assert minutes(client) == {A: ("running", 20), B: ("after", 25), C: ("after", 1)}


def test_a_start_that_is_told_again_changes_nothing_and_says_the_same(client: Client):
    tell(client, 0, A, "started")
    start = client.event(B, "started", after(5))
    client.now = after(5)
    assert client.sends(start).gave_way == [A]
    tell(client, 6, A, "resumed")
    assert client.sends(start).gave_way == []
    assert minutes(client) == {A: ("running", 5), B: ("after", 1)}


def test_pauses_and_more_minutes_of_the_one_that_runs_end_nothing(client: Client):
    tell(client, 0, A, "started")
    for kind, data in (("paused", {}), ("resumed", {}), ("extended", {"minutes": 5})):
        assert tell(client, 5, A, kind, **data).gave_way == []
    assert minutes(client)[A] == ("running", 5)
