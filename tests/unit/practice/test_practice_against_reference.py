"""Random clients: the real days, streaks and totals must be those of the slow reference calendar."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from erp.domain.dates import local_day
from erp.domain.practice import plan as plans
from erp.domain.practice.days import day_views
from tests.make.clients import ZONES, Client, facts_of, pure_streaks, undone
from tests.make.examples import examples
from tests.unit.practice.reference_calendar import Calendar, Exposure, Pause, Plan

pytestmark = pytest.mark.slow

# Around every odd day of these zones in 2026: 23 and 25 hours, 23 and a half, 24 and a half; and a new year.
TURNING_POINTS = [
    date(2026, 2, 15),
    date(2026, 3, 8),
    date(2026, 3, 22),
    date(2026, 4, 5),
    date(2026, 10, 4),
    date(2026, 11, 1),
    date(2026, 12, 31),
]
DECADE = (datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2030-01-01"))
zones = st.sampled_from(ZONES)
minutes = st.sampled_from([1, 5, 10, 20])
lengths = st.sampled_from([0, 59, 60, 61, 299, 300, 301, 599, 600, 601, 1200, 3600, 7200])
# Seconds after local midnight: its very edges, the hours in which clocks are changed, and any other.
hours_of_day = st.sampled_from([0, 1, 7199, 7200, 10_799, 10_800, 86_399]) | st.integers(0, 86_399)
weekdays = st.frozensets(st.integers(0, 6), min_size=1)


def after_midnight(zone: str, day: date, seconds: int) -> datetime:
    """The moment so many true seconds after the day began in the zone."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) + timedelta(seconds=seconds)


# The pure rules.


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Facts of some weeks: days practised in rows and alone, in any zone, under any plans and pauses."""
    signed_up = draw(st.sampled_from(TURNING_POINTS)) - timedelta(days=draw(st.integers(0, 10)))
    length = draw(st.integers(0, 60))

    def on(offset: int) -> date:
        return signed_up + timedelta(days=offset)

    days = draw(st.lists(st.integers(-3, length + 2), max_size=8))
    for begin, row in draw(st.lists(st.tuples(st.integers(-3, length), st.integers(2, 12)), max_size=4)):
        days += range(begin, begin + row)
    exposures = []
    for day in days:
        zone = draw(zones)
        exposures.append(Exposure(after_midnight(zone, on(day), draw(hours_of_day)), draw(lengths), zone))
    plans = []
    for offset in draw(st.sets(st.integers(-10, length + 5), max_size=4)):
        kind = {"weekdays": draw(weekdays)} if draw(st.booleans()) else {"days_per_week": draw(st.integers(1, 7))}
        plans.append(Plan(on(offset), draw(minutes), **kind))
    pauses = [
        Pause(on(begin), on(begin + more))
        for begin, more in draw(st.lists(st.tuples(st.integers(-10, length + 5), st.integers(0, 15)), max_size=3))
    ]
    return Calendar(signed_up, on(length), exposures, plans, pauses)


@settings(max_examples=150)
@given(calendars(), st.integers(-10, 70), st.integers(0, 45))
def test_the_pure_rules_give_each_day_the_state_of_the_reference(calendar: Calendar, begin: int, more: int):
    first = calendar.signed_up + timedelta(days=begin)
    last = first + timedelta(days=more)
    views = day_views(facts_of(calendar), first, last, calendar.today)
    assert [view.date for view in views] == [first + timedelta(days=number) for number in range(more + 1)]
    assert [view.state for view in views] == calendar.states(first, last)
    assert [view.seconds for view in views] == [calendar.seconds_on(view.date) for view in views]
    assert [view.today for view in views] == [view.date == calendar.today for view in views]
    assert all((view.share == 1) == (view.state == "goal") for view in views)


@settings(max_examples=150)
@given(calendars())
def test_the_pure_streaks_are_those_of_the_reference(calendar: Calendar):
    assert pure_streaks(calendar) == (calendar.current_streak(), calendar.longest_streak())


@settings(max_examples=100)
@given(st.datetimes(*DECADE, timezones=st.just(UTC)), zones)
def test_the_local_day_is_the_one_whose_midnights_stand_around_the_moment(moment: datetime, zone: str):
    day = local_day(moment, zone)
    assert after_midnight(zone, day, 0) <= moment < after_midnight(zone, day + timedelta(days=1), 0)


# The record: events into rows, a settled streak, and questions to both.

back_days = st.sampled_from([0, 0, 0, 1, 1, 2, 6, 8, 20, 27, 28, 29, 35, 45, 70])
parts = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted)
wrong_clocks = st.sampled_from([0, 0, 0, 600, -600, 3 * 86_400]).map(lambda seconds: timedelta(seconds=seconds))
exposures = st.tuples(back_days, hours_of_day, lengths, st.none() | zones, st.none() | parts)
steps = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.2, 1, 1, 1, 2, 7, 30, 50])),
    st.tuples(st.just("practise"), exposures, wrong_clocks),
    st.tuples(st.just("practise_days_on_end"), st.integers(2, 40), lengths),
    st.tuples(st.just("practise_to_tell_in_pieces"), exposures, wrong_clocks, st.permutations(range(4))),
    st.tuples(st.just("tell_a_piece"), st.integers(0, 9)),
    st.tuples(st.just("plan_weekdays"), minutes, weekdays, st.sampled_from([0, 0, 1, 3, 9])),
    st.tuples(st.just("plan_days_a_week"), minutes, st.integers(1, 7), st.sampled_from([0, 0, 1, 3, 9])),
    st.tuples(st.just("pause"), st.integers(-7, 5), st.sampled_from([0, 1, 5, 30])),
    st.tuples(st.just("end_a_pause"), st.integers(0, 9)),
    st.tuples(st.just("take_back_a_pause"), st.integers(0, 9)),
    st.tuples(st.just("move"), zones),
)


class Life:
    """Lives through steps with a client and compares the two books after each."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.pieces: list[tuple[uuid.UUID, str, dict[str, datetime], timedelta]] = []

    def live(self, step: tuple) -> None:
        """One step: the name of a method below, and what it takes."""
        name, *given = step
        getattr(self, name)(*given)

    def wait(self, days: float) -> None:
        self.client.now += timedelta(days=days)

    def practise(self, exposure: tuple, wrong: timedelta) -> None:
        zone, moments = self.moments(*exposure)
        self.client.tells(uuid.uuid4(), zone, moments, wrong)

    def practise_days_on_end(self, count: int, seconds: int) -> None:
        for _ in range(count):
            self.client.now += timedelta(days=1)
            self.client.practises(self.client.now - timedelta(seconds=seconds), seconds)

    def practise_to_tell_in_pieces(self, exposure: tuple, wrong: timedelta, order: list[int]) -> None:
        zone, moments = self.moments(*exposure)
        told, names = uuid.uuid4(), list(moments)
        for name in (names[place] for place in order if place < len(names)):
            self.pieces.append((told, zone, {name: moments[name]}, wrong))

    def tell_a_piece(self, number: int) -> None:
        if self.pieces:
            self.client.tells(*self.pieces.pop(number % len(self.pieces)))

    def plan_weekdays(self, goal: int, days: frozenset[int], ahead: int) -> None:
        self.client.plans_weekdays(goal, days, self.client.today + timedelta(days=ahead))

    def plan_days_a_week(self, goal: int, days: int, ahead: int) -> None:
        self.client.plans_per_week(goal, days, self.client.today + timedelta(days=ahead))

    def pause(self, begin: int, more: int) -> None:
        first = self.client.today + timedelta(days=begin)
        self.client.pauses_for(first, first + timedelta(days=more))

    def take_back_a_pause(self, number: int) -> None:
        today = self.client.today
        over = [key for key, one in self.client.pauses.items() if plans.can_be_taken_back(one.last_day, today)]
        if over:
            self.client.takes_back_pause(over[number % len(over)])

    def end_a_pause(self, number: int) -> None:
        pauses = self.client.pauses
        going_on = [key for key, pause in pauses.items() if pause.last_day >= self.client.today]
        if going_on:
            self.client.ends_pause(going_on[number % len(going_on)])

    def move(self, zone: str) -> None:
        self.client.moves_to(zone)

    def moments(
        self, back: int, second: int, length: int, zone: str | None, pause: list[int] | None
    ) -> tuple[str, dict[str, datetime]]:
        """When what happened in an exposure of the past; the clock goes on to its finish where need be."""
        client, zone = self.client, zone or self.client.zone
        day = client.now.astimezone(ZoneInfo(zone)).date() - timedelta(days=back)
        start = min(after_midnight(zone, day, second), client.now)
        client.now = max(client.now, start + timedelta(seconds=length))
        moments = {"started": start, "finished": start + timedelta(seconds=length)}
        if pause:
            moments["paused"], moments["resumed"] = (start + timedelta(seconds=length * part / 100) for part in pause)
        return zone, moments

    def tell_the_rest(self) -> None:
        for piece in self.pieces:
            self.client.tells(*piece)
        self.pieces.clear()

    def compare(self) -> None:
        client = self.client
        client.totals()
        client.states(client.today - timedelta(days=9), client.today + timedelta(days=9))


