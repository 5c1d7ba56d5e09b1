"""Static files: copied, minified and compressed once per change, then served for ever under a name that changes too."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from wsgiref.headers import Headers

import rcssmin
import rjsmin
from flask import Flask
from whitenoise import WhiteNoise
from whitenoise.compress import Compressor

from erp.services import services
from erp.web.edge import joining
from erp.web.edge.joining import JOINED, join

YEAR = 31_536_000
KEEP_TREES = 3
BUNDLE = "bundle.json"


def install(app: Flask, source: Path, built: Path, bundle: Sequence[str] = ()) -> str:
    """Serve `source` at /static/<version>/ from compressed copies under `built`; give templates `asset(path)`.

    The files that `bundle` names can also be had as one: BUNDLE, an object with their texts by their paths. What comes
    back is the version.
    """
    version = _version(source, bundle)
    _build(source, built / version, bundle)
    app.jinja_env.globals["asset"] = f"/static/{version}/".__add__
    served = WhiteNoise(
        app.wsgi_app,
        max_age=YEAR,
        immutable_file_test=_always,
        allow_all_origins=False,
        add_headers_function=_add_headers,
    )
    # A page from before an update goes on working: its files are still here under their own name.
    for folder in _built_trees(built):
        served.add_files(str(folder), prefix=f"static/{folder.name}/")
    app.wsgi_app = served  # type: ignore[method-assign]
    return version


def asset(path: str) -> str:
    """The address of a static file, which changes when anything in the tree does."""
    return f"/static/{services().version}/{path}"


def _always(_path: str, _url: str) -> bool:
    return True


def _add_headers(headers: Headers, path: str, _url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    # For a drawing that is opened alone: it may hold scripts. Elsewhere it would be bytes that say nothing.
    if path.endswith(".svg"):
        headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"


def _files(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_file())


def _version(source: Path, bundle: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join([*bundle, inspect.getsource(joining)]).encode())
    for path in _files(source):
        digest.update(str(path.relative_to(source)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _join(tree: Path) -> None:
    """Make one file of each script that has parts; those in its own folder are not served by themselves."""

    def read(path: str) -> str:
        return (tree / path).read_text("utf-8")

    joined = {entry: join(entry, parts, read) for entry, parts in JOINED.items() if (tree / entry).exists()}
    for entry, text in joined.items():
        (tree / entry).write_text(text, "utf-8")
        for part in JOINED[entry]:
            if posixpath.dirname(part) == posixpath.dirname(entry):
                (tree / part).unlink()


def _minify(tree: Path) -> None:
    """Take comments and indentation out of our own files; vendored ones that are not joined stay as they came."""
    for path in _files(tree):
        minify = {".js": rjsmin.jsmin, ".css": rcssmin.cssmin}.get(path.suffix)
        if minify and tree / "vendor" not in path.parents:
            path.write_text(minify(path.read_text("utf-8")), "utf-8")


def _built_trees(built: Path) -> list[Path]:
    """The trees that were built, newest first."""
    trees = [path for path in built.iterdir() if re.fullmatch("[0-9a-f]{12}", path.name)]
    return sorted(trees, key=lambda path: path.stat().st_mtime, reverse=True)


def _build(source: Path, target: Path, bundle: Sequence[str]) -> None:
    """Make the compressed copy of the tree beside its place and move it there whole, unless it is there."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        shutil.copytree(source, draft, dirs_exist_ok=True)
        os.utime(draft)
        _join(draft)
        _minify(draft)
        texts = {path: (draft / path).read_text("utf-8") for path in bundle}
        (draft / BUNDLE).write_text(json.dumps(texts, ensure_ascii=False, separators=(",", ":")), "utf-8")
        compressor = Compressor(quiet=True)
        for path in _files(draft):
            if compressor.should_compress(path.name):
                list(compressor.compress(str(path)))
        # Nobody asks whether a file has changed whose name would: without a date it is sent without the two headers.
        for path in _files(draft):
            os.utime(path, (0, 0))
        for old in _built_trees(target.parent)[KEEP_TREES - 1 :]:
            shutil.rmtree(old, ignore_errors=True)
        try:
            draft.rename(target)
        except OSError:
            if not target.exists():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
