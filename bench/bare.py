"""The yardstick: a bare Flask view; run as a program, on the same server and port setting as Rung."""

import os

from flask import Flask
from waitress.server import create_server


def bare_app() -> Flask:
    """An application with one view that answers a short text."""
    app = Flask("bare")

    @app.get("/")
    def view() -> str:
        return "Hello"

    return app


if __name__ == "__main__":
    create_server(bare_app(), host="127.0.0.1", port=int(os.environ["RUNG_PORT"]), threads=4, ident=None).run()
