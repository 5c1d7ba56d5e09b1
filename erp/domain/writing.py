"""What people write, as it is kept: without what nobody sees and what turns the words around it about.

Only what has no place in a text goes. What joins emoji, Persian and Indic letters stays, and so do the marks of
direction (U+200E, U+200F, U+061C) that people type in Hebrew and Arabic.
"""

from __future__ import annotations

import re
import unicodedata

_BREAKS = "\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
_LINE_BREAK = re.compile(f"\r\n|[{_BREAKS}]")
_GAP = re.compile(f" *[\t\x1f{_BREAKS}][\t\x1f {_BREAKS}]*")
# A flag of a part of a country is a black flag, its letters as tags, and the end; tags alone are invisible writing.
_TAGS = re.compile("(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f)|[\U000e0000-\U000e007f]")
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls
    "\u202a-\u202e\u2065-\u206f"  # embeddings, overrides and isolates of direction; deprecated formats
    "\ufdd0-\ufdef\ufeff\ufff0-\ufffb\ufffe\uffff"  # no characters, byte order mark, annotations
    "\U0001d173-\U0001d17a"  # beams and slurs that begin and end
    "\U000e0080-\U000e00ff\U000e01f0-\U000e0fff]"  # ignored by definition
    "|[\U0001fffe\U0001ffff\U0002fffe\U0002ffff]"
)
# Joiners, marks of direction and spaces of no width that join and divide nothing at an end of a text.
_ENDS = "\u00ad\u034f\u061c\u180b-\u180e\u200b-\u200f\u2060-\u2064"
_AROUND = re.compile(f"^[\\s{_ENDS}]+|[\\s{_ENDS}]+$")
# They count as letters or signs, and are drawn as nothing.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U00016fe4\U0001d159")
_SHOWN = frozenset("LNPS")


def lines(text: str) -> str:
    """A text of any number of lines, each ended by a line feed, without space around."""
    return _AROUND.sub("", _clean(_LINE_BREAK.sub("\n", text)))


def one_line(text: str) -> str:
    """A text on one line, without space around: where a line ended, or a tab stood, there is one space."""
    return _AROUND.sub("", _clean(_GAP.sub(" ", text)))


def _clean(text: str) -> str:
    # Half of a surrogate pair is legal in JSON and in no database.
    whole = text.encode("utf-8", "replace").decode()
    return _UNWANTED.sub("", _TAGS.sub(lambda found: found[1] or "", whole))


def is_visible(text: str) -> bool:
    """Whether there is anything to see of a text."""
    return any(_is_shown(character) for character in text)


def _is_shown(character: str) -> bool:
    if character in _BLANK:
        return False
    category = unicodedata.category(character)
    # What was added to Unicode since is unassigned here, and may well be an emoji.
    return category[0] in _SHOWN or category in ("Co", "Cn")


def isolated(text: str) -> str:
    """A text of somebody's in a sentence that has no markup: whatever its direction, the words around it keep theirs.

    Texts that were kept before they were cleaned are cleaned here.
    """
    return f"\u2068{one_line(text)}\u2069"
