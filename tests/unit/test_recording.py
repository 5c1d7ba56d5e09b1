import itertools
import uuid
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from erp.domain.exposure import known, room
from erp.domain.exposure.columns import columns_of
from erp.domain.exposure.event import IncomingEvent
from erp.domain.exposure.fold import State
from erp.domain.exposure.reading import events_of
from erp.storage.db import Base
from erp.storage.exposure import EventRow, Exposure
from erp.storage.ladder import Fear, Step
from erp.storage.practice import Day, PracticeTotals
from tests.make.clients import Client, local

ZONE = "Europe/Lisbon"
START = local(ZONE, 2026, 11, 18, 12, 0)


@pytest.fixture
def client(session: Session) -> Client:
    return Client(session, ZONE, START + timedelta(hours=1))


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def whole(client: Client, exposure: uuid.UUID) -> list[IncomingEvent]:
    """Every kind of event of one exposure: 20 minutes on the clock, 15 of them practised."""
    return [
        client.event(exposure, "started", after(0), expected_suds=60, prediction="it bites", likelihood=70),
        client.event(exposure, "checked_in", after(4), suds=80),
        client.event(exposure, "resisted", after(5)),
        client.event(exposure, "ritual", after(6)),
        client.event(exposure, "paused", after(7)),
        client.event(exposure, "resumed", after(12)),
        client.event(exposure, "extended", after(13), minutes=5),
        client.event(exposure, "finished", after(20)),
        client.event(exposure, "noted", after(21), suds=30, outcome="no", learning="it slept", note="phew"),
    ]


