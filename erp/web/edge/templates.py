"""How templates are read: what their layout for the eye leaves of itself in a page."""

from __future__ import annotations

import re

from flask import Flask
from jinja2.ext import Extension

# After a line that ends in a block tag, whose line break Jinja takes away, an attribute needs one space before it.
_INDENT = re.compile(r"(?<!%}\n)^[ \t]+|^[ \t]+(?![a-z])", re.MULTILINE)


class Unindented(Extension):
    """Templates are indented for whoever reads them; a page carries none of it, and lines keep their numbers."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source without the white space that its lines begin with."""
        return _INDENT.sub("", source)


def install(app: Flask) -> None:
    """Keep the layout of templates out of the pages."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension(Unindented)
