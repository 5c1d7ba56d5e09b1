"""The settings: the environment read once into one frozen object, refusing nonsense with a sentence."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from erp import base64url


class BadSetting(Exception):
    """A setting, or the place it points to, cannot be used; the message is one sentence for a person."""


NAME = r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}"
# Where nobody can be reached: Apple refuses every message whose contact is there.
NOWHERE = ("localhost", "local", "invalid")
# A domain reserved for examples: this is nobody's mailbox, and stands in while there is no address to give.
NOBODY = "mailto:rung@example.org"


class SignUp(StrEnum):
    """Who may make an account. Whoever was given the link of an open invitation always may."""

    open = "open"
    invitation = "invitation"
    closed = "closed"


@dataclass(frozen=True)
class VapidKeys:
    """The pair that push services know this installation by: raw P-256, 32 and 65 bytes (uncompressed)."""

    private: bytes = field(repr=False)
    public: bytes

    @property
    def application_server_key(self) -> str:
        """The public key as a browser's `pushManager.subscribe` takes it: base64url without padding."""
        return base64url.encode(self.public)


@dataclass(frozen=True)
class Settings:
    """What the process was told. `data` is the folder of everything that must survive a restart."""

    data: Path
    database_url: str
    secret_keys: tuple[str, ...] = field(repr=False)
    data_keys: tuple[str, ...] = field(repr=False)
    vapid: VapidKeys
    host: str = "127.0.0.1"
    port: int = 8000
    threads: int = 4
    origin: str | None = None
    proxies: int = 0
    limits_storage: str = "memory://"
    attempts: int = 10
    sign_up: SignUp = SignUp.open
    queue: str = "memory://"
    push_hosts: tuple[str, ...] = ()
    contact: str = NOBODY

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read every RUNG_* variable and DATABASE_URL; make the keys on the first start.

        Raises BadSetting with a sentence that names the variable.
        """
        data = Path(environ.get("RUNG_DATA") or "var").absolute()
        _make_folder(data)
        origin = _origin(environ.get("RUNG_ORIGIN"))
        return cls(
            data=data,
            database_url=_database_url(environ.get("DATABASE_URL"), data),
            secret_keys=_keys(environ, "RUNG_SECRET_KEYS", data / "secret.key", _new_secret, _check_secret),
            data_keys=_keys(environ, "RUNG_DATA_KEYS", data / "data.keys", _new_data_key, _check_data_key),
            vapid=_vapid(environ, data / "vapid.key"),
            host=environ.get("RUNG_HOST") or "127.0.0.1",
            port=_number(environ, "RUNG_PORT", 8000, 1, 65535),
            threads=_number(environ, "RUNG_THREADS", 4, 1, 64),
            origin=origin,
            proxies=_number(environ, "RUNG_PROXIES", 0, 0, 9),
            attempts=_number(environ, "RUNG_ATTEMPTS", 10, 1, 100_000),
            sign_up=_sign_up(environ.get("RUNG_SIGN_UP")),
            limits_storage=_limits_storage(environ.get("RUNG_LIMITS_STORAGE")),
            queue=_queue(environ.get("RUNG_QUEUE"), data),
            push_hosts=_push_hosts(environ.get("RUNG_PUSH_HOSTS")),
            contact=_contact(environ.get("RUNG_CONTACT"), origin),
        )


def _make_folder(data: Path) -> None:
    """Make the folder, and let nobody else read what this process writes or what lies in it."""
    os.umask(0o077)
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"The data folder {data} cannot be made: {error.strerror}.") from error
    if not os.access(data, os.W_OK | os.X_OK):
        raise BadSetting(f"The data folder {data} cannot be written to; set RUNG_DATA to one that can.")
    _close(data)


def _close(data: Path) -> None:
    """Take from everybody else what an earlier version let them read; the folder itself stays as it is."""
    with suppress(OSError):
        for path in data.iterdir():
            # SQLite gives the files beside a database the mode of that. What is not ours stays as it is.
            with suppress(OSError):
                if not path.is_symlink() and path.stat().st_mode & 0o077:
                    path.chmod(path.stat().st_mode & 0o700)


def _database_url(value: str | None, data: Path) -> str:
    if not value:
        return f"sqlite:///{data / 'rung.db'}"
    shape = re.fullmatch(r"(?:(sqlite:///)|postgres(?:ql)?(?:\+psycopg)?://)(.+)", value)
    if not shape:
        raise BadSetting("DATABASE_URL must look like sqlite:////folder/rung.db or postgresql://user@host/name.")
    try:
        url = make_url((shape[1] or "postgresql+psycopg://") + shape[2])
    except (ArgumentError, ValueError) as error:
        raise BadSetting("DATABASE_URL is not an address that can be read.") from error
    if shape[1] and url.database:
        url = url.set(database=str(Path(url.database).absolute()))
    return url.render_as_string(hide_password=False)


def _number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = environ.get(name) or str(default)
    if not (value.isascii() and value.isdigit() and low <= int(value) <= high):
        raise BadSetting(f"{name} must be a whole number from {low} to {high}, not {value!r}.")
    return int(value)


def _origin(value: str | None) -> str | None:
    if not value:
        return None
    if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?/?", value, re.ASCII | re.IGNORECASE):
        raise BadSetting(f"RUNG_ORIGIN must look like https://rung.example.org, not {value!r}.")
    return value.rstrip("/").lower()


def _sign_up(value: str | None) -> SignUp:
    try:
        return SignUp(value or SignUp.open)
    except ValueError as error:
        raise BadSetting(f"RUNG_SIGN_UP must be open, invitation or closed, not {value!r}.") from error


def _limits_storage(value: str | None) -> str:
    if not value:
        return "memory://"
    if value.partition("://")[0] not in ("memory", "redis", "rediss", "memcached"):
        raise BadSetting("RUNG_LIMITS_STORAGE must begin with memory:, redis:, rediss: or memcached:.")
    return value


def _queue(value: str | None, data: Path) -> str:
    """Where the worker is woken: a file of its own, or PostgreSQL for several machines."""
    if not value:
        return f"sqlite:///{data / 'queue.db'}"
    if not re.fullmatch(r"(?:sqlite:///|postgres(?:ql)?(?:\+psycopg)?://).+", value):
        raise BadSetting("RUNG_QUEUE must look like sqlite:////folder/queue.db or postgresql://user@host/name.")
    return _database_url(value, data)


def _push_hosts(value: str | None) -> tuple[str, ...]:
    """Hosts (reached by https on port 443) and whole origins, as the guard of endpoints compares them."""
    entries = tuple(entry.rstrip("/").lower() for entry in (value or "").replace(",", " ").split())
    for entry in entries:
        shape = re.fullmatch(rf"https?://{NAME}(?::([1-9][0-9]{{,4}}))?|{NAME}", entry)
        if not shape or int(shape[1] or 0) > 65535:
            raise BadSetting(
                "RUNG_PUSH_HOSTS must hold hosts like push.example.org or origins like https://push.example.org:8443, "
                f"not {entry!r}."
            )
    return entries


def _contact(value: str | None, origin: str | None) -> str:
    """Whom a push service may write to about our messages, as a mailto: or https: URI."""
    if not value:
        return origin if origin and origin.startswith("https:") and _public(origin) else NOBODY
    contact = ""
    if re.fullmatch(rf"(mailto:)?[a-z0-9.+'_-]+@{NAME}", value, re.ASCII | re.IGNORECASE):
        contact = "mailto:" + value[value.find(":") + 1 :]
    elif re.fullmatch(rf"https://{NAME}(:[0-9]{{1,5}})?(/[!-~]*)?", value, re.ASCII | re.IGNORECASE):
        contact = value
    if not _public(contact):
        raise BadSetting(
            "RUNG_CONTACT must be an e-mail address or an https address where a push service can reach somebody, "
            f"so not at localhost, .local or .invalid, and not {value!r}."
        )
    return contact


def _public(uri: str) -> bool:
    """Whether the host of a mailto: or https: URI could be one of the public internet's."""
    host = re.search(rf"(?:@|//)({NAME})", uri, re.ASCII | re.IGNORECASE)
    first, _, last = host[1].lower().rpartition(".") if host else ("", "", "")
    return bool(first) and not last.isdigit() and last not in NOWHERE


