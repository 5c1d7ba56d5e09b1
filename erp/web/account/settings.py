"""A person's own settings: name, time zone, timer, password, and signing out everywhere."""

from __future__ import annotations

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from erp.domain.account import account as accounts
from erp.domain.account import password as passwords
from erp.domain.account import recovery
from erp.domain.errors import Invalid
from erp.domain.practice.first_day import follow_zone
from erp.web.account import blueprint
from erp.web.account.pages import my_account, sign_out_here, this_device, zones
from erp.web.edge.forms import form_page
from erp.web.edge.guard import limited_by_network
from erp.web.edge.notices import SAVED, done, says
from erp.web.edge.request import by_htmx, db, me, now, see_other
from erp.web.edge.signin import enter, safe_next

DETAILS = ("display_name", "time_zone", "sound", "vibration", "check_in_minutes")


@blueprint.get("/account")
def account() -> ResponseReturnValue:
    """Show the person's own settings."""
    return _account_page("account/_details_form.html")


def _account_page(fragment: str, error: Invalid | None = None, *, sent: str | None = "form") -> ResponseReturnValue:
    """The page of two forms: `fragment` is the one that was sent."""
    return form_page(
        "account/account.html",
        fragment,
        error,
        sent=sent,
        form={name: getattr(me(), name) for name in DETAILS},
        zones=zones(),
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
@limited_by_network
def password() -> ResponseReturnValue:
    """Set a new password; stay signed in here, sign out everywhere else."""
    account = my_account()
    try:
        passwords.change_password(db(), account, request.form, here=this_device())
    except Invalid as error:
        return _account_page("account/_password_form.html", error, sent=None)
    db().commit()
    enter(account)
    return done(url_for("account.account"), SAVED)


@blueprint.post("/account/sign-out-everywhere")
def sign_out_everywhere() -> ResponseReturnValue:
    """Sign out on every device, this one included."""
    accounts.sign_out_everywhere(db(), my_account())
    db().commit()
    return sign_out_here()


@blueprint.get("/account/leaving")
def leaving() -> str:
    """Ask what becomes of events that wait on this phone; few who sign out ever see it."""
    return render_template("account/_leaving.html")
