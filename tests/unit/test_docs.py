"""What the docs name is there: files, headings, commands and the values of every enum."""

import enum
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import erp

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
NAMED = re.compile(r"`((?:erp|static|templates|tests|tools|bench|docs|\.ci)/[\w./@-]+)`")
# Of each chapter of ASVS 5.0.0 how many requirements of its sections, numbered from 1, belong to level 1 or 2.
CHAPTERS = {
    1: (2, 9, 11, 3, 2),
    2: (3, 3, 4, 1),
    3: (0, 2, 4, 6, 5, 0, 2),
    4: (3, 1, 2, 4),
    5: (1, 3, 2, 3),
    6: (3, 12, 4, 4, 5, 3, 0, 4),
    7: (3, 4, 2, 5, 2, 2),
    8: (2, 3, 1, 1),
    9: (3, 4),
    11: (2, 3, 3, 4, 1, 1),
    12: (3, 2, 4),
    13: (1, 5, 2, 5),
    14: (2, 4, 3),
    15: (3, 3, 7),
    16: (1, 5, 4, 3, 3),
}
REQUIREMENTS = {
    f"{chapter}.{section}": last for chapter, sections in CHAPTERS.items() for section, last in enumerate(sections, 1)
}
REQUIREMENT = re.compile(r"\b(\d{1,2}\.\d)(?:\.(\d{1,2})(?:–(\d{1,2}))?)?(?![\d.]*\d)")
TESTED = re.compile(r"`([\w/]+\.py)::(\w+)`")
DEFINED = re.compile(r"`(\w+)`\s+in\s+`([\w./-]+)`")
LINKED = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub makes addresses of them."""
    headings = HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def enums() -> Iterator[type[enum.Enum]]:
    """Every enum of ours."""
    for module in pkgutil.walk_packages(erp.__path__, "erp."):
        if ".migrations" not in module.name:
            members = vars(importlib.import_module(module.name)).values()
            yield from (
                found for found in members if isinstance(found, enum.EnumType) and found.__module__ == module.name
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path):
    named = NAMED.findall(page.read_text("utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_name_stands_in_the_file_that_a_page_says(page: Path):
    named = DEFINED.findall(page.read_text("utf-8"))
    files = {path: ROOT / path for _name, path in named if (ROOT / path).is_file()}
    texts = {path: file.read_text("utf-8") for path, file in files.items()}
    assert [f"{name} in {path}" for name, path in named if not re.search(rf"\b{name}\b", texts.get(path, ""))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_is_there(page: Path):
    missing = []
    for path, name in TESTED.findall(page.read_text("utf-8")):
        file = ROOT / "tests" / path
        if not file.is_file() or not re.search(rf"^def {name}\(", file.read_text("utf-8"), re.MULTILINE):
            missing.append(f"{path}::{name}")
    assert missing == []


def test_the_page_on_safety_says_something_of_every_requirement():
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = {
        (section, number)
        for section, first, last in REQUIREMENT.findall(page)
        for number in range(int(first or 1), int(last or first or REQUIREMENTS.get(section, 0)) + 1)
    }
    wanted = {(section, number) for section, last in REQUIREMENTS.items() for number in range(1, last + 1)}
    assert wanted - named == set()
    assert all(f"**V{chapter} " in page for chapter in range(1, 18))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path):
    broken = []
    for path, anchor in LINKED.findall(page.read_text("utf-8")):
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{path}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_is_there(page: Path):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = re.findall(r"(?:`|^    (?:\S+=\S+ )*)make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE)
    assert [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


def test_the_glossary_names_every_value_of_every_enum():
    glossary = (ROOT / "docs" / "words.md").read_text("utf-8")
    missing = [str(each) for kind in enums() for each in kind if f"`{each.value}`" not in glossary]
    assert missing == []


def test_the_version_is_the_newest_of_the_changelog():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    newest = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert version
    assert newest
    assert version[1] == newest[1]
