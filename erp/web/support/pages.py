"""What the pages about people share: where a client stands, and the coach's page of one client."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from flask import render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext

from erp.domain.dates import minutes_done, minutes_left, zone_info
from erp.domain.notification.kinds import Contact, Kind
from erp.domain.support.cheer import PHRASES
from erp.domain.support.relation import SupporterView
from erp.domain.support.sharing import ClientView, SharedExposure, client_of
from erp.web.edge.formats import daymedium, weekdaylong
from erp.web.edge.notices import SAVED, SENT, says
from erp.web.edge.request import db, me, now, today

NOON, EVENING = 12, 18
# What is offered in place of words that read like reassurance.
INSTEAD = "hard"


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to switch on or to pick, and whether it is."""

    key: str
    text: str
    chosen: bool
    hint: str = ""


def standing(view: ClientView) -> str:
    """Where a client stands, in one line: what is going on now, else when there was practice last."""
    if view.now:
        return going_on(view.now)
    if view.last:
        return _practised(view.last)
    if view.days:
        return ngettext("%(num)s practice day so far", "%(num)s practice days so far", view.days)
    return _("the first practice is still to come")


def sees(supporter: SupporterView) -> str:
    """What a supporter sees, in one line."""
    seen = [
        (True, _("practice and streak")),
        (supporter.titles, _("step titles")),
        (supporter.suds, _("how strong it was")),
        (supporter.notes, _("your words")),
    ]
    return ", ".join(words for is_shared, words in seen if is_shared)


def hears(supporter: SupporterView) -> str:
    """What a supporter hears by itself, in a sentence."""
    match supporter.contact:
        case Contact.every:
            return _("Hears of every practice.")
        case Contact.finished:
            return _("Hears when you finished.")
        case Contact.weekly:
            return _("Hears once a week.")
    return _("Hears nothing by itself.")


def going_on(exposure: SharedExposure) -> str:
    """How far an exposure is that runs."""
    done = minutes_done(exposure.seconds)
    if exposure.paused:
        return ngettext("a short break after %(num)s minute", "a short break after %(num)s minutes", done)
    left = minutes_left(exposure.planned_seconds - exposure.seconds)
    lasted = ngettext("practising for %(num)s minute", "practising for %(num)s minutes", done)
    if done == 0:
        lasted = _("has just begun")
    return _("%(lasted)s, %(left)s to go", lasted=lasted, left=left) if left > 0 else lasted


def _practised(exposure: SharedExposure) -> str:
    """When that was, on the wall of whoever reads."""
    local = exposure.started_at.astimezone(zone_info(me().time_zone))
    time = ngettext("%(num)s minute", "%(num)s minutes", minutes_done(exposure.seconds))
    match (today() - local.date()).days:
        case 0 if local.hour < NOON:
            return _("practised %(time)s this morning", time=time)
        case 0 if local.hour < EVENING:
            return _("practised %(time)s this afternoon", time=time)
        case 0:
            return _("practised %(time)s this evening", time=time)
        case 1:
            return _("practised %(time)s yesterday", time=time)
        case days if days < 7:
            return _("practised %(time)s on %(day)s", time=time, day=weekdaylong(local.date()))
    return _("practised %(time)s on %(day)s", time=time, day=daymedium(local.date()))


@dataclass(frozen=True, slots=True)
class DayMark:
    """A day of a client's week. `shape`: a disc for practice, a dot for none, None while it is open."""

    date: date
    shape: str | None
    today: bool
    words: str


@dataclass(frozen=True, slots=True)
class Card:
    """A client's card. `seen` is the exposure that it tells of, running or the last.

    `planned` goes into the curve of one that runs. `week` is empty where it is not shown; `days` is the line below it.
    `hard` and `with_you` are phrases to send by a tap.
    """

    client: ClientView
    standing: str
    seen: SharedExposure | None
    planned: int | None
    week: Sequence[DayMark]
    days: str | None
    hard: str
    with_you: str


