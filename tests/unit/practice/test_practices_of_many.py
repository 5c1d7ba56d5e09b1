"""The practice of several clients at once must be what it is one by one."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from erp.domain.dates import monday_of
from erp.domain.practice.record import practice_of, practices_of
from tests.make.clients import ZONES, Client, undone
from tests.make.examples import examples
from tests.unit.practice.test_practice_against_reference import (
    TURNING_POINTS,
    Life,
    after_midnight,
    hours_of_day,
    steps,
)

lives = st.tuples(st.sampled_from(ZONES), hours_of_day, st.lists(steps, max_size=8))


@settings(max_examples=examples(60))
@given(start=st.sampled_from(TURNING_POINTS), drawn=st.lists(lives, min_size=1, max_size=3))
def test_several_clients_at_once_have_the_streaks_weeks_and_totals_that_they_have_one_by_one(
    migrated_engine: Engine, start, drawn
):
    with undone(migrated_engine) as session:
        clients = []
        for zone, second, way in drawn:
            life = Life(Client(session, zone, after_midnight(zone, start, second)))
            for step in way:
                life.live(step)
            life.tell_the_rest()
            clients.append(life.client)
        together = practices_of(session, {client.account.id: client.today for client in clients})
        assert len(together) == len(clients)
        for client in clients:
            many, today = together[client.account.id], client.today
            monday, sunday = monday_of(today), monday_of(today) + timedelta(days=6)
            one = practice_of(session, client.account.id, today, monday, sunday)
            assert many.totals() == one.totals()
            assert many.between(monday, sunday) == one.between(monday, sunday)
            assert many.facts.paused_on(today) == one.facts.paused_on(today)


def test_nobody_at_once_is_nobody(session):
    assert practices_of(session, {}) == {}
