"""Recovery codes: shown until they are saved, counted, and made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from flask import Response, abort, request, session, url_for
from flask.typing import ResponseReturnValue

from erp.domain.account import password as passwords
from erp.domain.account import recovery
from erp.domain.errors import Invalid, Problem
from erp.web.account import blueprint
from erp.web.account.pages import known_account, my_account, show_codes, shown_codes
from erp.web.edge import attempts
from erp.web.edge.attempts import Kind
from erp.web.edge.forms import form_page
from erp.web.edge.log import Event, note
from erp.web.edge.request import db, me, now, see_other
from erp.web.edge.signin import safe_next


@blueprint.get("/account/codes")
def codes() -> ResponseReturnValue:
    """Show new recovery codes until they are saved, else how many are left."""
    return _codes_page()


def _codes_page(error: Invalid | None = None) -> ResponseReturnValue:
    page, left = "account/codes.html", recovery.codes_left(db(), me().id)
    shown = shown_codes()
    return form_page(page, page, error, sent=None, codes=shown, set_name=shown and name_of(shown), left=left)


def name_of(codes: Sequence[str]) -> str:
    """What tells a set of codes from another, and tells none of them."""
    return hashlib.sha256(" ".join(codes).encode()).hexdigest()[:16]


@blueprint.post("/account/codes")
def codes_new() -> ResponseReturnValue:
    """Make a new set of recovery codes; the old ones work until the new ones are confirmed."""
    known = known_account()
    attempt = attempts.begin(Kind.current, known.email, signed_in=True)
    try:
        passwords.check_current(known, request.form)
        account = my_account()
        passwords.check_unchanged(account, known)
    except Invalid as error:
        attempt.failed()
        return _codes_page(error)
    show_codes(recovery.new_codes(db(), account))
    db().commit()
    note(Event.codes_made)
    return see_other(url_for("account.codes"))


@blueprint.post("/account/codes/download")
def codes_download() -> ResponseReturnValue:
    """Hand the codes that are shown as a text file."""
    shown = shown_codes()
    if not shown:
        abort(404)
    text = "Rung\n\n" + "\n".join(shown) + "\n"
    return Response(
        text, mimetype="text/plain", headers={"Content-Disposition": 'attachment; filename="rung-recovery-codes.txt"'}
    )


@blueprint.post("/account/codes/saved")
def codes_saved() -> ResponseReturnValue:
    """Take it that the codes that are shown here are saved: the set of before is worthless now, and this one hidden."""
    shown = shown_codes()
    if shown and request.form.get("codes", name_of(shown)) != name_of(shown):
        # An older tab: what it shows was replaced since.
        return _codes_page(Invalid({"": Problem("codes_newer")}))
    if shown:
        recovery.confirm(db(), me().id, now(), shown[0])
        db().commit()
        note(Event.codes_confirmed)
    elif session.pop("codes", None):
        return _codes_page(Invalid({"": Problem("codes_replaced")}))
    session.pop("codes", None)
    return see_other(safe_next(request.form.get("next")))
