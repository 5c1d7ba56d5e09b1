"""What the audit says of what a registry answers, and of one that tells nothing."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

spec = importlib.util.spec_from_file_location("audit", Path(__file__).resolve().parents[2] / "tools" / "audit.py")
assert spec
assert spec.loader
audit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(audit)

UNKNOWN = {"name": "flask", "skip_reason": "not found"}
SOUND = {"name": "idna", "version": "3.20", "vulns": []}
WEAK = {"name": "jinja2", "version": "1.0", "vulns": [{"id": "PYSEC-1"}]}


@pytest.mark.parametrize(
    ("answer", "found", "said"),
    [
        (None, 0, "Skipped"),
        ({"dependencies": [UNKNOWN]}, 0, "Skipped"),
        ({"dependencies": [UNKNOWN, SOUND]}, 0, "nothing is known of 1 of 2 packages"),
        ({"dependencies": [SOUND]}, 0, ""),
        ({"dependencies": [SOUND, WEAK]}, 1, ""),
    ],
)
def test_a_weakness_is_a_finding_and_a_registry_that_tells_nothing_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: Any, found: int, said: str
):
    monkeypatch.setattr(audit, "LOCKS", ("requirements.lock",))
    monkeypatch.setattr(audit, "answer_of", lambda *_command: answer)
    lines = list(audit.python_advisories())
    assert len(lines) == found
    assert all("jinja2 1.0 has PYSEC-1" in line for line in lines)
    assert capsys.readouterr().out.startswith(said) if said == "Skipped" else said in capsys.readouterr().out
