"""Recovery codes: a fresh set, how many are left, and a new password for one of them."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from erp.domain.account.account import normal_email, sign_out_everywhere
from erp.domain.account.password import hash_of, new_password
from erp.domain.fields import Fields
from erp.storage.account import Account, RecoveryCode

CODES_AT_ONCE = 8
CODE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def recover(session: Session, raw: Mapping[str, Any], now: datetime) -> Account:
    """Set a new password with a recovery code, which is used up by it; every device is signed out.

    Takes email, code, password. Raises Invalid, which does not tell whether the address or the code was wrong.
    """
    fields = Fields(raw)
    email = normal_email(str(raw.get("email") or ""))
    password = new_password(fields, email)
    fields.check()
    password_hash = hash_of(password)
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
    codes = [
        "-".join("".join(secrets.choice(CODE_ALPHABET) for _ in range(4)) for _ in range(4))
        for _ in range(CODES_AT_ONCE)
    ]
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
