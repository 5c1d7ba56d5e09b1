"""A push service over real HTTP on 127.0.0.1, independent of the code it tests, and strict like the real ones.

    service = PushService()
    subscription = service.subscribe()                      # takes every message
    moody = service.subscribe(busy(120), HANG, answers(503)) # answers in turn, then takes every message
    service.received(subscription)                          # decrypted, oldest first
    service.wait_for(2, subscription)                       # the same, once there are two
    service.unsubscribe(subscription)                       # 410 from now on
    service.close()

Give its `origin` as an allowed host. It decrypts with http_ece, checks the token itself, and answers what it does not
like with an error that the test sees in `complaints`.
"""

import base64
import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from erp.domain.notification.subscription import Subscription
from tests.make.patience import PATIENCE

A_DAY = 24 * 60 * 60
LARGEST_BODY = 4096


@dataclass(frozen=True)
class Answer:
    """How to answer one message. `act` is what happens on the wire:

    answer (properly), hang (never), reset (the connection), drip (a header that never ends), endless (a body that
    never ends), stall (the status and half of the body).
    """

    status: int = 201
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    act: Literal["answer", "hang", "reset", "drip", "endless", "stall"] = "answer"


def answers(status: int, body: str = "", **headers: str) -> Answer:
    """An ordinary answer; headers are written like retry_after="120"."""
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def busy(retry_after: str | int) -> Answer:
    """429 with Retry-After."""
    return answers(429, "slow down", retry_after=str(retry_after))


CREATED = Answer()
HANG = Answer(act="hang")
RESET = Answer(act="reset")
DRIP = Answer(act="drip")
ENDLESS = Answer(act="endless")
STALL = Answer(act="stall")

# What the real services say, word for word. First: this subscription was made with another key.
FCM_OTHER_KEY = answers(
    403,
    "the VAPID credentials in the authorization header do not correspond to the credentials used to create the "
    "subscriptions.\n",
)
FCM_OTHER_KEY_ONCE = answers(
    403,
    "the key in the authorization header does not correspond to the sender ID used to subscribe this user. Please "
    "ensure you are using the correct sender ID and server Key from the Firebase console.\n",
)
MOZILLA_OTHER_KEY = answers(
    401,
    json.dumps(
        {
            "code": 401,
            "errno": 109,
            "error": "Unauthorized",
            "message": "VAPID public key mismatch",
            "more_info": "http://autopush.readthedocs.io/en/latest/http.html#error-codes",
        }
    ),
)
APPLE_OTHER_KEY = answers(400, '{"reason":"VapidPkHashMismatch"}')
# Apple's word for a device that is gone.
APPLE_UNKNOWN_DEVICE = answers(400, '{"reason":"BadWebPushToken"}')
# And: your token is wrong, whichever the subscription.
APPLE_BAD_TOKEN = answers(403, '{"reason":"BadJwtToken"}')
FCM_BAD_TOKEN = answers(403, "permission denied: invalid JWT provided\n")
MOZILLA_BAD_TOKEN = answers(
    401, '{"code":401,"errno":109,"error":"Unauthorized","message":"Invalid VAPID audience","more_info":"…"}'
)
MICROSOFT_BAD_TOKEN = answers(
    401, x_wns_error_description="JWT Authentication Failed, unable to validate token signature"
)


@dataclass(frozen=True)
class Received:
    """One message that came, decrypted. `at` is time.monotonic(), `connection` counts the client's connections from 1.

    `status` is what was answered, 0 when nothing was. `claims` are those of the token, whose signature was right.
    """

    path: str
    payload: bytes
    body: bytes
    headers: Mapping[str, str]
    claims: Mapping[str, Any]
    at: float
    connection: int
    status: int

    @property
    def json(self) -> Any:
        """What the browser's push event would read."""
        return json.loads(self.payload)


class Refused(Exception):
    """The service does not like a message: with this answer."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status} {body}")
        self.answer = answers(status, body)


class Device:
    """A browser's end of a subscription: the private key and what it was made for."""

    def __init__(self, script: Iterator[Answer], application_server_key: str | None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)
        self.script = script
        self.application_server_key = application_server_key
        self.gone = False

    def decrypt(self, body: bytes) -> bytes:
        """The payload as the browser gets it, padding and all."""
        plain: bytes = http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        return plain


