import hashlib
import json
import posixpath
import re
from pathlib import Path

import pytest
import rcssmin
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from erp.commands import jobs_of
from erp.services import services_of
from erp.storage.db import Sessions
from tests.web.conftest import Phone

PUBLIC = ["/", "/about", "/offline", "/manifest.webmanifest", "/sw.js", "/healthz", "/readyz"]
STATIC = Path(__file__).parents[3] / "static"


@pytest.mark.parametrize("path", PUBLIC)
def test_the_shell_is_open_to_everybody(app: Flask, nobody: Phone, path: str):
    jobs_of(app).sweep_now()
    assert nobody.get(path).status_code == 200


def test_the_first_page_offers_to_sign_up_and_leads_on_who_is_signed_in(nobody: Phone, client: Phone):
    html = nobody.get("/").text
    assert 'href="/sign-up"' in html
    assert 'href="/sign-in"' in html
    answer = client.get("/")
    assert (answer.status_code, answer.location) == (302, "/today")


def test_about_says_what_rung_is_not_and_where_help_is(nobody: Phone, client: Phone):
    for phone in (nobody, client):
        html = phone.get("/about").text.lower()
        assert "medical device" in html
        assert "emergency" in html


def test_the_page_for_no_network_is_the_same_for_everybody_and_holds_nothing_private(nobody: Phone, client: Phone):
    html = nobody.get("/offline").text
    assert client.get("/offline").text == html
    assert client.account_id not in html


def test_everything_that_the_pages_and_the_manifest_name_is_there(nobody: Phone):
    manifest = json.loads(nobody.get("/manifest.webmanifest").text)
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("/today", "/", "standalone")
    assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512"}
    assert any("maskable" in icon.get("purpose", "") for icon in manifest["icons"])
    addresses = [icon["src"] for icon in manifest["icons"]]
    for path in ("/", "/sign-up", "/sign-in", "/offline"):
        addresses += re.findall(r'(?:href|src)="(/static/[^"]+)"', nobody.get(path).text)
    addresses += re.findall(r'"(/static/[^"]+\.[a-z0-9]+)"', nobody.get("/sw.js").text)
    assert len(set(addresses)) > 8
    for address in set(addresses):
        assert nobody.get(address, buffered=True).status_code == 200, address


def test_the_shortcuts_lead_somewhere(client: Phone):
    manifest = json.loads(client.get("/manifest.webmanifest").text)
    assert len(manifest["shortcuts"]) == 2
    for shortcut in manifest["shortcuts"]:
        assert client.get(shortcut["url"]).status_code in (200, 302)


