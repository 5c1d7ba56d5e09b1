"""The rules by which an exposure's events fold to its state, each by an example that one can check in one's head."""

import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from erp.domain.exposure.event import Event, event_of, parse
from erp.domain.exposure.fold import State, fold
from erp.domain.ladder.ladder import StoppingRule
from tests.make.events import NOON, happens


def run(*events: tuple[object, ...], **start: object) -> State:
    """The state after a start at noon and the events (kind, minutes after noon, data), their ids in that order."""
    told = [happens(1, "started", 0, **start)]
    for number, (kind, minutes, *data) in enumerate(events, 2):
        told.append(happens(number, kind, minutes, **(data[0] if data else {})))
    return fold(told)


# One rule at a time.


def test_nothing_has_begun_while_no_start_has_come():
    state = fold([happens(1, "checked_in", 3, suds=60), happens(2, "finished", 9)])
    assert (state.phase, state.started_at, state.seconds, state.curve) == ("before", None, 0, [])


def test_an_exposure_runs_from_its_start_and_its_seconds_go_to_the_last_sign_of_life():
    state = run(("resisted", 4), ("checked_in", 5.5, {"suds": 40}))
    assert (state.phase, state.started_at, state.finished_at, state.seconds) == ("running", NOON, None, 330)


def test_finishing_ends_the_counting_and_leads_to_after():
    state = run(("finished", 12))
    assert (state.phase, state.finished_at, state.seconds) == ("after", NOON + timedelta(minutes=12), 720)


def test_stopping_long_before_the_planned_end_keeps_every_second():
    state = run(("finished", 2), planned_minutes=60)
    assert (state.phase, state.seconds, state.planned_seconds) == ("after", 120, 3600)


def test_seconds_are_whole_and_rounded_down():
    assert run(("finished", 1.999)).seconds == 119


def test_everything_optional_may_be_left_out():
    state = run(("finished", 20))
    assert (state.curve, state.suds, state.notes, state.resisted, state.rituals) == ([], [], {}, 0, 0)


def test_notes_make_it_done():
    assert (
        run(("finished", 9), ("noted", 10, {"suds": 30, "outcome": "no", "learning": "", "note": ""})).phase == "done"
    )


def test_notes_that_say_nothing_make_it_done_too():
    assert (
        run(("finished", 9), ("noted", 10, {"suds": None, "outcome": None, "learning": "", "note": ""})).phase == "done"
    )


def test_notes_written_while_it_runs_do_not_finish_it():
    assert run(("noted", 5, {"note": "halfway"})).phase == "running"


def test_time_in_a_pause_does_not_count():
    assert run(("paused", 5), ("resumed", 15), ("finished", 20)).seconds == 600


def test_while_paused_the_seconds_stand_still():
    assert run(("paused", 5), ("checked_in", 9, {"suds": 50})).seconds == 300


def test_several_pauses_are_all_left_out():
    state = run(("paused", 1), ("resumed", 2), ("paused", 4), ("resumed", 8), ("finished", 10))
    assert state.seconds == 300


def test_a_second_pause_inside_a_pause_is_ignored():
    assert run(("paused", 5), ("paused", 10), ("resumed", 15), ("finished", 20)).seconds == 600


def test_going_on_without_a_pause_is_ignored():
    assert run(("resumed", 5), ("finished", 20)).seconds == 1200


def test_finishing_in_a_pause_counts_up_to_the_pause():
    state = run(("paused", 5), ("finished", 15))
    assert (state.phase, state.seconds, state.finished_at) == ("after", 300, NOON + timedelta(minutes=15))


def test_extending_adds_to_the_planned_time():
    assert run(("extended", 3, {"minutes": 5}), ("extended", 4, {"minutes": 10})).planned_seconds == 35 * 60


def test_extending_in_a_pause_leaves_it_paused():
    assert run(("paused", 5), ("extended", 6, {"minutes": 5}), ("finished", 20)).seconds == 300


