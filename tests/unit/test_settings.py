import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from erp.settings import BadSetting, Settings

# Fixed, because they stand in the names of tests, which must be the same in every process.
DATA_KEYS = tuple(base64.urlsafe_b64encode(letter * 32).decode() for letter in (b"a", b"b"))
SECRET = "s" * 32


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
    empty = {"DATABASE_URL", "RUNG_HOST", "RUNG_PORT", "RUNG_THREADS", "RUNG_ORIGIN", "RUNG_PROXIES", "RUNG_ATTEMPTS"}
    empty |= {"RUNG_LIMITS_STORAGE", "RUNG_SECRET_KEYS", "RUNG_DATA_KEYS"}
    assert settings(tmp_path, **dict.fromkeys(empty, "")) == settings(tmp_path)


@pytest.mark.parametrize("scheme", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_every_spelling_of_a_postgresql_address_is_taken(tmp_path: Path, scheme: str):
    address = settings(tmp_path, DATABASE_URL=f"{scheme}rung@db/rung").database_url
    assert address == "postgresql+psycopg://rung@db/rung"


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
    ],
)
def test_a_bad_setting_is_refused_with_one_sentence_that_names_it(tmp_path: Path, name: str, value: str):
    with pytest.raises(BadSetting) as refused:
        settings(tmp_path, **{name: value})
    sentence = str(refused.value)
    assert name in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_refusal_tells_no_key(tmp_path: Path):
    with pytest.raises(BadSetting) as refused:
        settings(tmp_path, RUNG_DATA_KEYS="almost-a-key-that-somebody-mistyped")
    assert "mistyped" not in str(refused.value)


def test_a_folder_that_cannot_be_made_is_refused_with_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting) as refused:
        Settings.from_env({"RUNG_DATA": str(tmp_path / "file" / "var")})
    assert str(tmp_path / "file" / "var") in str(refused.value)
    assert str(refused.value).endswith(".")


def test_keys_are_made_once_and_only_the_owner_may_read_them(tmp_path: Path):
    first = settings(tmp_path)
    assert settings(tmp_path) == first
    for name, keys in (("secret.key", first.secret_keys), ("data.keys", first.data_keys)):
        path = tmp_path / "var" / name
        assert mode(path) == 0o600
        assert path.read_text().split() == list(keys)
    assert [path.name for path in (tmp_path / "var").iterdir() if path.name.startswith(".")] == []


def test_every_installation_has_keys_of_its_own(tmp_path: Path):
    here, there = settings(tmp_path / "here"), settings(tmp_path / "there")
    assert here.secret_keys != there.secret_keys
    assert here.data_keys != there.data_keys


def test_a_key_file_may_hold_several_keys_newest_first(tmp_path: Path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "data.keys").write_text("\n".join(DATA_KEYS))
    assert settings(tmp_path).data_keys == DATA_KEYS
    assert settings(tmp_path, RUNG_DATA_KEYS=", ".join(reversed(DATA_KEYS))).data_keys == DATA_KEYS[::-1]


def test_keys_from_the_environment_leave_no_file(tmp_path: Path):
    made = settings(tmp_path, RUNG_SECRET_KEYS=SECRET, RUNG_DATA_KEYS=DATA_KEYS[0])
    assert (made.secret_keys, made.data_keys) == ((SECRET,), (DATA_KEYS[0],))
    assert list((tmp_path / "var").iterdir()) == []


@pytest.mark.parametrize("content", ["", "\n\n", "short\n", "\xff\xfe"])
def test_a_key_file_that_was_spoilt_is_refused_and_left_alone(tmp_path: Path, content: str):
    (tmp_path / "var").mkdir()
    path = tmp_path / "var" / "secret.key"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(BadSetting, match=r"secret\.key"):
        settings(tmp_path)
    assert path.read_text(encoding="latin-1") == content


def test_no_key_shows_in_what_is_printed(tmp_path: Path):
    made = settings(tmp_path)
    assert made.secret_keys[0] not in repr(made)
    assert made.data_keys[0] not in repr(made)


def test_first_starts_at_the_same_moment_agree_on_the_keys(tmp_path: Path):
    script = "from erp.settings import Settings; made = Settings.from_env(); print(made.secret_keys, made.data_keys)"
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
    answers = {start.communicate(timeout=30)[0] for start in starts}
    assert [start.returncode for start in starts] == [0, 0, 0, 0]
    assert len(answers) == 1
