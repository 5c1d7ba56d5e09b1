"""`url_for` for the templates: the same few addresses, page after page, are built once."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask

MAX_KEPT = 100  # characters


def install(app: Flask) -> None:
    """Give templates an `url_for` that makes paths."""
    build = app.url_map.bind("").build

    def made(endpoint: str, **values: object) -> str:
        return build(endpoint, {name: value for name, value in values.items() if value is not None})

    kept = lru_cache(maxsize=4096)(made)

    def path(endpoint: str, **values: object) -> str:
        # What a request brings, like the page to go to next, may be long: thousands of those are kept by nobody.
        long = any(isinstance(value, str) and len(value) > MAX_KEPT for value in values.values())
        return (made if long else kept)(endpoint, **values)

    app.jinja_env.globals["url_for"] = path
