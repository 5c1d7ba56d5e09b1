import base64
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from erp.settings import NOBODY, BadSetting, Settings
from tests.make.patience import PATIENCE

# Fixed, because they stand in the names of tests, which must be the same in every process.
DATA_KEYS = tuple(base64.urlsafe_b64encode(letter * 32).decode() for letter in (b"a", b"b"))
SECRET = "s" * 32


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def public_of(private: int) -> bytes:
    key = ec.derive_private_key(private, ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


PRIVATE, PUBLIC = base64url((7).to_bytes(32)), base64url(public_of(7))


def settings(tmp_path: Path, **environ: str) -> Settings:
    return Settings.from_env({"RUNG_DATA": str(tmp_path / "var")} | environ)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_any_setting_the_data_is_in_var_and_rung_listens_on_this_computer_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    made = Settings.from_env({})
    assert made.data == tmp_path / "var"
    assert made.database_url == f"sqlite:///{tmp_path}/var/rung.db"
    assert (made.host, made.port, made.origin) == ("127.0.0.1", 8000, None)


def test_an_empty_variable_is_like_a_missing_one(tmp_path: Path):
    empty = {
        "DATABASE_URL",
        "RUNG_HOST",
        "RUNG_PORT",
        "RUNG_THREADS",
        "RUNG_ORIGIN",
        "RUNG_PROXIES",
        "RUNG_ATTEMPTS",
        "RUNG_SIGN_UP",
    }
    empty |= {"RUNG_SIGN_UP", "RUNG_LIMITS_STORAGE", "RUNG_SECRET_KEYS", "RUNG_DATA_KEYS"}
    empty |= {"RUNG_VAPID_KEYS", "RUNG_PUSH_HOSTS", "RUNG_CONTACT"}
    assert settings(tmp_path, **dict.fromkeys(empty, "")) == settings(tmp_path)


@pytest.mark.parametrize("scheme", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_every_spelling_of_a_postgresql_address_is_taken(tmp_path: Path, scheme: str):
    address = settings(tmp_path, DATABASE_URL=f"{scheme}rung@db/rung").database_url
    assert address == "postgresql+psycopg://rung@db/rung"


def test_who_may_sign_up_is_everybody_unless_it_is_set(tmp_path: Path):
    assert settings(tmp_path).sign_up == "open"
    for mode in ("open", "invitation", "closed"):
        assert settings(tmp_path, RUNG_SIGN_UP=mode).sign_up == mode


def test_the_public_address_is_kept_as_a_browser_writes_it(tmp_path: Path):
    assert settings(tmp_path, RUNG_ORIGIN="https://Rung.Example.org/").origin == "https://rung.example.org"
    assert settings(tmp_path, RUNG_ORIGIN="http://192.168.1.4:8000").origin == "http://192.168.1.4:8000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNG_PORT", "80a"),
        ("RUNG_PORT", "0"),
        ("RUNG_PORT", "65536"),
        ("RUNG_PORT", "-1"),
        ("RUNG_PORT", "٨٠٨٠"),
        ("RUNG_PORT", "²"),
        ("RUNG_THREADS", "0"),
        ("RUNG_THREADS", "65"),
        ("RUNG_PROXIES", "10"),
        ("RUNG_PROXIES", "one"),
        ("RUNG_ATTEMPTS", "0"),
        ("RUNG_SIGN_UP", "sometimes"),
        ("RUNG_SIGN_UP", "Open"),
        ("RUNG_ORIGIN", "rung.example.org"),
        ("RUNG_ORIGIN", "ftp://rung.example.org"),
        ("RUNG_ORIGIN", "https://"),
        ("RUNG_ORIGIN", "https://rung.example.org/app"),
        ("RUNG_ORIGIN", "https://rung.example.org?x=1"),
        ("RUNG_ORIGIN", "https://["),
        ("DATABASE_URL", "mysql://localhost/rung"),
        ("DATABASE_URL", "var/rung.db"),
        ("DATABASE_URL", "sqlite:rung.db"),
        ("DATABASE_URL", "postgresql://db:port/rung"),
        ("RUNG_LIMITS_STORAGE", "var/limits"),
        ("RUNG_SECRET_KEYS", "too-short"),
        ("RUNG_SECRET_KEYS", f"{SECRET},too-short"),
        ("RUNG_SECRET_KEYS", ","),
        ("RUNG_DATA_KEYS", "not-a-key"),
        ("RUNG_DATA_KEYS", f"{DATA_KEYS[0]} not-a-key"),
        ("RUNG_DATA_KEYS", "é" * 44),
        ("RUNG_VAPID_KEYS", PRIVATE),
        ("RUNG_VAPID_KEYS", PUBLIC),
        ("RUNG_VAPID_KEYS", f"{PUBLIC} {PRIVATE}"),
        ("RUNG_VAPID_KEYS", f"{PRIVATE} {PUBLIC} {PUBLIC}"),
        ("RUNG_VAPID_KEYS", f"{PRIVATE} not-a-key"),
        ("RUNG_VAPID_KEYS", f"{'é' * 43} {PUBLIC}"),
        ("RUNG_VAPID_KEYS", f"{base64url((8).to_bytes(32))} {PUBLIC}"),
        ("RUNG_VAPID_KEYS", f"{base64url(bytes(32))} {PUBLIC}"),
        ("RUNG_VAPID_KEYS", f"{'_' * 43} {PUBLIC}"),
        ("RUNG_PUSH_HOSTS", "*.example.org"),
        ("RUNG_PUSH_HOSTS", "push.example.org, push example/org"),
        ("RUNG_PUSH_HOSTS", "push.example.org:8443"),
        ("RUNG_PUSH_HOSTS", "push..example.org"),
        ("RUNG_PUSH_HOSTS", "https://push.example.org/path"),
        ("RUNG_PUSH_HOSTS", "https://me@push.example.org"),
        ("RUNG_PUSH_HOSTS", "https://push.example.org:65536"),
        ("RUNG_PUSH_HOSTS", "ftp://push.example.org"),
        ("RUNG_PUSH_HOSTS", "https://"),
        ("RUNG_CONTACT", "somebody"),
        ("RUNG_CONTACT", "me@localhost"),
        ("RUNG_CONTACT", "me@rung.local"),
        ("RUNG_CONTACT", "mailto:me@example.invalid"),
        ("RUNG_CONTACT", "me@INVALID"),
        ("RUNG_CONTACT", "me@192.168.1.4"),
        ("RUNG_CONTACT", "me@example.org, you@example.org"),
        ("RUNG_CONTACT", "me@example.org?subject=hello"),
        ("RUNG_CONTACT", "http://example.org"),
        ("RUNG_CONTACT", "https://localhost/about"),
        ("RUNG_CONTACT", "https://rung.local"),
        ("RUNG_CONTACT", "https://me@example.org"),
        ("RUNG_CONTACT", "https://example.org/a b"),
    ],
)
def test_a_bad_setting_is_refused_with_one_sentence_that_names_it(tmp_path: Path, name: str, value: str):
    with pytest.raises(BadSetting) as refused:
        settings(tmp_path, **{name: value})
    sentence = str(refused.value)
    assert name in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNG_DATA_KEYS", "almost-a-key-that-somebody-mistyped"),
        ("RUNG_VAPID_KEYS", "almost-a-key-that-somebody-mistyped"),
        ("RUNG_VAPID_KEYS", f"{PRIVATE} {base64url(public_of(8))}"),
    ],
)
def test_a_refusal_tells_no_key(tmp_path: Path, name: str, value: str):
    with pytest.raises(BadSetting) as refused:
        settings(tmp_path, **{name: value})
    assert "mistyped" not in str(refused.value)
    assert PRIVATE not in str(refused.value)


