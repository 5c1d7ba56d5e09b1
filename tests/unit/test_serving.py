"""What strangers may take of the embedded server: bodies, headers, time and connections."""

import http.client
import re
import resource
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask
from waitress import wasyncore

from erp import serving
from erp.settings import Settings
from tests.make.patience import until
from tests.make.server import Server as Process

PATIENCE = 30
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = GET[:-20]

Serve = Callable[..., tuple[serving.Server, int]]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    server = Process(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def serve(settings: Settings) -> Iterator[Serve]:
    """Serves a small application in a thread: the server, and its port."""
    started: list[tuple[serving.Server, threading.Thread]] = []
    app = Flask("small")
    app.add_url_rule("/healthz", "alive", lambda: "ok")

    def begin() -> tuple[serving.Server, int]:
        listening = socket.create_server(("127.0.0.1", 0))
        server = serving.Server(app, settings, listening)
        thread = threading.Thread(target=server.run)
        thread.start()
        started.append((server, thread))
        return server, int(listening.getsockname()[1])

    yield begin
    for server, thread in started:
        # Its loop ends when nothing is open any more.
        server.trigger.pull_trigger(lambda server=server: wasyncore.close_all(server._map, ignore_all=True))
        thread.join(PATIENCE)
        server.task_dispatcher.shutdown()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def answer_of(connection: socket.socket) -> bytes:
    """What came, as soon as all of it is there; nothing where the connection was closed."""
    came = b""
    with suppress(ConnectionError):
        while not is_whole(came) and (more := connection.recv(65_536)):
            came += more
    return came


def is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return bool(end) and len(body) >= int(length[1] if length else 0)


def status(port: int, path: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


@pytest.mark.slow
def test_a_body_that_is_far_too_long_is_refused_before_it_comes(process: Process):
    with connect(process.port) as connection:
        connection.sendall(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 61865984\r\n\r\n")
        assert answer_of(connection).startswith(b"HTTP/1.1 413")
    assert status(process.port, "/healthz") == 200


@pytest.mark.slow
def test_a_body_that_does_not_say_its_length_is_refused_once_it_is_too_long(process: Process):
    sent, chunk = 0, b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with connect(process.port) as connection:
        connection.sendall(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(ConnectionError):
            while sent < 59_000_000:
                connection.sendall(chunk)
                sent += len(chunk)
    assert sent < 30_000_000
    assert status(process.port, "/healthz") == 200


@pytest.mark.slow
def test_what_is_too_much_for_a_page_is_still_answered_by_a_page(process: Process):
    with closing(http.client.HTTPConnection("127.0.0.1", process.port, timeout=PATIENCE)) as connection:
        connection.request("POST", "/sign-in", b"email=" + b"x" * 1_000_000, {"Origin": process.origin})
        assert connection.getresponse().status == 413


@pytest.mark.slow
@pytest.mark.parametrize(("count", "sent"), [(110, HALF), (300, b""), (300, GET), (1_100, GET)])
def test_connections_that_are_slow_or_idle_keep_nobody_out(process: Process, count: int, sent: bytes):
    with ExitStack() as open_ones:
        for _ in range(count):
            connection = open_ones.enter_context(connect(process.port))
            connection.sendall(sent)
            if sent == GET:
                assert answer_of(connection).startswith(b"HTTP/1.1 200")
        assert status(process.port, "/healthz") == 200
        assert status(process.port, "/sign-in") == 200


@pytest.mark.slow
def test_while_writers_wait_for_a_lock_held_elsewhere_pages_are_answered(tmp_path: Path):
    process = Process(tmp_path, {"RUNG_ATTEMPTS": "1000"})
    process.start()

    def sign_up(number: int) -> tuple[int, str | None]:
        form = {"email": f"p{number}@x.example", "password": "ten blue lamps sing", "display_name": "P"}
        body = urlencode(form | {"time_zone": "UTC"})
        headers = {"Origin": process.origin, "Content-Type": "application/x-www-form-urlencoded"}
        with closing(http.client.HTTPConnection("127.0.0.1", process.port, timeout=PATIENCE)) as connection:
            connection.request("POST", "/sign-up", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers["Retry-After"]

    try:
        with (
            closing(sqlite3.connect(tmp_path / "rung.db", isolation_level=None)) as elsewhere,
            ThreadPoolExecutor(8) as threads,
        ):
            elsewhere.execute("BEGIN IMMEDIATE")
            writers = [threads.submit(sign_up, number) for number in range(8)]
            # As soon as the first was sent away, all threads have met the lock.
            wait(writers, return_when=FIRST_COMPLETED)
            for path in ("/healthz", "/sign-in", "/about"):
                assert status(process.port, path) == 200
            assert not all(writer.done() for writer in writers)
            assert {writer.result()[0] for writer in writers} == {503}
            assert all(int(writer.result()[1] or 0) > 0 for writer in writers)
            # What it found out it knows for a second.
            until(lambda: status(process.port, "/readyz") == 503, PATIENCE)
            elsewhere.execute("ROLLBACK")
            assert sign_up(9)[0] == 303
    finally:
        process.stop()


LARGE = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
SMALL = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"
CHUNKED = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_LARGE_BODIES", 2)


def large_bodies(server: serving.Server) -> int:
    return sum(channel.large_bodies for channel in list(server.active_channels.values()))


@pytest.mark.usefixtures("two_at_once")
@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_large_bodies_beyond_the_bound_are_sent_away_before_they_come_and_small_ones_are_taken(
    serve: Serve, expect: bytes
):
    server, port = serve()
    with connect(port) as first, connect(port) as second, connect(port) as third, connect(port) as fourth:
        first.sendall(LARGE)
        second.sendall(CHUNKED + b"10001\r\n" + b"x" * 0x10001 + b"\r\n")
        until(lambda: large_bodies(server) == 2, PATIENCE)
        third.sendall(LARGE.replace(b"Content-Length", expect + b"Content-Length"))
        answer = answer_of(third)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"\r\nRetry-After: 10\r\n" in answer
        assert third.recv(1) == b""
        fourth.sendall(SMALL + b"x" * 60_000)
        assert answer_of(fourth).startswith(b"HTTP/1.1 405")
        # Room is made by who is done, and by who goes.
        first.sendall(b"x" * 100_000)
        assert answer_of(first).startswith(b"HTTP/1.1 405")
        until(lambda: large_bodies(server) == 1, PATIENCE)
        second.close()
        until(lambda: large_bodies(server) == 0, PATIENCE)
        fourth.sendall(LARGE + b"x" * 100_000)
        assert answer_of(fourth).startswith(b"HTTP/1.1 405")


@pytest.mark.usefixtures("two_at_once")
def test_a_body_that_does_not_say_its_length_is_sent_away_once_it_is_large(serve: Serve):
    server, port = serve()
    with connect(port) as first, connect(port) as second, connect(port) as third:
        for connection in (first, second):
            connection.sendall(LARGE)
        until(lambda: large_bodies(server) == 2, PATIENCE)
        third.sendall(CHUNKED + b"f000\r\n" + b"x" * 0xF000 + b"\r\n")
        time.sleep(0.2)
        assert large_bodies(server) == 2
        third.sendall(b"f000\r\n" + b"x" * 0xF000 + b"\r\n")
        assert answer_of(third).startswith(b"HTTP/1.1 503")


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nCookie: ", b"GET /sign-in?next=/"])
def test_a_head_of_a_request_that_is_too_long_is_refused(serve: Serve, head: bytes):
    _server, port = serve()
    with connect(port) as connection:
        connection.sendall(head + b"x" * 40_000)
        assert answer_of(connection).split(b"\r")[0].split()[1] == b"431"


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        (HALF, serving.HEADER_SECONDS),
        (b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1", serving.BODY_SECONDS),
        (GET, serving.IDLE_SECONDS),
    ],
)
def test_who_takes_too_long_is_shown_out_and_nobody_before(serve: Serve, sent: bytes, seconds: int):
    server, port = serve()
    with connect(port) as connection:
        connection.sendall(sent)
        if sent == GET:
            assert answer_of(connection).startswith(b"HTTP/1.1 200")
        begun = time.time()
        while not server.active_channels or any(one.requests for one in server.active_channels.values()):
            time.sleep(0.01)
        server.maintenance(begun + seconds - 5)
        (channel,) = server.active_channels.values()
        assert not channel.will_close
        server.maintenance(begun + seconds + 5)
        assert answer_of(connection) == b""


def test_a_head_that_drips_takes_no_longer_than_one_that_waits(serve: Serve):
    server, port = serve()
    with connect(port) as connection:
        connection.sendall(HALF)
        while not (channels := list(server.active_channels.values())) or channels[0].request is None:
            time.sleep(0.01)
        (channel,) = channels
        # Its last byte came just now, its first one long ago.
        channel._begun -= serving.HEADER_SECONDS + 1
        connection.sendall(b"l")
        server.maintenance(time.time())
        assert answer_of(connection) == b""


def test_where_there_are_too_many_the_one_that_has_been_idle_longest_goes(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 5)
    _server, port = serve()
    with ExitStack() as open_ones:
        connections = [open_ones.enter_context(connect(port)) for _ in range(8)]
        for connection in connections[5:]:
            connection.sendall(GET)
            assert answer_of(connection).startswith(b"HTTP/1.1 200")
        assert [answer_of(connection) for connection in connections[:3]] == [b"", b"", b""]
        connections[4].sendall(GET)
        assert answer_of(connections[4]).startswith(b"HTTP/1.1 200")


def test_the_system_s_limit_of_files_is_raised_for_the_connections(serve: Serve):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    try:
        server, _port = serve()
        raised, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised > 512
        assert server._most <= raised - serving.OWN_FILES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
