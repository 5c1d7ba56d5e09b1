"""`make licences`: writes docs/licences.md from what is installed and what is vendored.

usage: python tools/licences.py [--check]

--check writes nothing: it says which requirement the list does not name, and ends with 1 when there is one.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "docs" / "licences.md"
VENDORED = ROOT / "static" / "vendor"
NODE, LOCK = ROOT / "package.json", ROOT / "package-lock.json"

IDENTIFIERS = ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "PSF-2.0", "Unlicense")
# How some packages spell a licence → its SPDX identifier.
SPELLINGS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "MIT License": "MIT",
    "MPL": "MPL-2.0",
    "MPL 2.0": "MPL-2.0",
    "MPLv2.0": "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "ZPL 2.1": "ZPL-2.1",
}
# Words that only this licence's text has. The first that fits counts.
SENTENCES = {
    "Apache License": "Apache-2.0",
    "Mozilla Public License": "MPL-2.0",
    "Zero-Clause BSD": "0BSD",
    "ISC License": "ISC",
    "Permission is hereby granted, free of charge": "MIT",
    "Neither the name of": "BSD-3-Clause",
    "Redistribution and use in source and binary forms": "BSD-2-Clause",
}
HEAD = """# Licences

Rung itself is under the MIT licence ([LICENSE](../LICENSE)). This is what it stands on. `make licences` writes this
page from the installed packages, and `make check` fails when a requirement is missing here.

Names are SPDX identifiers. The lists hold what one installation with Python {python} on {system} brings; other systems
and versions may need a few packages more or fewer. The repository holds none of these packages, but for the two
JavaScript files under `static/vendor/`, which lie there with their licences. The digests of common passwords come from
SecLists' "10 million password list" (MIT).
"""


def main() -> int:
    """Write the list, or check it; the exit code is 1 when the check finds something."""
    if "--check" in sys.argv[1:]:
        missing = [name for name in wanted() if f"| {name} |" not in LIST.read_text("utf-8")]
        for name in missing:
            print(f"docs/licences.md does not name {name.replace(' | ', ' ')}: run `make licences`.")
        return int(bool(missing))
    LIST.write_text(page(), "utf-8")
    print(f"Written: {LIST.relative_to(ROOT)}")
    return 0


def wanted() -> Iterator[str]:
    """Name and version of every requirement and vendored file, as the list shows them."""
    for file in ("requirements.txt", "requirements-dev.txt"):
        for requirement in requirements(file):
            yield f"{canonicalize_name(requirement.name)} | {str(requirement.specifier).removeprefix('==')}"
    for folder in sorted(VENDORED.glob("*@*")):
        yield folder.name.replace("@", " | ")
    if NODE.exists():
        for name, version in json.loads(NODE.read_text("utf-8")).get("devDependencies", {}).items():
            yield f"{name} | {version}"


def page() -> str:
    """The whole page."""
    run = installed(requirements("requirements.txt"))
    dev = {name: found for name, found in installed(requirements("requirements-dev.txt")).items() if name not in run}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    parts = [
        HEAD.format(python=python, system=sys.platform.capitalize()),
        table("What running needs", [row_of(found) for found in run.values()]),
        table("In the browser", [vendored(folder) for folder in sorted(VENDORED.glob("*@*"))]),
        table("What testing and checking need on top", [row_of(found) for found in dev.values()]),
    ]
    if LOCK.exists():
        parts.append(table("What checking the JavaScript needs", list(locked())))
    return "\n".join(parts)


def requirements(file: str) -> list[Requirement]:
    """The lines of a requirements file; what it includes is not followed."""
    lines = (line.strip() for line in (ROOT / file).read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def installed(first: list[Requirement]) -> dict[str, Distribution]:
    """These packages and all that they need here, by name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    left = list(first)
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            found[name] = distribution(name)
            needs = (Requirement(text) for text in found[name].requires or ())
            left += [need for need in needs if not need.marker or need.marker.evaluate({"extra": extra})]
    return dict(sorted(found.items()))


def table(title: str, rows: list[tuple[str, str, str]]) -> str:
    """A heading and its table of name, version and licence."""
    lines = [f"| {name} | {version} | {licence} |" for name, version, licence in rows]
    return "\n".join([f"## {title}", "", "| package | version | licence |", "|---|---|---|", *lines, ""])


def row_of(found: Distribution) -> tuple[str, str, str]:
    """Name, version and licence of an installed package."""
    return canonicalize_name(found.metadata["Name"]), found.version, licence_of(found)


def licence_of(found: Distribution) -> str:
    """What the package says of its licence, else what the text of its licence is."""
    about = found.metadata
    expression = about.get("License-Expression")
    if expression:
        return expression
    told = about.get_all("License") or []
    told += [name.rpartition(" :: ")[2] for name in about.get_all("Classifier") or () if name.startswith("License ::")]
    for name in told:
        if name in IDENTIFIERS or name in SPELLINGS:
            return SPELLINGS.get(name, name)
    files = [file for file in found.files or () if re.search(r"licen[cs]e|copying", file.name, re.IGNORECASE)]
    texts = [found.locate_file(file).read_text("utf-8") for file in files]
    return recognised("\n".join([*told, *texts]))


def vendored(folder: Path) -> tuple[str, str, str]:
    """Name, version and licence of a folder of files by others."""
    name, _, version = folder.name.partition("@")
    return name, version, recognised((folder / "LICENSE").read_text("utf-8"))


def recognised(text: str) -> str:
    """The licence of which this is the text. Raises ValueError where it is none that is known here."""
    for sentence, licence in SENTENCES.items():
        if sentence in text:
            return licence
    raise ValueError(f"none of the known licences: {text[:200]!r}")


def locked() -> Iterator[tuple[str, str, str]]:
    """What npm's lock file names; what is there for another system only is left out."""
    packages = json.loads(LOCK.read_text("utf-8"))["packages"]
    for path, about in sorted(packages.items()):
        if path and not about.get("optional"):
            yield path.rpartition("node_modules/")[2], about["version"], about["license"]


if __name__ == "__main__":
    sys.exit(main())
