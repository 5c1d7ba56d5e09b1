"""The page of devices, quiet hours and discretion, and what it shows of a device."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from flask import request
from flask_babel import gettext as _

from erp.domain.account.account import Person
from erp.domain.dates import local_day, time_of_day
from erp.domain.errors import Invalid
from erp.domain.notification.device import DeviceView, devices_of
from erp.services import services
from erp.storage.account import Account
from erp.storage.db import legible
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


@dataclass(frozen=True, slots=True)
class Rename:
    """The name that a device cannot have, with what is wrong with it."""

    device_id: uuid.UUID
    name: str
    error: str


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """A device on its page. `worked`: when it last did; `name` and `error` stand in the form for another name.

    How a test of it stands: `on_its_way_since`, in milliseconds since 1970, is when it was sent; `sent` says that it
    went, and `lost` that nothing was heard of it.
    """

    device: DeviceView
    worked: str | None
    name: str
    error: str | None
    on_its_way_since: int | None = None
    sent: str | None = None
    lost: bool = False


def device_card(device: DeviceView, rename: Rename | None = None) -> DeviceCard:
    """The device as its page shows it, before any test."""
    worked = _worked(device.worked_at) if device.worked_at else None
    if rename and rename.device_id == device.id:
        return DeviceCard(device, worked, rename.name, rename.error)
    return DeviceCard(device, worked, legible(device.name), None)


def _worked(moment: datetime) -> str:
    """When a device last worked, by its person's days."""
    day = local_day(moment, me().time_zone)
    if day == today():
        return _("Last worked today at %(time)s", time=clock(moment))
    return _("Last worked on %(date)s", date=daymedium(day))


def device_cards(rename: Rename | None = None) -> list[DeviceCard]:
    """The person's devices, first to last."""
    return [device_card(device, rename) for device in devices_of(db(), me().id)]


def notifications_page(error: Invalid | None = None, rename: Rename | None = None) -> tuple[str, int]:
    """The whole page; `rename` is the name that one device cannot have, with what is wrong with it."""
    return form_page(
        "notification/notifications.html",
        SETTINGS_FORM,
        error,
        form=settings_form(me()),
        cards=device_cards(rename),
        saved=says(SAVED),
        from_people=request.args.get("via") == "people",
    )


def settings_form(person: Account | Person) -> dict[str, object]:
    """A person's notification settings as their form has them."""
    return {
        "quiet_from": time_of_day(person.quiet_from),
        "quiet_until": time_of_day(person.quiet_until),
        "discreet": person.discreet,
    }
