"""The application as a test calls it, and people with phones: clients that send what a browser sends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from erp import create_app
from erp.domain.account import password as passwords
from erp.domain.account import recovery, sign_in, signing
from erp.domain.dates import local_day
from erp.services import provide, services_of
from erp.settings import Settings
from erp.storage.db import Sessions
from tests.make.clock import NOW, ZONE, Clock

PASSWORD = "a long walk with the dog"
REAL, CHEAP = passwords._hasher, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Phone(FlaskClient):
    """A test client that comes from our own pages; `account_id` and `email` when somebody is signed in."""

    account_id: str = ""
    email: str = ""

    def sign_in_as(self, account_id: str, email: str) -> None:
        """Put the session of an account on this phone, without the price of checking a password."""
        with services_of(self.application).sessions.writing() as session:
            token = sign_in.start(session, UUID(account_id), self.now(), browser="A browser")
            session.commit()
        with self.session_transaction() as cookie:
            cookie["_user_id"] = token
            cookie["_fresh"] = True
            cookie["day"] = self.now().date().isoformat()
            cookie.permanent = True
        self.account_id, self.email = account_id, email

    def now(self) -> datetime:
        """The moment on the clock of the application that this phone calls."""
        return services_of(self.application).clock()

    def htmx(self, path: str, **arguments: object) -> object:
        """POST as htmx does."""
        headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
        return self.post(path, headers=headers, **arguments)  # type: ignore[arg-type]


class CompiledTemplates(BytecodeCache):
    """Templates as one application compiled them, for the next: that takes longer than most tests."""

    def __init__(self) -> None:
        self.compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Hand out what was compiled, unless the template has changed meanwhile."""
        if bucket.key in self.compiled:
            bucket.bytecode_from_string(self.compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self.compiled[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def compiled_routes() -> Iterator[None]:
    """The routes as one application compiled them, for the next: that takes longer than most tests as well."""
    compile_builder = Rule._compile_builder
    compiled: dict[tuple[str, bool], Callable[..., tuple[str, str]]] = {}

    def once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = rule.rule, append_unknown
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", once)
        yield


@pytest.fixture(scope="session")
def templates() -> CompiledTemplates:
    """What the applications of one test process share of their templates."""
    return CompiledTemplates()


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords are hashed as ever, but for next to nothing; tests/unit/account looks at the price of the real ones.

    For each test anew, as the tests of other folders run in the same process.
    """
    monkeypatch.setattr(passwords, "_hasher", CHEAP)
    signing._nobodys_hash.cache_clear()
    yield
    signing._nobodys_hash.cache_clear()


@pytest.fixture
def costly_passwords(cheap_passwords: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords at their real price after all, for a test that measures it; ask for it before anybody signs up."""
    monkeypatch.setattr(passwords, "_hasher", REAL)


@pytest.fixture(scope="session")
def built_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the applications of one test process share the compressed static files."""
    return tmp_path_factory.mktemp("static")


@pytest.fixture
def clock() -> Clock:
    """The application's clock: it goes on from NOW until a test stands it somewhere."""
    return Clock()


@pytest.fixture
def noon(clock: Clock) -> datetime:
    """Noon in ZONE on the day of the tests, with the clock standing there: for a test that needs hours behind it.

    Ask for it first, so that nobody signs up later than that.
    """
    return clock.stand(datetime.combine(local_day(NOW, ZONE), time(12), ZoneInfo(ZONE)).astimezone(UTC))


@pytest.fixture
def app(settings: Settings, built_static: Path, clock: Clock, templates: CompiledTemplates) -> Iterator[Flask]:
    """The application on an empty database that the migrations made."""
    (settings.data / "static").symlink_to(built_static)
    app = create_app(settings, clock)
    app.testing = True
    app.jinja_env.bytecode_cache = templates
    app.test_client_class = Phone
    yield app
    services_of(app).sessions.engine.dispose()


@dataclass
class Waking:
    """A worker that is at work and only notes when it was woken."""

    moments: list[datetime | None] = field(default_factory=list)

    def wake(self, at: datetime | None = None) -> None:
        self.moments.append(at)

    def swept_lately(self) -> bool:
        return True


@pytest.fixture
def woken(app: Flask) -> list[datetime | None]:
    """The moments for which the worker was woken from now on; None is at once."""
    worker = Waking()
    provide(app, replace(services_of(app), worker=worker))
    return worker.moments


@pytest.fixture
def sessions(app: Flask) -> Sessions:
    """Sessions on the application's database, to arrange and to look."""
    found: Sessions = services_of(app).sessions
    return found


@pytest.fixture
def database(sessions: Sessions) -> Iterator[Session]:
    """A session on the application's database that only looks."""
    with sessions.reading() as session:
        yield session


@pytest.fixture
def phone(app: Flask) -> Callable[[], Phone]:
    """Makes phones on which nobody is signed in."""

    def make() -> Phone:
        phone = app.test_client()
        assert isinstance(phone, Phone)
        phone.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
        return phone

    return make


@pytest.fixture
def nobody(phone: Callable[[], Phone]) -> Phone:
    """A phone on which nobody is signed in."""
    return phone()


@pytest.fixture
def person(phone: Callable[[], Phone], sessions: Sessions, clock: Clock) -> Callable[..., Phone]:
    """Makes people with an account, signed in on a phone of their own."""

    def make(name: str, time_zone: str = "Europe/Berlin") -> Phone:
        email = f"{name}@example.org"
        raw = {"email": email, "password": PASSWORD, "display_name": name.capitalize(), "time_zone": time_zone}
        with sessions.writing() as session:
            account, codes = signing.sign_up(session, raw, clock())
            recovery.confirm(session, account.id, clock(), codes[0])
            session.commit()
            account_id = str(account.id)
        made = phone()
        made.sign_in_as(account_id, email)
        return made

    return make


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    """The client whose practice it is."""
    return person("robin")


@pytest.fixture
def other(person: Callable[..., Phone]) -> Phone:
    """Another client, who must see nothing of the first."""
    return person("kim")
