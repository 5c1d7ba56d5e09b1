"""What the account's views share: the account itself, its form fields, and the codes that wait to be saved."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass

from cryptography.fernet import InvalidToken
from flask import request, session, url_for
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from erp import base64url
from erp.domain.account import account as accounts
from erp.domain.account import recovery, sign_in
from erp.domain.account.account import zone_names
from erp.domain.errors import NotFound
from erp.domain.notification import device as devices
from erp.domain.support.invitation import InvitationState, invitation_behind
from erp.services import services
from erp.settings import SignUp
from erp.storage.account import Account
from erp.storage.box import box
from erp.web.edge import attempts
from erp.web.edge.attempts import Kind
from erp.web.edge.log import Event, note
from erp.web.edge.request import db, me, now, see_other
from erp.web.edge.signin import empty_cookie

# To what the codes in the cookie are bound.
CODES = "cookie.codes"


def my_account() -> Account:
    """The row of who is signed in, to change it."""
    return accounts.account_of(db(), me().id)


def known_account() -> Account:
    """The row of who is signed in, read with no lock held: for checking a password, which takes its time on purpose."""
    db().rollback()
    with services().sessions.reading() as reading:
        return reading.get_one(Account, me().id)


def this_device() -> uuid.UUID | None:
    """The device that this browser is, where it gets notifications."""
    return uuid.UUID(session["device"]) if "device" in session else None


def sign_out_here() -> BaseResponse:
    """Sign out on this phone, and notify it no more."""
    if current_user.is_authenticated:
        device = this_device()
        if device:
            devices.forget(db(), me().id, device)
        sign_in.end(db(), me().id, current_user.sign_in, now())
        attempts.remember(my_account().email, anew=False)
        db().commit()
        note(Event.signed_out)
    logout_user()
    empty_cookie()
    return see_other(url_for("shell.home"))


@dataclass(frozen=True, slots=True)
class ZoneChoice:
    """The time zones to choose from, by region as (region, [(name, label)]), and the one that is chosen.

    `unlisted`: the label of the chosen one where it is none of them, but an old alias of one.
    """

    chosen: str
    unlisted: str | None
    regions: list[tuple[str, list[tuple[str, str]]]]


def way_on() -> str:
    """Where the person wants to go once they are signed in, as the form says, else the address that it stood at."""
    return request.form.get("next") or request.args.get("next") or ""


def invitation_in(way: str) -> str | None:
    """The token of the invitation that somebody wants to go on to; None where it is another page."""
    before, _, after = way.partition(f"{request.script_root}/invitations/")
    return re.split("[?#]", after)[0] if after and not before else None


def may_sign_up(way: str) -> bool:
    """Whether an account may be made here: by anybody, or by who wants to go on to an invitation that is open."""
    if services().settings.sign_up == SignUp.open:
        return True
    token = invitation_in(way)
    if token is None:
        return False
    attempt = attempts.begin(Kind.invitation)
    try:
        # A session that only reads: a password is hashed next, with no lock held.
        with services().sessions.reading() as reading:
            found = invitation_behind(reading, token, now())
    except NotFound:
        attempt.failed()
        return False
    return found.state == InvitationState.open


def zone_choice(chosen: object) -> ZoneChoice:
    """The choice of a time zone, with one chosen or none yet."""
    name = str(chosen or "")
    unlisted = _label(name) if name and name not in zone_names() else None
    return ZoneChoice(name, unlisted, _regions())


def _label(zone: str) -> str:
    return zone.replace("_", " ")


def _regions() -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in zone_names():
        region, _slash, city = name.partition("/")
        groups.setdefault(region, []).append((name, _label(city).replace("/", " – ")))
    return list(groups.items())


def codes_page_of(account_id: uuid.UUID, after: str | None) -> BaseResponse | None:
    """The way to fresh codes for who never said that they have theirs: an answer was lost. None for all others."""
    if recovery.has_confirmed(db(), account_id):
        return None
    show_codes(recovery.new_codes(db(), accounts.account_of(db(), account_id)))
    db().commit()
    note(Event.codes_made)
    return see_other(url_for("account.codes", next=after or None))


def show_codes(codes: list[str]) -> None:
    """Have the codes shown until the person says they have them.

    The codes ride in the person's own cookie, sealed: an answer that got lost on a bad network can be asked for again,
    and the server keeps only digests.
    """
    session["codes"] = base64url.encode(box.seal(json.dumps(codes), CODES))


def shown_codes() -> list[str] | None:
    """The codes that are shown; None where there are none, or others took their place on another device."""
    if "codes" not in session:
        return None
    try:
        shown: list[str] = json.loads(box.open(base64url.decode(session["codes"]), CODES))
    except InvalidToken:
        return None
    return shown if recovery.are_kept(db(), me().id, shown[0]) else None
