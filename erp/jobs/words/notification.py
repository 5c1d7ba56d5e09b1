"""What a test says that a person sends to a device of their own."""

from __future__ import annotations

from typing import Any

from erp.domain.notification.facts import Facts
from erp.domain.notification.kinds import Kind
from erp.jobs.words.base import Text, Words, says


@says(Kind.test)
class Test(Words[Facts]):
    """Notifications reach this device."""

    def open(self) -> Text:
        return Text(self.gettext("This works"), self.gettext("Rung can reach you here."))

    def discreet(self) -> str:
        return self.gettext("This works.")

    def path(self) -> str:
        return "/notifications"

    def data(self) -> dict[str, Any]:
        return {"exposure": None}
