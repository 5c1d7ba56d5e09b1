"""The embedded server: waitress, with a bound for everything that a connection may take of it."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable

from flask import Flask
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.utilities import Error

from erp.settings import Settings

# Four times what a page of ours may send, so that the application says itself that it was too much.
LARGEST_BODY = 2 * 1024 * 1024
LARGEST_HEADER = 32 * 1024
# More of a body than this waits in a file.
BODY_IN_MEMORY = 64 * 1024
# So many such are under way at once, 128 MB of files together. Forms and all but the longest batches are smaller.
MOST_LARGE_BODIES = 64
TRY_AGAIN_SECONDS = 10
HEADER_SECONDS = 20
# Time for the largest body over a slow phone.
BODY_SECONDS = 120
IDLE_SECONDS = 120
LOOK_EVERY_SECONDS = 5
MOST_CONNECTIONS = 4096
# Files and sockets that are none of a visitor's: the database, push services, the code itself.
OWN_FILES = 256


class _TooMany(Error):
    """No room for another large body just now."""

    code, reason = 503, "Service Unavailable"

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """As any error, and when to come again."""
        status, headers, body = super().to_response(ident)
        return status, [*headers, ("Retry-After", str(TRY_AGAIN_SECONDS))], body


class Request(HTTPRequestParser):
    """A request that is refused as soon as its body is found to be large and `has_room` says no."""

    is_large = False
    error: Error | None = None

    def __init__(self, adjustments: Adjustments, has_room: Callable[[], bool]) -> None:
        super().__init__(adjustments)
        self._has_room = has_room

    def received(self, data: bytes) -> int:
        """Take in what came; says how many bytes of it."""
        taken: int = super().received(data)
        # One that comes in chunks does not say how large it is.
        found = max(self.content_length, self.body_bytes_received) > BODY_IN_MEMORY
        if found and not self.is_large and not self.error:
            if self._has_room():
                self.is_large = True
            else:
                self.error = _TooMany("Too much is being sent at once.")
                # Nobody is asked to go on, and nothing more is read.
                self.expect_continue = False
                self.completed = True
        return taken


class Channel(HTTPChannel):
    """A connection that knows since when the request under way has been coming in."""

    _begun = 0.0

    def parser_class(self, adjustments: Adjustments) -> Request:
        """What reads a request."""
        return Request(adjustments, self.server.has_room)

    @property
    def large_bodies(self) -> int:
        """How many large bodies it holds: one that comes in, or waits for its answer."""
        return sum(request.is_large for request in (*self.requests, self.request) if request is not None)

    def received(self, data: bytes) -> bool:
        """Take in what came."""
        before = self.request
        taken: bool = super().received(data)
        if self.request is not before:
            self._begun = time.time()
        return taken

    def handle_close(self) -> None:
        """Close, and let go of the file of a body that will not come whole."""
        super().handle_close()
        if self.request is not None:
            self.request.close()

    def is_late(self, now: float) -> bool:
        """Whether a request takes too long to come, at `now` (seconds since 1970), however busily it drips."""
        request = self.request
        if request is None:
            return False
        return now - self._begun > (BODY_SECONDS if request.headers_finished else HEADER_SECONDS)

    def is_idle(self) -> bool:
        """Whether nobody would lose an answer if it closed."""
        return not self.requests and not self.total_outbufs_len


class Server(TcpWSGIServer):
    """Serves `app` on a socket that listens, until run() is interrupted by KeyboardInterrupt or SystemExit."""

    channel_class = Channel

    def __init__(self, app: Flask, settings: Settings, listening: socket.socket) -> None:
        self._most = _most_connections()
        adjustments = Adjustments(
            sockets=[listening],
            threads=settings.threads,
            ident=None,
            # ProxyFix alone goes by these headers, and only when there are proxies to trust; warn_of_proxy() sees them.
            clear_untrusted_proxy_headers=False,
            max_request_body_size=LARGEST_BODY,
            max_request_header_size=LARGEST_HEADER,
            inbuf_overflow=BODY_IN_MEMORY,
            channel_timeout=IDLE_SECONDS,
            cleanup_interval=LOOK_EVERY_SECONDS,
            # Never reached: the connection that has been idle longest makes room.
            connection_limit=self._most + OWN_FILES,
            # select() ends at 1,024 connections.
            asyncore_use_poll=True,
        )
        where = (listening.family, listening.type, listening.proto, listening.getsockname())
        super().__init__(app, _sock=listening, adj=adjustments, sockinfo=where, bind_socket=False)

    def has_room(self) -> bool:
        """Whether one more large body may come in."""
        there: int = sum(channel.large_bodies for channel in self.active_channels.values())
        return there < MOST_LARGE_BODIES

    def maintenance(self, now: float) -> None:
        """Close what has been idle or late for too long, at `now` (seconds since 1970)."""
        super().maintenance(now)
        for channel in self.active_channels.values():
            if channel.is_late(now):
                channel.will_close = True

    def handle_accept(self) -> None:
        """Let somebody in, in place of the connection that has been idle longest where there are too many."""
        if len(self.active_channels) >= self._most:
            idle = [channel for channel in self.active_channels.values() if channel.is_idle()]
            if idle:
                min(idle, key=lambda channel: channel.last_activity).handle_close()
        super().handle_accept()


def _most_connections() -> int:
    """How many connections may be open; the system's limit for files is raised as far as it lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft == resource.RLIM_INFINITY else soft
    return min(MOST_CONNECTIONS, max(files - OWN_FILES, files // 2))
