"""Base64url without padding (RFC 4648, section 5): how keys and digests are written where only text can stand."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(raw: bytes) -> str:
    """The bytes as text of A–Z, a–z, 0–9, - and _."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str) -> bytes:
    """The bytes behind a text, with or without padding; raises ValueError for a length that no bytes give."""
    bare = text.rstrip("=")
    return urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
