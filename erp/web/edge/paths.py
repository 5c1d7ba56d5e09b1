"""`url_for` for the templates: the same few addresses, page after page, are built once."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask


def install(app: Flask) -> None:
    """Give templates an `url_for` that makes paths."""
    build = app.url_map.bind("").build

    @lru_cache(maxsize=4096)
    def path(endpoint: str, **values: object) -> str:
        return build(endpoint, {name: value for name, value in values.items() if value is not None})

    app.jinja_env.globals["url_for"] = path
