"""Where a person is signed in: a row for each browser, which its cookie names by an unguessable token.

A sign-in ends at once when its row says so, after IDLE without a visit, and after LIFETIME in any case.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from erp.domain.account.account import PERSON_COLUMNS, Person
from erp.domain.account.address import former_email, normal_email
from erp.domain.errors import NotFound
from erp.domain.limits import MAX_SIGN_INS
from erp.storage.account import Account, SignIn
from erp.storage.db import table_of
from erp.storage.notification import Device

IDLE = timedelta(days=90)
LIFETIME = timedelta(days=365)
MAX_BROWSER_NAME = 80


@dataclass(frozen=True, slots=True)
class SignInView:
    """A sign-in for its person's page; `here`: it is the one that looks at it."""

    id: uuid.UUID
    browser: str
    made_at: datetime
    seen_at: datetime
    here: bool


_sign_in = table_of(SignIn).c
PERSON_AT: Select[Any] = (
    select(_sign_in.id, *PERSON_COLUMNS)
    .join_from(table_of(SignIn), table_of(Account), table_of(Account).c.id == _sign_in.account_id)
    .where(
        _sign_in.digest == bindparam("digest"),
        _sign_in.ended_at.is_(None),
        _sign_in.seen_at > bindparam("idle_since"),
        _sign_in.made_at > bindparam("made_since"),
    )
)


def person_at(session: Session, token: str, now: datetime) -> tuple[uuid.UUID, Person] | None:
    """The sign-in that a cookie's token names and its person; None where it has ended, or there was none."""
    values = {"digest": digest(token), "idle_since": now - IDLE, "made_since": now - LIFETIME}
    row = session.connection().execute(PERSON_AT, values).first()
    return None if row is None else (row[0], Person(*row[1:]))


def was_at(session: Session, token: str, email: str) -> bool:
    """Whether a cookie's token is, or was until it ended, a sign-in to the account of this address."""
    named = select(SignIn.id).join(Account, Account.id == SignIn.account_id)
    named = named.where(SignIn.digest == digest(token), Account.email.in_((normal_email(email), former_email(email))))
    return session.scalar(named) is not None


def start(session: Session, account_id: uuid.UUID, now: datetime, *, browser: str, token: str | None = None) -> str:
    """Sign a person in on a browser; the token for its cookie, a fresh one unless it is given."""
    token = token or secrets.token_urlsafe(32)
    _make_room(session, account_id)
    named = browser[:MAX_BROWSER_NAME]
    session.add(SignIn(account_id=account_id, digest=digest(token), browser=named, made_at=now, seen_at=now))
    session.flush()
    return token


def adopt(session: Session, account_id: uuid.UUID, epoch: str, token: str, now: datetime, *, browser: str) -> bool:
    """Sign in once whoever comes with a cookie of before there were rows; whether they are.

    `token` is made of that cookie, so that it serves for one sign-in: what ended it ends that cookie as well.
    """
    if _is_at(session, account_id, token, now):
        return True
    account = session.get(Account, account_id)
    if account is None or str(account.session_epoch) != epoch:
        return False
    try:
        with session.begin_nested():
            start(session, account_id, now, browser=browser, token=token)
    except IntegrityError:  # it was here before: it has ended, or another request of this page was quicker
        return _is_at(session, account_id, token, now)
    return True


def _is_at(session: Session, account_id: uuid.UUID, token: str, now: datetime) -> bool:
    found = person_at(session, token, now)
    return found is not None and found[1].id == account_id


def seen(session: Session, sign_in_id: uuid.UUID, now: datetime) -> None:
    """Note that a sign-in is in use."""
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(seen_at=now))


def carries(session: Session, sign_in_id: uuid.UUID, device_id: uuid.UUID) -> None:
    """Note that the browser of a sign-in is that device."""
    session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(device_id=device_id))


def sign_ins_of(session: Session, account_id: uuid.UUID, here: uuid.UUID, now: datetime) -> list[SignInView]:
    """Where the person is signed in: this browser first, then the latest."""
    live = _live(account_id).where(SignIn.seen_at > now - IDLE, SignIn.made_at > now - LIFETIME)
    rows = session.scalars(live.order_by(SignIn.id != here, SignIn.seen_at.desc(), SignIn.id))
    return [SignInView(row.id, row.browser, row.made_at, row.seen_at, row.id == here) for row in rows]


def end(session: Session, account_id: uuid.UUID, sign_in_id: uuid.UUID, now: datetime, *, forget: bool = True) -> None:
    """End one of the person's sign-ins, and notify its browser no more unless it stays theirs (`forget` is False).

    Cookies of before there were rows are worthless from then on: nobody can tell of which browser they are copies.
    Raises NotFound where it is none of theirs; one that has ended stays ended.
    """
    row = session.get(SignIn, sign_in_id)
    if row is None or row.account_id != account_id:
        raise NotFound
    row.ended_at = row.ended_at or now
    if forget:
        epoch = update(Account).where(Account.id == account_id)
        session.execute(epoch.values(session_epoch=Account.session_epoch + 1))
        session.execute(delete(Device).where(Device.id == row.device_id, Device.account_id == account_id))


def tidy(session: Session, now: datetime) -> None:
    """Forget the sign-ins that cannot come back: those that ended are kept while a cookie of before could be."""
    over = or_(SignIn.ended_at < now - IDLE, SignIn.seen_at < now - 2 * IDLE, SignIn.made_at < now - LIFETIME - IDLE)
    session.execute(delete(SignIn).where(over))


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _live(account_id: uuid.UUID) -> Select[SignIn]:
    return select(SignIn).where(SignIn.account_id == account_id, SignIn.ended_at.is_(None))


def _make_room(session: Session, account_id: uuid.UUID) -> None:
    surplus = _live(account_id).order_by(SignIn.seen_at.desc(), SignIn.id).offset(MAX_SIGN_INS - 1)
    for row in session.scalars(surplus):
        session.delete(row)
