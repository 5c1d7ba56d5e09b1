"""The practice that a supporter sees: the one that runs, with its live seconds, and the last one."""

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from erp.domain.exposure.fold import fold
from erp.domain.exposure.reading import events_of
from erp.domain.support import sharing
from erp.storage.support import Support
from tests.make.clients import Client
from tests.make.supporters import A_DAY, A_MINUTE, A_SECOND, NOON, begins, coach, exposes, goes_on, view


def live(client: Client, relation: Support) -> sharing.SharedExposure:
    glimpse = view(client, relation).now
    assert glimpse
    return glimpse


def test_the_live_seconds_go_on_while_it_runs_without_a_word_from_the_phone(client: Client):
    relation = coach(client)
    exposure = begins(client)
    client.now += 61.9 * A_SECOND
    glimpse = live(client, relation)
    assert (glimpse.id, glimpse.running, glimpse.paused, glimpse.seconds) == (exposure, True, False, 61)
    client.now += 5 * A_MINUTE
    assert live(client, relation).seconds == 361


def test_the_live_seconds_are_those_of_the_record_with_a_pause_and_an_extension(client: Client, session: Session):
    relation = coach(client)
    exposure = begins(client)
    goes_on(client, exposure, "paused", 4 * A_MINUTE)
    client.now += 7 * A_MINUTE
    glimpse = live(client, relation)
    assert (glimpse.running, glimpse.paused, glimpse.seconds) == (True, True, 240)
    goes_on(client, exposure, "resumed", A_MINUTE)
    goes_on(client, exposure, "extended", A_MINUTE, minutes=5)
    client.now += 90.5 * A_SECOND
    glimpse = live(client, relation)
    assert (glimpse.paused, glimpse.planned_seconds, glimpse.seconds) == (False, 1500, 390)
    assert glimpse.seconds == fold(events_of(session, client.account.id, exposure)).seconds_at(client.now)


@pytest.mark.parametrize(("rule", "seconds"), [("time", 1200), ("halved", 1500), ("tested", 1500)])
def test_past_the_planned_end_only_a_run_that_ends_by_time_stands_still(client: Client, rule: str, seconds: int):
    relation = coach(client)
    begins(client, stopping_rule=rule)
    client.now += 25 * A_MINUTE
    assert live(client, relation).seconds == seconds


def test_a_clock_that_runs_ahead_shows_no_seconds_below_zero(client: Client):
    relation = coach(client)
    client.sends(client.event(uuid.uuid4(), "started", client.now + A_MINUTE))
    assert live(client, relation).seconds == 0


def test_a_run_that_nobody_ended_counts_as_given_up_half_an_hour_after_its_planned_end(client: Client):
    relation = coach(client)
    begins(client, stopping_rule="tested")
    client.now += 50 * A_MINUTE - A_SECOND
    assert live(client, relation).seconds == 2999
    client.now += A_SECOND
    seen = view(client, relation)
    assert (seen.now, seen.last) == (None, None)


def test_a_pause_that_nobody_ended_counts_as_given_up_after_a_day(client: Client):
    relation = coach(client)
    exposure = begins(client)
    goes_on(client, exposure, "paused", A_MINUTE)
    client.now = NOON + A_DAY - A_SECOND
    assert live(client, relation).paused
    client.now += A_SECOND
    assert view(client, relation).now is None


def test_of_two_that_run_the_later_start_is_shown(client: Client):
    relation = coach(client)
    begins(client)
    client.now += A_MINUTE
    assert begins(client) == live(client, relation).id


def test_one_that_waits_to_be_started_is_not_shown(client: Client):
    relation = coach(client)
    client.sends(client.event(uuid.uuid4(), "checked_in", client.now, suds=50))
    assert view(client, relation).now is None


# The last practice.


def test_the_last_practice_is_the_latest_that_counts(client: Client):
    relation = coach(client)
    exposes(client, 10)
    counted = exposes(client, 1)
    exposes(client, 0.9)
    last = view(client, relation).last
    assert last
    assert (last.id, last.running, last.seconds) == (counted, False, 60)


def test_the_last_practice_is_there_however_long_ago(client: Client):
    relation = coach(client)
    exposure = exposes(client, 10)
    client.now += timedelta(days=200)
    last = view(client, relation).last
    assert last
    assert (last.id, last.local_date) == (exposure, date(2026, 11, 18))


def test_without_practice_there_is_no_last_one(client: Client):
    seen = view(client, coach(client))
    assert (seen.now, seen.last, seen.streak, seen.days) == (None, None, 0, 0)


def test_what_was_ended_taken_up_again_and_forgotten_still_is_the_last_practice(client: Client):
    relation = coach(client)
    exposure = exposes(client, 10)
    goes_on(client, exposure, "resumed", A_MINUTE)
    assert live(client, relation).id == exposure
    client.now += 90 * A_MINUTE
    last = view(client, relation).last
    assert last
    assert (last.id, last.running, last.seconds) == (exposure, False, 600)
