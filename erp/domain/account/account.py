"""Accounts: signing up and in, passwords, recovery codes, and a person's own settings."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Select, bindparam, delete, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from zxcvbn import zxcvbn

from erp.domain.dates import local_day
from erp.domain.errors import Conflict
from erp.domain.fields import Fields
from erp.storage.account import Account, RecoveryCode
from erp.storage.db import table_of
from erp.storage.notification import Device
from erp.storage.practice import PracticeTotals

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
# zxcvbn's scale of 0 to 4: below 2 are the passwords that everybody tries first.
WEAKEST_SCORE = 2
CODES = 8
CODE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")

# OWASP's recommendation for argon2id (19 MiB, two passes, one lane): it fits a small server's memory.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


@cache
def zone_names() -> tuple[str, ...]:
    """The time zones that a person can choose, like Europe/Lisbon, in order: one name each, without old aliases."""
    table = files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8")
    named = (line.split("\t")[2] for line in table.splitlines() if not line.startswith("#"))
    return (*sorted(named), "UTC")


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in: what every page needs of an account.

    `phone_key` opens what their phones keep, so no log may show it. Quiet hours are minutes after midnight.
    `has_stopped_device`: the push service of one of their devices said that it is gone, and they did not act on it yet.
    """

    id: uuid.UUID
    display_name: str
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
PERSON: Select[Any] = select(
    _account.id,
    _account.display_name,
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
).where(_account.id == bindparam("account"))


def person_of(session: Session, account_id: uuid.UUID) -> Person | None:
    """The person behind an account's id, or None."""
    row = session.connection().execute(PERSON, {"account": account_id}).first()
    return None if row is None else Person(*row)


def account_of(session: Session, account_id: uuid.UUID) -> Account:
    """The account itself, to change it; its row stays locked, so that two changes take turns."""
    return session.get_one(Account, account_id, with_for_update={"key_share": True}, populate_existing=True)


def normal_email(text: str) -> str:
    """The address as it is kept and compared: without space around, in lower case."""
    return text.replace("\x00", "").strip().lower()


def sign_up(session: Session, raw: Mapping[str, Any], now: datetime) -> tuple[Account, list[str]]:
    """A new account and its recovery codes, which are readable only now.

    Takes email, password, display_name, time_zone. Raises Invalid, or Conflict when the address is taken.
    """
    fields = Fields(raw)
    email = _email(fields)
    password = _new_password(fields, email)
    name = fields.text("display_name", 80, required=True)
    zone = _zone(fields)
    fields.check()
    # Hashing takes its time on purpose: it comes before the first statement, while no lock is held.
    hash_ = _hasher.hash(password)
    if session.scalar(select(Account.id).where(Account.email == email)):
        raise Conflict
    account = Account(
        id=uuid.uuid4(),
        email=email,
        password_hash=hash_,
        display_name=name,
        time_zone=zone,
        created_at=now,
    )
    session.add(account)
    try:
        session.flush()
    except IntegrityError:
        raise Conflict from None
    session.add(PracticeTotals(account_id=account.id, first_day=local_day(now, zone)))
    return account, new_codes(session, account)


def sign_in(session: Session, email: str, password: str) -> Account | None:
    """The account of an address and its password, or None; both cases take the same time."""
    account = session.scalars(select(Account).where(Account.email == normal_email(email))).first()
    hash_ = account.password_hash if account else _nobodys_hash()
    if not _matches(hash_, password[: LONGEST_PASSWORD + 1]) or account is None:
        return None
    return account


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_urlsafe())