class PushService:
    """See the top of this file. Everything may be called from any thread."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.connections = 0
        self.open_connections = 0
        self._devices: dict[str, Device] = {}
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self.closing = threading.Event()
        self._server = _Server(self)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def subscribe(self, *script: Answer, application_server_key: str | None = None) -> Subscription:
        """A new device. The answers are given in turn, after them 201; with a key, tokens of others are a mismatch."""
        device = Device(iter(script), application_server_key)
        token = f"{base64.urlsafe_b64encode(os.urandom(9)).decode()}:APA91b{os.urandom(60).hex()}"
        with self._changed:
            self._devices[f"/send/{token}"] = device
        point = device.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return Subscription(f"{self.origin}/send/{token}", point, device.auth)

    def script(self, subscription: Subscription, *script: Answer) -> None:
        """The next answers for this device, in place of those that were left."""
        with self._changed:
            self._devices[self._path(subscription)].script = iter(script)

    def unsubscribe(self, subscription: Subscription) -> None:
        """The person took the permission back: 410 for every message from now on."""
        with self._changed:
            self._devices[self._path(subscription)].gone = True

    def received(self, subscription: Subscription | None = None) -> list[Received]:
        """Every message that came (for one device), however it was answered, oldest first."""
        with self._changed:
            return [one for one in self._received if not subscription or one.path == self._path(subscription)]

    def delivered(self, subscription: Subscription | None = None) -> list[Received]:
        """The messages that were taken, with 201."""
        return [one for one in self.received(subscription) if one.status == 201]

    def wait_for(
        self, count: int, subscription: Subscription | None = None, patience: float = PATIENCE
    ) -> list[Received]:
        """The messages that were taken, as soon as there are `count`; fails after `patience` seconds."""
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.delivered(subscription)) >= count, patience)
        found = self.delivered(subscription)
        assert enough, f"{len(found)} messages instead of {count} after {patience} s; {self.complaints}"
        return found

    def wait_for_any(self, subscription: Subscription, patience: float = PATIENCE) -> list[Received]:
        """What came for this device however it was answered, as soon as something has."""
        with self._changed:
            self._changed.wait_for(lambda: self.received(subscription), patience)
            return self.received(subscription)

    def close(self) -> None:
        """Stop; whoever still waits for an answer gets none."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, path: str, headers: Mapping[str, str], body: bytes, connection: int) -> Answer:
        """Take a message in and say how to answer it. Whatever carries HTTP calls this; header names in lower case."""
        at = time.monotonic()
        with self._changed:
            device = self._devices.get(path)
            try:
                if device is None:
                    raise Refused(404, "no such subscription")
                if device.gone:
                    return answers(410, '{"reason":"Unregistered"}')
                claims = self._check(device, headers, body)
            except Refused as refused:
                self.complaints.append(str(refused))
                return refused.answer
            answer = next(device.script, CREATED)
            status = answer.status if answer.act in ("answer", "endless", "stall") else 0
            payload = device.decrypt(body)
            self._received.append(Received(path, payload, body, dict(headers), claims, at, connection, status))
            self._changed.notify_all()
            return answer

    def connected(self) -> int:
        """Count a new connection; its number."""
        with self._changed:
            self.connections += 1
            self.open_connections += 1
            return self.connections

    def disconnected(self) -> None:
        """Count the end of a connection."""
        with self._changed:
            self.open_connections -= 1
            self._changed.notify_all()

    def wait_until_left_alone(self) -> bool:
        """Whether every connection came to its end, now or soon."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.open_connections, PATIENCE)

    def _path(self, subscription: Subscription) -> str:
        return subscription.endpoint.removeprefix(self.origin)

    def _check(self, device: Device, headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
        """The token's claims, or Refused: RFC 8030, 8188, 8291 and 8292 as the real services hold us to them."""
        if headers.get("content-encoding") != "aes128gcm":
            raise Refused(400, "not aes128gcm")
        if not re.fullmatch("[0-9]+", headers.get("ttl", "")):
            raise Refused(400, "no TTL")
        if headers.get("urgency", "normal") not in ("very-low", "low", "normal", "high"):
            raise Refused(400, "no such urgency")
        if not re.fullmatch("[A-Za-z0-9_-]{1,32}", headers.get("topic", "none")):
            raise Refused(400, "not a topic")
        if len(body) > LARGEST_BODY:
            raise Refused(413, "too large")
        authorization = re.fullmatch(r"vapid t=([\w.-]+), ?k=([\w-]+)", headers.get("authorization", ""))
        if not authorization:
            raise Refused(401, "no vapid token")
        if device.application_server_key not in (None, authorization[2]):
            raise Refused(FCM_OTHER_KEY.status, FCM_OTHER_KEY.body)
        return self._claims(*authorization.groups())

    def _claims(self, token: str, key: str) -> Mapping[str, Any]:
        try:
            point = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
            public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            claims: dict[str, Any] = jwt.decode(token, public, ["ES256"], audience=self.origin)
        except (ValueError, jwt.InvalidTokenError) as error:
            raise Refused(403, f"permission denied: invalid JWT provided ({error})") from error
        if not 0 < claims["exp"] - time.time() <= A_DAY:
            raise Refused(403, "permission denied: expires too late")
        if not re.fullmatch(r"mailto:[^@\s]+@[^@\s]+|https://\S+", str(claims.get("sub"))):
            raise Refused(403, '{"reason":"BadJwtToken"}')
        return claims


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, service: PushService) -> None:
        self.service = service
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is nothing to report here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection_number = self.server.service.connected()

    def finish(self) -> None:
        super().finish()
        self.server.service.disconnected()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.service.take(self.path, headers, body, self.connection_number)
        acts: dict[str, Callable[[Answer], None]] = {
            "answer": self.answer,
            "hang": self.hang,
            "reset": self.reset,
            "drip": self.drip,
            "endless": self.endless,
            "stall": self.stall,
        }
        self.close_connection = answer.act != "answer"
        acts[answer.act](answer)

    def head(self, answer: Answer, *more: str) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} Whatever", *(f"{name}: {value}" for name, value in answer.headers.items())]
        return "\r\n".join([*lines, *more, "", ""]).encode()

    def answer(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.wfile.write(self.head(answer, f"content-length: {len(body)}") + body)

    def hang(self, _answer: Answer) -> None:
        self.server.service.closing.wait(PATIENCE)

    def reset(self, _answer: Answer) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def drip(self, answer: Answer) -> None:
        self.wfile.write(self.head(answer)[:-2] + b"x: ")
        self.forever(b"a", 0.02)

    def endless(self, answer: Answer) -> None:
        self.wfile.write(self.head(answer, "transfer-encoding: chunked"))
        self.forever(b"10000\r\n" + b"x" * 0x10000 + b"\r\n", 0)

    def stall(self, answer: Answer) -> None:
        self.wfile.write(self.head(answer, "content-length: 100") + b"half")
        self.hang(answer)

    def forever(self, piece: bytes, pause: float) -> None:
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up and not self.server.service.closing.wait(pause):
            self.wfile.write(piece)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The tests look at what came, not at a log."""
