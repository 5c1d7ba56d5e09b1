"""`make lock`: writes, for each list of requirements, a lock file with every package and the hashes of all its files.

usage: python tools/lock.py [--check]

--check writes nothing and needs no network: it says which lock file is not of its list, and ends with 1 then.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv-audit" / "bin" / "uv"
LISTS = ("requirements.txt", "requirements-dev.txt", "requirements-audit.txt")
OLDEST_PYTHON = "3.11"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def main() -> int:
    """Write the lock files, or check them; the exit code is 1 when one is wrong."""
    if "--check" not in sys.argv[1:]:
        for name in LISTS:
            write(ROOT, name)
    wrong = [fault for name in LISTS for fault in faults(ROOT, name)]
    for fault in wrong:
        print(fault)
    return int(bool(wrong))


def lock_of(root: Path, name: str) -> Path:
    """The lock file of a list."""
    return (root / name).with_suffix(".lock")


def digest_of(root: Path, name: str) -> str:
    """What a lock file says it was made from: the list, and those that it includes."""
    text = (root / name).read_text("utf-8")
    included = re.findall(r"^-r (\S+)", text, re.MULTILINE)
    return hashlib.sha256("".join([text, *(digest_of(root, each) for each in included)]).encode()).hexdigest()


def faults(root: Path, name: str) -> list[str]:
    """What is wrong with the lock file of a list, in sentences."""
    lock = lock_of(root, name)
    text = lock.read_text("utf-8") if lock.exists() else ""
    if digest_of(root, name) not in text.partition("\n")[0]:
        return [f"{lock.name} is not of {name} as it is now: run `make lock`."]
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    found = [f"{lock.name} names no file of {entry.split()[0]}." for entry in entries if "--hash=sha256:" not in entry]
    pins = {canonical(package): version for package, version in PIN.findall(text)}
    for package, version in PIN.findall((root / name).read_text("utf-8")):
        if pins.get(canonical(package)) != version:
            found.append(f"{lock.name} has no {package} {version}.")
    return found + [f"{lock.name} names an address." for _ in re.findall("://", text)[:1]]


def canonical(name: str) -> str:
    """The name of a package as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write(root: Path, name: str) -> None:
    """Resolve a list for every platform and Python of ours, and write its lock file."""
    command = [UV, "pip", "compile", "--quiet", "--universal", "--upgrade", "--generate-hashes", "--no-header"]
    command += ["--no-annotate", "--no-emit-index-url", f"--python-version={OLDEST_PYTHON}", name]
    if name == "requirements-dev.txt":
        # The same versions where one runs Rung and where one tests it.
        command += ["--constraint", lock_of(root, "requirements.txt")]
    done = subprocess.run(command, check=True, cwd=root, env=os.environ | index(), capture_output=True, text=True)
    lock_of(root, name).write_text(
        f"# Written by `make lock`; sha256 of {name}: {digest_of(root, name)}\n{done.stdout}"
    )


def index() -> dict[str, str]:
    """The registry that pip uses, for uv, which does not read pip's configuration."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    url = os.environ.get("PIP_INDEX_URL") or subprocess.run(asked, check=False, capture_output=True, text=True).stdout
    return {"UV_DEFAULT_INDEX": url.strip()} if url.strip() and "UV_DEFAULT_INDEX" not in os.environ else {}


if __name__ == "__main__":
    sys.exit(main())
