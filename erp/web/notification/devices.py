"""The devices of a person: subscribing one, testing, naming and removing it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from flask import abort, jsonify, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from erp.domain.account import sign_in
from erp.domain.errors import Conflict, Invalid
from erp.domain.notification import device as devices
from erp.domain.notification.device import DeviceView, devices_of
from erp.domain.notification.outbox import TEST_COOLDOWN, tell_device
from erp.domain.notification.subscription import parse
from erp.services import services
from erp.storage.notification import Device
from erp.web.edge.browsers import this_browser
from erp.web.edge.formats import language
from erp.web.edge.problems import sentences
from erp.web.edge.request import by_htmx, db, me, now, own_origin, see_other, sent_json, wake
from erp.web.notification import blueprint
from erp.web.notification.pages import DeviceCard, Rename, device_card, device_cards, notifications_page

TEST_TAKES = timedelta(seconds=20)
ONE_SECOND = timedelta(seconds=1)


def _my_device(device_id: uuid.UUID) -> Device:
    return devices.device_of(db(), me().id, device_id)


@blueprint.post("/devices")
def register() -> ResponseReturnValue:
    """Take the subscription of a browser, new or as it is now; 404 when its person removed it meanwhile.

    `stopped`: its push service had dropped what it had before.
    """
    raw = sent_json()
    if not isinstance(raw.get("subscription"), dict):
        abort(400)
    before = _my_device(_id(raw["replaces"])) if raw.get("replaces") else None
    stopped = before is not None and before.stopped_at is not None
    try:
        device = devices.register(
            db(),
            me().id,
            parse(raw["subscription"], services().settings.push_hosts),
            now(),
            name=this_browser(),
            locale=language().locale,
            origin=own_origin(),
            replaces=before.id if before else None,
        )
    except Invalid as error:
        return jsonify(errors=sentences(error)), 422
    except Conflict:
        return jsonify(errors={"": _("You have many devices already. Remove one that you no longer use.")}), 409
    sign_in.carries(db(), current_user.sign_in, device.id)
    db().commit()
    # A new password signs out every other device, and this is how it knows which one is here.
    session["device"] = str(device.id)
    return jsonify(id=device.id, name=device.name, stopped=stopped)


def _id(given: object) -> uuid.UUID:
    try:
        return uuid.UUID(str(given))
    except ValueError:
        abort(400)


@blueprint.get("/devices/<uuid:device_id>")
def device(device_id: uuid.UUID) -> ResponseReturnValue:
    """Show one device; `tested`, in milliseconds since 1970, is when a test was sent to it."""
    return _fragment(_my_device(device_id), request.args.get("tested", type=int))


def _fragment(found: Device, tested: int | None = None) -> ResponseReturnValue:
    """The device alone for htmx; else the page that it stands on."""
    if not by_htmx():
        return see_other(url_for("notification.notifications"))
    card = device_card(_view(found))
    return _card(card if tested is None else _after_test(card, tested))


def _card(card: DeviceCard) -> str:
    return render_template("notification/_device.html", card=card)


def _view(found: Device) -> DeviceView:
    return next(each for each in devices_of(db(), me().id) if each.id == found.id)


def _after_test(card: DeviceCard, tested: int) -> DeviceCard:
    """How a test stands that was sent to the device."""
    worked_at = card.device.worked_at
    if worked_at and _milliseconds(worked_at) >= tested:
        return replace(card, sent=_sent_ago((now() - worked_at) // ONE_SECOND))
    since = (_milliseconds(now()) - tested) // 1000
    if 0 <= since < TEST_TAKES.total_seconds():
        return replace(card, on_its_way_since=tested)
    return replace(card, lost=True)


def _sent_ago(seconds: int) -> str:
    return (
        ngettext("Sent %(num)s second ago.", "Sent %(num)s seconds ago.", seconds) if seconds else _("Sent just now.")
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@blueprint.post("/devices/<uuid:device_id>/test")
def test(device_id: uuid.UUID) -> ResponseReturnValue:
    """Send one device a test."""
    found = _my_device(device_id)
    added = tell_device(db(), found, now())
    db().commit()
    wake()
    # A second tap waits for what the first one sent.
    return _fragment(found, _milliseconds(now() if added else now() - TEST_COOLDOWN))


@blueprint.post("/devices/<uuid:device_id>/name")
def name(device_id: uuid.UUID) -> ResponseReturnValue:
    """Give a device another name."""
    found = _my_device(device_id)
    try:
        devices.rename(found, request.form)
    except Invalid as error:
        return _name_again(found, error)
    db().commit()
    return _fragment(found)


def _name_again(found: Device, error: Invalid) -> ResponseReturnValue:
    rename = Rename(found.id, request.form.get("name", ""), sentences(error)["name"])
    if not by_htmx():
        return notifications_page(rename=rename)[0], 422
    return _card(device_card(_view(found), rename)), 422


@blueprint.post("/devices/<uuid:device_id>/remove")
def remove(device_id: uuid.UUID) -> ResponseReturnValue:
    """Notify a device no more, and forget it."""
    db().delete(_my_device(device_id))
    db().commit()
    if by_htmx():
        return render_template("notification/_devices.html", cards=device_cards())
    return see_other(url_for("notification.notifications"))
