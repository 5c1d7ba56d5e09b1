"""Which passwords are refused as easy to guess, and what judging one can cost at most."""

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.domain.account import guessing, password
from erp.domain.account.guessing import DIGEST_SIZE, FILE, LETTERS, MAX_JUDGED, MAX_LOOK_ALIKES, digest, is_guessable

LOOK_ALIKES = "".join(LETTERS)


@pytest.mark.parametrize(
    "common",
    [
        "Summer2026!",
        "Winter2025!",
        "Sommer2024#",
        "2026Summer!",
        "July2026!!",
        "Liverpool2024!",
        "L1verp00l!24",
        "P@ssw0rd!2024",
        "correcthorsebatterystaple",
        "Correct-Horse-Battery-Staple!",
        "the quick brown fox",
        "qwertyuiop123",
        "october1987",
        "iloveyou1234!",
        "01234567890123",
        "aaaaaaaaaaaaaaaaaaaa",
        "Ｓｕｍｍｅｒ２０２６!",
    ],
)
def test_what_is_tried_first_is_refused(common: str):
    assert is_guessable(common)


@pytest.mark.parametrize(
    "own_one",
    ["a long walk with the dog", "café très noir lampe", "purple kettle wander", "vfx!moqt9e", "MyDogRex went 2 sea"],
)
def test_what_nobody_else_thinks_of_is_taken(own_one: str):
    assert not is_guessable(own_one)


def test_what_everybody_knows_of_a_person_is_refused():
    assert not is_guessable("ottilie.vandenberg")
    assert is_guessable("ottilie.vandenberg", ["ottilie.vandenberg@example.org", "ottilie.vandenberg"])


@given(st.text(st.sampled_from(LOOK_ALIKES + "ae"), min_size=10, max_size=200))
def test_what_an_estimate_is_asked_for_is_short_and_has_few_readings(text: str):
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guessing, "zxcvbn", lambda judged, _own: asked.append(judged) or {"score": 4})
        is_guessable(text)
    for judged in asked:
        assert len(judged) <= MAX_JUDGED
        symbols = {one for one in judged if one in LETTERS and not one.isdigit()}
        assert not symbols or len(set(judged) & set(LOOK_ALIKES)) <= MAX_LOOK_ALIKES


def test_the_list_is_in_order_and_found_to_its_ends():
    listed = FILE.read_bytes()
    every = [listed[at : at + DIGEST_SIZE] for at in range(0, len(listed), DIGEST_SIZE)]
    assert all(one < two for one, two in pairwise(every))
    assert digest("correcthorsebatterystaple") in {*every}
    assert not any(is_guessable(each) for each in ("zzzz quiet 71 harbour", "under seven blue doors"))


def test_a_password_is_the_same_from_every_keyboard():
    typed = "café très noir lampe"
    kept = password.hash_of(password.normal_password(unicodedata.normalize("NFD", typed)))
    assert password.matches(kept, unicodedata.normalize("NFC", typed))
    assert password.matches(kept, unicodedata.normalize("NFD", typed))


def test_a_hash_of_before_was_made_as_it_was_typed():
    typed = unicodedata.normalize("NFD", "café très noir lampe")
    assert password.matches(password.hash_of(typed), typed)
    assert not password.matches(password.hash_of(typed), typed + "x")