def rows(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """Every row there is."""
    session.flush()
    session.expire_all()
    return {
        table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
        for table in Base.metadata.sorted_tables
    }


def only(session: Session) -> Exposure:
    session.expire_all()
    return session.scalars(select(Exposure)).one()


def test_a_whole_exposure_folds_into_its_row_its_day_the_totals_and_its_step(client: Client, session: Session):
    exposure = uuid.uuid4()
    assert not client.sends(*whole(client, exposure)).refused
    row = only(session)
    assert (row.phase, row.started_at, row.finished_at) == ("done", after(0), after(20))
    assert (row.seconds, row.planned_seconds) == (15 * 60, 25 * 60)
    assert (row.expected_suds, row.peak_suds, row.last_suds) == (60, 80, 30)
    assert (row.resisted, row.rituals, row.likelihood, row.outcome) == (1, 1, 70, "no")
    assert (row.prediction, row.learning, row.note) == ("it bites", "it slept", "phew")
    assert row.curve == [[0, 60], [240, 80], [900, 30]]
    assert (row.local_date, row.zone, row.step_id) == (date(2026, 11, 18), ZONE, client.step.id)
    day = session.scalars(select(Day)).one()
    assert (day.date, day.seconds, day.exposures) == (date(2026, 11, 18), 900, 1)
    tally = session.scalars(select(PracticeTotals)).one()
    assert (tally.days, tally.seconds, tally.exposures) == (1, 900, 1)
    assert (client.step.suds, client.step.runs, client.step.ratings) == (60, 1, [60])
    assert session.get_one(Fear, client.step.fear_id).practised_at == START


def test_events_one_by_one_backwards_shuffled_or_twice_end_in_the_same_rows(client: Client, session: Session):
    exposure = uuid.uuid4()
    events = whole(client, exposure)
    before = session.begin_nested()
    client.sends(*events)
    expected = rows(session)
    before.rollback()
    orders: list[list[IncomingEvent]] = [events[::-1], events + events, [*events[4:], *events[:4]]]
    for order in orders:
        for batches in ([order], [[event] for event in order]):
            attempt = session.begin_nested()
            for batch in batches:
                receipt = client.sends(*batch)
                assert receipt.accepted == [event.id for event in batch]
            assert rows(session) == expected
            attempt.rollback()


def test_every_order_of_a_short_exposure_counts_the_day_once(client: Client, session: Session):
    exposure = uuid.uuid4()
    events = [
        client.event(exposure, "started", after(0), expected_suds=40),
        client.event(exposure, "checked_in", after(3), suds=50),
        client.event(exposure, "finished", after(10)),
    ]
    for order in itertools.permutations(events):
        attempt = session.begin_nested()
        for event in order:
            client.sends(event)
        session.expire_all()
        assert session.execute(select(Day.seconds, Day.exposures)).all() == [(600, 1)]
        assert session.execute(select(PracticeTotals.days, PracticeTotals.seconds, PracticeTotals.exposures)).all() == [
            (1, 600, 1)
        ]
        assert session.execute(select(Step.runs)).all() == [(1,)]
        attempt.rollback()


def test_a_replay_with_another_content_changes_nothing(client: Client, session: Session):
    exposure = uuid.uuid4()
    events = whole(client, exposure)
    client.sends(*events)
    before = rows(session)
    changed = client.event(exposure, "checked_in", after(9), suds=1)
    forged = IncomingEvent(events[1].id, exposure, "checked_in", after(9), changed.value, None)
    assert client.sends(forged).accepted == [forged.id]
    assert rows(session) == before


def test_one_id_for_two_exposures_in_one_batch_is_taken_once(client: Client, session: Session):
    first, second = uuid.uuid4(), uuid.uuid4()
    start = client.event(first, "started", after(0))
    twin = IncomingEvent(start.id, second, "started", after(1), None, start.data)
    assert client.sends(start, twin).accepted == [start.id, start.id]
    assert session.scalars(select(EventRow.exposure_id)).all() == [first]


def test_two_clients_may_use_the_same_event_id(client: Client, session: Session):
    other = Client(session, ZONE, client.now)
    mine = client.event(uuid.uuid4(), "started", after(0))
    theirs = other.event(uuid.uuid4(), "started", after(0))
    theirs = IncomingEvent(mine.id, theirs.exposure_id, "started", after(0), None, theirs.data)
    assert client.sends(mine).accepted == [mine.id]
    assert other.sends(theirs).accepted == [mine.id]
    assert len(session.scalars(select(EventRow.id)).all()) == 2


def test_a_step_of_another_client_or_of_nobody_is_refused_and_the_rest_is_taken(client: Client, session: Session):
    other = Client(session, ZONE, client.now)
    theirs = client.event(uuid.uuid4(), "started", after(0), step=str(other.step.id))
    nobodys = client.event(uuid.uuid4(), "started", after(0), step=str(uuid.uuid4()))
    mine = client.event(uuid.uuid4(), "started", after(0))
    receipt = client.sends(theirs, mine, nobodys)
    assert receipt.accepted == [mine.id]
    assert set(receipt.refused) == {theirs.id, nobodys.id}
    assert {tuple(refused.problems) for refused in receipt.refused.values()} == {("step",)}
    assert session.scalars(select(Exposure.id)).all() == [mine.exposure_id]
    assert (other.step.runs, client.step.runs) == (0, 1)


def test_an_exposure_of_another_client_takes_no_event_of_mine(client: Client, session: Session):
    other = Client(session, ZONE, client.now)
    exposure = uuid.uuid4()
    other.sends(other.event(exposure, "started", after(0)))
    before = rows(session)
    mine = [
        client.event(exposure, "checked_in", after(2), suds=99),
        client.event(exposure, "finished", after(3)),
        client.event(exposure, "started", after(-30)),
    ]
    receipt = client.sends(*mine)
    assert receipt.accepted == []
    assert set(receipt.refused) == {event.id for event in mine}
    assert rows(session) == before


def test_events_before_the_start_has_come_wait_for_it(client: Client, session: Session):
    exposure = uuid.uuid4()
    client.sends(client.event(exposure, "finished", after(10)), client.event(exposure, "checked_in", after(5), suds=20))
    row = only(session)
    assert (row.phase, row.step_id, row.local_date, row.seconds) == ("before", None, None, 0)
    assert session.scalars(select(Day)).all() == []
    client.sends(client.event(exposure, "started", after(0)))
    row = only(session)
    assert (row.phase, row.step_id, row.seconds) == ("after", client.step.id, 600)
    assert row.curve == [[300, 20]]
    assert session.scalars(select(Day.seconds)).all() == [600]


@pytest.mark.parametrize("slow", [timedelta(seconds=120), timedelta(seconds=-120), timedelta(seconds=3)])
def test_a_clock_that_is_about_right_is_believed(client: Client, session: Session, slow: timedelta):
    client.sends(client.event(uuid.uuid4(), "started", after(0) - slow), slow=slow)
    assert session.scalars(select(EventRow.shift_ms)).one() == 0
    assert only(session).started_at == after(0) - slow


@pytest.mark.parametrize("slow", [timedelta(minutes=10), timedelta(days=-800), timedelta(hours=5, milliseconds=250)])
def test_a_clock_that_is_wrong_is_put_right_by_what_it_shows_at_sending(
    client: Client, session: Session, slow: timedelta
):
    exposure = uuid.uuid4()
    told = {"started": after(0), "finished": after(20)}
    client.tells(exposure, ZONE, told, slow=slow)
    row = only(session)
    assert (row.started_at, row.finished_at, row.seconds) == (after(0), after(20), 1200)
    assert row.local_date == date(2026, 11, 18)
    for event in session.scalars(select(EventRow)):
        assert event.happened_at == told[event.kind] - slow
        assert event.received_at == client.now
        assert event.shift_ms == slow / timedelta(milliseconds=1)


def test_a_second_batch_takes_the_shift_of_the_first_so_that_durations_stay_exact(client: Client, session: Session):
    exposure = uuid.uuid4()
    slow, slower = timedelta(minutes=10), timedelta(minutes=10, seconds=7)
    client.sends(client.event(exposure, "started", after(0) - slow), slow=slow)
    client.sends(client.event(exposure, "finished", after(20) - slow), slow=slower)
    assert only(session).seconds == 1200
    assert set(session.scalars(select(EventRow.shift_ms))) == {600_000}


def test_a_clock_that_was_set_in_between_is_measured_anew(client: Client, session: Session):
    exposure = uuid.uuid4()
    client.sends(client.event(exposure, "started", after(0) - timedelta(hours=2)), slow=timedelta(hours=2))
    client.sends(client.event(exposure, "finished", after(20) - timedelta(hours=1)), slow=timedelta(hours=1))
    assert only(session).seconds == 1200


def test_a_measured_skew_holds_and_not_how_long_the_request_took(client: Client, session: Session):
    exposure, held_up = uuid.uuid4(), timedelta(minutes=10)
    client.sends(client.event(exposure, "started", after(0)), slow=held_up, skew=timedelta(seconds=1))
    assert session.scalars(select(EventRow.shift_ms)).one() == 0


def test_a_small_correction_in_mid_exposure_is_seen_where_the_phone_measured(client: Client, session: Session):
    exposure, slow = uuid.uuid4(), timedelta(seconds=70)
    client.sends(client.event(exposure, "started", after(0) - slow), skew=slow)
    client.sends(client.event(exposure, "finished", after(20)), skew=timedelta(milliseconds=-80))
    row = only(session)
    assert (row.started_at, row.finished_at, row.seconds) == (after(0), after(20), 1200)


def test_measures_that_differ_by_the_network_keep_durations_exact(client: Client, session: Session):
    exposure, slow = uuid.uuid4(), timedelta(hours=3)
    client.sends(client.event(exposure, "started", after(0) - slow), skew=slow)
    client.sends(client.event(exposure, "finished", after(20) - slow), skew=slow + timedelta(seconds=6))
    assert only(session).seconds == 1200


def test_nothing_happens_in_the_future(client: Client, session: Session):
    exposure = uuid.uuid4()
    client.sends(client.event(exposure, "started", after(0)), client.event(exposure, "finished", after(60 * 24 * 400)))
    assert only(session).finished_at == client.now + timedelta(seconds=120)


def test_times_are_told_as_they_were_put_right(client: Client, session: Session):
    exposure, slow = uuid.uuid4(), timedelta(hours=3)
    client.sends(client.event(exposure, "started", after(0) - slow), slow=slow)
    assert [event.at for event in events_of(session, client.account.id, exposure)] == [after(0)]


def test_the_date_is_fixed_when_the_start_is_recorded_and_travelling_changes_nothing(client: Client, session: Session):
    exposure = uuid.uuid4()
    late = local("Pacific/Kiritimati", 2026, 11, 18, 0, 30)
    client.sends(client.event(exposure, "started", late, zone="Pacific/Kiritimati"))
    client.moves_to("America/New_York")
    client.sends(client.event(exposure, "finished", late + timedelta(minutes=20)))
    row = only(session)
    assert (row.local_date, row.zone) == (date(2026, 11, 18), "Pacific/Kiritimati")
    assert session.scalars(select(Day.date)).all() == [date(2026, 11, 18)]


def test_another_exposure_that_runs_is_told_when_one_starts(client: Client):
    first, second = uuid.uuid4(), uuid.uuid4()
    assert client.sends(client.event(first, "started", after(0))).also_running is None
    assert client.sends(client.event(second, "started", after(10))).also_running == first
    assert client.sends(client.event(second, "checked_in", after(11), suds=5)).also_running is None
    client.sends(client.event(first, "finished", after(12)))
    assert client.sends(client.event(uuid.uuid4(), "started", after(13))).also_running == second


def test_what_runs_at_another_client_is_not_told(client: Client, session: Session):
    other = Client(session, ZONE, client.now)
    other.sends(other.event(uuid.uuid4(), "started", after(0)))
    assert client.sends(client.event(uuid.uuid4(), "started", after(1))).also_running is None


def test_the_step_keeps_the_latest_eight_expectations_and_goes_by_the_last_start(client: Client):
    for number in range(10):
        start = START - timedelta(days=20 - number)
        client.sends(client.event(uuid.uuid4(), "started", start, expected_suds=90 - number))
    assert client.step.ratings == [88, 87, 86, 85, 84, 83, 82, 81]
    assert (client.step.suds, client.step.runs, client.step.first_suds) == (81, 10, 40)


def test_an_old_exposure_that_comes_late_does_not_change_the_rating_of_now(client: Client, session: Session):
    client.sends(client.event(uuid.uuid4(), "started", after(0), expected_suds=30))
    client.sends(client.event(uuid.uuid4(), "started", after(-500), expected_suds=70))
    assert (client.step.suds, client.step.runs, client.step.ratings) == (30, 2, [70, 30])
    assert session.get_one(Fear, client.step.fear_id).practised_at == START


def test_a_start_without_an_expectation_leaves_the_rating_as_it_was(client: Client):
    client.sends(client.event(uuid.uuid4(), "started", after(0)))
    assert (client.step.suds, client.step.runs, client.step.ratings) == (40, 1, [])


def test_an_earlier_start_that_comes_late_moves_the_start_and_keeps_the_texts(client: Client, session: Session):
    exposure = uuid.uuid4()
    client.sends(client.event(exposure, "started", after(0), prediction="later", expected_suds=10))
    client.sends(client.event(exposure, "started", after(-5), prediction="earlier", expected_suds=50))
    row = only(session)
    assert (row.started_at, row.prediction, row.expected_suds) == (after(-5), "earlier", 50)
    assert (client.step.suds, client.step.runs) == (50, 1)
    client.sends(client.event(exposure, "checked_in", after(1), suds=20))
    assert only(session).prediction == "earlier"


def test_notes_of_two_devices_fill_each_other_and_the_later_word_holds(client: Client, session: Session):
    exposure = uuid.uuid4()
    client.sends(client.event(exposure, "started", after(0)), client.event(exposure, "finished", after(10)))
    client.sends(client.event(exposure, "noted", after(12), learning="second", outcome="no"))
    client.sends(client.event(exposure, "noted", after(11), learning="first", note="mine", suds=20))
    row = only(session)
    assert (row.learning, row.outcome, row.note, row.last_suds) == ("second", "no", "mine", 20)


def test_text_that_no_database_takes_is_made_good(client: Client, session: Session):
    exposure = uuid.uuid4()
    client.sends(client.event(exposure, "started", after(0), prediction="it \ud800bites\x00 me"))
    assert only(session).prediction == "it ?bites me"


def test_nobody_practises_for_longer_than_a_day_however_long_a_phone_says(client: Client, session: Session):
    begun = local(ZONE, 2001, 1, 1, 12)
    for _ in range(3):
        exposure = uuid.uuid4()
        client.sends(
            client.event(exposure, "started", begun),
            *(client.event(exposure, "extended", begun + timedelta(minutes=1), minutes=120) for _ in range(13)),
            client.event(exposure, "finished", client.now),
        )
    session.expire_all()
    found = session.execute(select(Exposure.seconds, Exposure.planned_seconds, Exposure.finished_at)).all()
    assert found == [(86_400, 86_400, begun + timedelta(days=1))] * 3
    assert session.scalars(select(PracticeTotals.seconds)).one() == 3 * 86_400


@pytest.mark.parametrize("kinds", [("finished", "resumed", "finished"), ("finished", "extended", "finished")])
def test_a_finish_that_is_taken_back_for_days_adds_nothing_beyond_the_day(
    client: Client, session: Session, kinds: tuple[str, ...]
):
    exposure, begun = uuid.uuid4(), START - timedelta(days=9)
    client.sends(client.event(exposure, "started", begun))
    for day, kind in enumerate(kinds):
        client.sends(client.event(exposure, kind, begun + timedelta(hours=23 + 24 * day), minutes=120))
    assert only(session).seconds <= 86_400
    assert only(session).finished_at == begun + timedelta(days=1)


def test_years_that_were_counted_before_do_not_overflow_a_day(client: Client, session: Session):
    begun = local(ZONE, 2001, 1, 1, 12)
    for _ in range(3):
        exposure = uuid.uuid4()
        client.sends(client.event(exposure, "started", begun), client.event(exposure, "finished", after(0)))
        session.execute(update(Exposure).where(Exposure.id == exposure).values(seconds=800_000_000))
    client.sends(client.event(uuid.uuid4(), "started", begun))
    one_more = uuid.uuid4()
    client.sends(client.event(one_more, "started", begun), client.event(one_more, "finished", after(0)))
    assert session.scalars(select(Day.seconds)).one() == 4 * 86_400


def test_more_urges_and_rituals_than_a_column_holds_stop_at_what_it_holds():
    course = columns_of(State(resisted=40_000, rituals=40_000)).course
    assert (course.resisted, course.rituals) == (32_767, 32_767)


def test_a_batch_that_names_much_is_taken_in_pieces_in_its_order_and_comes_to_an_end(
    client: Client, session: Session, monkeypatch: pytest.MonkeyPatch
):
    long = [uuid.UUID(int=number) for number in (9, 3, 6, 1)]
    for exposure in long:
        client.sends(*whole(client, exposure))
    monkeypatch.setattr(known, "MAX_EVENTS_READ", 20)
    new = uuid.uuid4()
    again = client.event(long[3], "ritual", after(9))
    client.sends(again)
    told = [client.event(exposure, "resisted", after(10)) for exposure in long]
    told += [client.event(new, "started", after(30)), again]
    answers = []
    while told:
        receipt = client.sends(*told)
        assert not receipt.refused
        answers.append(receipt.accepted)
        told = [event for event in told if event.id not in receipt.accepted]
    assert [len(accepted) for accepted in answers] == [4, 2]
    assert again.id in answers[0]
    session.expire_all()
    assert set(session.execute(select(Exposure.id, Exposure.resisted))) == {*((each, 2) for each in long), (new, 0)}


def test_one_exposure_is_always_taken_however_much_there_is_of_it(
    client: Client, session: Session, monkeypatch: pytest.MonkeyPatch
):
    exposures = [uuid.uuid4(), uuid.uuid4()]
    for exposure in exposures:
        client.sends(*whole(client, exposure))
    monkeypatch.setattr(known, "MAX_EVENTS_READ", 3)
    told = [client.event(exposure, "resisted", after(10)) for exposure in exposures]
    assert client.sends(*told).accepted == [told[0].id]
    assert client.sends(told[1]).accepted == [told[1].id]
    assert client.sends(*told).accepted == [event.id for event in told]


def test_the_events_of_a_batch_are_found_without_reading_all_of_a_person(client: Client, session: Session):
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by what lies there")
    asked = {"account": client.account.id, "exposures": [uuid.uuid4()] * 2, "ids": [uuid.uuid4()] * 200}
    statement = known.KNOWN.params(asked).compile(connection, compile_kwargs={"literal_binds": True})
    plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    assert [line.rpartition("(")[2] for line in plan if "SEARCH" in line] == [
        "exposure_id=?)",
        "account_id=? AND id=?)",
    ]


@pytest.fixture
def three_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_EXPOSURES_A_DAY", 3)


def starts(client: Client, *moments: datetime, **data: Any) -> list[IncomingEvent]:
    return [client.event(uuid.uuid4(), "started", at, **data) for at in moments]


def refused(client: Client, *events: IncomingEvent, slow: timedelta = timedelta()) -> int:
    receipt = client.sends(*events, slow=slow)
    assert len(receipt.accepted) + len(receipt.refused) == len(events)
    return len(receipt.refused)


def test_weeks_without_a_network_are_taken_and_a_flood_of_one_day_is_not(client: Client):
    weeks = [START - timedelta(days=day, minutes=number) for day in range(1, 15) for number in range(11)]
    assert refused(client, *starts(client, *weeks)) == 0
    assert refused(client, *starts(client, *[after(-number / 10) for number in range(150)])) == 50
    assert refused(client, *starts(client, after(1))) == 1
    assert refused(client, *starts(client, after(-60 * 24))) == 0


@pytest.mark.usefixtures("three_a_day")
def test_the_day_that_has_no_room_is_that_of_the_row_and_not_of_a_wrong_clock(client: Client, session: Session):
    # All on one date by the phone's clock, which stands half a day behind.
    slow = timedelta(hours=12)
    late = [local(ZONE, 2026, 11, 17, 23, 0) + timedelta(minutes=30 * number) for number in range(5)]
    assert refused(client, *starts(client, *[at - slow for at in late]), slow=slow) == 0
    assert sorted(session.scalars(select(Exposure.local_date))) == [date(2026, 11, 17)] * 2 + [date(2026, 11, 18)] * 3
    # On two dates by its clock, and on one in truth.
    early = [local(ZONE, 2026, 11, 16, 11, 0) + timedelta(minutes=30 * number) for number in range(4)]
    assert refused(client, *starts(client, *[at - slow for at in early]), slow=slow) == 1


@pytest.mark.usefixtures("three_a_day")
def test_the_day_that_has_no_room_is_that_of_the_zone_in_which_it_began(client: Client, session: Session):
    there = [local("Pacific/Kiritimati", 2026, 11, 17, 23, 0) + timedelta(minutes=30 * number) for number in range(5)]
    assert refused(client, *starts(client, *there, zone="Pacific/Kiritimati")) == 0
    assert sorted(session.scalars(select(Exposure.local_date))) == [date(2026, 11, 17)] * 2 + [date(2026, 11, 18)] * 3
    assert refused(client, *starts(client, there[0])) == 0


@pytest.mark.usefixtures("three_a_day")
def test_exposures_without_a_start_leave_room_for_those_of_the_next_day(client: Client):
    lost = [client.event(uuid.uuid4(), "finished", after(0)) for _ in range(5)]
    assert refused(client, *lost) == 2
    client.now += timedelta(hours=23)
    assert refused(client, client.event(uuid.uuid4(), "finished", after(0))) == 1
    client.now += timedelta(hours=1)
    assert refused(client, *[client.event(uuid.uuid4(), "finished", after(0)) for _ in range(4)]) == 1
    # What more comes of the old ones makes them no newer.
    assert refused(client, client.event(lost[0].exposure_id, "resisted", after(1))) == 0
    client.now += timedelta(days=1)
    assert refused(client, *[client.event(uuid.uuid4(), "finished", after(0)) for _ in range(3)]) == 0


@pytest.mark.usefixtures("three_a_day")
def test_the_earliest_of_two_starts_says_of_which_day_an_exposure_is(client: Client):
    assert refused(client, *starts(client, after(0), after(1), after(2))) == 0
    exposure = uuid.uuid4()
    told = [client.event(exposure, "started", at) for at in (after(-60 * 24), after(3))]
    assert refused(client, *told) == 0
