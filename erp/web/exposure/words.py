"""What the practice page and the summary say of an exposure: its end, its prediction, its day, the streak."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _
from flask_babel import ngettext

from erp.domain.exposure.event import PredictionOutcome
from erp.domain.exposure.reading import ExposureView
from erp.domain.ladder.ladder import StoppingRule
from erp.domain.practice.days import DayState, DayView, Totals
from erp.web.edge.formats import hours, minutes


def end_text(rule: StoppingRule) -> str:
    """What the timer says when the planned time is over."""
    if rule == StoppingRule.halved:
        return _("Your time is done. Stay until it has come down by half, or finish here.")
    return _("Your time is done. Stay until you have seen what happens, or finish here.")


@dataclass(frozen=True, slots=True)
class Summary:
    """What an exposure came to. `outcome`: what came of the prediction.

    `day` and `sums` are of its day and of all practice, None and nothing where it `only_began`.
    """

    outcome: str | None
    only_began: bool
    day: str | None
    sums: tuple[str, ...]


def summed_up(exposure: ExposureView, day: DayView, totals: Totals) -> Summary:
    """The exposure summed up with its day and the streak."""
    outcome = _outcome(exposure.outcome)
    if not day.seconds:
        return Summary(outcome, only_began=True, day=None, sums=())
    return Summary(outcome, only_began=False, day=_of_the_day(day), sums=_sums(totals))


def _outcome(outcome: str | None) -> str | None:
    match outcome:
        case PredictionOutcome.no:
            return _("It did not come true.")
        case PredictionOutcome.partly:
            return _("It came true in part.")
        case PredictionOutcome.yes:
            return _("It came true, and you were there.")
    return None


def _of_the_day(day: DayView) -> str:
    if day.state == DayState.goal:
        return _("Today’s goal is reached") if day.today else _("That day’s goal was reached")
    done = minutes(day.seconds)
    if day.goal_seconds:
        return _("%(done)s of %(goal)s", done=done, goal=minutes(day.goal_seconds))
    return _("%(done)s on this day", done=done)


def _sums(totals: Totals) -> tuple[str, ...]:
    days = ngettext("%(num)s practice day", "%(num)s practice days", totals.days)
    in_all = _("%(time)s in all", time=hours(totals.seconds))
    if totals.current <= 1:
        return days, in_all
    streak = ngettext("%(num)s day", "%(num)s days", totals.current)
    return _("%(streak)s in a row", streak=streak), days, in_all
