"""A bad network of our own: stands between a browser and the server on 127.0.0.1 and does what real networks do.

    proxy = Proxy(server.port, seed=7)
    proxy.begin(ROUGH)       # from now on requests meet faults
    proxy.calm()             # from now on none does; what was held back has arrived when this returns
    proxy.faults             # how many of each kind
    proxy.close()

Only what the main job asks is made faulty: POST /events, and the reading of pages, records and summaries. Whether a
request meets a fault, and which, comes from the seed; which request it meets depends on what the browsers do.
"""

import http.client
import json
import os
import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Fault(StrEnum):
    """What a request can meet. The last one is nobody's choice: the server was killed."""

    DELAYED = "delayed"
    DROPPED_BEFORE = "dropped before the server"
    DROPPED_AFTER = "dropped after the commit"
    DUPLICATED = "sent twice"
    OVERTAKEN = "overtaken by later ones"
    TRUNCATED = "answer cut short"
    BAD_GATEWAY = "502 in HTML"
    CAPTIVE_PORTAL = "captive portal"
    HUNG = "hung"
    AWAY = "server away"


# The share of the requests that meets each; the rest passes.
ROUGH: Mapping[Fault, float] = dict.fromkeys(Fault, 0.055) | {Fault.HUNG: 0.01, Fault.AWAY: 0.0}
BRISK: Mapping[Fault, float] = ROUGH | {Fault.HUNG: 0.0}
# Only events change anything there when they come twice or late.
OF_EVENTS = (Fault.DUPLICATED, Fault.OVERTAKEN)

# Seconds.
LONGEST_DELAY = 2.5
LONGEST_HOLD = 5.0
HANGING = 20.0
READS = re.compile(r"/(today|steps/[^/]+/practice|exposures/[^/]+(/record|/summary)?)(\?|$)")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection", "upgrade", "te", "trailer"}
PORTAL = b"<!doctype html><title>Welcome</title><h1>Free Wi-Fi</h1><form><button>I agree</button></form>"
GATEWAY = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Request:
    """What the browser asked."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def is_events(self) -> bool:
        """Whether this carries events."""
        return self.method == "POST" and self.path == "/events"

    @property
    def may_fail(self) -> bool:
        """Whether this is a request of the main job."""
        return self.is_events or (self.method == "GET" and bool(READS.match(self.path)))


class Proxy:
    """See the top of this file. Everything may be called from any thread."""

    def __init__(self, upstream: int, seed: int) -> None:
        self.upstream = upstream
        self.faults: Counter[Fault] = Counter()
        self.passed = 0
        self.errors = 0
        # How often each event was taken by the server, replays included.
        self.arrivals: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._rates: Mapping[Fault, float] = {}
        self._changed = threading.Condition()
        self._batches = 0
        self._held = 0
        self.closing = threading.Event()
        self._server = _Server(self)
        self.port: int = self._server.server_port
        self.origin = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def begin(self, rates: Mapping[Fault, float]) -> None:
        """Let requests meet faults from now on; kind → share of the requests."""
        with self._changed:
            self._rates = rates

    def calm(self) -> None:
        """Let everything pass from now on, and wait for what was held back to arrive."""
        with self._changed:
            self._rates = {}
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._held, 2 * LONGEST_HOLD)

    def close(self) -> None:
        """Stop; whoever still waits gets nothing."""
        self.closing.set()
        self.calm()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fate(self, request: Request) -> tuple[Fault | None, float]:
        """The fault that this request meets, or None; and a random number for its details."""
        with self._changed:
            detail = self._random.random()
            if not request.may_fail or not self._rates:
                return None, detail
            kinds = [kind for kind in self._rates if request.is_events or kind not in OF_EVENTS]
            shares = [self._rates[kind] for kind in kinds]
            (kind,) = self._random.choices([None, *kinds], [1 - sum(shares), *shares])
            if kind is None:
                self.passed += 1
            else:
                self.faults[kind] += 1
            return kind, detail

    def forward(self, request: Request) -> Answer | None:
        """Ask the server; None when it is not there or dies over it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=30)
        try:
            connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.endheaders(request.body or None)
            response = connection.getresponse()
            answer = Answer(response.status, response.reason, response.getheaders(), response.read())
        except (OSError, http.client.HTTPException):
            with self._changed:
                self.faults[Fault.AWAY] += 1
            return None
        finally:
            connection.close()
        with self._changed:
            self.errors += answer.status >= 500
        if request.is_events:
            self._count(request, answer)
        return answer

    def _count(self, request: Request, answer: Answer) -> None:
        with self._changed:
            self._batches += 1
            if answer.status == 200:
                self.arrivals.update(event["id"] for event in json.loads(request.body)["events"])
            self._changed.notify_all()

    def hold(self, request: Request) -> None:
        """Deliver this only after a later batch, or when none comes for some seconds. Nobody hears the answer."""

        def later() -> None:
            with self._changed:
                before = self._batches
                self._changed.wait_for(lambda: self._batches > before or not self._rates, LONGEST_HOLD)
            self.forward(request)
            with self._changed:
                self._held -= 1
                self._changed.notify_all()

        with self._changed:
            self._held += 1
        threading.Thread(target=later, daemon=True).start()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is nothing to report here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def relay(self) -> None:
        """Take one request and let its fate befall it."""
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        request = Request(self.command, self.path, self.headers.items(), body)
        fault, detail = proxy.fate(request)
        match fault:
            case Fault.HUNG:
                proxy.closing.wait(HANGING)
                return self.reset()
            case Fault.DROPPED_BEFORE:
                return self.reset()
            case Fault.OVERTAKEN:
                proxy.hold(request)
                return self.reset()
            case Fault.BAD_GATEWAY:
                return self.send(Answer(502, "Bad Gateway", [("Content-Type", "text/html")], GATEWAY))
            case Fault.CAPTIVE_PORTAL:
                return self.send(Answer(200, "OK", [("Content-Type", "text/html; charset=utf-8")], PORTAL))
            case Fault.DELAYED:
                time.sleep(detail * LONGEST_DELAY)
            case Fault.DUPLICATED:
                proxy.forward(request)
        answer = proxy.forward(request)
        if answer is None or fault == Fault.DROPPED_AFTER:
            return self.reset()
        return self.send(answer, cut=fault == Fault.TRUNCATED)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = relay  # noqa: N815

    def send(self, answer: Answer, *, cut: bool = False) -> None:
        """Hand the answer on, whole or only the first half of its body."""
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in HOP_BY_HOP]
        if not any(name.lower() == "content-length" for name, _value in answer.headers) and answer.status != 304:
            lines.append(f"Content-Length: {len(answer.body)}")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if not cut:
            self.wfile.write(answer.body)
            return
        self.wfile.write(answer.body[: len(answer.body) // 2])
        self.close_connection = True

    def reset(self) -> None:
        """Break the connection off, as a network does that is suddenly gone."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The tests look at the counts, not at a log."""
