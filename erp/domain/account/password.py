"""Passwords: what is refused, how they are kept and compared, and changing one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.orm import Session
from zxcvbn import zxcvbn

from erp.domain.account.account import sign_out_everywhere
from erp.domain.fields import Fields
from erp.storage.account import Account

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 200
# zxcvbn's scale of 0 to 4: below 2 are the passwords that everybody tries first.
MIN_PASSWORD_SCORE = 2
# OWASP's recommendation for argon2id (19 MiB, two passes, one lane): it fits a small server's memory.
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def change_password(
    session: Session, account: Account, raw: Mapping[str, Any], *, here: uuid.UUID | None = None
) -> None:
    """Set a new password after checking the current one; every other device is signed out. Raises Invalid.

    `here` is the device that stays signed in, and so goes on being notified.
    """
    set_password(session, account, changed_hash(account, raw), here=here)


def changed_hash(account: Account, raw: Mapping[str, Any]) -> str:
    """What is kept of a new password, after checking the current one. Raises Invalid.

    It takes its time on purpose: call it with an account that was read without a lock.
    """
    fields = Fields(raw)
    _check_current(fields, account)
    password = new_password(fields, account.email)
    fields.check()
    return hash_of(password)


def set_password(session: Session, account: Account, hash_: str, *, here: uuid.UUID | None = None) -> None:
    """Keep the hash of a new password, and sign out every other device."""
    account.password_hash = hash_
    sign_out_everywhere(session, account, but=here)


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
    """The password in the field `password`; a problem when it is too short, too long or too common."""
    password = str(fields.raw.get("password") or "")
    if len(password) < MIN_PASSWORD_LENGTH:
        fields.wrong("password", "short_password", shortest=MIN_PASSWORD_LENGTH)
    elif len(password) > MAX_PASSWORD_LENGTH:
        fields.wrong("password", "too_long", longest=MAX_PASSWORD_LENGTH)
    elif zxcvbn(password[:72], [email, email.partition("@")[0], "rung"])["score"] < MIN_PASSWORD_SCORE:
        fields.wrong("password", "common_password")
    return password


def hash_of(password: str) -> str:
    """What is kept of a password. It takes its time on purpose: call it before the first statement takes a lock."""
    return _hasher.hash(password)


def matches(hash_: str, password: str) -> bool:
    """Whether a hash was made of the password; what is longer than any password may be is cut, and so never fits."""
    try:
        return _hasher.verify(hash_, password[: MAX_PASSWORD_LENGTH + 1])
    except (VerifyMismatchError, InvalidHashError):
        return False
