"""A server's address that can be gone for a while although the server is not, and that counts what passes."""

import socket
from contextlib import suppress
from threading import Lock, Thread

from tests.make.ports import free_port


class Gate:
    """Passes connections on to a port. `stop` is what a phone sees of a server that stops, `start` of one that is back.

    `bytes` is what was sent to the phones.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.bytes = 0
        self._listening: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = Lock()

    def start(self) -> None:
        """Let everybody in."""
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=64)
        Thread(target=self._listen, args=(self._listening,), daemon=True).start()

    def stop(self) -> None:
        """Refuse everybody from now on, and end what is under way."""
        if self._listening is None:
            return
        # Closing alone does not wake whoever waits in accept().
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            self._listening = None
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _listen(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                Thread(target=self._serve, args=(listening, listening.accept()[0]), daemon=True).start()

    def _serve(self, listening: socket.socket, phone: socket.socket) -> None:
        with phone, suppress(OSError), socket.create_connection(("127.0.0.1", self.upstream)) as server:
            with self._lock:
                if self._listening is not listening:
                    return
                self._open |= {phone, server}
            Thread(target=self._ask, args=(phone, server), daemon=True).start()
            with suppress(OSError):
                while data := server.recv(65_536):
                    self.bytes += len(data)
                    phone.sendall(data)
            with self._lock:
                self._open -= {phone, server}

    def _ask(self, phone: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := phone.recv(65_536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
