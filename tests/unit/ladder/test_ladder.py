from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from erp.domain.errors import Invalid, NotFound
from erp.domain.ladder import ladder as ladders
from erp.storage.ladder import Fear, Step
from tests.make.clients import Client, local

NOW = local("Europe/Lisbon", 2026, 11, 18, 12, 0)
STEP = {"planned_minutes": "20", "check_in_minutes": "5", "stopping_rule": "time"}


@pytest.fixture
def client(session: Session) -> Client:
    """A client without a ladder of their own making."""
    made = Client(session, "Europe/Lisbon", NOW)
    session.delete(made.step)
    session.flush()
    session.delete(session.get_one(Fear, made.step.fear_id))
    session.flush()
    return made


def fear(client: Client, name: str = "contamination", now: datetime = NOW) -> Fear:
    made = ladders.name_fear(client.session, client.account.id, {"name": name}, now)
    client.session.flush()
    return made


def steps(client: Client, on: Fear, *rated: tuple[str, int], **fields: Any) -> list[Step]:
    made = [
        ladders.save_step(client.session, on, STEP | fields | {"title": title, "suds": suds}, NOW)
        for title, suds in rated
    ]
    client.session.flush()
    return made


def titles(views: Sequence[Any]) -> list[str]:
    return [view.title for view in views]


