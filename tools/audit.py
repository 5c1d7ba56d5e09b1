"""`make audit`: known weaknesses of what Rung stands on, and a scanner let loose on a filled instance of its own.

A part that cannot be had here, for want of a registry that offers advisories or of Node, says so in a line and fails
nothing. The scanner is signed in as the made-up client; its instance lies in a folder that goes with it.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
BIN = ROOT / ".venv-audit" / "bin"
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-audit.lock")
PERSON = {"email": "robin@rung.example", "password": "one rung at a time"}
# What would end the scan, or the session that it runs in.
LEFT_ALONE = (
    "/sign-out",
    "/account/sign-out-everywhere",
    "/account/password",
    "/account/sign-ins/*",
    "/account/codes*",
)
MODULES = "backup,crlf,csrf,exec,file,htaccess,http_headers,permanentxss,redirect,sql,ssrf,timesql,upload,xss,xxe"
SCAN_SECONDS, MODULE_SECONDS, START_SECONDS = 120, 20, 60
# A calendar has many months, and one is like the next.
ALIKE = 20
# What the scanner says of pages without https, of forms without a token (fetch metadata and Origin guard them), and
# where the policy's frame-ancestors stands in place of an older header.
EXPECTED = {
    "HTTP Strict Transport Security (HSTS)",
    "Secure Flag cookie",
    "Cross Site Request Forgery",
    "Clickjacking Protection",
}


def main() -> int:
    """Each part after the other; 1 when one found something."""
    found = [*python_advisories(), *script_advisories(), *scanned()]
    for line in found:
        print(line)
    print(f"{len(found)} findings." if found else "Nothing was found.")
    return int(bool(found))


def answer_of(*command: str | Path) -> Any:
    """The JSON that a tool prints; None where it prints none."""
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return None


def python_advisories() -> Iterator[str]:
    """Known weaknesses of the packages in the lock files."""
    for lock in LOCKS:
        options = ("--require-hashes", "--disable-pip", "--format=json", "--progress-spinner=off")
        answer = answer_of(BIN / "pip-audit", "-r", lock, *options)
        packages = answer["dependencies"] if answer else []
        known = [package for package in packages if "skip_reason" not in package]
        if not known:
            print(f"Skipped: the advisories for {lock}, for want of a registry that offers them.")
        elif len(known) < len(packages):
            print(f"{lock}: nothing is known of {len(packages) - len(known)} of {len(packages)} packages.")
        for package in known:
            for weakness in package["vulns"]:
                yield f"{lock}: {package['name']} {package['version']} has {weakness['id']}."


def script_advisories() -> Iterator[str]:
    """Known weaknesses of the packages that check the scripts."""
    answer = answer_of("npm", "audit", "--json") if shutil.which("npm") else None
    if not answer or "vulnerabilities" not in answer:
        print("Skipped: the advisories for package-lock.json, for want of a registry that offers them.")
        return
    for name, weakness in answer["vulnerabilities"].items():
        yield f"package-lock.json: {name} has a weakness ({weakness['severity']})."


def scanned() -> Iterator[str]:
    """What the scanner found on a filled instance."""
    with tempfile.TemporaryDirectory() as folder, instance(Path(folder)) as port:
        report = Path(folder) / "report.json"
        with (Path(folder) / "scan.log").open("w") as log:
            subprocess.run(scan(port, report), check=False, stdout=log, stderr=subprocess.STDOUT)
        if '"route": "/ladder/<uuid:fear_id>", "status": 200' not in (Path(folder) / "server.log").read_text("utf-8"):
            raise SystemExit("The scanner saw no page of the made-up client.")
        if not report.exists():
            raise SystemExit("The scanner did not come to its end.")
        found = json.loads(report.read_text("utf-8"))
    print(f"{found['infos']['crawled_pages_nbr']} pages and forms were scanned.")
    for group in ("vulnerabilities", "anomalies"):
        for name, cases in found[group].items():
            for case in cases if name not in EXPECTED else ():
                yield f"{name}: {case['method']} {case['path']} {case['info']}"


def scan(port: int, report: Path) -> list[str | Path]:
    """The scanner's command: from Today, signed in, bounded in time."""
    origin = f"http://127.0.0.1:{port}"
    command: list[str | Path] = [BIN / "wapiti", "--url", f"{origin}/today", "--scope", "domain", "--module", MODULES]
    command += ["--cookie-value", signed_in(port), "--header", f"Origin: {origin}"]
    for path in LEFT_ALONE:
        command += ["--exclude", origin + path]
    command += ["--max-scan-time", str(SCAN_SECONDS), "--max-attack-time", str(MODULE_SECONDS)]
    command += ["--max-files-per-dir", str(ALIKE)]
    command += ["--store-session", report.parent / "session", "--store-config", report.parent / "config"]
    return [*command, "--no-bugreport", "--flush-session", "--format", "json", "--output", report]


def signed_in(port: int) -> str:
    """The cookie of the made-up client."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{port}"}
    status, cookie = ask(port, "POST", "/sign-in", urlencode(PERSON), headers)
    if status != http.client.SEE_OTHER or not cookie:
        raise SystemExit(f"Signing in answered {status}.")
    return cookie.partition(";")[0]


def ask(port: int, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Any:
    """The status of an answer and the cookie that it sets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Set-Cookie")
    finally:
        connection.close()


@contextmanager
def instance(folder: Path) -> Iterator[int]:
    """A server on a free port, with four months of made-up history."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNG_", "DATABASE_"))}
    subprocess.run(
        [PYTHON, "-m", "erp.demo"],
        check=True,
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    own = {"RUNG_DATA": str(folder / "var" / "demo"), "RUNG_PORT": str(port), "RUNG_ATTEMPTS": "100000"}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([PYTHON, "app.py"], cwd=ROOT, env=kept | own, stdout=log, stderr=log)
    try:
        until_ready(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def until_ready(port: int) -> None:
    """Return when the server answers."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if ask(port, "GET", "/readyz")[0] == http.client.OK:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit("The instance to scan did not start.")


if __name__ == "__main__":
    sys.exit(main())
