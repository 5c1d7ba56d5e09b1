"""Sending a message to a push service, and what became of it. The only room that knows Web Push and its HTTP.

An endpoint is a secret (whoever has it can send to that phone), so nothing here may tell it, or a part of it, to a log.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from webpush import VAPID, WebPush, WebPushSubscription
from webpush.types import WebPushKeys

from erp import base64url
from erp.domain.notification.kinds import Outcome, Urgency
from erp.domain.notification.subscription import Subscription, allowed, origin_of
from erp.push.connection import BROKEN, Connection
from erp.push.verdict import Result, legible, result_of, result_of_failure
from erp.settings import VapidKeys

__all__ = ["Message", "Outcome", "Push", "Result"]

log = logging.getLogger("rung.push")

LARGEST_PAYLOAD = 2048
MAX_TTL = 28 * 24 * 60 * 60
URGENCIES = tuple(Urgency)
TOKEN_LIFE = 12 * 60 * 60
TOKEN_MARGIN = 60 * 60
COMPLAINT_EVERY = 60 * 60


@dataclass(frozen=True, slots=True)
class Message:
    """What to send: JSON of at most 2048 bytes, kept by the service for `ttl` seconds while the phone sleeps.

    A later message with the same topic (at most 32 base64url characters) replaces one that still waits there.
    Raises ValueError for anything else, which would be our own mistake.
    """

    payload: bytes
    ttl: int
    urgency: str = Urgency.normal
    topic: str | None = None

    def __post_init__(self) -> None:
        if len(self.payload) > LARGEST_PAYLOAD:
            raise ValueError(f"the payload has {len(self.payload)} bytes, more than {LARGEST_PAYLOAD}")
        if not 0 <= self.ttl <= MAX_TTL:
            raise ValueError(f"the time to live of {self.ttl} s is not between 0 and {MAX_TTL}")
        if self.urgency not in URGENCIES:
            raise ValueError(f"the urgency {self.urgency!r} is none of {', '.join(URGENCIES)}")
        if self.topic is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", self.topic):
            raise ValueError(f"the topic {self.topic!r} is not 1 to 32 base64url characters")

    def headers(self) -> dict[str, str]:
        """The headers with which a service handles this message (RFC 8030)."""
        headers = {"ttl": str(self.ttl), "urgency": self.urgency}
        return headers if self.topic is None else headers | {"topic": self.topic}

    def padded(self) -> bytes:
        """The payload, filled up with the spaces that JSON allows at its end: all messages have one size."""
        return self.payload.ljust(LARGEST_PAYLOAD)


class Push:
    """Sends messages, from as many threads as there are. One is enough for a process; close() it at the end."""

    def __init__(
        self,
        keys: VapidKeys,
        contact: str,
        hosts: Sequence[str],
        timeout: float = 10,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`contact` is a mailto: or https: URI; `hosts` are allowed beyond the known push services.

        No message takes longer than `timeout` seconds, not counting the system's look-up of a name. The clock gives
        seconds since 1970.
        """
        key = ec.derive_private_key(int.from_bytes(keys.private), ec.SECP256R1())
        self._webpush = WebPush(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            subscriber=contact,
            expiration=TOKEN_LIFE,
        )
        self._tokens = self._webpush.vapid = Tokens(key, keys.application_server_key, clock)
        self._hosts = tuple(hosts)
        self._timeout = timeout
        self._clock = clock
        self._tls = httpx.create_ssl_context(trust_env=False)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False
        self._quiet_until = 0.0

    def send(self, subscription: Subscription, message: Message) -> Result:
        """Encrypt the message, hand it to the push service of the subscription, and say what became of it.

        Whatever the network and the service do is a Result. A subscription whose keys parse() never saw may raise
        ValueError.
        """
        endpoint = subscription.endpoint
        if not allowed(endpoint, self._hosts):
            log.warning("An endpoint that is not at an allowed push service was not called")
            return Result(Outcome.refused, "blocked")
        service = str(origin_of(endpoint)).partition("://")[2]
        body, headers = self.prepare(subscription, message)
        try:
            with self._connection() as connection:
                answer = connection.post(endpoint, body, headers, self._timeout)
        except BROKEN as error:
            result = result_of_failure(error)
            log.warning("%s did not answer: %s (%s)", service, result.reason, type(error).__name__)
            return result
        result = result_of(answer, self._clock())
        if result.outcome is not Outcome.sent:
            shown = legible(answer.said, endpoint)
            log.warning("%s answered %d, %s: %s", service, answer.status, result.reason, shown)
            if result.reason == "bad_token":
                self._tokens.forget(endpoint)
                self._complain(service, shown)
        return result

    def close(self) -> None:
        """Close every connection; one that is in use closes when its message is done."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def prepare(self, subscription: Subscription, message: Message) -> tuple[bytes, dict[str, str]]:
        """The encrypted body of the request that takes the message to the subscription, and its signed headers."""
        keys = WebPushKeys.model_construct(
            auth=base64url.encode(subscription.auth), p256dh=base64url.encode(subscription.p256dh)
        )
        # `model_construct` validates nothing: pydantic would write the endpoint anew, and refuse some that are allowed.
        target = WebPushSubscription.model_construct(endpoint=subscription.endpoint, keys=keys)
        # Options given to the shared object would stick to it and reach the messages of other threads.
        made = self._webpush.get(message.padded(), target)
        return made.encrypted, dict(made.headers) | message.headers()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection for one message, the one used last if there is any; it is kept unless something went wrong."""
        with self._lock:
            connection = self._idle.pop() if self._idle else Connection(self._tls)
        kept = False
        try:
            yield connection
            with self._lock:
                kept = connection.clean and not self._closed
                if kept:
                    self._idle.append(connection)
        finally:
            if not kept:
                connection.close()

    def _complain(self, service: str, shown: str) -> None:
        """Say loudly, once an hour at most, that it is us whom a push service refuses."""
        now = self._clock()
        with self._lock:
            quiet = now < self._quiet_until
            if not quiet:
                self._quiet_until = now + COMPLAINT_EVERY
        if not quiet:
            log.error(
                "%s refuses our token, and nobody who uses it is notified: look at RUNG_CONTACT, RUNG_VAPID_KEYS and "
                "the clock of this machine. It said: %s",
                service,
                shown,
            )


class Tokens(VAPID):
    """The library's VAPID with a key object instead of PEM, whose token for a push service serves until it is old."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, public: str, clock: Callable[[], float]) -> None:
        self._key = key
        self._public = public
        self._clock = clock
        self._lock = threading.Lock()
        self._made: dict[str, tuple[str, float]] = {}

    def get_authorization_header(self, endpoint: str, subscriber: str, expiration: int) -> str:
        """The header for an endpoint; `subscriber` is a whole URI, `expiration` the life of a token in seconds."""
        origin = str(origin_of(endpoint))
        with self._lock:
            now = self._clock()
            header, until = self._made.get(origin, ("", 0.0))
            if now >= until:
                claims = {"aud": origin, "exp": int(now) + expiration, "sub": subscriber}
                header = f"vapid t={jwt.encode(claims, self._key, algorithm='ES256')}, k={self._public}"
                self._made = {name: made for name, made in self._made.items() if now < made[1]}
                self._made[origin] = header, now + expiration - TOKEN_MARGIN
            return header

    def forget(self, endpoint: str) -> None:
        """Sign afresh for this service next time: a token that was signed while the clock was wrong stays wrong."""
        with self._lock:
            self._made.pop(str(origin_of(endpoint)), None)
