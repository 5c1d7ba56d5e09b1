"""A push service that takes everything: prints its port, then the time.time() of each message. Loopback only.

usage: python -m bench.sink
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers 201 to every POST, on connections that stay open."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take one message."""
        came = time.time()
        self.rfile.read(int(self.headers["content-length"]))
        self.wfile.write(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")
        # In one piece: other threads write as well.
        sys.stdout.write(f"{came}\n")
        sys.stdout.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the output is the times."""


class Server(ThreadingHTTPServer):
    """Ends its threads with the process."""

    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
