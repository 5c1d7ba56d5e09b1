"""What a notification says, in the language of its device, and how it travels.

The payload is the declarative format, which Safari shows by itself and our service worker reads everywhere else. With
discretion on either side nothing in it shows what the app is about, and it never names a fear.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from babel.support import Translations

from erp.domain.delivery import Claimed
from erp.domain.notification.kinds import EARLIER, PINGS
from erp.domain.support.cheer import PHRASES
from erp.push import Message

TRANSLATIONS = Path(__file__).resolve().parents[2] / "translations"
BORROWED = "hard"
# About one practice, and answered with a cheer.
OF_A_PRACTICE = (*PINGS, EARLIER)


@dataclass(frozen=True, slots=True)
class Words:
    """Title and body of a notification."""

    title: str
    body: str


@lru_cache(maxsize=64)
def _language(locale: str) -> NullTranslations:
    return Translations.load(str(TRANSLATIONS), [locale])


def message(claimed: Claimed, now: datetime) -> Message:
    """The message for one delivery, ready to be encrypted."""
    tag = _tag(claimed)
    return Message(
        payload=json.dumps(payload(claimed, tag), ensure_ascii=False, separators=(",", ":")).encode(),
        ttl=max(int((claimed.expires_at - now) / timedelta(seconds=1)), 1),
        urgency="normal" if claimed.kind in ("weekly", EARLIER) else "high",
        topic=tag,
    )


def payload(claimed: Claimed, tag: str) -> dict[str, Any]:
    """The declarative message as a mapping."""
    language = _language(claimed.locale)
    words = (_discreet if claimed.discreet else _open)(claimed, language)
    origin = claimed.subscription["origin"]
    data: dict[str, Any] = {"kind": claimed.kind}
    notification: dict[str, Any] = {
        "title": words.title,
        "body": words.body,
        "lang": claimed.locale.replace("_", "-"),
        "tag": tag,
        "navigate": origin + _path(claimed),
        "data": data,
    }
    if claimed.kind in OF_A_PRACTICE:
        data["support"] = str(claimed.support_id)
        data["cheer"] = _cheer(claimed, language)
        title = language.gettext("Answer") if claimed.discreet else language.gettext(PHRASES[BORROWED])
        action = {"action": "cheer", "title": title, "navigate": f"{origin}{_path(claimed)}?phrase={BORROWED}"}
        notification["actions"] = [action]
    elif claimed.support_id is None or claimed.kind == "cheer":
        data["exposure"] = str(claimed.exposure_id) if claimed.exposure_id else None
    return {"web_push": 8030, "mutable": True, "app_badge": 1, "notification": notification}


def _cheer(claimed: Claimed, language: NullTranslations) -> dict[str, str]:
    """What the service worker needs to cheer with one tap."""
    gettext = language.gettext
    return {
        "url": f"/people/{claimed.support_id}/cheers",
        "phrase": BORROWED,
        "sent": gettext("Sent.") if claimed.discreet else gettext("Your cheer is there."),
        "failed": gettext("That did not go through. Tap to try again."),
    }


def _path(claimed: Claimed) -> str:
    if claimed.kind == "test":
        return "/notifications"
    if claimed.kind in (*OF_A_PRACTICE, "weekly"):
        return f"/people/{claimed.support_id}"
    return f"/exposures/{claimed.exposure_id}" if claimed.exposure_id else "/today"


def _tag(claimed: Claimed) -> str:
    """The same for what takes each other's place, on the way and on the device; 32 base64url characters."""
    about = claimed.exposure_id if claimed.kind in OF_A_PRACTICE or claimed.support_id is None else None
    family = "timer" if claimed.support_id is None else "ping" if claimed.kind in OF_A_PRACTICE else claimed.kind
    source = f"{family} {claimed.support_id} {about}".encode()
    return urlsafe_b64encode(hashlib.sha256(source).digest()[:24]).decode()


def _open(claimed: Claimed, language: NullTranslations) -> Words:
    _, facts = language.gettext, claimed.facts
    name = facts.get("name", "")
    match claimed.kind:
        case "started":
            return Words(_("%(name)s is practising") % {"name": name}, _("A word from you can help them stay."))
        case "finished" | "goal":
            title = _("%(name)s practised") if claimed.kind == "finished" else _("%(name)s reached today’s goal")
            return Words(title % {"name": name}, _sum(facts, language))
        case "earlier":
            return Words(_("%(name)s practised earlier today") % {"name": name}, _sum(facts, language))
        case "milestone":
            title = language.ngettext("%(num)s day in a row", "%(num)s days in a row", facts["streak"])
            return Words(title % {"num": facts["streak"]}, _("%(name)s practised again.") % {"name": name})
        case "weekly":
            return Words(_("The week of %(name)s") % {"name": name}, _week(facts, language))
        case "cheer":
            return Words(name, facts["text"])
        case "check_in":
            return Words(_("How strong is it now?"), _("Time for a check-in."))
        case "end":
            return Words(_("Your time is done"), _("When you like, a word on how it was."))
        case _:
            return Words(_("This works"), _("Rung can reach you here."))


def _discreet(claimed: Claimed, language: NullTranslations) -> Words:
    _ = language.gettext
    match claimed.kind:
        case "cheer":
            text = _("You have a message.")
        case "check_in":
            text = _("A short look, when you can.")
        case "end":
            text = _("The time is over.")
        case "test":
            text = _("This works.")
        case _:
            text = _("There is news.")
    return Words("Rung", text)


def _minutes(seconds: int, ngettext: Callable[[str, str, int], str]) -> str:
    return ngettext("%(num)s minute", "%(num)s minutes", seconds // 60) % {"num": seconds // 60}


def _sum(facts: dict[str, Any], language: NullTranslations) -> str:
    """12 minutes. 5 days in a row. What is too small to say is left out."""
    parts = []
    if facts["seconds"] >= 60:
        parts.append(_minutes(facts["seconds"], language.ngettext))
    if facts["streak"] > 1:
        text = language.ngettext("%(num)s day in a row", "%(num)s days in a row", facts["streak"])
        parts.append(text % {"num": facts["streak"]})
    return ", ".join(parts) or language.gettext("A short try. Trying is practice.")


def _week(facts: dict[str, Any], language: NullTranslations) -> str:
    days = language.ngettext("%(num)s practice day", "%(num)s practice days", facts["days"]) % {"num": facts["days"]}
    return f"{days}, {_minutes(facts['seconds'], language.ngettext)}"