def test_a_folder_that_cannot_be_made_is_refused_with_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting) as refused:
        Settings.from_env({"RUNG_DATA": str(tmp_path / "file" / "var")})
    assert str(tmp_path / "file" / "var") in str(refused.value)
    assert str(refused.value).endswith(".")


def test_keys_are_made_once_and_only_the_owner_may_read_them(tmp_path: Path):
    first = settings(tmp_path)
    assert settings(tmp_path) == first
    vapid = (base64url(first.vapid.private), base64url(first.vapid.public))
    for name, keys in (("secret.key", first.secret_keys), ("data.keys", first.data_keys), ("vapid.key", vapid)):
        path = tmp_path / "var" / name
        assert mode(path) == 0o600
        assert path.read_text().split() == list(keys)
    assert [path.name for path in (tmp_path / "var").iterdir() if path.name.startswith(".")] == []


def test_in_a_folder_that_others_may_enter_they_read_nothing(tmp_path: Path):
    data = tmp_path / "var"
    data.mkdir()
    data.chmod(0o755)
    os.umask(0o022)
    for name in ("rung.db", "rung.db-wal", "queue.db", "notes.txt"):
        (data / name).write_text("")
    (data / "static").mkdir()
    (tmp_path / "elsewhere").write_text("")
    (data / "link").symlink_to(tmp_path / "elsewhere")
    settings(tmp_path)
    (data / "later.db").write_text("")
    (data / "folder").mkdir()
    for path in data.iterdir():
        if not path.is_symlink():
            assert (path.name, mode(path) & 0o077) == (path.name, 0)
    assert mode(tmp_path / "elsewhere") == 0o644
    assert mode(data) == 0o755


