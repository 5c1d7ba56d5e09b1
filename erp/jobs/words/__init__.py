"""What each kind of notification says, and where it leads: one small class a kind, in the module of its area."""

from erp.jobs.words import exposure, notification, support
from erp.jobs.words.base import WORDS, Action, Text, Words, words_for

__all__ = ["WORDS", "Action", "Text", "Words", "exposure", "notification", "support", "words_for"]
