"""The box that encrypts what people write, with the data keys, for one table and column each."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# A token is this byte, the id of its key, a nonce, and the ciphertext with its tag. One of Fernet's begins with "g".
VERSION = b"\x01"
ID_BYTES, NONCE_BYTES = 4, 12
HEAD = len(VERSION) + ID_BYTES


class UnknownKey(InvalidToken):
    """None of the data keys made this token; the message names the key that did, where the token does."""


class Misplaced(InvalidToken):
    """A data key made this token, but for another column, or it was changed since."""


@dataclass(frozen=True, slots=True)
class _Key:
    """A data key: its cipher, and the Fernet of before, for which it was made."""

    id: bytes
    cipher: AESGCM
    fernet: Fernet

    @classmethod
    def of(cls, key: str) -> _Key:
        # A key of its own for the other cipher; what follows it is told to everybody and tells nothing of the key.
        fernet = Fernet(key)
        made = HKDF(SHA256(), length=32 + ID_BYTES, salt=None, info=b"rung data key 1").derive(key.encode())
        return cls(made[32:], AESGCM(made[:32]), fernet)


class Box:
    """Encrypts what people write. The first key encrypts; a token names the key that decrypts it.

    Every token is bound to its `place`, like "fear.name": it opens nowhere else. One box per process, filled by
    `set_keys` before the first row is read or written.
    """

    def __init__(self) -> None:
        self._keys: list[_Key] = []

    def set_keys(self, keys: Sequence[str]) -> None:
        """Take the keys (url-safe base64, 32 bytes each), newest first."""
        self._keys = [_Key.of(key) for key in keys]

    def seal(self, text: str, place: str) -> bytes:
        """The text, encrypted with the newest key for one place."""
        assert self._keys, "the data keys were never set"
        key, nonce = self._keys[0], secrets.token_bytes(NONCE_BYTES)
        return VERSION + key.id + nonce + key.cipher.encrypt(nonce, text.encode(), place.encode())

    def open(self, token: bytes, place: str) -> str:
        """The text behind a token of this place. Raises UnknownKey, Misplaced."""
        assert self._keys, "the data keys were never set"
        if not token.startswith(VERSION):
            return self._open_fernet(token)
        key = next((each for each in self._keys if each.id == token[len(VERSION) : HEAD]), None)
        if key is None:
            raise UnknownKey(token[len(VERSION) : HEAD].hex())
        nonce, sealed = token[HEAD : HEAD + NONCE_BYTES], token[HEAD + NONCE_BYTES :]
        try:
            return key.cipher.decrypt(nonce, sealed, place.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Misplaced from error

    def has_key_of(self, token: bytes) -> bool:
        """Whether one of the data keys made the token, for whatever place."""
        try:
            self.open(token, "")
        except UnknownKey:
            return False
        except Misplaced:
            return True
        return True

    @property
    def head(self) -> bytes:
        """How every token of the newest key begins."""
        return VERSION + self._keys[0].id

    def is_newest(self, token: bytes) -> bool:
        """Whether the newest key made the token, in the form of today."""
        return token[:HEAD] == self.head

    def _open_fernet(self, token: bytes) -> str:
        # These name neither key nor place.
        for key in self._keys:
            try:
                return key.fernet.decrypt(token).decode()
            except InvalidToken:
                continue
        raise UnknownKey


box = Box()
