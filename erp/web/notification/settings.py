"""A person's quiet hours and discretion."""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue

from erp.domain.account.account import account_of
from erp.domain.errors import Invalid
from erp.domain.notification import device as devices
from erp.web.edge.forms import form_saved
from erp.web.edge.request import db, me
from erp.web.notification import blueprint
from erp.web.notification.pages import SETTINGS_FORM, notifications_page, settings_form


@blueprint.get("/notifications")
def notifications() -> ResponseReturnValue:
    """Show the person's devices, quiet hours and discretion."""
    return notifications_page()


@blueprint.post("/notifications")
def save_settings() -> ResponseReturnValue:
    """Take quiet hours and discretion."""
    account = account_of(db(), me().id)
    try:
        devices.change_notification_settings(account, request.form)
    except Invalid as error:
        return notifications_page(error)
    db().commit()
    return form_saved(SETTINGS_FORM, url_for("notification.notifications"), form=settings_form(account))
