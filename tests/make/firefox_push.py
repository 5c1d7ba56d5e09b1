"""A push service for Firefox: it hands encrypted messages on over a websocket, and cannot read them."""

import base64
import json
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

LARGEST = 4096


@dataclass
class Channel:
    """One subscription. `key` is the applicationServerKey that alone may send to it."""

    browser: str
    id: str
    key: str
    dropped: bool = False


@dataclass
class Post:
    """A message that arrived, and its answer. `outcome` is what the browser said: 100 delivered, 101 unreadable."""

    endpoint: str
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.time)
    status: int = 0
    outcome: int | None = None


class PushService:
    """A context manager; browsers connect to `websocket_url`, and the endpoints they are given begin with `origin`."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.channels: dict[str, Channel] = {}
        self._connections: dict[str, ServerConnection] = {}
        self._waiting: dict[str, tuple[Channel, Post]] = {}
        self._lock = RLock()
        self._sockets = serve(self._talk, "127.0.0.1", 0, subprotocols=[Subprotocol("push-notification")])
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"service": self}))
        self.websocket_url = f"ws://127.0.0.1:{self._sockets.socket.getsockname()[1]}/"
        self.origin = f"http://127.0.0.1:{self._http.server_port}"
        self._threads = [
            Thread(target=self._sockets.serve_forever),
            Thread(target=self._http.serve_forever, args=[0.05]),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sockets.shutdown()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join()

    def drop(self, endpoint: str) -> None:
        """Forget a subscription, as a real service does when an app is gone: its endpoint answers 410 from now on."""
        with self._lock:
            self.channels[endpoint].dropped = True

    def take(self, post: Post) -> int:
        """Check a message, hand it to its browser, or keep it until that connects; the status of the answer."""
        with self._lock:
            channel = self.channels.get(post.endpoint)
            post.status = status = refusal(channel, post) or 201
            self.posts.append(post)
            if channel and status == 201:
                version = secrets.token_urlsafe(12)
                self._waiting[version] = channel, post
                self._hand_over(version)
        return status

    def _hand_over(self, version: str) -> None:
        channel, post = self._waiting[version]
        connection = self._connections.get(channel.browser)
        if connection:
            encoding = post.headers["Content-Encoding"]
            data = base64.urlsafe_b64encode(post.body).decode().rstrip("=")
            message = {"channelID": channel.id, "version": version, "data": data, "headers": {"encoding": encoding}}
            answer(connection, "notification", **message)

    def _talk(self, connection: ServerConnection) -> None:
        """Follow one browser until it goes away."""
        browser = ""
        with suppress(ConnectionClosed):
            for text in connection:
                with self._lock:
                    browser = self._hear(connection, browser, json.loads(text)) or browser
        with self._lock:
            if self._connections.get(browser) is connection:
                del self._connections[browser]

    def _hear(self, connection: ServerConnection, browser: str, message: dict[str, Any]) -> str | None:
        """Answer one message of a browser; its name when it said hello."""
        match message:
            case {"messageType": "hello"}:
                browser = message.get("uaid") or secrets.token_hex(16)
                self._connections[browser] = connection
                answer(connection, "hello", uaid=browser, status=200, use_webpush=True, broadcasts={})
                for version, (channel, _post) in list(self._waiting.items()):
                    if channel.browser == browser:
                        self._hand_over(version)
                return browser
            case {"messageType": "register", "channelID": channel_id}:
                endpoint = f"{self.origin}/wpush/v2/{secrets.token_urlsafe(32)}"
                self.channels[endpoint] = Channel(browser, channel_id, message.get("key", "").rstrip("="))
                answer(connection, "register", channelID=channel_id, status=200, pushEndpoint=endpoint)
            case {"messageType": "unregister", "channelID": channel_id}:
                for channel in self.channels.values():
                    channel.dropped |= channel.id == channel_id
                answer(connection, "unregister", channelID=channel_id, status=200)
            case {"messageType": "ack", "updates": updates}:
                for update in updates:
                    if update["version"] in self._waiting:
                        _channel, post = self._waiting.pop(update["version"])
                        post.outcome = update.get("code")
            case _ if message in ({}, {"messageType": "ping"}):
                connection.send("{}")
        return None


def answer(connection: ServerConnection, kind: str, **values: object) -> None:
    """Send a message to a browser, unless it has just gone."""
    with suppress(ConnectionClosed):
        connection.send(json.dumps({"messageType": kind, **values}))


def refusal(channel: Channel | None, post: Post) -> int | None:
    """The status with which a real service would turn this message away, None when it would take it."""
    if channel is None:
        return 404
    if channel.dropped:
        return 410
    if len(post.body) > LARGEST:
        return 413
    if post.headers.get("Content-Encoding") != "aes128gcm" or not post.headers.get("TTL", "").isdigit():
        return 400
    signed_by = re.search(r"\bk=([\w-]+)", post.headers.get("Authorization", ""))
    if channel.key and (signed_by is None or signed_by[1] != channel.key):
        return 403
    return None


class Handler(BaseHTTPRequestHandler):
    """The endpoints."""

    service: PushService
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = self.service.take(Post(self.service.origin + self.path, self.headers, body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("TTL", self.headers.get("TTL", "0"))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
