"""Scripts of several parts made one file, so that rooms cost no request: what `import` named stands in its place."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection

# Scripts by their parts; nobody else is given those of the script's own folder. A part of two scripts stands in both:
# it may keep no state.
JOINED = {
    "js/shell/app.js": ("js/shell/error-notice.js",),
    "js/worker/worker.js": (
        "js/lib/store.js",
        "js/worker/install.js",
        "js/worker/offline.js",
        "js/worker/pages.js",
        "js/worker/push.js",
    ),
    "js/outbox/outbox.js": (
        "vendor/idb@8.0.4/umd.js",
        "js/outbox/rules.js",
        "js/outbox/status.js",
        "js/outbox/store.js",
    ),
    "js/exposure/practice.js": (
        "js/exposure/after.js",
        "js/exposure/ending.js",
        "js/exposure/other-running.js",
        "js/exposure/running.js",
    ),
}

# What our own modules use of the language: names in braces, or a file that is run for what it does.
_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\.[^"]+)";.*\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async |class |const |function|let ))", re.MULTILINE)


def join(entry: str, parts: Collection[str], read: Callable[[str], str]) -> str:
    """The text of a script with those of its `parts`, each once and before whoever imports it.

    A vendored script, which declares a global, comes first. What else they import is imported once, at the top. Parts
    share one scope: their names must differ, and a name that is imported may not be changed with `as`.
    """
    texts: dict[str, str] = {}
    imported: dict[str, set[str]] = {}

    def visit(path: str) -> str:
        def place(found: re.Match[str]) -> str:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
            if target not in parts:
                names = {name.strip() for name in (found[1] or "").split(",")} - {""}
                imported.setdefault(target, set()).update(names)
            elif target not in texts:
                texts[target] = ""  # a circle among parts ends here
                texts[target] = _EXPORT.sub("", visit(target))
                texts[target] = texts.pop(target)  # behind what it imports itself
            return ""

        return _IMPORT.sub(place, read(path))

    body = visit(entry)
    vendored = [read(path) for path in parts if path.startswith("vendor/")]
    folder = posixpath.dirname(entry)
    lines = [_line(posixpath.relpath(target, folder), names) for target, names in imported.items()]
    return "\n".join([*lines, *vendored, *texts.values(), body])


def _line(path: str, names: Collection[str]) -> str:
    source = f'"{path if path.startswith(".") else "./" + path}";'
    return f"import {{ {', '.join(sorted(names))} }} from {source}" if names else f"import {source}"