def wrong(call: Any, *arguments: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        call(*arguments)
    return {name: problem.code for name, problem in refused.value.problems.items()}


def test_a_fear_needs_a_name_of_at_most_eighty_characters(client: Client):
    assert wrong(fear, client, "   ") == {"name": "required"}
    assert wrong(fear, client, "x" * 81) == {"name": "too_long"}
    assert fear(client, "  dogs ").name == "dogs"


def test_listing_steps_makes_one_of_every_line_that_is_not_empty(client: Client):
    made = ladders.list_steps(client.session, fear(client), ["a", " ", "", " b "], 7, NOW)
    assert titles(made) == ["a", "b"]
    assert [step.suds for step in made] == [50, 50]
    assert {step.check_in_minutes for step in made} == {7}


def test_a_list_without_any_step_is_refused_and_a_line_that_is_too_long_named(client: Client):
    made = fear(client)
    assert wrong(ladders.list_steps, client.session, made, ["", " "], 7, NOW) == {"title-0": "required"}
    assert wrong(ladders.list_steps, client.session, made, [], 7, NOW) == {"title-0": "required"}
    lines = ["a", "x" * 201]
    assert wrong(ladders.list_steps, client.session, made, lines, 7, NOW) == {"title-1": "too_long"}
    assert ladders.steps_to_rate(client.session, made) == []


def test_steps_are_rated_in_the_order_in_which_they_were_listed(client: Client):
    made = fear(client)
    listed = ladders.list_steps(client.session, made, ["c", "a", "b"], 7, NOW)
    client.session.flush()
    assert titles(ladders.steps_to_rate(client.session, made)) == ["c", "a", "b"]
    ladders.rate_steps(listed, {f"suds-{listed[0].id}": "90", f"suds-{listed[1].id}": "0"})
    assert [(step.suds, step.first_suds) for step in listed] == [(90, 90), (0, 0), (50, 50)]


def test_one_rating_that_cannot_be_changes_none_of_them(client: Client):
    listed = ladders.list_steps(client.session, fear(client), ["a", "b"], 7, NOW)
    raw = {f"suds-{listed[0].id}": "10", f"suds-{listed[1].id}": "101"}
    assert wrong(ladders.rate_steps, listed, raw) == {f"suds-{listed[1].id}": "not_whole"}
    assert [step.suds for step in listed] == [50, 50]


def test_the_ladder_sorts_itself_with_the_hardest_first_and_the_lowest_next(client: Client):
    made = fear(client)
    steps(client, made, ("middle", 50), ("low", 10), ("high", 90))
    view = ladders.ladder_of(client.session, made)
    assert titles(view.steps) == ["high", "middle", "low"]
    assert [step.next for step in view.steps] == [False, False, True]


def test_the_next_step_is_the_lowest_that_is_not_mastered(client: Client):
    made = fear(client)
    low, middle, high = steps(client, made, ("low", 10), ("middle", 50), ("high", 90))
    ladders.set_mastered(low, True, NOW)
    client.session.flush()
    found = ladders.next_step(client.session, client.account.id)
    assert found
    assert found.id == middle.id
    assert [step.next for step in ladders.ladder_of(client.session, made).steps] == [False, True, False]
    ladders.set_archived(middle, True, NOW)
    client.session.flush()
    found = ladders.next_step(client.session, client.account.id)
    assert found
    assert found.id == high.id
    ladders.set_mastered(high, True, NOW)
    client.session.flush()
    assert ladders.next_step(client.session, client.account.id) is None


def test_the_next_step_is_on_the_ladder_that_was_practised_last(client: Client):
    first, second = fear(client, "first"), fear(client, "second", NOW + timedelta(hours=1))
    steps(client, first, ("on the first", 40))
    steps(client, second, ("on the second", 20))
    found = ladders.next_step(client.session, client.account.id)
    assert found
    assert found.title == "on the first"
    assert ladders.practised_last([first, second]) is first
    second.practised_at = NOW
    client.session.flush()
    found = ladders.next_step(client.session, client.account.id)
    assert found
    assert found.title == "on the second"
    assert ladders.practised_last([first, second]) is second
    ladders.set_archived(second, True, NOW)
    client.session.flush()
    found = ladders.next_step(client.session, client.account.id)
    assert found
    assert found.title == "on the first"
    assert ladders.practised_last([]) is None


def test_the_easier_step_is_the_hardest_below_on_the_same_ladder(client: Client):
    made, elsewhere = fear(client), fear(client, "elsewhere")
    low, middle, high = steps(client, made, ("low", 10), ("middle", 50), ("high", 90))
    steps(client, elsewhere, ("other ladder", 70))
    easier = ladders.easier_step(client.session, high)
    assert easier
    assert easier.id == middle.id
    ladders.set_archived(middle, True, NOW)
    client.session.flush()
    easier = ladders.easier_step(client.session, high)
    assert easier
    assert easier.id == low.id
    assert ladders.easier_step(client.session, low) is None


def test_a_step_keeps_all_that_was_written_about_it(client: Client):
    made = fear(client)
    raw = {
        "title": " touch the handle ",
        "suds": "45",
        "details": "the one downstairs\r\nat noon",
        "response": "no washing",
        "planned_minutes": "240",
        "check_in_minutes": "0",
        "stopping_rule": "tested",
    }
    view = ladders.view_of(ladders.save_step(client.session, made, raw, NOW))
    assert (view.title, view.suds, view.first_suds) == ("touch the handle", 45, 45)
    assert (view.details, view.response) == ("the one downstairs\nat noon", "no washing")
    assert (view.planned_minutes, view.check_in_minutes, view.stopping_rule) == (240, 0, "tested")


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        ({"title": ""}, {"title": "required"}),
        ({"title": "x" * 201}, {"title": "too_long"}),
        ({"suds": ""}, {"suds": "required"}),
        ({"suds": "101"}, {"suds": "not_whole"}),
        ({"suds": "-1"}, {"suds": "not_whole"}),
        ({"suds": "4.5"}, {"suds": "not_whole"}),
        ({"details": "x" * 2001}, {"details": "too_long"}),
        ({"response": "x" * 2001}, {"response": "too_long"}),
        ({"planned_minutes": "0"}, {"planned_minutes": "not_whole"}),
        ({"planned_minutes": "241"}, {"planned_minutes": "not_whole"}),
        ({"check_in_minutes": "61"}, {"check_in_minutes": "not_whole"}),
        ({"stopping_rule": "never"}, {"stopping_rule": "not_an_option"}),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_field_by_field_and_stays_as_it_was(
    client: Client, raw: dict[str, str], problems: dict[str, str]
):
    made = fear(client)
    (step,) = steps(client, made, ("as it was", 50))
    given = STEP | {"title": "changed", "suds": "60"} | raw
    assert wrong(ladders.save_step, client.session, made, given, NOW, step) == problems
    assert (step.title, step.suds) == ("as it was", 50)


def test_rating_a_step_anew_keeps_where_it_began_once_it_ran(client: Client):
    made = fear(client)
    (step,) = steps(client, made, ("step", 70))
    ladders.rate_steps([step], {f"suds-{step.id}": "60"})
    assert (step.first_suds, step.suds) == (60, 60)
    step.runs = 1
    ladders.rate_steps([step], {f"suds-{step.id}": "30"})
    assert (step.first_suds, step.suds) == (60, 30)


def test_micro_steps_are_lower_and_take_over_what_the_step_says(client: Client):
    made = fear(client)
    (step,) = steps(client, made, ("big", 60), response="no washing", planned_minutes="35", stopping_rule="halved")
    rows = [("small", "20"), ("", ""), ("smaller", "59")]
    micro = ladders.split_step(client.session, step, rows, NOW)
    client.session.flush()
    assert [(each.title, each.suds, each.parent_id) for each in micro] == [
        ("small", 20, step.id),
        ("smaller", 59, step.id),
    ]
    assert {(each.response, each.planned_minutes, each.stopping_rule) for each in micro} == {
        ("no washing", 35, "halved")
    }
    assert titles(ladders.ladder_of(client.session, made).steps) == ["big", "smaller", "small"]


def test_a_micro_step_as_hard_as_its_step_is_refused(client: Client):
    made = fear(client)
    (step,) = steps(client, made, ("big", 60))
    rows = [("small", "60"), ("smaller", "")]
    problems = wrong(ladders.split_step, client.session, step, rows, NOW)
    assert problems == {"suds-0": "not_whole", "suds-1": "required"}
    assert wrong(ladders.split_step, client.session, step, [("", "5")], NOW) == {"title-0": "required"}
    assert titles(ladders.ladder_of(client.session, made).steps) == ["big"]


def test_what_was_put_away_leaves_the_ladder_and_can_come_back(client: Client):
    made, other = fear(client), fear(client, "other")
    step, _stays = steps(client, made, ("away", 20), ("stays", 30))
    steps(client, other, ("of the other", 40))
    ladders.set_archived(step, True, NOW)
    ladders.set_archived(other, True, NOW)
    client.session.flush()
    assert titles(ladders.ladder_of(client.session, made).steps) == ["stays"]
    assert [each.name for each in ladders.fears(client.session, client.account.id)] == ["contamination"]
    away, away_steps = ladders.archive_of(client.session, client.account.id)
    assert ([each.name for each in away], titles(away_steps)) == (["other"], ["away"])
    ladders.set_archived(step, False, NOW)
    client.session.flush()
    assert titles(ladders.ladder_of(client.session, made).steps) == ["stays", "away"]


def test_marking_twice_keeps_the_first_time(client: Client):
    (step,) = steps(client, fear(client), ("step", 20))
    ladders.set_mastered(step, True, NOW)
    ladders.set_mastered(step, True, NOW + timedelta(days=1))
    assert step.mastered_at == NOW
    ladders.set_mastered(step, False, NOW)
    assert step.mastered_at is None


def test_fears_and_steps_of_another_client_look_like_none(client: Client, session: Session):
    other = Client(session, "Europe/Lisbon", datetime(2026, 11, 18, tzinfo=UTC))
    assert ladders.step_of(session, other.account.id, other.step.id) is other.step
    assert ladders.fear_of(session, other.account.id, other.step.fear_id).id == other.step.fear_id
    for step_id in (other.step.id, uuid4()):
        with pytest.raises(NotFound):
            ladders.step_of(session, client.account.id, step_id)
    for fear_id in (other.step.fear_id, uuid4()):
        with pytest.raises(NotFound):
            ladders.fear_of(session, client.account.id, fear_id)
    assert ladders.fears(session, client.account.id) == []
    assert ladders.next_step(session, client.account.id) is None
