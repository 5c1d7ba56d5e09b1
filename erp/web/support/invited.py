"""What whoever has the link of an invitation is told, and what they can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for
from flask_login import current_user
from markupsafe import Markup

from erp.domain.support.invitation import InvitationState, InvitationView
from erp.storage.support import Support
from erp.web.edge.formats import bdi
from erp.web.edge.formats import text as _


@dataclass(frozen=True, slots=True)
class Link:
    """A way to go on from here; the first of them is the `primary` one."""

    text: str
    url: str
    kind: str = "primary"


@dataclass(frozen=True, slots=True)
class Invited:
    """The page of an invitation. `accept`: what the button says that takes it, where it can be taken."""

    title: str
    lead: str
    links: Sequence[Link]
    more: str | None = None
    accept: str | None = None


def missing() -> Invited:
    """No invitation goes by this link."""
    lead = _("Perhaps a part of the link got lost on the way. Ask for it once more, or scan the code.")
    return Invited(_("This invitation is not here"), lead, _to_the_start())


def known(invitation: InvitationView, support: Support) -> Invited:
    """Whoever opened it coaches the client already."""
    name = bdi(invitation.client)
    lead = _("There is nothing more to do here.")
    if invitation.state == InvitationState.open:
        lead = _("There is nothing more to do here. The invitation stays free for somebody else.")
    link = Link(_("Go to %(name)s", name=name), url_for("support.client", support_id=support.id))
    return Invited(_("You cheer %(name)s already", name=name), lead, [link])


def own(invitation: InvitationView) -> Invited:
    """The client opened their own."""
    if invitation.state == InvitationState.open:
        lead = _("It is meant for somebody else. Share the link, or let them scan the code.")
        link = Link(_("Show the link and the code"), url_for("support.invite"))
        return Invited(_("This is your own invitation"), lead, [link])
    lead = _("It was yours. You can make another one whenever you like.")
    return Invited(_over(invitation.state), lead, [Link(_("Go to your people"), url_for("support.people"))])


def to_somebody(invitation: InvitationView, path: str) -> Invited:
    """Somebody else opened it, whom it may be meant for."""
    name = bdi(invitation.client)
    match invitation.state:
        case InvitationState.open:
            return _to_accept(name, path)
        case InvitationState.used:
            lead = _("Each one is for one person. Ask %(name)s for an invitation of your own.", name=name)
        case InvitationState.expired:
            lead = _("They hold for seven days. Ask %(name)s for a new one; it takes a moment.", name=name)
        case _:
            lead = _("If you still want to be there, ask whoever sent it to you.")
    return Invited(_over(invitation.state), lead, _to_the_start())


def _to_accept(name: Markup, path: str) -> Invited:
    accept, links = (
        None,
        [
            Link(_("Sign up to cheer"), url_for("account.sign_up", next=path)),
            Link(_("I have an account"), url_for("account.sign_in", next=path), "plain"),
        ],
    )
    if current_user.is_authenticated:
        accept = _("Be a coach for %(name)s", name=name)
        links = [Link(_("Not now"), url_for("practice.today"), "quiet")]
    return Invited(
        title=_("%(name)s would like you as a coach", name=name),
        lead=_(
            "%(name)s practises going towards a fear, a little at a time, and a coach is somebody who notices and"
            " cheers.",
            name=name,
        ),
        more=_(
            "You will see when %(name)s practises, for how long, and the days in a row; anything more only if %(name)s"
            " chooses to show it.",
            name=name,
        ),
        accept=accept,
        links=links,
    )


def _over(state: InvitationState) -> str:
    match state:
        case InvitationState.used:
            return _("This invitation has been used")
        case InvitationState.expired:
            return _("This invitation has run out")
    return _("This invitation was withdrawn")


def _to_the_start() -> list[Link]:
    return [Link(_("Back to the start"), url_for("shell.home"))]