def test_the_service_worker_is_asked_for_anew_each_time_and_names_its_version(app: Flask, nobody: Phone):
    answer = nobody.get("/sw.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert services_of(app).version in answer.text


def test_the_worker_keeps_what_practising_needs_and_leaves_notifications_to_those_who_want_them(
    app: Flask, nobody: Phone
):
    names = nobody.get("/sw.js").text
    bundle = nobody.get(f"/static/{services_of(app).version}/bundle.json", buffered=True)
    kept = json.loads(bundle.data)
    for name in (
        "exposure/practice", "support/cheers", "exposure/offline", "practice/waiting", "practice/month",
    ):  # fmt: skip
        alone = nobody.get(f"/static/{services_of(app).version}/js/{name}.js", buffered=True)
        assert kept[f"js/{name}.js"] == alone.data.decode()
    assert "/js/outbox/outbox.js" in names
    assert "/bundle.json" in names
    assert "push.js" not in names
    assert "js/notification/push.js" not in kept
    assert "push.js" not in nobody.get("/").text


def test_every_file_that_a_kept_file_imports_is_kept_as_well(app: Flask, nobody: Phone):
    static = f"/static/{services_of(app).version}/"
    kept = json.loads(nobody.get(static + "bundle.json", buffered=True).data)
    for path in re.findall(r'"(/static/[^"]+)"', nobody.get("/sw.js").text):
        kept[path.removeprefix(static)] = nobody.get(path, buffered=True).get_data(as_text=True)
    # For those who have allowed notifications, and for those who leave: neither is done without the network.
    online = {"js/notification/push.js", "js/account/leave.js"}
    imported = set()
    for path, script in kept.items():
        if path.startswith("js/") and path != "js/worker/worker.js":
            names = re.findall(r'(?:from|import)[ (]?"(\.{1,2}/[a-z0-9@./-]+\.js)"', script)
            imported |= {posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for name in names}
    assert len(imported) > 10
    assert imported - online <= set(kept)


def test_a_static_file_is_kept_for_ever_under_a_name_that_changes_with_it(app: Flask, nobody: Phone):
    address = f"/static/{services_of(app).version}/css/shell/app.css"
    answer = nobody.get(address, buffered=True)
    assert re.fullmatch(r"max-age=\d{8,}, public, immutable", answer.headers["Cache-Control"])
    assert answer.data.decode() == rcssmin.cssmin((STATIC / "css" / "shell" / "app.css").read_text("utf-8"))
    assert nobody.get("/static/000000000000/css/shell/app.css").status_code == 404
    htmx = "vendor/htmx@4.0.1/htmx.min.js"
    vendored = nobody.get(f"/static/{services_of(app).version}/{htmx}", buffered=True)
    assert vendored.data == (STATIC / htmx).read_bytes()
    assert nobody.get(f"/static/{services_of(app).version}/../../app.py").status_code == 404


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_pages_and_static_files_come_compressed(app: Flask, nobody: Phone, encoding: str):
    for path in ("/about", f"/static/{services_of(app).version}/css/shell/app.css"):
        answer = nobody.get(path, headers={"Accept-Encoding": encoding}, buffered=True)
        assert answer.headers["Content-Encoding"] == encoding
        assert "Accept-Encoding" in answer.headers["Vary"]


def test_ready_means_that_a_worker_was_seen_a_moment_ago(app: Flask, nobody: Phone):
    answer = nobody.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "worker\n")
    jobs_of(app).sweep_now()
    assert nobody.get("/readyz").status_code == 200


def test_ready_means_that_the_database_has_the_tables_of_this_code(app: Flask, nobody: Phone, sessions: Sessions):
    jobs_of(app).sweep_now()
    assert nobody.get("/readyz").status_code == 200
    with sessions.writing() as session:
        known = session.scalar(text("SELECT version_num FROM alembic_version"))
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        session.commit()
    try:
        assert nobody.get("/readyz").status_code == 503
        assert nobody.get("/healthz").status_code == 200
    finally:
        with sessions.writing() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :known"), {"known": known})
            session.commit()


@pytest.mark.parametrize("path", ["/nowhere", "/today/x", "/steps/5", "/ladder/soon", "/static/x"])
def test_what_is_not_there_is_a_page_of_ours(nobody: Phone, client: Phone, path: str):
    for phone in (nobody, client):
        answer = phone.get(path)
        assert answer.status_code == 404
        assert "This page is not here" in answer.text


def test_a_way_that_does_not_work_is_a_page_of_ours(client: Phone):
    answer = client.post("/today")
    assert answer.status_code == 405
    assert "does not work this way" in answer.text


def test_a_crash_is_a_page_of_ours_and_shows_nothing_of_the_inside(app: Flask, client: Phone, sessions: Sessions):
    app.testing = False
    with sessions.writing() as session:
        session.execute(text("ALTER TABLE plan RENAME TO elsewhere"))
        session.commit()
    try:
        answer = client.get("/today")
    finally:
        with sessions.writing() as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO plan"))
            session.commit()
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "SELECT" not in answer.text
    assert "Traceback" not in answer.text


def test_a_database_that_does_not_answer_is_a_page_of_ours_and_is_asked_once(
    app: Flask, client: Phone, monkeypatch: pytest.MonkeyPatch
):
    app.testing = False
    asked = []

    def fails(*_: object) -> None:
        asked.append(1)
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    monkeypatch.setattr("erp.web.edge.signin.sign_in.person_at", fails)
    for path in ("/today", "/about"):
        asked.clear()
        answer = client.get(path)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "cannot save anything just now" in answer.text
        assert "Rung-Page" not in answer.headers
        assert len(asked) == 1


def test_vendored_files_are_those_of_the_list_of_checksums():
    for line in (STATIC / "vendor" / "SHA256SUMS").read_text("ascii").splitlines():
        checksum, path = line.split()
        assert hashlib.sha256((STATIC / "vendor" / path).read_bytes()).hexdigest() == checksum
