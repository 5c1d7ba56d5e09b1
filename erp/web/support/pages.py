"""What the pages about people share: where a client stands, and the coach's page of one client."""

from __future__ import annotations

import uuid

from flask import render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext

from erp.domain.dates import minutes_done, minutes_left, zone_info
from erp.domain.support.relation import SupporterView
from erp.domain.support.sharing import ClientView, SharedExposure, client_of
from erp.web.edge.formats import daymedium, weekdaylong
from erp.web.edge.notices import SAVED, SENT, says
from erp.web.edge.request import db, me, now, today
from erp.web.support import blueprint

NOON, EVENING = 12, 18


@blueprint.app_template_global()
def standing(view: ClientView) -> str:
    """Where a client stands, in one line: what is going on now, else when there was practice last."""
    if view.now:
        return going_on(view.now)
    if view.last:
        return _practised(view.last)
    if view.days:
        return ngettext("%(num)s practice day so far", "%(num)s practice days so far", view.days)
    return _("the first practice is still to come")


@blueprint.app_template_global()
def sees(supporter: SupporterView) -> str:
    """What a supporter sees, in one line."""
    seen = [
        (True, _("practice and streak")),
        (supporter.titles, _("step titles")),
        (supporter.suds, _("how strong it was")),
        (supporter.notes, _("your words")),
    ]
    return ", ".join(words for is_shared, words in seen if is_shared)


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


def client_page(support_id: uuid.UUID, **context: object) -> str:
    """The coach's page of one client; `context` is what a form on it has to say."""
    view = client_of(db(), me().id, support_id, now())
    return render_template(
        "support/client.html",
        view=view,
        alone=True,
        # A notification's button leads here where the phone has no way to send from the notification itself.
        first=request.args.get("phrase"),
        welcome=bool(request.args.get("welcome")),
        sent=says(SENT),
        saved=says(SAVED),
        **context,
    )


def client_card(view: ClientView, *, alone: bool, **context: object) -> str:
    """The card of a client; on the client's own page also the cheers that were sent, which htmx puts in their place."""
    shown = render_template("support/_client.html", view=view, alone=alone, **context)
    return shown + render_template("support/_sent.html", view=view, beside=True) if alone else shown
