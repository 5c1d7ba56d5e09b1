"""`make test`: every test on SQLite and in real browsers, then those with a database on PostgreSQL."""

import os
import subprocess
import sys

import browser
import postgres

WITH_DATABASE = ("tests/unit", "tests/web", "tests/push")


def main() -> int:
    """Run both rounds; the exit code is 1 when either failed."""
    browsers = {"RUNG_CHROMIUM": browser.find("Chromium"), "RUNG_FIREFOX": browser.find("Firefox")}
    failed = pytest(browsers)
    address = postgres.address()
    reason = postgres.trouble(address)
    if reason and os.environ.get("CI") == "true":
        print(f"PostgreSQL must be there when CI=true: {reason}")
        return 1
    if reason:
        print(f"Skipped: the second round, on PostgreSQL ({reason}; set RUNG_TEST_POSTGRES)")
        return int(failed)
    print("Once more on PostgreSQL: the tests that use a database.", flush=True)
    failed |= pytest({"RUNG_TEST_DATABASE": address}, *WITH_DATABASE)
    return int(failed)


def pytest(settings: dict[str, str], *paths: str) -> bool:
    """Run pytest in two processes; True when a test failed."""
    command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=2", "--dist=worksteal", *paths]
    return subprocess.run(command, check=False, env=os.environ | settings).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
