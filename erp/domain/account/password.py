"""Passwords: what is refused, how they are kept and compared, and changing one."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.orm import Session

from erp.domain.account.account import sign_out_everywhere
from erp.domain.account.guessing import is_guessable
from erp.domain.fields import Fields
from erp.storage.account import Account

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 200
# OWASP's recommendation for argon2id (19 MiB, two passes, one lane): it fits a small server's memory.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def change_password(
    session: Session, account: Account, raw: Mapping[str, Any], now: datetime, *, here: uuid.UUID | None = None
) -> None:
    """Set a new password after checking the current one; every other device is signed out. Raises Invalid.

    `here` is the device that stays signed in, and so goes on being notified.
    """
    set_password(session, account, changed_hash(account, raw), now, here=here)


def changed_hash(account: Account, raw: Mapping[str, Any]) -> str:
    """What is kept of a new password, after checking the current one. Raises Invalid.

    It takes its time on purpose: call it with an account that was read without a lock.
    """
    fields = Fields(raw)
    _check_current(fields, account)
    password = new_password(fields, account.email)
    fields.check()
    return hash_of(password)


def set_password(
    session: Session, account: Account, hash_: str, now: datetime, *, here: uuid.UUID | None = None
) -> None:
    """Keep the hash of a new password, and sign out every other device."""
    account.password_hash = hash_
    sign_out_everywhere(session, account, now, but=here)


def check_unchanged(account: Account, known: Account) -> None:
    """Make sure that the password is still the one that was checked. Raises Invalid."""
    fields = Fields({})
    if account.password_hash != known.password_hash:
        fields.wrong("current", "wrong_password")
    fields.check()


def check_current(account: Account, raw: Mapping[str, Any]) -> None:
    """Make sure that the person at the phone knows the current password. Raises Invalid."""
    fields = Fields(raw)
    _check_current(fields, account)
    fields.check()


def _check_current(fields: Fields, account: Account) -> None:
    if not matches(account.password_hash, str(fields.raw.get("current") or "")):
        fields.wrong("current", "wrong_password")


def new_password(fields: Fields, email: str) -> str:
    """The password in the field `password`, NFKC; a problem when it is too short, too long or easy to guess."""
    password = normal_password(str(fields.raw.get("password") or ""))
    if len(password) < MIN_PASSWORD_LENGTH:
        fields.wrong("password", "short_password", shortest=MIN_PASSWORD_LENGTH)
    elif len(password) > MAX_PASSWORD_LENGTH:
        fields.wrong("password", "too_long", longest=MAX_PASSWORD_LENGTH)
    elif is_guessable(password, (email, email.partition("@")[0], "rung")):
        fields.wrong("password", "common_password")
    return password


def normal_password(text: str) -> str:
    """The password whichever keyboard it was typed on (NFKC); what is longer than any may be is cut, and never fits."""
    return unicodedata.normalize("NFKC", text[: MAX_PASSWORD_LENGTH + 1])[: MAX_PASSWORD_LENGTH + 1]


def hash_of(password: str) -> str:
    """What is kept of a password. It takes its time on purpose: call it before the first statement takes a lock."""
    return _hasher.hash(password)


def matches(hash_: str, password: str) -> bool:
    """Whether a hash was made of the password: as it is normalised, or as it was typed, for the hashes of before."""
    typed, normal = password[: MAX_PASSWORD_LENGTH + 1], normal_password(password)
    return _verifies(hash_, normal) or (typed != normal and _verifies(hash_, typed))


def _verifies(hash_: str, password: str) -> bool:
    try:
        return _hasher.verify(hash_, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