def test_every_installation_has_keys_of_its_own(tmp_path: Path):
    here, there = settings(tmp_path / "here"), settings(tmp_path / "there")
    assert here.secret_keys != there.secret_keys
    assert here.data_keys != there.data_keys
    assert here.vapid != there.vapid


def test_a_key_file_may_hold_several_keys_newest_first(tmp_path: Path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "data.keys").write_text("\n".join(DATA_KEYS))
    assert settings(tmp_path).data_keys == DATA_KEYS
    assert settings(tmp_path, RUNG_DATA_KEYS=", ".join(reversed(DATA_KEYS))).data_keys == DATA_KEYS[::-1]


def test_keys_from_the_environment_leave_no_file(tmp_path: Path):
    keys = {"RUNG_SECRET_KEYS": SECRET, "RUNG_DATA_KEYS": DATA_KEYS[0], "RUNG_VAPID_KEYS": f"{PRIVATE} {PUBLIC}"}
    made = settings(tmp_path, **keys)
    assert (made.secret_keys, made.data_keys) == ((SECRET,), (DATA_KEYS[0],))
    assert (made.vapid.private, made.vapid.public) == ((7).to_bytes(32), public_of(7))
    assert list((tmp_path / "var").iterdir()) == []


@pytest.mark.parametrize("content", ["", "\n\n", "short\n", "\xff\xfe"])
def test_a_key_file_that_was_spoilt_is_refused_and_left_alone(tmp_path: Path, content: str):
    (tmp_path / "var").mkdir()
    path = tmp_path / "var" / "secret.key"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(BadSetting, match=r"secret\.key"):
        settings(tmp_path)
    assert path.read_text(encoding="latin-1") == content


def test_the_pair_that_push_services_know_us_by_is_a_pair_that_a_browser_takes(tmp_path: Path):
    vapid = settings(tmp_path).vapid
    assert (len(vapid.private), len(vapid.public), vapid.public[0]) == (32, 65, 4)
    assert vapid.public == public_of(int.from_bytes(vapid.private))
    assert vapid.application_server_key == base64url(vapid.public)
    assert len(vapid.application_server_key) == 87


