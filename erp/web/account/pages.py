"""What the account's views share: the account itself, its form fields, and the codes that wait to be saved."""

from __future__ import annotations

import json
import uuid

from cryptography.fernet import InvalidToken
from flask import session, url_for
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.account import account as accounts
from erp.domain.account.account import zone_names
from erp.domain.notification import device as devices
from erp.services import services
from erp.storage.account import Account
from erp.storage.db import box
from erp.web.account import blueprint
from erp.web.edge.request import db, me, see_other


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
    device = this_device()
    if current_user.is_authenticated and device:
        devices.forget(db(), me().id, device)
        db().commit()
    logout_user()
    session.clear()
    return see_other(url_for("shell.home"))


@blueprint.app_template_global()
def is_listed_zone(name: str) -> bool:
    """Whether a zone is one of those to choose from, and not an old alias of one."""
    return name in zone_names()


def zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """The time zones by region, as (region, [(name, label)]), for a select."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in zone_names():
        region, _slash, city = name.partition("/")
        groups.setdefault(region, []).append((name, city.replace("_", " ").replace("/", " – ")))
    return list(groups.items())


def show_codes(codes: list[str]) -> None:
    """Have the codes shown until the person says they have them.

    The codes ride in the person's own cookie, sealed: an answer that got lost on a bad network can be asked for again,
    and the server keeps only digests.
    """
    session["codes"] = box.seal(json.dumps(codes)).decode()


def shown_codes() -> list[str] | None:
    """The codes that are shown, None where there are none."""
    try:
        shown: list[str] | None = json.loads(box.open(session["codes"].encode())) if "codes" in session else None
    except InvalidToken:
        return None
    return shown
