"""Recovery codes: a fresh set, how many are left, and a new password for one of them."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from erp.domain.account.account import sign_out_everywhere
from erp.domain.account.address import former_email, normal_email
from erp.domain.account.password import hash_of, new_password
from erp.domain.fields import Fields
from erp.storage.account import Account, RecoveryCode

CODES_AT_ONCE = 8
GROUPS = 6  # of four characters: 118 bits
CODE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def recover(session: Session, raw: Mapping[str, Any], now: datetime) -> Account:
    """Set a new password with a recovery code, which is used up by it; every device is signed out.

    Takes email, code, password. Raises Invalid, which does not tell whether the address or the code was wrong.
    """
    fields = Fields(raw)
    email, former = (read(str(raw.get("email") or "")) for read in (normal_email, former_email))
    password = new_password(fields, email)
    fields.check()
    password_hash = hash_of(password)
    digest = _digest(str(raw.get("code") or ""))
    account = session.scalars(
        select(Account)
        .join(RecoveryCode, RecoveryCode.account_id == Account.id)
        .where(Account.email.in_((email, former)), RecoveryCode.digest == digest, RecoveryCode.used_at.is_(None))
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
    confirm(session, account.id, now, str(raw.get("code")))
    account.password_hash = password_hash
    sign_out_everywhere(session, account, now)
    return account


def new_codes(session: Session, account: Account) -> list[str]:
    """A fresh set of recovery codes. Those from before are worthless once this one is confirmed, and not sooner."""
    session.execute(delete(RecoveryCode).where(_of(account.id), RecoveryCode.confirmed_at.is_(None)))
    codes = [
        "-".join("".join(secrets.choice(CODE_ALPHABET) for _ in range(4)) for _ in range(GROUPS))
        for _ in range(CODES_AT_ONCE)
    ]
    session.add_all(RecoveryCode(account_id=account.id, digest=_digest(code)) for code in codes)
    return codes


def confirm(session: Session, account_id: uuid.UUID, now: datetime, code: str) -> bool:
    """The person has the set of this code: where that is the newest, the one from before is worthless now.

    Whether it is the newest, or was confirmed already.
    """
    of_set = select(RecoveryCode.confirmed_at).where(_of(account_id), RecoveryCode.digest == _digest(code))
    found = session.execute(of_set).first()
    if found is None or found.confirmed_at is not None:
        return found is not None
    session.execute(delete(RecoveryCode).where(_of(account_id), RecoveryCode.confirmed_at.is_not(None)))
    session.execute(update(RecoveryCode).where(_of(account_id)).values(confirmed_at=now))
    return True


def are_kept(session: Session, account_id: uuid.UUID, code: str) -> bool:
    """Whether the set of this code is still there, confirmed or to be confirmed."""
    kept = select(RecoveryCode.id).where(_of(account_id), RecoveryCode.digest == _digest(code))
    return session.scalar(kept) is not None


def has_confirmed(session: Session, account_id: uuid.UUID) -> bool:
    """Whether the person has said of a set of codes that they have it."""
    confirmed = select(RecoveryCode.id).where(_of(account_id), RecoveryCode.confirmed_at.is_not(None))
    return session.scalar(confirmed.limit(1)) is not None


def codes_left(session: Session, account_id: uuid.UUID) -> int:
    """How many recovery codes of the set that was confirmed are not used yet; of the newest where none was."""
    confirmed = RecoveryCode.confirmed_at.is_not(None)
    of_set = select(confirmed, RecoveryCode.used_at.is_(None)).where(_of(account_id))
    unused = [(is_confirmed, is_unused) for is_confirmed, is_unused in session.execute(of_set)]
    any_confirmed = any(is_confirmed for is_confirmed, _ in unused)
    return sum(is_unused for is_confirmed, is_unused in unused if is_confirmed == any_confirmed)


def _of(account_id: uuid.UUID) -> ColumnElement[bool]:
    return RecoveryCode.account_id == account_id


def _digest(code: str) -> bytes:
    """What is kept of a code: read with any dash, dot, space, width and case."""
    plain = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", code).lower()))
    return hashlib.sha256(plain.encode("utf-8", "replace")).digest()
