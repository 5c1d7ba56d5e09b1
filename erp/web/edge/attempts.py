"""Counting the tries that failed, by place and by account, and holding up who fails often: docs/security.md, Attempts.

`begin` comes before a password, a code or a link is looked at; `failed` after it did not fit. What fits counts nowhere
but among all tries of a place. Keys hold a digest of the address and never the address itself, and no space, which
memcached refuses.
"""

from __future__ import annotations

import hmac
import math
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Protocol, cast

from flask import Flask, current_app, session
from limits.storage import storage_from_string

from erp import base64url
from erp.domain.account import sign_in
from erp.domain.account.address import normal_email
from erp.services import services
from erp.settings import Settings
from erp.web.edge.log import Event, note
from erp.web.edge.request import client_network

WINDOW, DAY = 15 * 60, 24 * 60 * 60  # seconds
# As multiples of RUNG_ATTEMPTS.
FAILURES_OF_A_PLACE, FREE_FAILURES_A_DAY, TRIES_OF_A_PLACE = 4, 5, 100
MAX_KEPT = 20_000
KNOWN, MAX_KNOWN = "known", 3
NAME = "rung-attempts"


class Kind(StrEnum):
    """What is tried: the password or a recovery code at the door, the current password inside, or an invitation."""

    password = auto()
    code = auto()
    current = auto()
    invitation = auto()


class TooMany(Exception):
    """Too many tries: the next is looked at in `wait` seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait


class Counts(Protocol):
    """Counters that run out; the storages of `limits` are such, and so is Memory."""

    def incr(self, key: str, expiry: int) -> int:
        """Count one more; a counter that was not there runs out in `expiry` seconds."""

    def get(self, key: str) -> int:
        """The count, 0 where there is none."""

    def get_expiry(self, key: str) -> float:
        """When a counter runs out, in seconds since 1970."""


class Memory:
    """Counters of this process, MAX_KEPT at most: where more are needed, the smallest give way."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def incr(self, key: str, expiry: int) -> int:
        with self._lock:
            count, until = self._live(key) or (0, time.time() + expiry)
            if not count and len(self._kept) >= MAX_KEPT:
                self._make_room()
            self._kept[key] = count + 1, until
            return count + 1

    def get(self, key: str) -> int:
        live = self._live(key)
        return live[0] if live else 0

    def get_expiry(self, key: str) -> float:
        live = self._live(key)
        return live[1] if live else time.time()

    def _live(self, key: str) -> tuple[int, float] | None:
        kept = self._kept.get(key)
        return kept if kept and kept[1] > time.time() else None

    def _make_room(self) -> None:
        now = time.time()
        live = sorted((count, until, key) for key, (count, until) in self._kept.items() if until > now)
        self._kept = {key: (count, until) for count, until, key in live[-MAX_KEPT * 3 // 4 :]}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. `limits`: how many failures each counter allows; `slowed`: whose failures slow it down, over a day."""

    counts: Counts
    limits: Sequence[tuple[str, int]]
    slowed: str | None

    def failed(self) -> None:
        """Count a try that did not fit."""
        note(Event.failed)
        for key, _allowed in self.limits:
            self.counts.incr(key, WINDOW)
        if self.slowed is None:
            return
        surplus = self.counts.incr(f"day/{self.slowed}", DAY) - _times(FREE_FAILURES_A_DAY)
        if surplus >= 0:
            self.counts.incr(f"wait/{self.slowed}", min(2 ** min(surplus, 10), WINDOW))

    def check(self, tries: str) -> None:
        """Count among all tries, and raise TooMany where one of the counters is full."""
        full = [key for key, allowed in self.limits if self.counts.get(key) >= allowed]
        if self.slowed and self.counts.get(f"wait/{self.slowed}"):
            full.append(f"wait/{self.slowed}")
        if self.counts.incr(tries, WINDOW) > _times(TRIES_OF_A_PLACE):
            full.append(tries)
        if full:
            until = max(self.counts.get_expiry(key) for key in full)
            raise TooMany(max(1, math.ceil(until - time.time())))


def install(app: Flask, settings: Settings) -> None:
    """Give an application its counters: in this process, or where RUNG_LIMITS_STORAGE says."""
    shared = not settings.limits_storage.startswith("memory:")
    app.extensions[NAME] = storage_from_string(settings.limits_storage) if shared else Memory()


def begin(kind: Kind, email: str | None = None, *, signed_in: bool = False) -> Attempt:
    """Begin a try at an account by its address, or at a link; raises TooMany where it has to wait.

    A browser that has been signed in to the account has counters of its own, wherever it is, and so has who is signed
    in: nobody at the door holds them up.
    """
    place = client_network()
    # Who stands at the door may try either: both are counted as one.
    door = Kind.password if kind == Kind.code else kind
    limits, crowd, slowed = [(f"place/{door}/{place}", _times(FAILURES_OF_A_PLACE))], place, None
    if email is not None:
        who, browser = f"{door}/{_digest(email)}", _known_as(email)
        # Without the place: who has the browser, or a copy of its cookie, would else have as many tries as places.
        own = f"known/{who}/{browser}" if browser else f"{who}/{place}"
        limits.append((own, _times(1)))
        if kind == Kind.current:
            # Inside every browser is known: only all of them together bound who has come into several.
            slowed = who
        elif kind == Kind.password:
            slowed = own if browser else who
        # No rate of guessing finds a code, so nobody's failures keep its owner from using it.
        if browser or signed_in:
            limits, crowd = limits[1:], own
    attempt = Attempt(cast(Counts, current_app.extensions[NAME]), limits, slowed)
    attempt.check(f"tries/{crowd}")
    return attempt


def _known_as(email: str) -> str | None:
    """What tells this browser from others that have been signed in to the account; None where it has not been."""
    nonce = _nonces().get(_digest(email))
    if nonce:
        return nonce
    token = session.get("_user_id")
    if token is None:
        return None
    # A session that only reads: a password is checked with no lock held.
    with services().sessions.reading() as reading:
        return _digest(token) if sign_in.was_at(reading, token, email) else None


def remember(email: str, *, anew: bool = True) -> None:
    """Note that this browser has been signed in to the account with this address; it stays noted after the sign-out.

    `anew`: by a nonce that no copy of its cookie has. Only who knows the password gets one, so that nobody else has
    more tries by it.
    """
    digest, nonces = _digest(email), _nonces()
    kept = nonces.pop(digest, None)
    nonce = secrets.token_urlsafe(9) if anew or not kept else kept
    others = [f"{each}.{its}" for each, its in nonces.items()]
    session[KNOWN] = [f"{digest}.{nonce}", *others][:MAX_KNOWN]


def _nonces() -> dict[str, str]:
    """The nonces of this browser's cookie, each by the digest of the address that it is for, the latest first."""
    parted = (entry.partition(".") for entry in session.get(KNOWN, ()))
    return {digest: nonce for digest, _dot, nonce in parted}


def _times(factor: int) -> int:
    return services().settings.attempts * factor


def _digest(email: str) -> str:
    secret = services().settings.secret_keys[0].encode()
    named = b"known " + normal_email(email)[:254].encode("utf-8", "replace")
    return base64url.encode(hmac.digest(secret, named, "sha256")[:12])
