"""What is kept of what people write, and when there is nothing to see of it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.domain.errors import Invalid
from erp.domain.fields import Fields
from erp.domain.writing import is_visible, isolated, lines, one_line

RLO, PDI, FSI = "\u202e", "\u2069", "\u2068"
FAMILY = "👩\u200d👩\u200d👧"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
PERSIAN = "می\u200cخواهم"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann\nX", "Ann X"),
        ("Ann\r\n\r\nX", "Ann X"),
        ("Ann \t X", "Ann X"),
        ("Ann\u2028X\u2029Y\x85Z\vA\fB", "Ann X Y Z A B"),
        ("  two  spaces  ", "two  spaces"),
        ("a\x00b\x07c\x1b[31md\x7fe\x9bf", "abc[31mdef"),
        (f"{RLO}abc", "abc"),
        ("a\u202ab\u202bc\u202cd\u202de\u2066f\u2067g\u2068h\u2069i", "abcdefghi"),
        ("\ufeffAnn\u200b", "Ann"),
        ("\u200bAnn\u200d\n", "Ann"),
        ("Ann\U000e0041\U000e0042\U000e007f", "Ann"),
        ("a\ufff9b\ufffac\ufffbd\ufffee", "abcde"),
        ("a\ud800b", "a?b"),
    ],
)
def test_a_line_loses_what_nobody_sees_and_what_turns_words_about(typed: str, kept: str):
    assert one_line(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        FAMILY,
        SCOTLAND,
        PERSIAN,
        "❤️",
        "1️⃣",
        "🇵🇹",
        "नमस्ते",
        "क्\u200dष",
        "שלום\u200f (א)",
        "한국어",
        "e\u0301",
        "日本語",
        "…",
        "\U0001faea",
    ],
)
def test_what_a_writing_system_or_an_emoji_needs_stays(typed: str):
    assert one_line(typed) == typed
    assert lines(f"{typed}\n{typed}") == f"{typed}\n{typed}"
    assert is_visible(typed)


def test_a_text_of_several_lines_keeps_them():
    assert lines(" one\r\ntwo\rthree\u2028four\tfive \n") == "one\ntwo\nthree\nfour\tfive"
    assert lines(f"a{RLO}\x00\nb") == "a\nb"


@pytest.mark.parametrize(
    "typed",
    ["", " ", "\u00a0", "\u200b", "\u200c\u200d", "\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\u00ad",
     "\u2060\ufeff", "\u180e", "\u034f", "\u0301", "\ufe0f", "\U000e0041\U000e007f", "\u202e\u202c",
     "\n\t", "\U000e0100"],
)  # fmt: skip
def test_what_is_required_must_be_seen(typed: str):
    assert not is_visible(one_line(typed))
    fields = Fields({"name": typed})
    fields.text("name", 80, required=True)
    with pytest.raises(Invalid) as raised:
        fields.check()
    assert raised.value.problems["name"].code == "required"


def test_a_text_that_nobody_sees_is_none():
    assert Fields({"note": "\u3164\u200b"}).text("note", 80) == ""


@given(st.text(max_size=30))
def test_no_line_holds_a_control_a_break_or_an_unclosed_direction_and_cleaning_again_changes_nothing(typed: str):
    kept = one_line(typed)
    assert one_line(kept) == kept
    assert not any(unicodedata.category(each) in ("Cc", "Zl", "Zp", "Cs") for each in kept)
    assert not any(unicodedata.bidirectional(each) in BIDI_CONTROLS for each in kept)
    written = lines(typed)
    assert lines(written) == written
    assert not any(unicodedata.bidirectional(each) in BIDI_CONTROLS for each in written)


BIDI_CONTROLS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def test_an_isolated_text_can_neither_end_its_isolation_nor_turn_what_follows():
    assert isolated(f"{PDI}{RLO}Ann") == f"{FSI}Ann{PDI}"
