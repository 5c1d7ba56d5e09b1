"""Signing up, in and out, and coming back with a recovery code."""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as BaseResponse

from erp.domain.account import recovery, signing
from erp.domain.errors import Conflict, Invalid, Problem
from erp.services import services
from erp.storage.account import Account
from erp.web.account import blueprint
from erp.web.account.pages import codes_page_of, show_codes, sign_out_here, zone_choice
from erp.web.edge import attempts
from erp.web.edge.attempts import Attempt, Kind
from erp.web.edge.forms import form_page, values_of
from erp.web.edge.request import db, now, see_other
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
    """Show the form for a new account."""
    return _sign_up_page()


@blueprint.post("/sign-up")
@public
def make_account() -> ResponseReturnValue:
    """Make an account, sign in on this phone, and go to its recovery codes."""
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
    enter(account)
    show_codes(codes)
    return see_other(url_for("account.codes", next=request.form.get("next") or None))


def _sign_up_page(error: Invalid | None = None) -> ResponseReturnValue:
    form = {"next": request.args.get("next", "")}
    values = values_of(form, error)
    invited = str(values.get("next", "")).startswith(f"{request.script_root}/invitations/")
    zones = zone_choice(values.get("time_zone"))
    return form_page(
        "account/sign_up.html", "account/_sign_up_form.html", error, form=form, zones=zones, invited=invited
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
    after = request.form.get("next")
    return codes_page_of(account.id, after) or see_other(safe_next(after))


def _sign_in_page(error: Invalid | None = None) -> ResponseReturnValue:
    form = {"next": request.args.get("next", "")}
    return form_page("account/sign_in.html", "account/_sign_in_form.html", error, form=form)


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
    enter(account)
    return see_other(url_for("practice.today"))


def _recover_page(error: Invalid | None = None) -> ResponseReturnValue:
    return form_page("account/recover.html", "account/_recover_form.html", error, form={})


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Sign out on this phone."""
    return sign_out_here()
