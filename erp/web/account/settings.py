"""A person's own settings: name, time zone, timer, password, and signing out everywhere."""

from __future__ import annotations

import uuid

from flask import abort, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from erp.domain.account import account as accounts
from erp.domain.account import password as passwords
from erp.domain.account import recovery, sign_in
from erp.domain.dates import local_day
from erp.domain.errors import Invalid
from erp.domain.practice.first_day import follow_zone
from erp.storage.db import legible
from erp.web.account import blueprint
from erp.web.account.pages import known_account, my_account, sign_out_here, this_device, zone_choice
from erp.web.edge import attempts
from erp.web.edge.attempts import Kind
from erp.web.edge.formats import daymedium
from erp.web.edge.forms import check_ins, form_page, values_of
from erp.web.edge.log import Event, note
from erp.web.edge.notices import SAVED, done, says
from erp.web.edge.request import by_htmx, db, me, now, see_other, today
from erp.web.edge.signin import enter, safe_next

DETAILS = ("time_zone", "sound", "vibration", "check_in_minutes")


@blueprint.get("/account")
def account() -> ResponseReturnValue:
    """Show the person's own settings."""
    return _account_page("account/_details_form.html")


def _account_page(fragment: str, error: Invalid | None = None, *, sent: str | None = "form") -> ResponseReturnValue:
    """The page of two forms: `fragment` is the one that was sent."""
    saved = {"display_name": legible(accounts.name_of(db(), me().id))} | {name: getattr(me(), name) for name in DETAILS}
    values = values_of(saved, error if sent else None)
    return form_page(
        "account/account.html",
        fragment,
        error,
        sent=sent,
        form=saved,
        zones=zone_choice(values.get("time_zone")),
        check_ins=check_ins(values),
        # The fragments do not show it.
        left=None if error and by_htmx() else recovery.codes_left(db(), me().id),
        notice=_("Saved.") if says(SAVED) else None,
    )


@blueprint.post("/account/details")
def details() -> ResponseReturnValue:
    """Take the name, the time zone and how the timer behaves."""
    account = my_account()
    before = account.time_zone
    try:
        accounts.change_details(account, request.form)
    except Invalid as error:
        return _account_page("account/_details_form.html", error)
    follow_zone(db(), account, before, now())
    db().commit()
    return done(url_for("account.account"), SAVED)


@blueprint.post("/account/zone")
def zone() -> ResponseReturnValue:
    """Take the phone's time zone for the days to come."""
    account = my_account()
    before = account.time_zone
    try:
        accounts.change_zone(account, request.form)
    except Invalid:
        abort(400)
    follow_zone(db(), account, before, now())
    db().commit()
    return see_other(safe_next(request.form.get("next")))


@blueprint.post("/account/password")
def password() -> ResponseReturnValue:
    """Set a new password; stay signed in here, sign out everywhere else."""
    known = known_account()
    attempt = attempts.begin(Kind.current, known.email, signed_in=True)
    try:
        hash_ = passwords.changed_hash(known, request.form)
        account = my_account()
        passwords.check_unchanged(account, known)
    except Invalid as error:
        if "current" in error.problems:
            attempt.failed()
        return _account_page("account/_password_form.html", error, sent=None)
    passwords.set_password(db(), account, hash_, now(), here=this_device())
    db().commit()
    note(Event.password_changed)
    enter(account)
    return done(url_for("account.account"), SAVED)


@blueprint.post("/account/sign-out-everywhere")
def sign_out_everywhere() -> ResponseReturnValue:
    """Sign out on every device, this one included."""
    accounts.sign_out_everywhere(db(), my_account(), now())
    db().commit()
    note(Event.signed_out_everywhere)
    return sign_out_here()


@blueprint.get("/account/sign-ins")
def sign_ins() -> str:
    """Show where the person is signed in."""
    found = sign_in.sign_ins_of(db(), me().id, current_user.sign_in, now())
    return render_template("account/sign_ins.html", sign_ins=[(each, _last_used(each)) for each in found])


def _last_used(found: sign_in.SignInView) -> str:
    day = local_day(found.seen_at, me().time_zone)
    if found.here:
        return _("This one")
    return _("Last used today") if day == today() else _("Last used on %(date)s", date=daymedium(day))


@blueprint.post("/account/sign-ins/<uuid:sign_in_id>/end")
def end_sign_in(sign_in_id: uuid.UUID) -> ResponseReturnValue:
    """Sign out in another browser."""
    sign_in.end(db(), me().id, sign_in_id, now())
    db().commit()
    note(Event.sign_in_ended)
    return see_other(url_for("account.sign_ins"))


@blueprint.get("/account/former-keys")
def former_keys() -> ResponseReturnValue:
    """Tell a page the keys with which this person's phones locked what they kept before, to send what still waits."""
    return jsonify(keys=[key.hex() for key in accounts.former_phone_keys(db(), me().id, now())])


@blueprint.get("/account/leaving")
def leaving() -> str:
    """Ask what becomes of events that wait on this phone; few who sign out ever see it."""
    return render_template("account/_leaving.html")
