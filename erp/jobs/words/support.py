"""What a supporter hears of a client's practice, and the client of a cheer."""

from __future__ import annotations

from typing import Any, TypeVar

from erp.domain.dates import minutes_done
from erp.domain.notification.facts import CheerFacts, Facts, PracticeFacts, StartFacts, WeekFacts
from erp.domain.notification.kinds import Kind
from erp.domain.support.cheer import PHRASES
from erp.domain.writing import isolated
from erp.jobs.words.base import Action, Text, Words, says

# The phrase that the button of a ping sends.
BORROWED = "hard"

F = TypeVar("F", bound=Facts)


class OfAClient(Words[F]):
    """About a client: a tap opens the supporter's page of them."""

    def path(self) -> str:
        return f"/people/{self.claimed.support_id}"

    def minutes(self, seconds: int) -> str:
        """How long that is."""
        return self.ngettext("%(num)s minute", "%(num)s minutes", minutes_done(seconds)) % {
            "num": minutes_done(seconds)
        }


class OfAPractice(OfAClient[F]):
    """About one practice: answered with a cheer by one tap."""

    def data(self) -> dict[str, Any]:
        cheer = {
            "url": f"/people/{self.claimed.support_id}/cheers",
            "phrase": BORROWED,
            "sent": self.gettext("Sent.") if self.claimed.discreet else self.gettext("Your cheer is there."),
            "failed": self.gettext("That did not go through. Tap to try again."),
        }
        return {"support": str(self.claimed.support_id), "cheer": cheer}

    def actions(self) -> list[Action]:
        title = self.gettext("Answer") if self.claimed.discreet else self.gettext(PHRASES[BORROWED])
        return [Action("cheer", title, f"{self.path()}?phrase={BORROWED}")]


class OfAnEnd(OfAPractice[PracticeFacts]):
    """About a practice that is over."""

    def streak(self) -> str:
        """The days in a row."""
        streak = self.facts.streak
        return self.ngettext("%(num)s day in a row", "%(num)s days in a row", streak) % {"num": streak}

    def sum(self) -> str:
        """12 minutes, 5 days in a row. What is too small to say is left out."""
        parts = []
        if self.facts.seconds >= 60:
            parts.append(self.minutes(self.facts.seconds))
        if self.facts.streak > 1:
            parts.append(self.streak())
        return ", ".join(parts) or self.gettext("A short try. Trying is practice.")


@says(Kind.started)
class Started(OfAPractice[StartFacts]):
    """A practice begins."""

    def open(self) -> Text:
        title = self.gettext("%(name)s is practising") % {"name": isolated(self.facts.name)}
        return Text(title, self.gettext("A word from you can help them stay."))


@says(Kind.finished)
class Finished(OfAnEnd):
    """A practice is finished."""

    def open(self) -> Text:
        return Text(self.gettext("%(name)s practised") % {"name": isolated(self.facts.name)}, self.sum())


@says(Kind.goal)
class Goal(OfAnEnd):
    """With this practice the day's goal is reached."""

    def open(self) -> Text:
        return Text(self.gettext("%(name)s reached today’s goal") % {"name": isolated(self.facts.name)}, self.sum())


@says(Kind.milestone)
class Milestone(OfAnEnd):
    """With this practice the streak reaches a milestone."""

    def open(self) -> Text:
        return Text(self.streak(), self.gettext("%(name)s practised again.") % {"name": isolated(self.facts.name)})


@says(Kind.earlier)
class Earlier(OfAnEnd):
    """There was practice today, of which nothing could be told in time."""

    def open(self) -> Text:
        return Text(self.gettext("%(name)s practised earlier today") % {"name": isolated(self.facts.name)}, self.sum())


@says(Kind.weekly)
class Weekly(OfAClient[WeekFacts]):
    """The week in one line."""

    def open(self) -> Text:
        days = self.ngettext("%(num)s practice day", "%(num)s practice days", self.facts.days)
        body = f"{days % {'num': self.facts.days}}, {self.minutes(self.facts.seconds)}"
        return Text(self.gettext("The week of %(name)s") % {"name": isolated(self.facts.name)}, body)


@says(Kind.cheer)
class Cheer(Words[CheerFacts]):
    """A supporter's word to the client: a tap opens the practice that it belongs to."""

    def open(self) -> Text:
        return Text(isolated(self.facts.name), isolated(self.facts.text))

    def discreet(self) -> str:
        return self.gettext("You have a message.")

    def path(self) -> str:
        return f"/exposures/{self.claimed.exposure_id}" if self.claimed.exposure_id else "/today"

    def data(self) -> dict[str, Any]:
        return {"exposure": str(self.claimed.exposure_id) if self.claimed.exposure_id else None}