@settings(max_examples=100)
@given(
    start=st.sampled_from(TURNING_POINTS),
    second=hours_of_day,
    zone=zones,
    way=st.lists(steps, min_size=2, max_size=14),
    begin=st.integers(-90, 60),
    more=st.integers(0, 90),
)
def test_what_was_recorded_late_or_out_of_order_reads_like_the_reference(
    migrated_engine: Engine, start: date, second: int, zone: str, way: list[tuple], begin: int, more: int
):
    with undone(migrated_engine) as session:
        life = Life(Client(session, zone, after_midnight(zone, start, second)))
        for step in way:
            life.live(step)
            if not any(told.half_told for told in life.client.told.values()):
                life.compare()
        life.tell_the_rest()
        life.compare()
        first = life.client.today + timedelta(days=begin)
        life.client.states(first, first + timedelta(days=more))
        event(f"the streak was settled: {life.client.settled_through() is not None}")


@settings(max_examples=examples(25))
@given(
    zone=zones,
    start=st.sampled_from(TURNING_POINTS),
    way=st.lists(steps, min_size=1, max_size=6),
    later=st.lists(exposures, min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_the_order_in_which_exposures_arrive_changes_no_day_and_no_total(
    migrated_engine: Engine, zone: str, start: date, way: list[tuple], later: list[tuple], order
):
    books = []
    for shuffled in (False, True):
        with undone(migrated_engine) as session:
            client = Client(session, zone, after_midnight(zone, start, 43_200))
            life = Life(client)
            for step in way:
                life.live(step)
            life.tell_the_rest()
            told = [life.moments(*exposure) for exposure in later]
            if shuffled:
                order.shuffle(told)
            for place, moments in told:
                client.tells(uuid.uuid4(), place, moments)
            days = client.days(client.today - timedelta(days=100), client.today + timedelta(days=10))
            books.append((client.totals(), days))
    assert books[0] == books[1]
