"""How many examples a test tries: a third on the other database, where the rules are the same."""

import os


def examples(count: int) -> int:
    """So many where the rules are looked at; a third on PostgreSQL, which only has to give the same answers."""
    return count // 3 if os.environ.get("RUNG_TEST_DATABASE") else count
