"""Whether a password is among those that are tried first.

Two judges, each in bounded time: a list of common and breached passwords, as sorted digests in a file beside this one
(made by tools/common_passwords.py), then zxcvbn's estimate of the guesses that a password takes.
"""

from __future__ import annotations

import hashlib
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from zxcvbn import zxcvbn
from zxcvbn.matching import L33T_TABLE

FILE = files(__package__).joinpath("common_passwords.bin")
DIGEST_SIZE = 5  # bytes: one password in seven million is taken for another that is listed
MIN_CORE = 4  # letters of a word that may be common by itself
MAX_AROUND_CORE = 6  # "Summer2026!" is a common word and five characters
# zxcvbn's scale of 0 to 4: below 3 are those that fewer than 10^8 guesses find, "Summer2026!" among them.
MIN_SCORE = 3
# zxcvbn tries every reading of every character that looks like a letter, which grows without bound in both of these.
MAX_JUDGED = 32
MAX_LOOK_ALIKES = 6
LETTERS = {look_alike: letter for letter, group in L33T_TABLE.items() for look_alike in group}
SYMBOLS = str.maketrans({look_alike: letter for look_alike, letter in LETTERS.items() if not look_alike.isdigit()})
LOOK_ALIKES = str.maketrans(LETTERS)


def is_guessable(password: str, own: Iterable[str] = ()) -> bool:
    """Whether a password (NFKC) is common, or easy to guess for who knows the person's `own` words."""
    return any(map(_is_listed, _readings(password))) or _score(password, own) < MIN_SCORE


def plain(text: str) -> str:
    """What is compared: letters and digits alone, in one case."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def digest(text: str) -> bytes:
    """What the list holds of a plain password."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[:DIGEST_SIZE]


def _readings(password: str) -> set[str]:
    """The plain password, and the word at its core where little stands around that, look-alikes read as letters too."""
    found = {plain(password)}
    for text in (password.casefold(), password.casefold().translate(LOOK_ALIKES)):
        found.add(plain(text))
        core = _core(text)
        if len(core) >= MIN_CORE and len(text) - len(core) <= MAX_AROUND_CORE:
            found |= {plain(core), plain(core.translate(LOOK_ALIKES))}
    return found


def _core(text: str) -> str:
    letters = [place for place, character in enumerate(text) if character.isalpha()]
    return text[letters[0] : letters[-1] + 1] if letters else ""


def _is_listed(text: str) -> bool:
    listed, wanted = _listed(), digest(text)
    place = bisect_left(range(len(listed) // DIGEST_SIZE), wanted, key=lambda at: _at(listed, at))
    return _at(listed, place) == wanted


def _at(listed: bytes, place: int) -> bytes:
    return listed[place * DIGEST_SIZE : (place + 1) * DIGEST_SIZE]


@cache
def _listed() -> bytes:
    return FILE.read_bytes()


def _score(password: str, own: Iterable[str]) -> int:
    judged = password[:MAX_JUDGED]
    if len(set(judged) & LETTERS.keys()) > MAX_LOOK_ALIKES:
        judged = judged.translate(SYMBOLS)
    score: int = zxcvbn(judged, [word[:MAX_JUDGED] for word in own])["score"]
    return score
