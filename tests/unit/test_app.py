import http.client
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.make.patience import PATIENCE
from tests.make.ports import free_port
from tests.make.server import ROOT, environment, status, wait_for

pytestmark = pytest.mark.slow

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `python app.py` with its data under the test's own folder; what still runs at the end is ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(**environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=environment(**({"RUNG_DATA": str(tmp_path / "var")} | environ)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def refusal(process: subprocess.Popen[str]) -> str:
    """The one sentence with which a start was refused."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert out == ""
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1, err
    return err.strip()


def test_one_command_makes_the_database_and_serves_and_ctrl_c_ends_it_cleanly(start: Start, tmp_path: Path):
    port = free_port()
    process = start(RUNG_PORT=str(port))
    wait_for(port, process)
    assert status(port, "/readyz") == 200
    assert status(port, "/healthz") == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert f"http://localhost:{port}" in out
    assert str(tmp_path / "var") in out
    assert "https" in out
    assert len(out.splitlines()) < 24
    with closing(sqlite3.connect(tmp_path / "var" / "rung.db", isolation_level=None)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_being_told_to_stop_ends_it_as_cleanly_as_ctrl_c(start: Start):
    port = free_port()
    process = start(RUNG_PORT=str(port))
    wait_for(port, process)
    process.send_signal(signal.SIGTERM)
    assert "Traceback" not in process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0


def test_a_second_start_says_that_the_port_is_taken_and_the_first_goes_on(start: Start, tmp_path: Path):
    port = free_port()
    first = start(RUNG_PORT=str(port))
    wait_for(port, first)
    sentence = refusal(start(RUNG_PORT=str(port), RUNG_DATA=str(tmp_path / "second")))
    assert str(port) in sentence
    assert "RUNG_PORT" in sentence
    assert not (tmp_path / "second" / "rung.db").exists()
    assert status(port, "/readyz") == 200


def test_what_was_there_is_there_after_the_next_start(start: Start, tmp_path: Path):
    for _ in range(2):
        port = free_port()
        process = start(RUNG_PORT=str(port))
        wait_for(port, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        keys = (tmp_path / "var" / "secret.key").read_text(), (tmp_path / "var" / "data.keys").read_text()
        with closing(sqlite3.connect(tmp_path / "var" / "rung.db", isolation_level=None)) as database:
            database.execute("CREATE TABLE IF NOT EXISTS keepsake (keys TEXT)")
            if database.execute("SELECT count(*) FROM keepsake").fetchone() == (0,):
                database.execute("INSERT INTO keepsake VALUES (?)", (repr(keys),))
            assert database.execute("SELECT keys FROM keepsake").fetchone() == (repr(keys),)


def test_whatever_may_be_read_of_the_folder_nobody_else_reads_what_lies_in_it(start: Start, tmp_path: Path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var").chmod(0o755)
    port = free_port()
    process = start(RUNG_PORT=str(port))
    wait_for(port, process)
    found = {path: path.stat().st_mode & 0o077 for path in (tmp_path / "var").iterdir()}
    assert found.keys() >= {tmp_path / "var" / "rung.db", tmp_path / "var" / "queue.db"}
    assert {path for path, others in found.items() if others} == set()


def test_a_folder_that_cannot_be_written_is_one_sentence(start: Start, tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refusal(
        start(RUNG_PORT=str(free_port()), RUNG_DATA=str(tmp_path / "file" / "var"))
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNG_PORT", "eighty"),
        ("RUNG_ORIGIN", "rung.example.org"),
        ("DATABASE_URL", "sqlite:rung.db"),
        ("RUNG_HOST", "no-such-host.invalid"),
        ("RUNG_LIMITS_STORAGE", "redis://127.0.0.1:1"),
    ],
)
def test_a_bad_setting_is_one_sentence(start: Start, name: str, value: str):
    sentence = refusal(start(**({"RUNG_PORT": str(free_port())} | {name: value})))
    assert (value if name == "RUNG_HOST" else name) in sentence


def test_a_database_that_does_not_answer_is_one_sentence_without_its_password(start: Start):
    address = f"postgresql://rung:open-sesame@127.0.0.1:{free_port()}/rung"
    sentence = refusal(start(RUNG_PORT=str(free_port()), DATABASE_URL=address))
    assert "open-sesame" not in sentence


def test_a_file_that_is_no_database_is_one_sentence_and_stays_as_it_is(start: Start, tmp_path: Path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "rung.db").write_text("my shopping list")
    assert "rung.db" in refusal(start(RUNG_PORT=str(free_port())))
    assert (tmp_path / "var" / "rung.db").read_text() == "my shopping list"


def test_data_of_a_newer_rung_is_one_sentence(start: Start, tmp_path: Path):
    (tmp_path / "var").mkdir()
    with closing(sqlite3.connect(tmp_path / "var" / "rung.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    refusal(start(RUNG_PORT=str(free_port())))


def test_behind_a_proxy_of_ours_the_answer_knows_that_it_came_by_https(start: Start):
    for proxies, expected in (("1", True), ("0", False)):
        port = free_port()
        process = start(RUNG_PORT=str(port), RUNG_PROXIES=proxies)
        wait_for(port, process)
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.5"}
            connection.request("GET", "/sign-in", headers=headers)
            with connection.getresponse() as answer:
                answer.read()
                assert ("Strict-Transport-Security" in answer.headers) is expected
        process.send_signal(signal.SIGINT)
        said = "".join(process.communicate(timeout=PATIENCE))
        assert ("RUNG_PROXIES is 0" in said) is not expected
