"""What the pages of the practice say of a day and of the streak."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import ngettext

from erp.domain.dates import minutes_done, minutes_left
from erp.domain.practice.days import DayState, DayView, Totals
from erp.web.edge.formats import hours, minutes


def day_words(state: str) -> str:
    """What became of a day, for those who do not see its mark."""
    match state:
        case DayState.goal:
            return _("goal reached")
        case DayState.practised:
            return _("practised")
        case DayState.rest:
            return _("rest day")
        case DayState.paused:
            return _("paused")
        case DayState.missed:
            return _("no practice")
        case DayState.open:
            return _("nothing yet")
        case DayState.future:
            return _("to come")
    return _("before you began")


def day_line(day: DayView) -> str:
    """What became of a day, in a sentence."""
    if day.seconds and day.goal_seconds:
        return _("%(done)s of %(goal)s", done=minutes(day.seconds), goal=minutes(day.goal_seconds))
    if day.seconds:
        return _("%(time)s practised", time=minutes(day.seconds))
    match day.state:
        case DayState.rest:
            return _("A rest day.")
        case DayState.paused:
            return _("A pause: nothing is expected.")
        case DayState.open:
            return _("Nothing yet, and the day is not over.")
        case DayState.missed:
            return _("No practice on this day. The next one counts as much as ever.")
        case DayState.future:
            return _("Still to come.")
    return _("Before you began.")


def headline(day: DayView) -> str:
    """The day in a few words: what is left, never what was missed."""
    if day.state == "goal":
        return _("Today’s practice is done")
    if day.state == "paused":
        return _("You are on a pause")
    if day.state == "rest" and day.goal_seconds:
        return _("A rest day")
    if day.goal_seconds is not None:
        left = minutes_left(day.goal_seconds - day.seconds)
        return ngettext("%(num)s minute to go", "%(num)s minutes to go", left)
    done = minutes_done(day.seconds)
    return ngettext("%(num)s minute practised", "%(num)s minutes practised", done) if done else _("Ready when you are")


def streak_lines(totals: Totals) -> tuple[str, str]:
    """How far the practice has come: one line that counts most, and one below it."""
    days = ngettext("%(num)s practice day", "%(num)s practice days", totals.days)
    in_all = _("%(time)s in all", time=hours(totals.seconds))
    if totals.current > 1:
        return ngettext("%(num)s day in a row", "%(num)s days in a row", totals.current), f"{days}, {in_all}"
    if totals.days:
        return days, in_all
    return _("Your first day is still to come"), _("One minute already counts.")
