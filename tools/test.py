"""`make test`: every test on SQLite and in real browsers, then those with a database on PostgreSQL.

`make quick` (`--quick`): what needs no browser and no other process, on SQLite alone.
"""

import os
import subprocess
import sys
import time

import browser
import postgres

WITH_DATABASE = ("tests/unit", "tests/web", "tests/push")
QUICK = ("tests/unit", "tests/web", "-m", "not slow")
# More than there are cores where some of them wait for a clock, a server or a browser.
PROCESSES, WITHOUT_BROWSERS = 6, 4


def main() -> int:
    """Run what was asked for, and say at the end how it went; the exit code is 1 when a test failed."""
    began = time.monotonic()
    failed = quick() if "--quick" in sys.argv[1:] else whole()
    seconds = round(time.monotonic() - began)
    result = f"Failed: {', '.join(failed)}" if failed else "Everything passed"
    print(f"{result} ({seconds // 60} min {seconds % 60:02} s).", flush=True)
    return int(bool(failed))


def quick() -> list[str]:
    """The quick tests, those of the scripts included; what failed."""
    failed = [] if scripts() else ["the tests of the scripts"]
    return failed if pytest({}, *QUICK) else [*failed, "the quick tests"]


def whole() -> list[str]:
    """The scripts and both rounds; what failed."""
    chromium = browser.find("Chromium")
    shell = browser.find_shell(chromium)
    browsers = {"RUNG_CHROMIUM": chromium, "RUNG_HEADLESS_SHELL": shell, "RUNG_FIREFOX": browser.find("Firefox")}
    failed = [] if scripts() else ["the tests of the scripts"]
    if not pytest(browsers, processes=PROCESSES):
        failed.append("the round on SQLite and in browsers")
    address = postgres.address()
    reason = postgres.trouble(address)
    if reason and os.environ.get("CI") == "true":
        print(f"PostgreSQL must be there when CI=true: {reason}")
        return [*failed, "the round on PostgreSQL"]
    if reason:
        print(f"Skipped: the second round, on PostgreSQL ({reason}; set RUNG_TEST_POSTGRES)")
        return failed
    print("Once more on PostgreSQL: the tests that use a database.", flush=True)
    if not pytest({"RUNG_TEST_DATABASE": address}, *WITH_DATABASE):
        failed.append("the round on PostgreSQL")
    return failed


def scripts() -> bool:
    """Run the tests of the scripts, where there is Node; True unless one failed."""
    return subprocess.run(["sh", "tools/javascript.sh", "test"], check=False).returncode == 0


def pytest(settings: dict[str, str], *arguments: str, processes: int = WITHOUT_BROWSERS) -> bool:
    """Run pytest in so many processes; True when every test passed."""
    command = [sys.executable, "-m", "pytest", "-q", f"--numprocesses={processes}", "--dist=worksteal", *arguments]
    return subprocess.run(command, check=False, env=os.environ | settings).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
