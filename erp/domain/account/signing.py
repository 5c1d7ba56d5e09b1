"""Signing up and signing in."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from erp.domain.account.account import zone_of
from erp.domain.account.address import EMAIL, MAX_EMAIL, former_email, normal_email
from erp.domain.account.password import hash_of, matches, new_password
from erp.domain.account.recovery import new_codes
from erp.domain.dates import local_day
from erp.domain.errors import Conflict
from erp.domain.fields import Fields
from erp.storage.account import Account
from erp.storage.practice import PracticeTotals


def sign_up(session: Session, raw: Mapping[str, Any], now: datetime) -> tuple[Account, list[str]]:
    """A new account and its recovery codes, which are readable only now.

    Takes email, password, display_name, time_zone. Raises Invalid, or Conflict when the address is taken.
    """
    fields = Fields(raw)
    email = _email(fields)
    password = new_password(fields, email)
    name = fields.text("display_name", 80, required=True)
    zone = zone_of(fields)
    fields.check()
    hash_ = hash_of(password)
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


def _email(fields: Fields) -> str:
    email = normal_email(fields.text("email", MAX_EMAIL, required=True))
    if len(email) > MAX_EMAIL or (email and not EMAIL.fullmatch(email)):
        fields.wrong("email", "not_an_email")
    return email


def sign_in(session: Session, email: str, password: str) -> Account | None:
    """The account of an address and its password, or None; both cases take the same time."""
    account = account_at(session, email)
    hash_ = account.password_hash if account else _nobodys_hash()
    if not matches(hash_, password) or account is None:
        return None
    return account


def account_at(session: Session, email: str) -> Account | None:
    """The account of an address, however it is typed; of two that are one but for the spelling, the one spelt so."""
    former, normal = former_email(email), normal_email(email)
    known = select(Account).where(Account.email.in_((former, normal))).order_by(Account.email != former)
    return session.scalars(known).first()


@cache
def _nobodys_hash() -> str:
    return hash_of(secrets.token_urlsafe())
