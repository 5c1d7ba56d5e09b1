"""The lock files are of the requirements, and a change of either is noticed."""

import importlib.util
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("lock", ROOT / "tools" / "lock.py")
assert spec
assert spec.loader
lock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lock)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in ROOT.glob("requirements*"):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", lock.LISTS)
def test_a_lock_file_is_of_its_list_and_names_no_address(name: str):
    assert lock.faults(ROOT, name) == []


def test_a_changed_requirement_asks_for_new_lock_files(folder: Path):
    with (folder / "requirements.txt").open("a") as file:
        file.write("attrs==1.0\n")
    said = [fault for name in lock.LISTS for fault in lock.faults(folder, name)]
    assert [fault.split()[0] for fault in said] == ["requirements.lock", "requirements-dev.lock"]
    assert all("make lock" in fault for fault in said)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("\nflask==", "\nflask==0.", "requirements.lock has no flask"),
        ("--hash=sha256:", "--hash=md5:", "requirements.lock names no file of alembic"),
        ("\nflask==", "\n--index-url https://registry.example\nflask==", "names an address"),
    ],
)
def test_so_does_a_lock_file_that_somebody_edited(folder: Path, before: str, after: str, said: str):
    file = folder / "requirements.lock"
    file.write_text(file.read_text().replace(before, after))
    assert any(said in fault for fault in lock.faults(folder, "requirements.txt"))


def test_a_lock_file_that_is_gone_is_missed(folder: Path):
    (folder / "requirements.lock").unlink()
    assert lock.faults(folder, "requirements.txt")


def test_what_is_tested_is_what_runs():
    run, dev = (
        dict(lock.PIN.findall((ROOT / name).read_text())) for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert {package: dev.get(package) for package in run} == run
