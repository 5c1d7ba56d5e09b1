"""The page of devices, quiet hours and discretion, and what its templates ask."""

from __future__ import annotations

from datetime import datetime

from flask_babel import gettext as _

from erp.domain.account.account import Person
from erp.domain.dates import local_day, time_of_day
from erp.domain.errors import Invalid
from erp.domain.notification.device import devices_of
from erp.services import services
from erp.storage.account import Account
from erp.web.edge.formats import clock, daymedium
from erp.web.edge.forms import form_page
from erp.web.edge.notices import SAVED, says
from erp.web.edge.request import db, me, today
from erp.web.notification import blueprint

SETTINGS_FORM = "notification/_notification_settings_form.html"


@blueprint.app_template_global()
def push_key() -> str:
    """The public key with which a browser subscribes to our messages."""
    return services().settings.vapid.application_server_key


@blueprint.app_template_global()
def worked(moment: datetime) -> str:
    """When a device last worked, by its person's days."""
    day = local_day(moment, me().time_zone)
    if day == today():
        return _("Last worked today at %(time)s", time=clock(moment))
    return _("Last worked on %(date)s", date=daymedium(day))


def notifications_page(error: Invalid | None = None, rename: dict[str, str] | None = None) -> tuple[str, int]:
    """The whole page; `rename` is the name that one device cannot have, with what is wrong with it."""
    return form_page(
        "notification/notifications.html",
        SETTINGS_FORM,
        error,
        form=settings_form(me()),
        devices=devices_of(db(), me().id),
        saved=says(SAVED),
        rename=rename,
    )


def settings_form(person: Account | Person) -> dict[str, object]:
    """A person's notification settings as their form has them."""
    return {
        "quiet_from": time_of_day(person.quiet_from),
        "quiet_until": time_of_day(person.quiet_until),
        "discreet": person.discreet,
    }
