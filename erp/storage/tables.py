"""Every table, imported once: whoever needs all of the metadata takes `Base` from here."""

from erp.storage import account, exposure, ladder, notification, practice, support
from erp.storage.db import Base

__all__ = ["Base", "account", "exposure", "ladder", "notification", "practice", "support"]
