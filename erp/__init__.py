"""Rung: the application, put together. The only file that knows every room."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from erp import commands
from erp.jobs.tasks import Jobs
from erp.settings import Settings
from erp.storage.db import Sessions, box, open_engine
from erp.web import edge, offline
from erp.web.account import views as account
from erp.web.edge import assets, formats, templates
from erp.web.exposure import views as exposure
from erp.web.ladder import views as ladder
from erp.web.notification import views as notification
from erp.web.practice import views as practice
from erp.web.shell import views as shell
from erp.web.support import cheer
from erp.web.support import views as support

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application for the settings (from the environment unless given); its database is migrated already."""
    settings = settings or Settings.from_env()
    box.set_keys(settings.data_keys)
    app = Flask(__name__, root_path=str(ROOT), static_folder=None, template_folder="templates")
    templates.install(app)
    app.extensions["rung.settings"] = settings
    app.extensions["rung.sessions"] = Sessions(open_engine(settings.database_url, settings.threads))
    jobs = Jobs(settings, app.extensions["rung.sessions"])
    app.extensions["rung.jobs"], app.extensions["rung.wake"] = jobs, jobs.wake
    formats.install(app)
    edge.install(app, settings)
    for room in (shell, account, ladder, practice, exposure, support, cheer, notification, offline):
        app.register_blueprint(room.blueprint)
    commands.install(app)
    assets.install(app, ROOT / "static", settings.data / "static", shell.BUNDLE)
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    return app
