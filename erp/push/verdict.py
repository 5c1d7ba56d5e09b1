"""What an answer of a push service means for the message and for the subscription, and what of it may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from erp.domain.notification.kinds import Outcome
from erp.push.connection import Answer

MAX_WAIT = timedelta(days=1)
SHOWN = 500

# "This subscription was made with another key", in lower case. Google answers 403 and a sentence (today's, an older
# one, and that of GCM), Mozilla 401 with errno 109, which stands for every bad token too, Apple 400 or 403.
OTHER_KEY = (
    "do not correspond to the credentials used to create the subscription",
    "does not correspond to the sender id",
    "mismatchsenderid",
    "vapid public key mismatch",
    "vapidpkhashmismatch",
)
# Apple's 400 for a device that it does not know, or not any more.
UNKNOWN_DEVICE = "badwebpushtoken"
# A token at fault where the status is 400.
BAD_TOKEN = ("badjwttoken", "unauthorizedregistration")
# 406 is Microsoft's "too many".
PASSING = (406, 408, 425, 429)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a message.

    `reason` is accepted, status, key_mismatch, bad_token, too_large, redirect, blocked, timeout, unreachable or reset.
    `status` is None when there was no answer; `retry_after` is what the service asked for, a day at most.
    """

    outcome: Outcome
    reason: str
    status: int | None = None
    retry_after: timedelta | None = None


def result_of(answer: Answer, now: float) -> Result:
    """What an answer means, at `now` (seconds since 1970). In doubt a subscription stays."""
    status, said = answer.status, answer.said.lower()
    wait = _wait(answer.retry_after, now)
    if 200 <= status < 300:
        return Result(Outcome.sent, "accepted", status)
    if status in (404, 410) or (status == 400 and UNKNOWN_DEVICE in said):
        return Result(Outcome.gone, "status", status)
    if status in (400, 401, 403) and any(words in said for words in OTHER_KEY):
        return Result(Outcome.gone, "key_mismatch", status)
    if status in (401, 403) or (status == 400 and any(word in said for word in BAD_TOKEN)):
        return Result(Outcome.later, "bad_token", status, wait)
    if status >= 500 or status in PASSING:
        return Result(Outcome.later, "status", status, wait)
    if status == 413:
        return Result(Outcome.refused, "too_large", status)
    return Result(Outcome.refused, "redirect" if status < 400 else "status", status)


def result_of_failure(error: Exception) -> Result:
    """What it means that no answer came."""
    if isinstance(error, httpx.TimeoutException):
        return Result(Outcome.later, "timeout")
    return Result(Outcome.later, "unreachable" if isinstance(error, httpx.ConnectError) else "reset")


def _wait(retry_after: str | None, now: float) -> timedelta | None:
    """The time that a Retry-After asks to wait, given in seconds or as a date; None when it says neither."""
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", retry_after):
        wait = timedelta(seconds=int(retry_after))
    else:
        try:
            until = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError):
            return None
        wait = until.replace(tzinfo=until.tzinfo or UTC) - datetime.fromtimestamp(now, UTC)
    return min(max(wait, timedelta(0)), MAX_WAIT)


def legible(said: str, endpoint: str) -> str:
    """The beginning of what a service said, on one line, without the endpoint, its parts, or anything like a token."""
    path = endpoint.partition("://")[2].partition("/")[2]
    for secret in sorted({endpoint, path, *re.split(r"[/?&=:]", path)}, key=len, reverse=True):
        if len(secret) >= 8:
            said = said.replace(secret, "…")
    said = re.sub(r"[A-Za-z0-9_%+/=-]{28,}", "…", said)
    printable = "".join(letter if letter.isprintable() else " " for letter in said)
    return " ".join(printable.split())[:SHOWN]