def _matches(hash_: str, password: str) -> bool:
    try:
        return _hasher.verify(hash_, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def change_password(
    session: Session, account: Account, raw: Mapping[str, Any], *, here: uuid.UUID | None = None
) -> None:
    """Set a new password after checking the current one; every other device is signed out. Raises Invalid.

    `here` is the device that stays signed in, and so goes on being notified.
    """
    fields = Fields(raw)
    _check_current(fields, account)
    password = _new_password(fields, account.email)
    fields.check()
    account.password_hash = _hasher.hash(password)
    sign_out_everywhere(session, account, but=here)


def check_current(account: Account, raw: Mapping[str, Any]) -> None:
    """Make sure that the person at the phone knows the current password. Raises Invalid."""
    fields = Fields(raw)
    _check_current(fields, account)
    fields.check()


def _check_current(fields: Fields, account: Account) -> None:
    if not _matches(account.password_hash, str(fields.raw.get("current") or "")[: LONGEST_PASSWORD + 1]):
        fields.wrong("current", "wrong_password")


def sign_out_everywhere(session: Session, account: Account, *, but: uuid.UUID | None = None) -> None:
    """Make every session cookie that is out there worthless, and notify no device any more but the one named."""
    account.session_epoch += 1
    session.execute(delete(Device).where(Device.account_id == account.id, Device.id != (but or uuid.UUID(int=0))))


def recover(session: Session, raw: Mapping[str, Any], now: datetime) -> Account:
    """Set a new password with a recovery code, which is used up by it; every device is signed out.

    Takes email, code, password. Raises Invalid, which does not tell whether the address or the code was wrong.
    """
    fields = Fields(raw)
    email = normal_email(str(raw.get("email") or ""))
    password = _new_password(fields, email)
    fields.check()
    # Before the first statement: it takes long, and nobody else could write meanwhile.
    password_hash = _hasher.hash(password)
    digest = _digest(str(raw.get("code") or ""))
    account = session.scalars(
        select(Account)
        .join(RecoveryCode, RecoveryCode.account_id == Account.id)
        .where(Account.email == email, RecoveryCode.digest == digest, RecoveryCode.used_at.is_(None))
        .with_for_update()
    ).first()
    if account is None:
        fields.wrong("code", "wrong_code")
        fields.check()
    assert account is not None
    session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.account_id == account.id, RecoveryCode.digest == digest)
        .values(used_at=now)
    )
    account.password_hash = password_hash
    sign_out_everywhere(session, account)
    return account


def new_codes(session: Session, account: Account) -> list[str]:
    """A fresh set of recovery codes; those from before are worthless now."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))
    codes = ["-".join("".join(secrets.choice(CODE_ALPHABET) for _ in range(4)) for _ in range(4)) for _ in range(CODES)]
    session.add_all(RecoveryCode(account_id=account.id, digest=_digest(code)) for code in codes)
    return codes


def codes_left(session: Session, account_id: uuid.UUID) -> int:
    """How many recovery codes are not used yet."""
    return (
        session.scalar(
            select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
        )
        or 0
    )


def _digest(code: str) -> bytes:
    return hashlib.sha256("".join(code.lower().split()).replace("-", "").encode()).digest()


def change_details(account: Account, raw: Mapping[str, Any]) -> None:
    """Take display_name, time_zone, sound, vibration and check_in_minutes. Raises Invalid."""
    fields = Fields(raw)
    name = fields.text("display_name", 80, required=True)
    zone = _zone(fields)
    check_in_minutes = fields.whole("check_in_minutes", 0, 60)
    fields.check()
    account.display_name, account.time_zone, account.check_in_minutes = name, zone, check_in_minutes
    account.sound, account.vibration = bool(raw.get("sound")), bool(raw.get("vibration"))


def change_zone(account: Account, raw: Mapping[str, Any]) -> None:
    """Take time_zone. Days that have been recorded keep their dates. Raises Invalid."""
    fields = Fields(raw)
    zone = _zone(fields)
    fields.check()
    account.time_zone = zone


def _email(fields: Fields) -> str:
    email = normal_email(fields.text("email", 254, required=True))
    if email and not EMAIL.fullmatch(email):
        fields.wrong("email", "not_an_email")
    return email


def _zone(fields: Fields) -> str:
    name = fields.text("time_zone", 64, required=True)
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError):
        fields.wrong("time_zone", "not_a_zone")
        return "UTC"


def _new_password(fields: Fields, email: str) -> str:
    password = str(fields.raw.get("password") or "")
    if len(password) < SHORTEST_PASSWORD:
        fields.wrong("password", "short_password", shortest=SHORTEST_PASSWORD)
    elif len(password) > LONGEST_PASSWORD:
        fields.wrong("password", "too_long", longest=LONGEST_PASSWORD)
    elif zxcvbn(password[:72], [email, email.partition("@")[0], "rung"])["score"] < WEAKEST_SCORE:
        fields.wrong("password", "common_password")
    return password
