"""Signing up, in and out, recovery codes, and a person's own settings."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from cryptography.fernet import InvalidToken
from flask import Blueprint, Response, abort, current_app, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.account import account as accounts
from erp.domain.account import password as passwords
from erp.domain.account import recovery, signing
from erp.domain.account.account import zone_names
from erp.domain.errors import Conflict, Invalid, Problem
from erp.domain.notification import device as devices
from erp.storage.account import Account
from erp.storage.db import Sessions, box
from erp.web.edge import Visitor, by_htmx, db, limiter, me, now, place, public, safe_next, see_other
from erp.web.edge.forms import form_page
from erp.web.edge.problems import sentences

blueprint = Blueprint("account", __name__)

DETAILS = ("display_name", "time_zone", "sound", "vibration", "check_in_minutes")


def _attempts() -> str:
    return f"{current_app.extensions['rung.settings'].attempts} per 15 minutes"


def _attempts_of_place() -> str:
    return f"{current_app.extensions['rung.settings'].attempts * 4} per 15 minutes"


def _address_and_place() -> str:
    return f"{accounts.normal_email(request.form.get('email', ''))[:254]} {place()}"


limited = limiter.shared_limit(_attempts, scope="attempts", key_func=_address_and_place, methods=["POST"])
limited_place = limiter.shared_limit(_attempts_of_place, scope="places", methods=["POST"])


def zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """The time zones by region, as (region, [(name, label)]), for a select."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in zone_names():
        region, _slash, place = name.partition("/")
        groups.setdefault(region, []).append((name, place.replace("_", " ").replace("/", " – ")))
    return list(groups.items())


def _account() -> Account:
    return accounts.account_of(db(), me().id)


def _known(email: str, password: str) -> Account | None:
    # Checking a password takes its time on purpose; a reading session holds nobody up meanwhile.
    sessions: Sessions = current_app.extensions["rung.sessions"]
    with sessions.reading() as reading:
        return signing.sign_in(reading, email, password)


def _enter(account: Account) -> None:
    again = current_user.is_authenticated and me().id == account.id
    kept = {name: session[name] for name in ("codes", "device") if again and name in session}
    session.clear()
    session.permanent = True
    session.update(kept)
    login_user(Visitor(account))


@blueprint.route("/sign-up", methods=["GET", "POST"])
@public
@limited
@limited_place
def sign_up() -> Any:
    """Make an account, sign in on this phone, and go to its recovery codes."""
    if request.method != "POST":
        return _sign_up_page({"next": request.args.get("next", "")})
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        account, codes = signing.sign_up(db(), request.form, now())
    except Invalid as error:
        return _sign_up_page({}, error)
    except Conflict:
        # Whoever knows the password may come in; to everybody else the address stays unsaid.
        db().rollback()
        known = _known(email, password)
        if known is None:
            return _sign_up_page({}, Invalid({"": Problem("no_account")}))
        _enter(known)
        return see_other(safe_next(request.form.get("next")))
    db().commit()
    _enter(account)
    _show_codes(codes)
    return see_other(url_for("account.codes", next=request.form.get("next") or None))


def _sign_up_page(form: dict[str, str], error: Invalid | None = None) -> Any:
    return form_page("account/sign_up.html", "account/_sign_up_form.html", error, form=form, zones=zones())


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
@limited
@limited_place
def sign_in() -> Any:
    """Sign in with an address and its password."""
    if request.method != "POST":
        return _sign_in_page({"next": request.args.get("next", "")})
    account = _known(request.form.get("email", ""), request.form.get("password", ""))
    if account is None:
        return _sign_in_page({}, Invalid({"": Problem("no_match")}))
    _enter(account)
    return see_other(safe_next(request.form.get("next")))


def _sign_in_page(form: dict[str, str], error: Invalid | None = None) -> Any:
    return form_page("account/sign_in.html", "account/_sign_in_form.html", error, form=form)


@blueprint.route("/recover", methods=["GET", "POST"])
@public
@limited
@limited_place
def recover() -> Any:
    """Set a new password with a recovery code."""
    if request.method != "POST":
        return _recover_page()
    try:
        account = recovery.recover(db(), request.form, now())
    except Invalid as error:
        return _recover_page(error)
    db().commit()
    _enter(account)
    return see_other(url_for("practice.today"))


