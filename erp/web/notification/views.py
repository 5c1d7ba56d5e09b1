"""Notifications: the devices of a person, quiet hours and discretion."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, current_app, jsonify, render_template, request, session, url_for
from flask_babel import gettext as _

from erp.domain.account.account import Person, account_of
from erp.domain.dates import local_day, time_of_day
from erp.domain.errors import Conflict, Invalid
from erp.domain.notification import device as devices
from erp.domain.notification.device import DeviceView, devices_of
from erp.domain.notification.outbox import TEST_COOLDOWN, tell_device
from erp.domain.notification.subscription import parse
from erp.storage.account import Account
from erp.storage.notification import Device
from erp.web.edge import by_htmx, db, me, now, see_other, today, wake
from erp.web.edge.formats import clock, daymedium, language
from erp.web.edge.forms import form_page
from erp.web.edge.problems import sentences

blueprint = Blueprint("device", __name__)

A_TEST_TAKES = timedelta(seconds=20)
# The first that is in a User-Agent is the one: most of them claim to be several.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Macintosh": "Mac",
    "Linux": "Linux",
}


@blueprint.app_template_global()
def push_key() -> str:
    """The public key with which a browser subscribes to our messages."""
    key: str = current_app.extensions["rung.settings"].vapid.application_server_key
    return key


@blueprint.app_template_global()
def worked(moment: datetime) -> str:
    """When a device last worked, by its person's days."""
    day = local_day(moment, me().time_zone)
    if day == today():
        return _("Last worked today at %(time)s", time=clock(moment))
    return _("Last worked on %(date)s", date=daymedium(day))


@blueprint.route("/notifications", methods=["GET", "POST"])
def notifications() -> Any:
    """Show the person's devices, and take their quiet hours and discretion."""
    if request.method != "POST":
        return _page()
    account = account_of(db(), me().id)
    try:
        devices.change_manners(account, request.form)
    except Invalid as error:
        return _page(error)
    db().commit()
    if by_htmx():
        return render_template("notification/_manners_form.html", form=_manners(account), errors={}, saved=True)
    return see_other(url_for("device.notifications", saved=1))


def _page(error: Invalid | None = None, rename: dict[str, str] | None = None) -> Any:
    """The whole page; `rename` is the name that one device cannot have, with what is wrong with it."""
    return form_page(
        "notification/notifications.html",
        "notification/_manners_form.html",
        error,
        form=_manners(me()),
        devices=devices_of(db(), me().id),
        saved=bool(request.args.get("saved")),
        rename=rename,
    )


def _manners(person: Account | Person) -> dict[str, Any]:
    return {
        "quiet_from": time_of_day(person.quiet_from),
        "quiet_until": time_of_day(person.quiet_until),
        "discreet": person.discreet,
    }


@blueprint.post("/devices")
def register() -> Any:
    """Take the subscription of a browser, new or as it is now; 404 when its person removed it meanwhile.

    `stopped`: its push service had dropped what it had before.
    """
    raw = request.get_json(silent=True)
    if not isinstance(raw, dict) or not isinstance(raw.get("subscription"), dict):
        abort(400)
    settings = current_app.extensions["rung.settings"]
    before = devices.device_of(db(), me().id, _id(raw["replaces"])) if raw.get("replaces") else None
    stopped = before is not None and before.stopped_at is not None
    try:
        device = devices.register(
            db(),
            me().id,
            parse(raw["subscription"], settings.push_hosts),
            now(),
            name=name_of(request.headers.get("User-Agent", "")),
            locale=language().locale,
            origin=settings.origin or request.host_url.rstrip("/"),
            replaces=before.id if before else None,
        )
    except Invalid as error:
        return jsonify(errors=sentences(error)), 422
    except Conflict:
        return jsonify(errors={"": _("You have many devices already. Remove one that you no longer use.")}), 409
    db().commit()
    # A new password signs out every other device, and this is how it knows which one is here.
    session["device"] = str(device.id)
    return jsonify(id=device.id, name=device.name, stopped=stopped)


def _id(given: object) -> uuid.UUID:
    try:
        return uuid.UUID(str(given))
    except ValueError:
        abort(400)


def name_of(agent: str) -> str:
    """A name for a browser by what it says of itself, like "Firefox on Android"; its person may give a better one."""
    browser = next((name for mark, name in BROWSERS.items() if mark in agent), None)
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), None)
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or _("A browser")


@blueprint.get("/devices/<uuid:device_id>")
def device(device_id: uuid.UUID) -> Any:
    """Show one device; `tested`, in milliseconds since 1970, is when a test was sent to it."""
    found = devices.device_of(db(), me().id, device_id)
    return _fragment(found, request.args.get("tested", type=int))


def _fragment(found: Device, tested: int | None = None, error: Invalid | None = None) -> Any:
    """The device alone for htmx; else the page that it stands on."""
    rename = None
    if error:
        rename = {"id": str(found.id), "name": request.form.get("name", ""), "error": sentences(error)["name"]}
    if not by_htmx():
        return (_page(rename=rename)[0], 422) if rename else see_other(url_for("device.notifications"))
    shown = next(each for each in devices_of(db(), me().id) if each.id == found.id)
    context = {"device": shown, "tested": tested, "test": _test(shown, tested), "rename": rename}
    return render_template("notification/_device.html", **context), 422 if error else 200


def _test(shown: DeviceView, tested: int | None) -> tuple[str, int] | None:
    """How a test stands, sent, waiting or nothing, and for how many seconds; None where there was none."""
    if tested is None:
        return None
    if shown.worked_at and _milliseconds(shown.worked_at) >= tested:
        return "sent", (now() - shown.worked_at) // timedelta(seconds=1)
    since = (_milliseconds(now()) - tested) // 1000
    return "waiting" if 0 <= since < A_TEST_TAKES.total_seconds() else "nothing", since


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@blueprint.post("/devices/<uuid:device_id>/test")
def test(device_id: uuid.UUID) -> Any:
    """Send one device a test."""
    found = devices.device_of(db(), me().id, device_id)
    told = tell_device(db(), found, now())
    db().commit()
    wake()
    # A second tap waits for what the first one sent.
    return _fragment(found, _milliseconds(now() if told else now() - TEST_COOLDOWN))


@blueprint.post("/devices/<uuid:device_id>/name")
def name(device_id: uuid.UUID) -> Any:
    """Give a device another name."""
    found = devices.device_of(db(), me().id, device_id)
    try:
        devices.rename(found, request.form)
    except Invalid as error:
        return _fragment(found, error=error)
    db().commit()
    return _fragment(found)


@blueprint.post("/devices/<uuid:device_id>/remove")
def remove(device_id: uuid.UUID) -> Any:
    """Notify a device no more, and forget it."""
    db().delete(devices.device_of(db(), me().id, device_id))
    db().commit()
    if by_htmx():
        return render_template("notification/_devices.html", devices=devices_of(db(), me().id))
    return see_other(url_for("device.notifications"))
