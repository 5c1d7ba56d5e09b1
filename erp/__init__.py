"""Rung: the application, put together. The only file that knows every room."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from erp import commands
from erp.domain.dates import utc_now
from erp.jobs.tasks import Jobs
from erp.services import Clock, Services, provide
from erp.settings import Settings
from erp.storage.box import box
from erp.storage.db import Sessions, open_engine
from erp.web import areas, edge
from erp.web.edge import assets, formats, templates
from erp.web.shell.views import BUNDLE

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: Settings | None = None, clock: Clock = utc_now) -> Flask:
    """The WSGI application for the settings (from the environment unless given); its database is migrated already.

    `clock` gives the moment (UTC) for all that the application does.
    """
    settings = settings or Settings.from_env()
    box.set_keys(settings.data_keys)
    app = Flask(__name__, root_path=str(ROOT), static_folder=None, template_folder="templates")
    templates.install(app)
    sessions = Sessions(open_engine(settings.database_url, settings.threads))
    jobs = Jobs(settings, sessions, clock)
    languages = formats.install(app)
    edge.install(app, settings)
    areas.install(app)
    commands.install(app)
    version = assets.install(app, ROOT / "static", settings.data / "static", BUNDLE)
    provide(app, Services(settings, sessions, jobs, clock, version, languages))
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    return app
