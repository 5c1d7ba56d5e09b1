"""Invitations: making and withdrawing one, and what whoever has the link sees."""

from __future__ import annotations

import uuid

import segno
from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup

from erp.domain.dates import local_day
from erp.domain.errors import Conflict, NotFound
from erp.domain.limits import MAX_OPEN_INVITATIONS
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.domain.support.invitation import InvitationState, InvitationView
from erp.web.edge import attempts
from erp.web.edge.attempts import Kind
from erp.web.edge.forms import made, result_before
from erp.web.edge.notices import WITHDRAWN, done, says
from erp.web.edge.request import db, me, now, own_origin, see_other
from erp.web.edge.signin import public
from erp.web.support import blueprint, invited
from erp.web.support.invited import Invited


@blueprint.get("/people/invite")
def invite() -> str:
    """Show the newest invitation that is open, as a link and as a code to scan."""
    return _invite_page(_("Withdrawn. That link no longer works.") if says(WITHDRAWN) else None)


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
    return own_origin() + url_for("support.invitation", token=invitation.token)


def _drawn(link: str) -> Markup:
    """The link as a QR code: dark on white in dark mode too, with the quiet zone that scanners ask for."""
    code = segno.make(link, error="m", micro=False)
    return Markup(code.svg_inline(border=4, light="#fff", omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704


@blueprint.post("/people/invitations")
def new_invitation() -> ResponseReturnValue:
    """Make an invitation."""
    before = result_before()
    if before:
        return see_other(before)
    try:
        invitations.invite(db(), me().id, now())
    except Conflict:
        db().rollback()
        many = len(invitations.open_invitations(db(), me().id, now())) >= MAX_OPEN_INVITATIONS
        return _invite_page(
            _("Ten invitations are open already. Withdraw one first, and then make a new one.")
            if many
            else _("That was enough for one day. Tomorrow you can make new ones.")
        ), 409
    return see_other(made(url_for("support.invite")))


@blueprint.post("/people/invitations/<uuid:invitation_id>/withdraw")
def withdraw(invitation_id: uuid.UUID) -> ResponseReturnValue:
    """Make an invitation's link worthless."""
    invitations.withdraw(invitations.invitation_of(db(), me().id, invitation_id), now())
    db().commit()
    return done(url_for("support.invite"), WITHDRAWN)


@blueprint.get("/invitations/<token>")
@public
def invitation(token: str) -> ResponseReturnValue:
    """Say who invites, and to what; or kindly what became of the invitation."""
    return _invitation_page(token)


def _invitation_page(token: str) -> ResponseReturnValue:
    attempt = attempts.begin(Kind.invitation)
    try:
        found = invitations.invitation_behind(db(), token, now())
    except NotFound:
        attempt.failed()
        return _invited(invited.missing()), 404
    path = url_for("support.invitation", token=token)
    shown = invited.to_somebody(found, path)
    support, is_own = None, False
    if current_user.is_authenticated:
        is_own = found.client_id == me().id
        support = relations.support_between(db(), found.client_id, me().id)
    if support:
        shown = invited.known(found, support)
    elif is_own:
        shown = invited.own(found)
    gone = not support and found.state != InvitationState.open
    return _invited(shown, path), 410 if gone else 200


def _invited(shown: Invited, path: str | None = None) -> str:
    return render_template("support/invitation.html", shown=shown, path=path)


@blueprint.post("/invitations/<token>")
def accept(token: str) -> ResponseReturnValue:
    """Become the coach of who invites."""
    attempts.begin(Kind.invitation)
    try:
        support = invitations.accept(db(), token, me().id, now())
    except (NotFound, Conflict):
        db().rollback()
        return _invitation_page(token)
    db().commit()
    return see_other(url_for("support.client", support_id=support.id, welcome=1))
