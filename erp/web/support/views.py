"""People: the client's supporters and invitations, and the clients whom a person cheers."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import segno
from flask import Blueprint, current_app, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.dates import local_day
from erp.domain.errors import Conflict, Invalid, NotFound
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.domain.support.invitation import InvitationView
from erp.domain.support.relation import support_for_client, support_for_supporter
from erp.domain.support.sharing import ClientView, SharedExposure, client_of, clients_of
from erp.storage.support import Support
from erp.web.edge import by_htmx, db, me, now, public, see_other, today
from erp.web.edge.formats import daymedium, weekdaylong
from erp.web.edge.problems import sentences

blueprint = Blueprint("support", __name__)

NOON, EVENING = 12, 18


@blueprint.app_template_global()
def standing(view: ClientView) -> str:
    """Where a client stands, in one line: what is going on now, else when there was practice last."""
    if view.now:
        return _going_on(view.now)
    if view.last:
        return _practised(view.last)
    if view.days:
        return ngettext("%(num)s practice day so far", "%(num)s practice days so far", view.days)
    return _("the first practice is still to come")


def _going_on(exposure: SharedExposure) -> str:
    done = exposure.seconds // 60
    if exposure.paused:
        return ngettext("a short break after %(num)s minute", "a short break after %(num)s minutes", done)
    left = -(-(exposure.planned_seconds - exposure.seconds) // 60)
    lasted = ngettext("practising for %(num)s minute", "practising for %(num)s minutes", done)
    if done == 0:
        lasted = _("has just begun")
    return _("%(lasted)s, %(left)s to go", lasted=lasted, left=left) if left > 0 else lasted


def _practised(exposure: SharedExposure) -> str:
    """When that was, on the wall of whoever reads."""
    local = exposure.started_at.astimezone(ZoneInfo(me().time_zone))
    time = ngettext("%(num)s minute", "%(num)s minutes", exposure.seconds // 60)
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


@blueprint.get("/people")
def people() -> str:
    """Show whom the person cheers, and who supports them."""
    notice = None
    if request.args.get("ended"):
        notice = _("That has ended. Nothing more is shown or sent.")
    return render_template(
        "support/people.html",
        clients=clients_of(db(), me().id, now()),
        supporters=relations.supporters_of(db(), me().id),
        invitations=invitations.open_invitations(db(), me().id, now()),
        notice=notice,
    )


@blueprint.get("/people/learn")
def learn() -> str:
    """Say what helps a person who practises, and what does not."""
    return render_template("support/learn.html")


@blueprint.get("/people/invite")
def invite() -> Any:
    """Show the newest invitation that is open, as a link and as a code to scan."""
    return _invite_page(_("Withdrawn. That link no longer works.") if request.args.get("withdrawn") else None)


def _invite_page(notice: str | None = None) -> str:
    found = [
        (invitation, local_day(invitation.expires_at, me().time_zone))
        for invitation in invitations.open_invitations(db(), me().id, now())
    ]
    link = _link(found[0][0]) if found else None
    return render_template(
        "support/invite.html",
        newest=found[0] if found else None,
        others=found[1:],
        link=link,
        code=_drawn(link) if link else None,
        notice=notice,
    )


def _link(invitation: InvitationView) -> str:
    origin = current_app.extensions["rung.settings"].origin or request.host_url.rstrip("/")
    return origin + url_for("support.invitation", token=invitation.token)


def _drawn(link: str) -> Markup:
    """The link as a QR code: dark on white in dark mode too, with the quiet zone that scanners ask for."""
    code = segno.make(link, error="m", micro=False)
    return Markup(code.svg_inline(border=4, light="#fff", omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704


@blueprint.post("/people/invitations")
def new_invitation() -> Any:
    """Make an invitation."""
    try:
        invitations.invite(db(), me().id, now())
    except Conflict:
        db().rollback()
        many = len(invitations.open_invitations(db(), me().id, now())) >= invitations.MAX_OPEN_INVITATIONS
        return _invite_page(
            _("Ten invitations are open already. Withdraw one first, and then make a new one.")
            if many
            else _("That was enough for one day. Tomorrow you can make new ones.")
        ), 409
    db().commit()
    return see_other(url_for("support.invite"))


@blueprint.post("/people/invitations/<uuid:invitation_id>/withdraw")
def withdraw(invitation_id: uuid.UUID) -> BaseResponse:
    """Make an invitation's link worthless."""
    invitations.withdraw(invitations.invitation_of(db(), me().id, invitation_id), now())
    db().commit()
    return see_other(url_for("support.invite", withdrawn=1))


@blueprint.get("/invitations/<token>")
@public
def invitation(token: str) -> Any:
    """Say who invites, and to what; or kindly what became of the invitation."""
    return _invitation_page(token)


