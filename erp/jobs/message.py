"""The message that takes a notification to a device: the words of its kind in a format, and how it travels.

The format is the declarative one: Safari shows it by itself, and our service worker reads it everywhere else.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from babel.support import Translations

from erp import base64url
from erp.domain.delivery import Claimed
from erp.domain.notification.kinds import KINDS
from erp.jobs.words import words_for
from erp.push import Message

TRANSLATIONS = Path(__file__).resolve().parents[2] / "translations"


@lru_cache(maxsize=64)
def _language(locale: str) -> NullTranslations:
    return Translations.load(str(TRANSLATIONS), [locale])


def message(claimed: Claimed, now: datetime) -> Message:
    """The message for one delivery, ready to be encrypted."""
    tag = _tag(claimed)
    return Message(
        payload=json.dumps(payload(claimed, tag), ensure_ascii=False, separators=(",", ":")).encode(),
        ttl=max(int((claimed.expires_at - now) / timedelta(seconds=1)), 1),
        urgency=KINDS[claimed.kind].urgency,
        topic=tag,
    )


def payload(claimed: Claimed, tag: str) -> dict[str, Any]:
    """The declarative message as a mapping."""
    words = words_for(claimed, _language(claimed.locale))
    text, actions = words.text(), words.actions()
    notification: dict[str, Any] = {
        "title": text.title,
        "body": text.body,
        "lang": claimed.locale.replace("_", "-"),
        "tag": tag,
        "navigate": claimed.origin + words.path(),
        "data": {"kind": claimed.kind} | words.data(),
    }
    if actions:
        notification["actions"] = [
            {"action": action.name, "title": action.title, "navigate": claimed.origin + action.path}
            for action in actions
        ]
    return {"web_push": 8030, "mutable": True, "app_badge": 1, "notification": notification}


def _tag(claimed: Claimed) -> str:
    """The same for what takes each other's place, on the way and on the device; 32 base64url characters."""
    family = KINDS[claimed.kind].family
    about = claimed.exposure_id if family.per_exposure else None
    return base64url.encode(hashlib.sha256(f"{family} {claimed.support_id} {about}".encode()).digest()[:24])
