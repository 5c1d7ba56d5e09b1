"""Signing up, in and out, and coming back with a recovery code."""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.account import recovery, signing
from erp.domain.errors import Conflict, Invalid, Problem
from erp.services import services
from erp.settings import SignUp
from erp.storage.account import Account
from erp.web.account import blueprint
from erp.web.account.pages import (
    codes_page_of,
    invitation_in,
    may_sign_up,
    show_codes,
    sign_out_here,
    way_on,
    zone_choice,
)
from erp.web.edge import attempts
from erp.web.edge.attempts import Attempt, Kind
from erp.web.edge.forms import form_page, values_of
from erp.web.edge.log import Event, note
from erp.web.edge.request import by_htmx, db, now, see_other
from erp.web.edge.signin import enter, public, safe_next


def _known(attempt: Attempt) -> Account | None:
    # Checking a password takes its time on purpose; a reading session holds nobody up meanwhile.
    with services().sessions.reading() as reading:
        account = signing.sign_in(reading, _address(), request.form.get("password", ""))
    if account is None:
        attempt.failed()
    return account


def _address() -> str:
    return request.form.get("email", "")


@blueprint.get("/sign-up")
@public
def sign_up() -> ResponseReturnValue:
    """Show the form for a new account, or say what to do where none can be made."""
    return _sign_up_page() if may_sign_up(way_on()) else _no_sign_up()


@blueprint.post("/sign-up")
@public
def make_account() -> ResponseReturnValue:
    """Make an account, sign in on this phone, and go to its recovery codes."""
    if not may_sign_up(way_on()):
        return _no_sign_up()
    attempt = attempts.begin(Kind.password, _address())
    try:
        account, codes = signing.sign_up(db(), request.form, now())
    except Invalid as error:
        return _sign_up_page(error)
    except Conflict:
        # Whoever knows the password may come in; to everybody else the address stays unsaid.
        db().rollback()
        known = _known(attempt)
        if known is None:
            return _sign_up_page(Invalid({"": Problem("no_account")}))
        return _came_in(known)
    db().commit()
    note(Event.signed_up)
    enter(account)
    show_codes(codes)
    return see_other(url_for("account.codes", next=way_on() or None))


def _no_sign_up() -> ResponseReturnValue:
    if by_htmx():  # the page says more than the form has room for
        return see_other(url_for("account.sign_up", next=way_on() or None))
    by_invitation = services().settings.sign_up == SignUp.invitation
    return render_template("account/no_sign_up.html", by_invitation=by_invitation, way=way_on()), 403


def _sign_up_page(error: Invalid | None = None) -> ResponseReturnValue:
    way = way_on()
    return form_page(
        "account/sign_up.html",
        "account/_sign_up_form.html",
        error,
        form={},
        way=way,
        zones=zone_choice(values_of({}, error).get("time_zone")),
        invited=invitation_in(way) is not None,
    )


@blueprint.get("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    """Show the form for an address and its password."""
    return _sign_in_page()


@blueprint.post("/sign-in")
@public
def check_password() -> ResponseReturnValue:
    """Sign in with an address and its password."""
    account = _known(attempts.begin(Kind.password, _address()))
    if account is None:
        return _sign_in_page(Invalid({"": Problem("no_match")}))
    return _came_in(account)


def _came_in(account: Account) -> BaseResponse:
    enter(account)
    after = way_on()
    return codes_page_of(account.id, after) or see_other(safe_next(after))


def _sign_in_page(error: Invalid | None = None) -> ResponseReturnValue:
    way = way_on()
    page, fragment = "account/sign_in.html", "account/_sign_in_form.html"
    return form_page(page, fragment, error, form={}, way=way, may_sign_up=may_sign_up(way))


@blueprint.get("/recover")
@public
def recover() -> ResponseReturnValue:
    """Show the form for a recovery code."""
    return _recover_page()


@blueprint.post("/recover")
@public
def check_code() -> ResponseReturnValue:
    """Set a new password with a recovery code."""
    attempt = attempts.begin(Kind.code, _address())
    try:
        account = recovery.recover(db(), request.form, now())
    except Invalid as error:
        if "code" in error.problems:
            attempt.failed()
        return _recover_page(error)
    db().commit()
    note(Event.password_changed)
    enter(account)
    return see_other(url_for("practice.today"))


def _recover_page(error: Invalid | None = None) -> ResponseReturnValue:
    return form_page("account/recover.html", "account/_recover_form.html", error, form={})


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Sign out on this phone."""
    return sign_out_here()
