"""Forms that make something, sent again: after a lost answer or a double tap the first one's result is the answer."""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from erp.storage.account import FormResult

KEEP_RESULTS_FOR = timedelta(days=7)
# A page of a version that gave its forms no ids: the same words this soon after each other are one form.
DOUBLE_POST = timedelta(seconds=5)


def digest_of(secret: str, path: str, fields: Sequence[tuple[str, str]]) -> bytes:
    """What tells a form from all others: where it goes, its id, and what it says; changed words are another form.

    Keyed with a secret that is not in the database: nobody who reads that can try which words it was made of.
    """
    return hmac.digest(secret.encode(), json.dumps([path, sorted(fields)]).encode(), "sha256")


def result_of(session: Session, account_id: uuid.UUID, digest: bytes, now: datetime, *, has_id: bool) -> str | None:
    """Where the form led when it was taken before; None when it was not. Without an id that holds for seconds."""
    found = session.get(FormResult, (account_id, digest))
    if found is None:
        return None
    if now - found.at <= (KEEP_RESULTS_FOR if has_id else DOUBLE_POST):
        return found.led_to
    session.delete(found)
    session.flush()
    return None


def keep_result(session: Session, account_id: uuid.UUID, digest: bytes, led_to: str, now: datetime) -> None:
    """Note where the form led, in the transaction of what it made.

    Raises IntegrityError where the same form was taken in this very moment: what was made with it must be undone.
    """
    session.execute(insert(FormResult).values(account_id=account_id, digest=digest, led_to=led_to, at=now))


def tidy(session: Session, now: datetime) -> None:
    """Forget the results of forms that nobody will send again."""
    session.execute(delete(FormResult).where(FormResult.at < now - KEEP_RESULTS_FOR))