def test_going_on_after_the_finish_takes_it_back_and_the_gap_does_not_count():
    state = run(("finished", 10), ("resumed", 14), ("checked_in", 16, {"suds": 20}))
    assert (state.phase, state.finished_at, state.seconds) == ("running", None, 720)


def test_extending_after_the_finish_takes_it_back_and_the_gap_does_not_count():
    state = run(("finished", 20), ("extended", 22, {"minutes": 5}), ("finished", 27))
    assert (state.phase, state.seconds, state.planned_seconds) == ("after", 1500, 1500)
    assert state.finished_at == NOON + timedelta(minutes=27)


def test_going_on_after_a_finish_in_a_pause_leaves_out_the_whole_time_since_the_pause():
    assert run(("paused", 5), ("finished", 8), ("resumed", 11), ("finished", 12)).seconds == 360


def test_the_first_finish_holds():
    assert run(("finished", 10), ("finished", 15)).finished_at == NOON + timedelta(minutes=10)


def test_other_events_after_the_finish_are_kept_and_do_not_take_it_back():
    state = run(("finished", 10), ("ritual", 11), ("resisted", 12), ("paused", 13), ("checked_in", 14, {"suds": 25}))
    assert (state.phase, state.seconds, state.rituals, state.resisted) == ("after", 600, 1, 1)
    assert state.curve == [(600, 25)]


def test_the_curve_begins_with_the_expected_distress():
    assert run(("checked_in", 5, {"suds": 80}), expected_suds=65).curve == [(0, 65), (300, 80)]


def test_check_ins_stand_at_the_seconds_practised_not_at_the_clock():
    state = run(("paused", 2), ("checked_in", 4, {"suds": 70}), ("resumed", 12), ("checked_in", 13, {"suds": 60}))
    assert state.curve == [(120, 70), (180, 60)]


def test_the_distress_noted_afterwards_ends_the_curve():
    state = run(("checked_in", 5, {"suds": 80}), ("finished", 10), ("noted", 30, {"suds": 35}))
    assert state.curve == [(300, 80), (600, 35)]


def test_a_distress_of_nought_is_a_rating_like_any_other():
    state = run(("checked_in", 5, {"suds": 0}), ("finished", 10), ("noted", 11, {"suds": 0}), expected_suds=0)
    assert state.curve == [(0, 0), (300, 0), (600, 0)]


def test_peak_and_last_distress_come_from_the_curve():
    state = run(("checked_in", 5, {"suds": 90}), ("finished", 10), ("noted", 11, {"suds": 40}), expected_suds=60)
    assert (max(state.suds), state.suds[-1]) == (90, 40)


def test_later_notes_win_field_by_field():
    state = run(
        ("finished", 10),
        ("noted", 11, {"suds": 40, "outcome": "partly", "note": "louder than I thought"}),
        ("noted", 12, {"suds": None, "outcome": "no", "learning": "it was only loud", "note": ""}),
    )
    assert state.notes == {
        "suds": 40, "outcome": "no", "learning": "it was only loud", "note": "louder than I thought",
    }  # fmt: skip
    assert state.curve == [(600, 40)]


def test_urges_resisted_and_rituals_are_counted_and_the_timer_goes_on():
    state = run(("ritual", 2), ("resisted", 3), ("ritual", 4), ("finished", 20))
    assert (state.resisted, state.rituals, state.phase, state.seconds) == (1, 2, "after", 1200)


def test_an_exposure_is_never_failed_however_high_the_distress_stays():
    calm = run(("checked_in", 5, {"suds": 10}), ("finished", 20), ("noted", 21, {"suds": 5, "outcome": "no"}))
    hard = run(("checked_in", 5, {"suds": 99}), ("finished", 20), ("noted", 21, {"suds": 100, "outcome": "yes"}))
    assert (hard.phase, hard.seconds) == (calm.phase, calm.seconds) == ("done", 1200)


