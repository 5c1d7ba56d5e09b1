"""E-mail addresses: one person, however typed."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

import idna

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
MAX_EMAIL = 254
# Letters by their category, and yet nothing to see.
FILLERS = "\u115f\u1160\u3164\uffa0"


def normal_email(text: str) -> str:
    """The address as it is kept and compared: NFKC, lower case, an ASCII domain (UTS 46), nothing invisible in it.

    Firefox sends an international domain as it was typed, Chromium in punycode.
    """
    visible = "".join(one for one in text[: 2 * MAX_EMAIL] if _is_visible(one))
    local, at, domain = unicodedata.normalize("NFKC", visible).strip().rpartition("@")
    with suppress(idna.IDNAError):  # EMAIL, or that nobody has it, says what is wrong
        domain = idna.encode(domain, uts46=True).decode()
    return f"{local}{at}{domain}".lower()


def former_email(text: str) -> str:
    """The address as it was kept before: for two accounts whose addresses are one by now."""
    return text.replace("\x00", "").strip().lower()


def _is_visible(character: str) -> bool:
    return character.isspace() or (unicodedata.category(character)[0] != "C" and character not in FILLERS)
