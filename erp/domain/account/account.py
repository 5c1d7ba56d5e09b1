"""A person's account: who is signed in, their settings, and signing out everywhere."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from erp.domain.dates import is_zone
from erp.domain.fields import Fields
from erp.storage.account import Account, FormerPhoneKey, SignIn
from erp.storage.db import table_of
from erp.storage.notification import Device

# As long as a sign-in lasts without a visit: a phone that was away longer is signed out anyway.
FORMER_KEYS_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in: what every page needs of an account.

    `phone_key` opens what their phones keep, so no log may show it. Quiet hours are minutes after midnight.
    `has_stopped_device`: the push service of one of their devices said that it is gone, and they did not act on it yet.
    """

    id: uuid.UUID
    time_zone: str
    session_epoch: int
    sound: bool
    vibration: bool
    check_in_minutes: int
    phone_key: bytes = field(repr=False)
    quiet_from: int
    quiet_until: int
    discreet: bool
    has_stopped_device: bool


_account, _device = table_of(Account).c, table_of(Device).c
PERSON_COLUMNS: tuple[ColumnElement[Any], ...] = (
    _account.id,
    _account.time_zone,
    _account.session_epoch,
    _account.sound,
    _account.vibration,
    _account.check_in_minutes,
    _account.phone_key,
    _account.quiet_from,
    _account.quiet_until,
    _account.discreet,
    exists().where(_device.account_id == _account.id, _device.stopped_at.is_not(None)).correlate(table_of(Account)),
)
PERSON: Select[Any] = select(*PERSON_COLUMNS).where(_account.id == bindparam("account"))


def person_of(session: Session, account_id: uuid.UUID) -> Person | None:
    """The person behind an account's id, or None."""
    row = session.connection().execute(PERSON, {"account": account_id}).first()
    return None if row is None else Person(*row)


def name_of(session: Session, account_id: uuid.UUID) -> str:
    """What the person wants to be called; it is encrypted, so that only the page that shows it reads it."""
    return session.scalars(select(Account.display_name).where(Account.id == account_id)).one()


def account_of(session: Session, account_id: uuid.UUID) -> Account:
    """The account itself, to change it; its row stays locked, so that two changes take turns."""
    return session.get_one(Account, account_id, with_for_update={"key_share": True}, populate_existing=True)


def sign_out_everywhere(session: Session, account: Account, now: datetime, *, but: uuid.UUID | None = None) -> None:
    """End every sign-in, and notify no device any more but the one named; phones lock with a new key from now on."""
    account.session_epoch += 1
    session.execute(
        update(SignIn).where(SignIn.account_id == account.id, SignIn.ended_at.is_(None)).values(ended_at=now)
    )
    session.execute(delete(Device).where(Device.account_id == account.id, Device.id != (but or uuid.UUID(int=0))))
    session.add(FormerPhoneKey(account_id=account.id, key=account.phone_key, replaced_at=now))
    account.phone_key = secrets.token_bytes(32)


def former_phone_keys(session: Session, account_id: uuid.UUID, now: datetime) -> list[bytes]:
    """The keys that this person's phones locked with before, the latest first, while a phone may be away with them."""
    known = select(FormerPhoneKey.key).where(
        FormerPhoneKey.account_id == account_id, FormerPhoneKey.replaced_at > now - FORMER_KEYS_KEPT
    )
    return list(session.scalars(known.order_by(FormerPhoneKey.replaced_at.desc(), FormerPhoneKey.id)))


def tidy(session: Session, now: datetime) -> None:
    """Forget the phone keys that no phone can be away with any more."""
    session.execute(delete(FormerPhoneKey).where(FormerPhoneKey.replaced_at < now - FORMER_KEYS_KEPT))


def change_details(account: Account, raw: Mapping[str, Any]) -> None:
    """Take display_name, time_zone, sound, vibration and check_in_minutes. Raises Invalid."""
    fields = Fields(raw)
    name = fields.text("display_name", 80, required=True)
    zone = zone_of(fields)
    check_in_minutes = fields.whole("check_in_minutes", 0, 60)
    fields.check()
    account.display_name, account.time_zone, account.check_in_minutes = name, zone, check_in_minutes
    account.sound, account.vibration = bool(raw.get("sound")), bool(raw.get("vibration"))


def change_zone(account: Account, raw: Mapping[str, Any]) -> None:
    """Take time_zone. Days that have been recorded keep their dates. Raises Invalid."""
    fields = Fields(raw)
    zone = zone_of(fields)
    fields.check()
    account.time_zone = zone


def zone_of(fields: Fields) -> str:
    """The time zone in the field `time_zone`, an IANA name; UTC when it is missing or wrong (a problem)."""
    name = fields.text("time_zone", 64, required=True)
    if is_zone(name):
        return name
    fields.wrong("time_zone", "not_a_zone")
    return "UTC"


@cache
def zone_names() -> tuple[str, ...]:
    """The time zones that a person can choose, like Europe/Lisbon, in order: one name each, without old aliases."""
    table = files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8")
    named = (line.split("\t")[2] for line in table.splitlines() if not line.startswith("#"))
    return (*sorted(named), "UTC")
