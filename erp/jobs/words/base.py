"""What the words of every kind have in common, and which class speaks for which kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from gettext import NullTranslations
from typing import Any, Generic, TypeVar

from erp.domain.delivery import Claimed
from erp.domain.notification.facts import Facts
from erp.domain.notification.kinds import Kind

F = TypeVar("F", bound=Facts)
W = TypeVar("W", bound="type[Words[Any]]")


@dataclass(frozen=True, slots=True)
class Text:
    """Title and body of a notification."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a notification: its name for the service worker, its title, and the path that it opens."""

    name: str
    title: str
    path: str


class Words(ABC, Generic[F]):
    """What one delivery of one kind says, in the language of its device."""

    def __init__(self, claimed: Claimed, facts: F, language: NullTranslations) -> None:
        self.claimed, self.facts = claimed, facts
        self.gettext, self.ngettext = language.gettext, language.ngettext

    @abstractmethod
    def open(self) -> Text:
        """What it says where neither side asked for discretion. It never names a fear."""

    def discreet(self) -> str:
        """What it says under the title "Rung" where one side is discreet: nothing shows what the app is about."""
        return self.gettext("There is news.")

    @abstractmethod
    def path(self) -> str:
        """Which page a tap opens."""

    def data(self) -> dict[str, Any]:
        """What the service worker needs beside the kind, as JSON."""
        return {}

    def actions(self) -> list[Action]:
        """The buttons below it."""
        return []

    def text(self) -> Text:
        """What it says to this device."""
        return Text("Rung", self.discreet()) if self.claimed.discreet else self.open()


WORDS: dict[Kind, type[Words[Any]]] = {}


def says(kind: Kind) -> Callable[[W], W]:
    """Let the decorated class speak for a kind."""

    def register(words: W) -> W:
        WORDS[kind] = words
        return words

    return register


def words_for(claimed: Claimed, language: NullTranslations) -> Words[Any]:
    """The words of a delivery."""
    return WORDS[claimed.kind](claimed, claimed.facts, language)
