"""What a browser hands out when somebody allows notifications, and which push services we send to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from erp import base64url
from erp.domain.fields import Fields

# A host, or *. and the end of one: the push services of Chrome, Firefox, Safari and Edge.
KNOWN_HOSTS = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
MAX_ENDPOINT_LENGTH = 2000
# Nothing but what a browser's own serializer leaves in an address: no user, backslash, space, control or other letter.
ENDPOINT = re.compile(
    r"(?P<scheme>https?)://(?P<host>(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63})(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[A-Za-z0-9/?:@!$&'()*+,;=._~%-]*)"
)
DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where one browser of one person takes messages, checked. All of it is secret, so none of it shows in a repr."""

    endpoint: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)

    def stored(self, origin: str) -> dict[str, str]:
        """The JSON that a device's row keeps; `origin` is where the device opens pages."""
        return {
            "endpoint": self.endpoint,
            "p256dh": base64url.encode(self.p256dh),
            "auth": base64url.encode(self.auth),
            "origin": origin,
        }

    @classmethod
    def read(cls, stored: Mapping[str, str]) -> Subscription:
        """The subscription that a row keeps. Keys that are none come back empty, and sending to them is refused."""
        return cls(stored.get("endpoint", ""), _bytes_of(stored.get("p256dh")), _bytes_of(stored.get("auth")))


def parse(raw: Mapping[str, Any], extra: Sequence[str]) -> Subscription:
    """A subscription as `PushSubscription.toJSON()` gives it: endpoint, and keys with p256dh and auth.

    Raises Invalid, keyed endpoint, p256dh, auth. For `extra` see `allowed`.
    """
    fields = Fields(raw)
    endpoint = raw.get("endpoint")
    if not isinstance(endpoint, str) or not allowed(endpoint, extra):
        fields.wrong("endpoint", "not_a_push_service")
    keys = raw.get("keys")
    keys = keys if isinstance(keys, Mapping) else {}
    p256dh, auth = _bytes_of(keys.get("p256dh")), _bytes_of(keys.get("auth"))
    if not _is_point(p256dh):
        fields.wrong("p256dh", "not_a_key")
    if len(auth) != 16:
        fields.wrong("auth", "not_a_key")
    fields.check()
    return Subscription(str(endpoint), p256dh, auth)


def allowed(endpoint: str, extra: Sequence[str]) -> bool:
    """Whether we send to this address: a known push service by https on port 443, or one that `extra` names.

    An address comes from whoever subscribes, and our server would call it. An entry of `extra` is a host
    ("push.example.org", by https on port 443) or a whole origin ("http://127.0.0.1:8123").
    """
    if len(endpoint) > MAX_ENDPOINT_LENGTH:
        return False
    origin = origin_of(endpoint)
    if origin is None:
        return False
    if any(origin == origin_of(f"{entry if '://' in entry else f'https://{entry}'}/") for entry in extra):
        return True
    scheme, _, host = origin.partition("://")
    return scheme == "https" and any(
        host.endswith(known[1:]) if known.startswith("*") else host == known for known in KNOWN_HOSTS
    )


def origin_of(endpoint: str) -> str | None:
    """Scheme, host and port (left out when it is the scheme's own) of an address, or None when it is no plain one."""
    parts = ENDPOINT.fullmatch(endpoint)
    if not parts:
        return None
    scheme, host, port = parts["scheme"], parts["host"], parts["port"]
    return f"{scheme}://{host}" if port in (None, DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


def digest(endpoint: str) -> bytes:
    """SHA-256 of an endpoint: what stands for it where it must be found but not read."""
    return hashlib.sha256(endpoint.encode("utf-8", "surrogatepass")).digest()


def _bytes_of(value: object) -> bytes:
    """The bytes behind base64url text, with or without padding; empty for everything else."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{2,100}={0,2}", value):
        return b""
    try:
        return base64url.decode(value)
    except ValueError:
        return b""


def _is_point(key: bytes) -> bool:
    """Whether these are the 65 bytes of an uncompressed point on P-256."""
    if len(key) != 65 or key[0] != 4:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    except ValueError:
        return False
    return True