def _invitation_page(token: str) -> Any:
    try:
        found = invitations.invitation_behind(db(), token, now())
    except NotFound:
        return render_template("support/invitation.html", state="missing", invitation=None, own=False), 404
    state, support, own = found.state, None, False
    if current_user.is_authenticated:
        own = found.client_id == me().id
        support = relations.support_between(db(), found.client_id, me().id)
        state = "known" if support else "own" if own and state == "open" else state
    code = 200 if state in ("open", "own", "known") else 410
    path = url_for("support.invitation", token=token)
    context = {"invitation": found, "support": support, "own": own, "path": path}
    return render_template("support/invitation.html", state=state, **context), code


@blueprint.post("/invitations/<token>")
def accept(token: str) -> Any:
    """Become the coach of who invites."""
    try:
        support = invitations.accept(db(), token, me().id, now())
    except (NotFound, Conflict):
        db().rollback()
        return _invitation_page(token)
    db().commit()
    return see_other(url_for("support.client", support_id=support.id, welcome=1))


@blueprint.route("/supporters/<uuid:support_id>", methods=["GET", "POST"])
def supporter(support_id: uuid.UUID) -> Any:
    """Choose what one supporter may see and hear."""
    support, name = support_for_client(db(), me().id, support_id)
    if request.method != "POST":
        return _supporter_page(support, name, saved=bool(request.args.get("saved")))
    try:
        relations.share(support, {**request.form, "told": request.form.getlist("told")})
    except Invalid as error:
        db().rollback()
        return _supporter_page(support, name, error), 422
    db().commit()
    if by_htmx():
        return _supporter_page(support, name, saved=True)
    return see_other(url_for("support.supporter", support_id=support_id, saved=1))


def _supporter_page(support: Support, name: str, error: Invalid | None = None, *, saved: bool = False) -> str:
    return render_template(
        "support/_sharing_form.html" if by_htmx() else "support/supporter.html",
        supporter=relations.supporter_view(support, name),
        since=local_day(support.created_at, me().time_zone),
        errors=sentences(error) if error else {},
        saved=saved,
    )


@blueprint.post("/supporters/<uuid:support_id>/end")
def end(support_id: uuid.UUID) -> BaseResponse:
    """End what one supporter may see and hear, at once."""
    return _end(support_for_client(db(), me().id, support_id)[0], now())


@blueprint.post("/people/<uuid:support_id>/leave")
def leave(support_id: uuid.UUID) -> BaseResponse:
    """Stop being somebody's coach."""
    return _end(support_for_supporter(db(), me().id, support_id)[0], now())


def _end(support: Support, moment: datetime) -> BaseResponse:
    relations.end(db(), support, moment)
    db().commit()
    return see_other(url_for("support.people", ended=1))


@blueprint.get("/people/<uuid:support_id>")
def client(support_id: uuid.UUID) -> str:
    """Show one client as far as they share it, and the words to send."""
    return client_page(support_id)


def client_page(support_id: uuid.UUID, **context: object) -> str:
    """The coach's page of one client; `context` is what a form on it has to say."""
    view = client_of(db(), me().id, support_id, now())
    flags = {name: bool(request.args.get(name)) for name in ("welcome", "sent", "saved")}
    # A notification's button leads here where the phone has no way to send from the notification itself.
    return render_template(
        "support/client.html", view=view, alone=True, first=request.args.get("phrase"), **(flags | context)
    )


@blueprint.get("/people/<uuid:support_id>/card")
def card(support_id: uuid.UUID) -> BaseResponse:
    """Show how one client is doing now; 304 where nothing is new."""
    view = client_of(db(), me().id, support_id, now())
    answer = make_response(news(view, alone=bool(request.args.get("alone"))))
    # Weak, so that it holds for the compressed answer as well.
    answer.set_etag(hashlib.sha256(answer.get_data()).hexdigest()[:20], weak=True)
    return answer.make_conditional(request)


def news(view: ClientView, *, alone: bool, **context: object) -> str:
    """The card of a client; on the client's own page also the cheers that were sent, which htmx puts in their place."""
    shown = render_template("support/_client.html", view=view, alone=alone, **context)
    return shown + render_template("support/_sent.html", view=view, beside=True) if alone else shown


@blueprint.post("/people/<uuid:support_id>/pings")
def pings(support_id: uuid.UUID) -> Any:
    """Take which pings the supporter asks for."""
    support, name = support_for_supporter(db(), me().id, support_id)
    relations.want(support, {"wanted": request.form.getlist("wanted")})
    db().commit()
    if by_htmx():
        asked = tuple(support.asked_kinds)
        return render_template(
            "support/_pings_form.html", support_id=support_id, name=name, asked_kinds=asked, saved=True
        )
    return see_other(url_for("support.client", support_id=support_id, saved=1))
