"""The HTTP of one message: connections that are kept, a deadline that holds, an answer of which little is read."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import h2.exceptions
import httpcore
import httpx

# These libraries log the address of every request, which is a secret, at INFO and below.
for _name in ("httpx", "httpcore", "hpack"):
    logging.getLogger(_name).setLevel(logging.WARNING)

LARGEST_ANSWER = 4096
KEEP_OPEN_FOR_SECONDS = 30
# What a network and a service can do to the client. ValueError: httpcore takes int() of an HTTP/2 status.
BROKEN = (httpx.HTTPError, h2.exceptions.H2Error, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a push service said: the first 4 kB, or the header in which Microsoft's says it."""

    status: int
    said: str
    retry_after: str | None


class Connection:
    """An HTTP client that serves one message at a time and keeps its connections.

    It is not shared among threads: httpcore's HTTP/2 connections do not survive that.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._network = _Network()
        self._client = httpx.Client(
            transport=_Transport(tls, self._network),
            trust_env=False,
            follow_redirects=False,
            # A cookie would tie the devices of a person together.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"user-agent": "Rung", "accept-encoding": "identity", "content-type": "application/octet-stream"},
        )
        self.clean = True

    def post(self, endpoint: str, body: bytes, headers: dict[str, str], timeout: float) -> Answer:
        """POST, and the answer within `timeout` seconds. Raises one of BROKEN when none began.

        `clean` says afterwards whether the answer was read to its end, so that the connection can be used again.
        """
        self.clean = False
        self._network.deadline = time.monotonic() + timeout
        # `connect` gets a quarter of the time: a name may have several addresses, of which the first is dead.
        limits = httpx.Timeout(timeout, connect=timeout / 4)
        with self._client.stream("POST", endpoint, content=body, headers=headers, timeout=limits) as response:
            begun = self._read(response)
        said = begun.decode("utf-8", "replace") or response.headers.get("x-wns-error-description", "")
        return Answer(response.status_code, said, response.headers.get("retry-after"))

    def _read(self, response: httpx.Response) -> bytes:
        # Errors end the reading without a word: the status is what counts, and it is there already.
        begun = b""
        try:
            for chunk in response.iter_raw():
                begun += chunk
                if len(begun) > LARGEST_ANSWER:
                    return begun[:LARGEST_ANSWER]
        except BROKEN:
            return begun
        self.clean = True
        return begun

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


class _Network(httpcore.SyncBackend):
    """Connections whose waits all end at one deadline. Time-outs of single waits never end for an answer that drips."""

    deadline = 0.0

    def left(self, timeout: float | None, over: type[httpcore.TimeoutException]) -> float:
        """How many seconds the next wait may take. Raises `over` when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise over("the time for this message is over")
        return left if timeout is None else min(timeout, left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        timeout = self.left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options), self)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, network: _Network) -> None:
        self._stream = stream
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._network.left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._network.left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Transport(httpx.HTTPTransport):
    def __init__(self, tls: ssl.SSLContext, network: _Network) -> None:
        super().__init__(verify=tls, trust_env=False)
        # httpx has no way of its own to give its pool another network.
        self._pool = httpcore.ConnectionPool(
            tls, http2=True, keepalive_expiry=KEEP_OPEN_FOR_SECONDS, network_backend=network
        )