def _recover_page(error: Invalid | None = None) -> Any:
    return form_page("account/recover.html", "account/_recover_form.html", error, form={})


@blueprint.post("/sign-out")
@public
def sign_out() -> BaseResponse:
    """Sign out on this phone, and notify it no more."""
    if current_user.is_authenticated and "device" in session:
        devices.forget(db(), me().id, uuid.UUID(session["device"]))
        db().commit()
    logout_user()
    session.clear()
    return see_other(url_for("shell.home"))


@blueprint.get("/account")
def account() -> Any:
    """Show the person's own settings."""
    return _account_page()


def _account_page(fragment: str = "", error: Invalid | None = None, form: Mapping[str, Any] | None = None) -> Any:
    saved = {name: getattr(me(), name) for name in DETAILS}
    context = {"form": form or saved, "errors": sentences(error) if error else {}, "zones": zones()}
    if error and by_htmx():
        return render_template(fragment, **context), 422
    left = recovery.codes_left(db(), me().id)
    notice = _("Saved.") if request.args.get("saved") else None
    return render_template("account/account.html", left=left, notice=notice, **context), 422 if error else 200


@blueprint.post("/account/details")
def details() -> Any:
    """Take name, time zone and the timer's manners."""
    try:
        accounts.change_details(_account(), request.form)
    except Invalid as error:
        return _account_page("account/_details_form.html", error, request.form)
    db().commit()
    return see_other(url_for("account.account", saved=1))


@blueprint.post("/account/zone")
def zone() -> Any:
    """Take the phone's time zone for the days to come."""
    try:
        accounts.change_zone(_account(), request.form)
    except Invalid:
        abort(400)
    db().commit()
    return see_other(safe_next(request.form.get("next")))


@blueprint.post("/account/password")
@limited_place
def password() -> Any:
    """Set a new password; stay signed in here, sign out everywhere else."""
    account = _account()
    here = uuid.UUID(session["device"]) if "device" in session else None
    try:
        passwords.change_password(db(), account, request.form, here=here)
    except Invalid as error:
        return _account_page("account/_password_form.html", error)
    db().commit()
    _enter(account)
    return see_other(url_for("account.account", saved=1))


@blueprint.post("/account/sign-out-everywhere")
def sign_out_everywhere() -> BaseResponse:
    """Sign out on every device, this one included."""
    accounts.sign_out_everywhere(db(), _account())
    db().commit()
    return sign_out()


@blueprint.get("/account/leaving")
def leaving() -> str:
    """Ask what becomes of events that wait on this phone; few who sign out ever see it."""
    return render_template("account/_leaving.html")


@blueprint.get("/account/codes")
def codes() -> str:
    """Show new recovery codes until they are saved, else how many are left."""
    return _codes_page()


def _codes_page(errors: dict[str, str] | None = None) -> str:
    left = recovery.codes_left(db(), me().id)
    return render_template("account/codes.html", codes=_shown_codes(), left=left, errors=errors or {}, form={})


@blueprint.post("/account/codes")
@limited_place
def codes_new() -> Any:
    """Make a new set of recovery codes; the old ones stop working."""
    try:
        passwords.check_current(_account(), request.form)
    except Invalid as error:
        return _codes_page(sentences(error)), 422
    _show_codes(recovery.new_codes(db(), _account()))
    db().commit()
    return see_other(url_for("account.codes"))


@blueprint.post("/account/codes/download")
def codes_download() -> Response:
    """Hand the codes that are shown as a text file."""
    shown = _shown_codes()
    if not shown:
        abort(404)
    text = "Rung\n\n" + "\n".join(shown) + "\n"
    return Response(
        text, mimetype="text/plain", headers={"Content-Disposition": 'attachment; filename="rung-recovery-codes.txt"'}
    )


@blueprint.post("/account/codes/saved")
def codes_saved() -> BaseResponse:
    """Stop showing the codes."""
    session.pop("codes", None)
    return see_other(safe_next(request.form.get("next")))


def _show_codes(codes: list[str]) -> None:
    # They ride in the person's own cookie, sealed, until they say they have them: an answer that got lost on a
    # bad network can be asked for again, and the server keeps only digests.
    session["codes"] = box.seal(json.dumps(codes)).decode()


def _shown_codes() -> list[str] | None:
    try:
        shown: list[str] | None = json.loads(box.open(session["codes"].encode())) if "codes" in session else None
    except InvalidToken:
        return None
    return shown
