"""How templates are read: what their layout for the eye leaves of itself in a page, and the bounds that forms name."""

from __future__ import annotations

import re

from flask import Flask
from jinja2.ext import Extension

from erp.domain.ladder.ladder import MAX_MINUTES

# What may hold a bracket that ends no tag: Jinja's own marks, and quoted values.
_OPAQUE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\"[^\"]*\"|'[^']*'")
_TAG_LEFT_OPEN = re.compile(r"<[a-zA-Z][^<>]*$")
# A line break that is counted but not written: error messages name the template's own lines.
_UNWRITTEN_BREAK = "{#\n#}"


class Unindented(Extension):
    """Templates are laid out for whoever reads them; a page carries none of it, and lines keep their numbers.

    Lines lose their indentation, and a tag whose attributes stand on lines of their own is written on one.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source without the white space that its lines begin with, and without line breaks inside of tags."""
        written = ""
        open_tag = ""
        for number, line in enumerate(source.split("\n")):
            text = line.lstrip(" \t")
            if number:
                written += _joint(open_tag, text, is_indented=text != line)
            written += text
            left_open = _TAG_LEFT_OPEN.search(_OPAQUE.sub("", f"{open_tag} {text}"))
            open_tag = left_open.group() if left_open else ""
        return written


def _joint(open_tag: str, text: str, *, is_indented: bool) -> str:
    """What stands between a line and `text`, the next one."""
    in_an_expression = any(mark in open_tag for mark in ("{{", "{%", "{#"))
    if not open_tag or not is_indented or in_an_expression:
        return "\n"
    return _UNWRITTEN_BREAK if text.startswith((">", "/>")) else f" {_UNWRITTEN_BREAK}"


def install(app: Flask) -> None:
    """Keep the layout of templates out of the pages, and hand them the bounds that forms name."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension(Unindented)
    app.jinja_env.globals["MAX_MINUTES"] = MAX_MINUTES
