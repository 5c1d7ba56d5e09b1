"""What the client's own timer says while their phone is put away."""

from __future__ import annotations

from typing import Any

from erp.domain.notification.facts import Facts
from erp.domain.notification.kinds import Kind
from erp.jobs.words.base import Text, Words, says


class OfTheTimer(Words[Facts]):
    """About the exposure that runs: a tap opens it."""

    def path(self) -> str:
        return f"/exposures/{self.claimed.exposure_id}"

    def data(self) -> dict[str, Any]:
        return {"exposure": str(self.claimed.exposure_id)}


@says(Kind.check_in)
class CheckIn(OfTheTimer):
    """It is time for the next check-in."""

    def open(self) -> Text:
        return Text(self.gettext("How strong is it now?"), self.gettext("Time for a check-in."))

    def discreet(self) -> str:
        return self.gettext("A short look, when you can.")


@says(Kind.end)
class End(OfTheTimer):
    """The planned time is over."""

    def open(self) -> Text:
        return Text(self.gettext("Your time is done"), self.gettext("When you like, a word on how it was."))

    def discreet(self) -> str:
        return self.gettext("The time is over.")