def _new_secret() -> str:
    return secrets.token_urlsafe(48)


def _check_secret(key: str) -> str | None:
    return None if len(key) >= 32 else "is shorter than 32 characters"


def _new_data_key() -> str:
    return Fernet.generate_key().decode()


def _check_data_key(key: str) -> str | None:
    try:
        Fernet(key)
    except ValueError:
        return "is not 32 url-safe base64-encoded bytes"
    return None


def _public_of(private: bytes) -> bytes:
    """The public point of a raw private key; raises ValueError when it is none."""
    key = ec.derive_private_key(int.from_bytes(private), ec.SECP256R1())
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _new_vapid_pair() -> str:
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    private = number.to_bytes(32)
    return f"{base64url.encode(private)}\n{base64url.encode(_public_of(private))}"


def _check_vapid_key(key: str) -> str | None:
    sound = re.fullmatch(r"[A-Za-z0-9_-]{43}=?|[A-Za-z0-9_-]{87}=?", key)
    return None if sound else "is not a raw P-256 key in base64url"


def _vapid(environ: Mapping[str, str], path: Path) -> VapidKeys:
    keys = _keys(environ, "RUNG_VAPID_KEYS", path, _new_vapid_pair, _check_vapid_key)
    source = "RUNG_VAPID_KEYS" if environ.get("RUNG_VAPID_KEYS") else str(path)
    raw = [base64url.decode(key) for key in keys]
    if [len(key) for key in raw] != [32, 65]:
        raise BadSetting(f"There must be a private key and then its public key in {source}, and nothing else.")
    try:
        paired = _public_of(raw[0]) == raw[1]
    except ValueError:
        paired = False
    if not paired:
        raise BadSetting(f"The two keys in {source} do not belong together.")
    return VapidKeys(private=raw[0], public=raw[1])


def _keys(
    environ: Mapping[str, str],
    name: str,
    path: Path,
    make: Callable[[], str],
    wrong: Callable[[str], str | None],
) -> tuple[str, ...]:
    """The keys from the variable, else from the file (one a line, newest first), made if it is not there."""
    source, text = name, environ.get(name, "")
    if not text:
        source = str(path)
        _write_once(path, make)
        try:
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(f"The keys in {path} cannot be read.") from error
    keys = tuple(text.replace(",", " ").split())
    if not keys:
        raise BadSetting(f"There is no key in {source}.")
    for number, key in enumerate(keys, 1):
        if reason := wrong(key):
            raise BadSetting(f"Key {number} in {source} {reason}.")
    return keys


def _write_once(path: Path, make: Callable[[], str]) -> None:
    # Linked into place whole, so that two first starts at once agree on one key and neither reads half of it.
    if path.exists():
        return
    try:
        with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=path.parent, prefix=f".{path.name}.") as draft:
            draft.write(make() + "\n")
            draft.flush()
            os.fsync(draft.fileno())
            with suppress(FileExistsError):
                os.link(draft.name, path)
    except OSError as error:
        raise BadSetting(f"The key file {path} cannot be written: {error.strerror}.") from error
