"""`make fixtures`: what each release leaves behind, for the tests: a small database, and what its pages sent.

A release is checked out beside this one with its own requirements; `tools/record_release.py` runs in it. What is there
already stays: what was released does not change any more.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "fixtures" / "releases"
# By name, the commit. Before there were numbers main was what people ran: the last commit with these tables.
RELEASES = {
    "tables-0001": "1e1e1a2",
    "tables-0002": "c8fec4b",
    "0.1.0": "1535ddc",
}
WITH_REQUESTS = {"0.1.0"}

sys.path.insert(0, str(ROOT))
from tests.make.keys import KEY_SETTINGS  # noqa: E402  (a tool is started by its path)


def make(name: str, commit: str, work: Path) -> None:
    """Record one release into its folder."""
    checkout, environment, made = work / "checkout", work / "venv", work / "made"
    made.mkdir()
    subprocess.run(["git", "worktree", "add", "--detach", checkout, commit], cwd=ROOT, check=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        install = ["-m", "pip", "install", "--quiet", "--requirement", checkout / "requirements.txt"]
        subprocess.run([environment / "bin" / "python", *install], check=True)
        arguments = [ROOT / "tools" / "record_release.py", made, *["--requests"] * (name in WITH_REQUESTS)]
        own = {"RUNG_DATA": str(work / "data"), "PYTHONPATH": str(checkout)}
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("RUNG_", "DATABASE_"))}
        recording = [environment / "bin" / "python", *arguments]
        subprocess.run(recording, cwd=checkout, env=kept | KEY_SETTINGS | own, check=True)
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", checkout], cwd=ROOT, check=True)
    (FOLDER / name).mkdir(parents=True, exist_ok=True)
    for file in made.iterdir():
        (FOLDER / name / file.name).write_bytes(file.read_bytes())
        print(f"{name}/{file.name}: {file.stat().st_size // 1024} kB", flush=True)


def main() -> None:
    """Make what is not there."""
    for name, commit in RELEASES.items():
        if (FOLDER / name / "rung.sqlite3.gz").exists():
            continue
        with tempfile.TemporaryDirectory() as work:
            make(name, commit, Path(work))


if __name__ == "__main__":
    main()
