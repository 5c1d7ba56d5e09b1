"""The settings: the environment read once into one frozen object, refusing nonsense with a sentence."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError


class BadSetting(Exception):
    """A setting, or the place it points to, cannot be used; the message is one sentence for a person."""


@dataclass(frozen=True)
class Settings:
    """What the process was told. `data` is the folder of everything that must survive a restart."""

    data: Path
    database_url: str
    secret_keys: tuple[str, ...] = field(repr=False)
    data_keys: tuple[str, ...] = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    threads: int = 4
    origin: str | None = None
    proxies: int = 0
    limits_storage: str = "memory://"
    attempts: int = 10

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read every RUNG_* variable and DATABASE_URL; make the keys on the first start.

        Raises BadSetting with a sentence that names the variable.
        """
        data = Path(environ.get("RUNG_DATA") or "var").absolute()
        _make_folder(data)
        return cls(
            data=data,
            database_url=_database_url(environ.get("DATABASE_URL"), data),
            secret_keys=_keys(environ, "RUNG_SECRET_KEYS", data / "secret.key", _new_secret, _check_secret),
            data_keys=_keys(environ, "RUNG_DATA_KEYS", data / "data.keys", _new_data_key, _check_data_key),
            host=environ.get("RUNG_HOST") or "127.0.0.1",
            port=_number(environ, "RUNG_PORT", 8000, 1, 65535),
            threads=_number(environ, "RUNG_THREADS", 4, 1, 64),
            origin=_origin(environ.get("RUNG_ORIGIN")),
            proxies=_number(environ, "RUNG_PROXIES", 0, 0, 9),
            attempts=_number(environ, "RUNG_ATTEMPTS", 10, 1, 100_000),
            limits_storage=_limits_storage(environ.get("RUNG_LIMITS_STORAGE")),
        )


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"The data folder {data} cannot be made: {error.strerror}.") from error
    if not os.access(data, os.W_OK | os.X_OK):
        raise BadSetting(f"The data folder {data} cannot be written to; set RUNG_DATA to one that can.")


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
    if not re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?/?", value, re.IGNORECASE):
        raise BadSetting(f"RUNG_ORIGIN must look like https://rung.example.org, not {value!r}.")
    return value.rstrip("/").lower()


def _limits_storage(value: str | None) -> str:
    if not value:
        return "memory://"
    if value.partition("://")[0] not in ("memory", "redis", "rediss", "memcached"):
        raise BadSetting("RUNG_LIMITS_STORAGE must begin with memory:, redis:, rediss: or memcached:.")
    return value


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
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    except OSError as error:
        raise BadSetting(f"The key file {path} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
