"""Every area's views, gathered: importing them hangs them on their area's blueprint."""

from __future__ import annotations

from flask import Flask

from erp.web import offline
from erp.web.account import codes, signing
from erp.web.account import settings as account_settings
from erp.web.exposure import events, record
from erp.web.exposure import practice as practice_page
from erp.web.ladder import fears, steps
from erp.web.notification import devices
from erp.web.notification import settings as notification_settings
from erp.web.practice import calendar, plan, today
from erp.web.shell import views as shell
from erp.web.support import cheers, clients, invitations, people, sharing

VIEWS = (
    *(shell, offline),
    *(signing, account_settings, codes),
    *(fears, steps),
    *(today, plan, calendar),
    *(practice_page, record, events),
    *(people, invitations, sharing, clients, cheers),
    *(devices, notification_settings),
)


def install(app: Flask) -> None:
    """Give an application every view."""
    for blueprint in dict.fromkeys(views.blueprint for views in VIEWS):
        app.register_blueprint(blueprint)
