"""HTTP/2 over TLS, as the real push services speak it."""

import ipaddress
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from erp.push import Message, Outcome, Push
from tests.make.push_service import CREATED, PushService, answers
from tests.push.conftest import MakePush

HELLO = Message(b"{}", ttl=60)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signed itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a push service")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path


class Front:
    """Carries HTTP/2 to a push service. `status` replaces what it answers."""

    def __init__(self, service: PushService, certificate: Path) -> None:
        self.service = service
        self.status: str | None = None
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)
        self.tls.set_alpn_protocols(["h2"])
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.service.origin = f"https://127.0.0.1:{self.listening.getsockname()[1]}"
        self.threads = [threading.Thread(target=self.listen)]
        self.threads[0].start()

    def listen(self) -> None:
        while True:
            try:
                plain, _ = self.listening.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.serve, args=(plain,)))
            self.threads[-1].start()

    def serve(self, plain: socket.socket) -> None:
        number = self.service.connected()
        with plain:
            plain.settimeout(10)
            try:
                with self.tls.wrap_socket(plain, server_side=True) as connection:
                    self.talk(connection, number)
            except OSError:
                return
            finally:
                self.service.disconnected()

    def talk(self, connection: ssl.SSLSocket, number: int) -> None:
        state = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, validate_outbound_headers=False)
        )
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        heads: dict[int, dict[str, str]] = {}
        parts: dict[int, bytes] = {}
        while data := connection.recv(65536):
            for event in state.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    heads[event.stream_id] = {name.decode(): value.decode() for name, value in event.headers or ()}
                elif isinstance(event, h2.events.DataReceived):
                    parts[event.stream_id] = parts.get(event.stream_id, b"") + (event.data or b"")
                    state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    head = heads[event.stream_id]
                    answer = self.service.take(head[":path"], head, parts[event.stream_id], number)
                    state.send_headers(event.stream_id, [(":status", self.status or str(answer.status))])
                    state.send_data(event.stream_id, answer.body.encode(), end_stream=True)
            connection.sendall(state.data_to_send())

    def close(self) -> None:
        # Closing alone does not wake whoever waits in accept().
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def front(push_service: PushService, certificate: Path) -> Iterator[Front]:
    """HTTP/2 in front of the push service. Ask for it before a sender, whose connections must be closed first."""
    front = Front(push_service, certificate)
    yield front
    front.close()


@pytest.fixture
def trusting(front: Front, make_push: MakePush, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Push:
    """A sender that trusts the service's certificate."""
    with monkeypatch.context() as trust:
        tls = ssl.create_default_context(cafile=certificate)
        trust.setattr(httpx, "create_ssl_context", lambda **_: tls)
        return make_push(front.service.origin, timeout=5)


def test_http2_is_spoken_where_the_service_offers_it_and_one_connection_serves(
    trusting: Push, push_service: PushService
):
    phone = push_service.subscribe(answers(429), answers(410, "gone"), CREATED)
    assert [trusting.send(phone, HELLO).status for _ in range(3)] == [429, 410, 201]
    assert [one.connection for one in push_service.received()] == [1, 1, 1]
    assert push_service.complaints == []


def test_the_connection_of_an_answer_that_is_too_long_is_not_used_again(trusting: Push, push_service: PushService):
    phone = push_service.subscribe(answers(429, "x" * 12_000), CREATED)
    assert [trusting.send(phone, HELLO).status for _ in range(2)] == [429, 201]
    assert [one.connection for one in push_service.received()] == [1, 2]


def test_threads_do_not_break_each_others_http2(trusting: Push, push_service: PushService):
    phone = push_service.subscribe()
    usual = sys.getswitchinterval()
    # Threads that change places all the time find in a second what happens once a week.
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as threads:
            sent = list(threads.map(lambda ttl: trusting.send(phone, Message(b"{}", ttl=ttl)), range(100)))
    finally:
        sys.setswitchinterval(usual)
    assert {result.outcome for result in sent} == {Outcome.sent}
    assert sorted(int(one.headers["ttl"]) for one in push_service.received()) == list(range(100))


def test_a_status_that_is_no_number_raises_nothing(front: Front, trusting: Push, push_service: PushService):
    front.status = "fine"
    result = trusting.send(push_service.subscribe(), HELLO)
    assert (result.outcome, result.status) == (Outcome.later, None)


def test_a_service_with_a_certificate_of_its_own_making_gets_nothing(
    front: Front, make_push: MakePush, push_service: PushService
):
    push = make_push(push_service.origin)
    result = push.send(push_service.subscribe(), HELLO)
    assert (result.outcome, result.reason) == (Outcome.later, "unreachable")
    assert push_service.received() == []
