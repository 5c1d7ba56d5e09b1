"""Every table and column is classified, and what the classification says is so."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Table

from erp.storage.classification import KINDS, RELATION, TABLES
from erp.storage.db import sealed_columns, table_of
from erp.storage.support import Support
from erp.storage.tables import Base

ROOT = Path(__file__).resolve().parents[3]
ALL = Base.metadata.sorted_tables


def test_every_table_is_classified_and_no_other():
    assert set(TABLES) == {table.name for table in ALL}


@pytest.mark.parametrize("table", ALL, ids=str)
def test_every_column_is_classified_once_and_no_other(table: Table):
    assert sorted(TABLES[table.name].columns) == sorted(table.columns.keys())
    assert set(TABLES[table.name].shown_by) <= set(table.columns.keys())


@pytest.mark.parametrize("table", ALL, ids=str)
def test_what_is_said_to_be_encrypted_is_and_nothing_else(table: Table):
    said = {name for name, kind in TABLES[table.name].columns.items() if kind.encrypted}
    assert said == {column.name for column in sealed_columns(table)}


@pytest.mark.parametrize("table", ALL, ids=str)
def test_a_row_goes_with_what_its_foreign_keys_say(table: Table):
    cascades = {key.parent.name for key in table.foreign_keys if key.ondelete == "CASCADE"}
    assert TABLES[table.name].deleted_with == cascades
    assert {key.ondelete for key in table.foreign_keys} <= {"CASCADE", "SET NULL"}


@pytest.mark.parametrize("table", ALL, ids=str)
def test_the_owner_leads_to_an_account(table: Table):
    seen = []
    while table.name != "account":
        seen.append(table.name)
        (key,) = table.columns[TABLES[table.name].owner].foreign_keys
        assert key.ondelete == "CASCADE"
        table = key.column.table
        assert table.name not in seen


def test_what_shows_a_column_is_a_switch_of_the_relation():
    switches = {column.name for column in table_of(Support).columns if column.name.startswith("shares_")}
    named = {switch for holding in TABLES.values() for switch in holding.shown_by.values()}
    assert named == switches | {RELATION}


def test_the_readme_says_what_is_encrypted_what_is_not_and_why():
    section = (ROOT / "README.md").read_text("utf-8").partition("## What is stored, and who sees what")[2]
    rows = re.findall(r"^\| (.+) \| (encrypted|plain) \| (.+) \|$", section.partition("\n## ")[0], re.MULTILINE)
    assert rows == [(kind.what, "encrypted" if kind.encrypted else "plain", kind.why) for kind in KINDS]
    used = {kind for holding in TABLES.values() for kind in holding.columns.values()}
    assert used == set(KINDS)


def test_the_page_on_data_names_every_table_and_with_what_it_goes():
    page = (ROOT / "docs" / "data.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", page, re.MULTILINE))
    assert set(rows) == set(TABLES)
    for name, holding in TABLES.items():
        assert set(re.findall(r"`(\w+)`", rows[name])) == holding.deleted_with, name
