"""Rung: the application, put together. The only file that knows every room."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from erp import commands, web
from erp.jobs.tasks import Jobs
from erp.settings import Settings
from erp.storage.db import Sessions, box, open_engine
from erp.web import account, assets, cheer, device, exposure, formats, kit, ladder, practice, shell, support

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application for the settings (from the environment unless given); its database is migrated already."""
    settings = settings or Settings.from_env()
    box.set_keys(settings.data_keys)
    app = Flask(__name__, root_path=str(ROOT), static_folder=None, template_folder="templates")
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.extensions["rung.settings"] = settings
    app.extensions["rung.sessions"] = Sessions(open_engine(settings.database_url, settings.threads))
    jobs = Jobs(settings, app.extensions["rung.sessions"])
    app.extensions["rung.jobs"], app.extensions["rung.wake"] = jobs, jobs.wake
    formats.install(app)
    web.install(app, settings)
    for room in (shell, account, ladder, practice, exposure, support, cheer, device, kit):
        app.register_blueprint(room.blueprint)
    commands.install(app)
    assets.install(app, ROOT / "static", settings.data / "static", shell.BUNDLE)
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    return app
