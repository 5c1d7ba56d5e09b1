"""What becomes of a notification at a moment: sent, put off, or dropped for one reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from erp.domain.notification.judging import Case, Drop, Send, Wait, judge
from erp.domain.notification.kinds import KINDS, Kind, Reason

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)


def case(kind: Kind) -> Case:
    """A notification of a kind for which all is well."""
    return Case(KINDS[kind], expires_at=NOON + 2 * AN_HOUR, hidden=True, running=True, agreed=True)


@pytest.mark.parametrize("kind", Kind)
def test_where_nothing_speaks_against_it_every_kind_is_sent(kind: Kind):
    assert judge(case(kind), NOON) == Send()


@pytest.mark.parametrize("kind", Kind)
def test_nothing_outlives_its_end_and_nothing_is_sent_where_nobody_can_be_reached(kind: Kind):
    assert judge(case(kind), NOON + 2 * AN_HOUR) == Drop(Reason.expired)
    assert judge(replace(case(kind), unreachable=Reason.no_device), NOON) == Drop(Reason.no_device)
    assert judge(replace(case(kind), superseded=True), NOON) == Drop(Reason.superseded)


@pytest.mark.parametrize("kind", Kind)
def test_quiet_hours_put_off_what_is_worth_it_and_drop_the_rest_but_for_what_comes_at_any_hour(kind: Kind):
    soon, late = (judge(replace(case(kind), quiet_until=NOON + hours * AN_HOUR), NOON) for hours in (1, 2))
    if kind in (Kind.check_in, Kind.end, Kind.test):
        assert (soon, late) == (Send(), Send())
    else:
        assert (soon, late) == (Wait(NOON + AN_HOUR), Drop(Reason.quiet))


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        *[(Kind.goal, {"agreed": False}, Reason.unwanted), (Kind.goal, {"paused": True}, Reason.paused)],
        *[(Kind.earlier, {"agreed": False}, Reason.unwanted), (Kind.weekly, {"paused": True}, Reason.paused)],
        *[(Kind.cheer, {"agreed": False}, None), (Kind.cheer, {"paused": True}, None)],
        *[(Kind.cheer, {"ended": True}, Reason.ended), (Kind.goal, {"ended": True}, Reason.ended)],
        *[(Kind.end, {"hidden": False}, Reason.superseded), (Kind.check_in, {"hidden": False}, Reason.superseded)],
        *[(Kind.end, {"running": False}, None), (Kind.check_in, {"running": False}, Reason.superseded)],
        *[(Kind.test, {"hidden": False, "running": False, "agreed": False}, None)],
    ],
)
def test_each_kind_needs_the_leave_that_its_row_names(kind: Kind, change: dict[str, bool], reason: Reason | None):
    assert judge(replace(case(kind), **change), NOON) == (Drop(reason) if reason else Send())


def test_what_holds_for_good_is_said_before_what_holds_for_the_hour():
    quiet = {"quiet_until": NOON + AN_HOUR, "unreachable": Reason.gone}
    for ended, agreed, paused in product((True, False), repeat=3):
        worst = Reason.ended if ended else Reason.unwanted if not agreed else Reason.paused if paused else None
        found = judge(replace(case(Kind.goal), ended=ended, agreed=agreed, paused=paused, **quiet), NOON)
        assert found == (Drop(worst) if worst else Wait(NOON + AN_HOUR))


def test_a_kind_that_this_version_does_not_know_is_dropped():
    assert judge(Case(None, expires_at=NOON + AN_HOUR), NOON) == Drop(Reason.unknown)
