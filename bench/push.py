"""What notifications cost: messages made per second, and the time from an event to its arrival."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02
from pywebpush import webpush

from bench.client import Client, Request
from bench.serving import serving
from erp.domain.account import signing
from erp.domain.notification.device import register
from erp.domain.notification.subscription import Subscription
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.push import Message, Push
from erp.settings import Settings

MESSAGES = 400
ROUNDS = 5
PAYLOAD = json.dumps({"web_push": 8030, "notification": {"title": "x" * 40, "body": "y" * 120}}).encode()
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/" + "a" * 120
DEVICES_EACH = 20
# A place where it is about noon: in quiet hours nothing would be sent.
NOON = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


def rates(settings: Settings) -> dict[str, float]:
    """Messages encrypted and signed per second by us and by pywebpush, and the floor: key pairs made and exchanged.

    pywebpush's own function does it as its documentation shows, with the key as text, and once with the key as an
    object; its session sends nothing.
    """
    device = ec.generate_private_key(ec.SECP256R1())
    point = device.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    auth = os.urandom(16)
    push = Push(settings.vapid, "mailto:somebody@rung.example.org", ())
    subscription, message = Subscription(ENDPOINT, point, auth), Message(PAYLOAD, 60, "high", "topic")
    target = {"endpoint": ENDPOINT, "keys": {"p256dh": written(point), "auth": written(auth)}}
    text = written(settings.vapid.private)
    signer = Vapid02.from_raw(text.encode())

    def theirs(key: str | Vapid02) -> None:
        claims = {"sub": "mailto:somebody@rung.example.org"}
        webpush(target, PAYLOAD, vapid_private_key=key, vapid_claims=claims, ttl=60, requests_session=Nowhere())

    def floor() -> None:
        ec.generate_private_key(ec.SECP256R1()).exchange(ec.ECDH(), device.public_key())

    made: dict[str, Callable[[], object]] = {
        "ours": lambda: push.prepare(subscription, message),
        "pywebpush": lambda: theirs(text),
        "pywebpush_object": lambda: theirs(signer),
        "floor": floor,
    }
    found: dict[str, list[float]] = {name: [] for name in made}
    for _ in range(ROUNDS):
        for name, make in made.items():
            found[name].append(per_second(make))
    push.close()
    return {name: statistics.median(each) for name, each in found.items()}


class Nowhere:
    """A session that answers at once and sends nothing."""

    def post(self, *_: object, **__: object) -> SimpleNamespace:
        """Take it."""
        return SimpleNamespace(status_code=201, text="", reason="Created", headers={})


def per_second(make: Callable[[], object]) -> float:
    """How often a second this can be done, by the CPU time of this thread."""
    start = time.thread_time()
    for _ in range(MESSAGES):
        make()
    return MESSAGES / (time.thread_time() - start)


def written(key: bytes) -> str:
    """A key as browsers write it."""
    return urlsafe_b64encode(key).rstrip(b"=").decode()


@dataclass
class Sink:
    """The push service of `bench.sink`: its origin, and the next arrivals."""

    origin: str
    process: subprocess.Popen[str]

    def arrivals(self, count: int) -> list[float]:
        """The times of the next so many messages."""
        assert self.process.stdout
        return [float(self.process.stdout.readline()) for _ in range(count)]


@contextmanager
def sink() -> Iterator[Sink]:
    """A push service in a process of its own."""
    command = [sys.executable, "-m", "bench.sink"]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        try:
            yield Sink(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()


def arrival(folder: Path, client: Client, devices: int) -> float:
    """Seconds from the post of a start to the arrival of the last of so many messages; the median of the rounds."""
    with sink() as service:
        supported(client, service.origin, devices)
        waits = []
        with serving(["app.py"], folder, {"RUNG_PUSH_HOSTS": service.origin}) as (port, _process_id):
            for _ in range(ROUNDS + 1):
                start = begun(client)
                posted = time.time()
                send(port, start)
                waits.append(max(service.arrivals(devices)) - posted)
                time.sleep(0.3)
        return statistics.median(waits[1:])


def begun(client: Client) -> Request:
    """The post of a start that happens now."""
    event = client.run(datetime.now(UTC))[0] | {"at": datetime.now(UTC).isoformat(timespec="milliseconds")}
    body = {"sent_at": datetime.now(UTC).isoformat(), "account": str(client.id), "events": [event]}
    return Request("POST", "/events", client.cookie, json.dumps(body).encode())


def send(port: int, request: Request) -> None:
    """Send one request, which must be taken."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(request.method, request.path, request.body, request.headers)
    status = connection.getresponse().status
    connection.close()
    if status != 200:
        raise SystemExit(f"{request.method} {request.path} answered {status}")


def supported(client: Client, origin: str, devices: int) -> None:
    """Give the client coaches with so many devices in all at the push service, in place of those before."""
    now = datetime.now(UTC)
    with client.sessions.writing() as session:
        for one in relations.supporters_of(session, client.id):
            relations.end(session, relations.support_for_client(session, client.id, one.id)[0], now)
        for number in range(devices):
            if number % DEVICES_EACH == 0:
                person = {"email": f"coach{devices}-{number}@example.org", "display_name": "Sam"}
                person |= {"password": "a long walk with the dog", "time_zone": NOON}
                coach, _codes = signing.sign_up(session, person, now)
                invitations.accept(session, invitations.invite(session, client.id, now).token, coach.id, now)
            point = ec.generate_private_key(ec.SECP256R1()).public_key()
            key = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            subscription = Subscription(f"{origin}/{devices}/{number}", key, os.urandom(16))
            register(session, coach.id, subscription, now, name="x", locale="en", origin="https://rung.example.org")
        session.commit()
