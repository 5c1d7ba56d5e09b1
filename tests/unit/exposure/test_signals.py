"""The client's own timer when the phone is put away: the next check-in or the planned end, sent on time."""

import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from erp.domain.errors import NotFound
from erp.domain.exposure import signals
from erp.domain.exposure.event import Event
from erp.domain.exposure.fold import fold
from erp.storage.exposure import Exposure
from tests.make.clients import Client
from tests.make.events import NOON as START
from tests.make.events import happens
from tests.make.supporters import A_MINUTE, A_SECOND, NOON, begins, coach, goes_on, kinds, notifications, person


def minutes(after: float) -> datetime:
    return START + timedelta(minutes=after)


def signal(after: float, *events: Event) -> tuple[str, float] | None:
    """The next signal after so many minutes, and the minute in which it comes."""
    found = signals.next_signal(fold(events), minutes(after))
    return found and (found[0], (found[1] - START) / A_MINUTE)


RUN = happens(1, "started", 0)  # 20 minutes, a check-in every 5


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (0, ("check_in", 5)),
        (4.99, ("check_in", 5)),
        (5, ("check_in", 10)),
        (14, ("check_in", 15)),
        (15, ("end", 20)),
        (19.99, ("end", 20)),
        (20, None),
        (25, None),
    ],
)
def test_check_ins_come_every_few_minutes_and_the_last_of_all_is_the_end(
    after: float, expected: tuple[str, float] | None
):
    assert signal(after, RUN) == expected


def test_without_check_ins_there_is_only_the_end():
    assert signal(0, happens(1, "started", 0, check_in_minutes=0)) == ("end", 20)
    assert signal(0, happens(1, "started", 0, check_in_minutes=30)) == ("end", 20)


def test_a_clock_that_is_behind_the_start_waits_for_the_first_check_in():
    assert signal(-3, RUN) == ("check_in", 5)


def test_in_a_pause_and_when_it_is_over_there_is_none():
    assert signal(0) is None
    assert signal(7, RUN, happens(2, "paused", 6)) is None
    assert signal(7, RUN, happens(2, "finished", 6)) is None


def test_a_pause_moves_what_comes_after_it():
    events = [RUN, happens(2, "paused", 6), happens(3, "resumed", 9)]
    assert signal(9, *events) == ("check_in", 13)
    assert signal(18, *events) == ("end", 23)


def test_an_extension_moves_the_end_and_not_the_check_ins():
    events = [RUN, happens(2, "extended", 12, minutes=7)]
    assert signal(15, *events) == ("check_in", 20)
    assert signal(20, *events) == ("check_in", 25)
    assert signal(25, *events) == ("end", 27)


def looks_away(client: Client, exposure: uuid.UUID, hidden: bool = True) -> datetime | None:
    client.session.flush()
    client.session.expire_all()
    return signals.note_hidden(client.session, client.account.id, exposure, hidden, client.now)


def waiting(session: Session) -> list[tuple[str, float]]:
    """The signals that wait, and the minute in which each comes."""
    return [(each.kind, (each.due_at - NOON) / A_MINUTE) for each in notifications(session)]


def test_who_looks_at_the_timer_needs_no_signal(client: Client, session: Session):
    goes_on(client, begins(client, check_in_minutes=5), "checked_in", A_MINUTE, suds=50)
    assert kinds(session) == []


def test_putting_the_phone_away_makes_the_next_signal_wait_until_it_is_due(client: Client, session: Session):
    exposure = begins(client, check_in_minutes=5)
    client.now += A_MINUTE
    assert looks_away(client, exposure) == NOON + 5 * A_MINUTE
    (check_in,) = notifications(session)
    assert (check_in.account_id, check_in.exposure_id, check_in.support_id) == (client.account.id, exposure, None)
    assert (check_in.kind, check_in.facts, check_in.created_at) == ("check_in", {}, client.now)
    assert check_in.expires_at == check_in.due_at + timedelta(minutes=3)
    assert session.get_one(Exposure, exposure).hidden_since == client.now


def test_the_end_may_come_half_an_hour_late(client: Client, session: Session):
    looks_away(client, begins(client, check_in_minutes=0))
    (end,) = notifications(session)
    assert (end.kind, end.expires_at - end.due_at) == ("end", timedelta(minutes=30))


def test_coming_back_takes_the_signal_back(client: Client, session: Session):
    exposure = begins(client)
    looks_away(client, exposure)
    assert looks_away(client, exposure, hidden=False) is None
    assert kinds(session) == []
    assert session.get_one(Exposure, exposure).hidden_since is None


def test_going_away_twice_leaves_one_signal(client: Client, session: Session):
    exposure = begins(client, check_in_minutes=5)
    looks_away(client, exposure)
    client.now += 6 * A_MINUTE
    looks_away(client, exposure)
    assert waiting(session) == [("check_in", 10)]


def test_what_happens_while_the_phone_is_away_moves_the_signal(client: Client, session: Session):
    exposure = begins(client, check_in_minutes=0)
    looks_away(client, exposure)
    assert waiting(session) == [("end", 20)]
    goes_on(client, exposure, "extended", A_MINUTE, minutes=10)
    assert waiting(session) == [("end", 30)]
    goes_on(client, exposure, "paused", A_MINUTE)
    assert waiting(session) == []
    goes_on(client, exposure, "resumed", 5 * A_MINUTE)
    assert waiting(session) == [("end", 35)]
    goes_on(client, exposure, "finished", A_MINUTE)
    assert waiting(session) == []


def test_the_receipt_says_that_a_signal_has_moved(client: Client):
    exposure = begins(client)
    assert not client.sends(client.event(exposure, "extended", client.now, minutes=5)).has_news
    looks_away(client, exposure)
    assert client.sends(client.event(exposure, "extended", client.now, minutes=5)).has_news


def test_a_finished_exposure_has_no_signals_whoever_looks_away(client: Client, session: Session):
    exposure = begins(client)
    goes_on(client, exposure, "finished", A_MINUTE)
    assert looks_away(client, exposure) is None
    assert session.get_one(Exposure, exposure).hidden_since is None


def test_past_the_planned_end_there_is_nothing_left_to_say(client: Client, session: Session):
    exposure = begins(client, stopping_rule="tested")
    client.now += 21 * A_MINUTE
    assert looks_away(client, exposure) is None
    assert kinds(session) == []


def test_the_signals_of_another_exposure_stay(client: Client, session: Session):
    first, second = begins(client, check_in_minutes=0), begins(client, check_in_minutes=5)
    looks_away(client, first)
    looks_away(client, second)
    looks_away(client, second, hidden=False)
    assert waiting(session) == [("end", 20)]


def test_the_pings_to_a_coach_are_no_signals_and_stay(client: Client, session: Session):
    sam = coach(client)
    exposure = begins(client)
    looks_away(client, exposure)
    looks_away(client, exposure, hidden=False)
    assert kinds(session) == kinds(session, sam.supporter_id) == ["started"]


def test_the_timer_of_somebody_else_is_nobodys_business(client: Client, session: Session):
    exposure, stranger = begins(client), person(session)
    for who, what in ((stranger.id, exposure), (client.account.id, uuid.uuid4())):
        with pytest.raises(NotFound):
            signals.note_hidden(session, who, what, hidden=True, now=client.now + A_SECOND)
    assert kinds(session) == []