def test_a_pair_with_padding_is_the_same_pair(tmp_path: Path):
    padded = settings(tmp_path, RUNG_VAPID_KEYS=f"{PRIVATE}=, {PUBLIC}=")
    assert padded.vapid == settings(tmp_path, RUNG_VAPID_KEYS=f"{PRIVATE} {PUBLIC}").vapid


@pytest.mark.parametrize(
    "content", ["", f"{PRIVATE}\n", f"{PUBLIC}\n{PRIVATE}\n", f"{PRIVATE}\n{base64url(public_of(8))}\n"]
)
def test_a_file_that_holds_no_pair_is_refused_and_left_alone(tmp_path: Path, content: str):
    (tmp_path / "var").mkdir()
    path = tmp_path / "var" / "vapid.key"
    path.write_text(content)
    with pytest.raises(BadSetting, match=r"vapid\.key"):
        settings(tmp_path)
    assert path.read_text() == content


def test_hosts_that_may_be_pushed_to_are_kept_as_addresses_write_them(tmp_path: Path):
    given = "push.Example.org, http://127.0.0.1:8123/ https://ntfy.example.org:8443"
    hosts = ("push.example.org", "http://127.0.0.1:8123", "https://ntfy.example.org:8443")
    assert settings(tmp_path, RUNG_PUSH_HOSTS=given).push_hosts == hosts
    assert settings(tmp_path).push_hosts == ()


@pytest.mark.parametrize(
    ("given", "contact"),
    [
        ("me@example.org", "mailto:me@example.org"),
        ("mailto:me.and+you@mail.example.org", "mailto:me.and+you@mail.example.org"),
        ("https://example.org/about?who=me", "https://example.org/about?who=me"),
        ("me@xn--bcher-kva.xn--p1ai", "mailto:me@xn--bcher-kva.xn--p1ai"),
    ],
)
def test_the_contact_for_push_services_is_kept_as_an_address_with_its_scheme(tmp_path: Path, given: str, contact: str):
    assert settings(tmp_path, RUNG_CONTACT=given, RUNG_ORIGIN="https://rung.example.org").contact == contact


@pytest.mark.parametrize(
    ("origin", "contact"),
    [
        ("https://rung.example.org", "https://rung.example.org"),
        ("https://rung.example.org:8443", "https://rung.example.org:8443"),
        ("http://rung.example.org", NOBODY),
        ("https://rung.local", NOBODY),
        ("https://localhost:8443", NOBODY),
        ("https://192.168.1.4", NOBODY),
        ("", NOBODY),
    ],
)
def test_without_a_contact_it_is_the_public_address_where_there_is_one(tmp_path: Path, origin: str, contact: str):
    assert settings(tmp_path, RUNG_ORIGIN=origin).contact == contact


def test_no_key_shows_in_what_is_printed(tmp_path: Path):
    made = settings(tmp_path)
    assert made.secret_keys[0] not in repr(made)
    assert made.data_keys[0] not in repr(made)
    assert repr(made.vapid.private)[2:-1] not in repr(made)


def test_first_starts_at_the_same_moment_agree_on_the_keys(tmp_path: Path):
    script = "from erp.settings import Settings; made = Settings.from_env(); "
    script += "print(made.secret_keys, made.data_keys, made.vapid)"
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"RUNG_DATA": str(tmp_path / "var")},
            cwd=Path(__file__).parents[2],
        )
        for _ in range(4)
    ]
    answers = {start.communicate(timeout=PATIENCE)[0] for start in starts}
    assert [start.returncode for start in starts] == [0, 0, 0, 0]
    assert len(answers) == 1


def test_so_do_first_starts_that_have_the_same_process_id_and_no_draft_is_left(tmp_path: Path):
    ready = Barrier(4)

    def start(_number: int) -> tuple[object, ...]:
        ready.wait(10)
        made = Settings.from_env({"RUNG_DATA": str(tmp_path / "var")})
        return made.secret_keys, made.data_keys, made.vapid.private

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, range(4)))) == 1
    assert not [path for path in (tmp_path / "var").iterdir() if path.name.startswith(".")]