def card_of(view: ClientView, *, alone: bool = False) -> Card:
    """The card of a client, in a list or `alone` on the client's own page."""
    shows_week = alone or not view.now
    return Card(
        client=view,
        standing=standing(view),
        seen=view.now or view.last,
        planned=view.now.planned_seconds if view.now else None,
        week=[_mark(day, done, view.today) for day, done in view.week] if shows_week else (),
        days=_days(view) if shows_week else None,
        hard=phrase("hard"),
        with_you=phrase("with_you"),
    )


def _mark(day: date, done: bool | None, today: date) -> DayMark:
    """A day with practice or without; `done` is None for one to come."""
    is_today = day == today
    if done:
        return DayMark(day, "disc", is_today, _("practised"))
    if done is None:
        return DayMark(day, "dot", is_today, _("to come"))
    return DayMark(day, None, True, _("nothing yet")) if is_today else DayMark(day, "dot", False, _("no practice"))


def _days(view: ClientView) -> str | None:
    if view.streak > 1:
        return ngettext("%(num)s day in a row", "%(num)s days in a row", view.streak)
    if view.last and view.days:
        return ngettext("%(num)s practice day so far", "%(num)s practice days so far", view.days)
    return None


@dataclass(frozen=True, slots=True)
class Said:
    """What a place where cheers are sent says to the last one: that it went, or what is wrong with which text."""

    sent: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    soothing: bool = False


NOTHING_SAID = Said()


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases to borrow as (key, words), the one that fits now before the others."""

    fitting: tuple[str, str]
    others: Sequence[tuple[str, str]]


def phrase(key: str) -> str:
    """One of the phrases to borrow, in the person's language."""
    return _(PHRASES[key])


def phrases_for(view: ClientView, asked: str | None = None) -> Phrases:
    """The phrases: first the one that a notification's button `asked` for, else what fits the moment."""
    fitting = asked if asked is not None and asked in PHRASES else _fitting(view)
    return Phrases((fitting, phrase(fitting)), [(key, phrase(key)) for key in PHRASES if key != fitting])


def _fitting(view: ClientView) -> str:
    return "hard" if view.now else "courage" if view.last else "with_you"


def client_page(support_id: uuid.UUID, place: str = "phrases", said: Said = NOTHING_SAID) -> str:
    """The coach's page of one client; `said` stands at the place where a cheer was sent."""
    view = client_of(db(), me().id, support_id, now())
    by_own = place == "own"
    return render_template(
        "support/client.html",
        view=view,
        card=card_of(view, alone=True),
        alone=True,
        # A notification's button leads here where the phone has no way to send from the notification itself.
        phrases=phrases_for(view, request.args.get("phrase")),
        at_phrases=NOTHING_SAID if by_own else replace(said, sent=says(SENT)),
        at_own=said if by_own else NOTHING_SAID,
        instead=phrase(INSTEAD),
        pings=ping_choices(view.asked_kinds),
        welcome=bool(request.args.get("welcome")),
        sent=says(SENT),
        saved=says(SAVED),
    )


def client_card(view: ClientView, *, alone: bool, said: Said = NOTHING_SAID) -> str:
    """The card of a client; on the client's own page also the cheers that were sent, which htmx puts in their place."""
    card = card_of(view, alone=alone)
    shown = render_template("support/_client.html", card=card, alone=alone, errors=said.errors)
    return shown + render_template("support/_sent.html", view=view, beside=True) if alone else shown


def ping_choices(asked: Collection[str]) -> list[Choice]:
    """Which pings a supporter may ask for, and which they do."""
    kinds = (
        (Kind.started, _("A practice begins")),
        (Kind.finished, _("A practice is finished")),
        (Kind.goal, _("The day’s goal is reached")),
        (Kind.milestone, _("The streak reaches a milestone")),
        (Kind.weekly, _("The week in one line")),
    )
    return [Choice(kind, text, kind in asked) for kind, text in kinds]