def test_the_stopping_rules_are_time_distress_halved_and_prediction_tested_and_count_alike():
    assert tuple(StoppingRule) == ("time", "halved", "tested")
    states = [run(("finished", 7), stopping_rule=rule) for rule in StoppingRule]
    assert [(state.phase, state.seconds) for state in states] == [("after", 420)] * 3


def test_the_first_start_in_time_holds_even_when_it_comes_last():
    late, early = happens(1, "started", 5, planned_minutes=60), happens(2, "started", 0)
    state = fold([late, happens(3, "finished", 10), early])
    assert (state.started_at, state.seconds, state.planned_seconds) == (NOON, 600, 1200)


def test_a_second_start_begins_nothing_anew_and_is_a_sign_of_life_like_any_event():
    state = run(("started", 5))
    assert (state.started_at, state.phase, state.seconds) == (NOON, "running", 300)


def test_what_a_wrong_clock_puts_before_the_start_happens_at_the_start():
    state = run(("ritual", -3), ("checked_in", -2, {"suds": 70}), ("paused", -1), ("resumed", 4), ("finished", 10))
    assert (state.rituals, state.curve, state.seconds) == (1, [(0, 70)], 360)


def test_events_of_one_moment_count_in_the_order_of_their_ids():
    paused, resumed = happens(2, "paused", 5), happens(3, "resumed", 5)
    start, finished = happens(1, "started", 0), happens(4, "finished", 20)
    assert fold([start, resumed, paused, finished]).seconds == 1200
    paused_last = Event(uuid.UUID(int=9), "paused", paused.at)
    assert fold([start, paused_last, resumed, finished]).seconds == 300


def test_the_planned_end_moves_with_extensions_and_with_what_was_spent_in_pauses():
    state = run(("paused", 5), ("resumed", 8), ("extended", 9, {"minutes": 5}))
    assert state.due_at == NOON + timedelta(minutes=28)


def test_in_a_pause_there_is_no_planned_end():
    assert run(("paused", 5)).due_at is None


def test_the_seconds_of_a_running_exposure_follow_the_clock_and_those_of_a_finished_one_do_not():
    later = NOON + timedelta(hours=1)
    assert run().seconds_at(later) == 3600
    assert run(("paused", 5)).seconds_at(later) == 300
    assert run(("finished", 7)).seconds_at(later) == 420


# The vectors that the page's own fold is held to as well.

VECTORS = json.loads((Path(__file__).parent / "fold_vectors.json").read_text(encoding="utf-8"))


def from_the_phone(raw: dict[str, object]) -> Event:
    """An event as it is after it came over the wire."""
    came = parse({"exposure": str(uuid.UUID(int=0)), **raw})
    return event_of(came.id, came.kind, came.at, 0, came.value, came.data)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_server_folds_what_the_page_folds(vector: dict):
    state = fold(from_the_phone(raw) for raw in vector["events"])
    now = datetime.fromisoformat(vector["now"]) if vector["now"] else state.last_at
    found = {
        "phase": state.phase,
        "seconds": state.seconds_at(max(now, state.last_at)) if state.last_at else 0,
        "planned_seconds": state.planned_seconds,
        "finished_at": state.finished_at,
        "curve": [list(point) for point in state.curve],
        "resisted": state.resisted,
        "rituals": state.rituals,
        "peak_suds": max(state.suds, default=None),
        "last_suds": state.suds[-1] if state.suds else None,
    }
    finished = vector["expect"]["finished_at"]
    assert found == {**vector["expect"], "finished_at": datetime.fromisoformat(finished) if finished else None}


def test_an_event_of_a_kind_that_only_a_newer_version_knows_is_a_sign_of_life_and_no_more():
    start = happens(1, "started", 0)
    newer = event_of(uuid.UUID(int=2), "taken_back", NOON + timedelta(minutes=3), 0, None, {"event": "1"})
    state = fold([start, newer])
    assert (state.phase, state.seconds, state.curve) == ("running", 180, fold([start]).curve)
