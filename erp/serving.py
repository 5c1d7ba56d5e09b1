"""The embedded server: waitress, with a bound for everything that a connection may take of it."""

from __future__ import annotations

import resource
import socket
import time

from flask import Flask
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from erp.settings import Settings

# Four times what a page of ours may send, so that the application says itself that it was too much.
LARGEST_BODY = 2 * 1024 * 1024
LARGEST_HEADER = 32 * 1024
# More of a body than this waits in a file.
BODY_IN_MEMORY = 64 * 1024
HEADER_SECONDS = 20
# Time for the largest body over a slow phone.
BODY_SECONDS = 120
IDLE_SECONDS = 120
LOOK_EVERY_SECONDS = 5
MOST_CONNECTIONS = 4096
# Files and sockets that are none of a visitor's: the database, push services, the code itself.
OWN_FILES = 256


class Channel(HTTPChannel):
    """A connection that knows since when the request under way has been coming in."""

    _begun = 0.0

    def received(self, data: bytes) -> bool:
        """Take in what came."""
        before = self.request
        taken: bool = super().received(data)
        if self.request is not before:
            self._begun = time.time()
        return taken

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
