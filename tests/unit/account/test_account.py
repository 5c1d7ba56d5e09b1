from datetime import UTC, datetime
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain.account import account as accounts
from erp.domain.account import password as passwords
from erp.domain.account import recovery, signing
from erp.domain.errors import Conflict, Invalid
from erp.storage.account import Account, RecoveryCode
from erp.storage.practice import PracticeTotals

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
PASSWORD = "a long walk with the dog"
ANOTHER = "soup on a rainy evening"
RAW = {"email": "noor@example.org", "password": PASSWORD, "display_name": "Noor", "time_zone": "Europe/Lisbon"}
DETAILS = {"display_name": "Noor", "time_zone": "Europe/Lisbon", "check_in_minutes": "5"}


def sign_up(session: Session, **changed: Any) -> tuple[Account, list[str]]:
    made = signing.sign_up(session, RAW | changed, NOW)
    session.flush()
    return made


def wrong(call: Any, *arguments: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        call(*arguments)
    return {name: problem.code for name, problem in refused.value.problems.items()}


def test_signing_up_keeps_an_argon2id_hash_and_never_the_password(session: Session):
    account, _codes = sign_up(session)
    assert account.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in account.password_hash


def test_the_first_day_is_the_date_of_signing_up_where_the_client_lives(session: Session):
    west, _ = sign_up(session, time_zone="America/New_York")
    east, _ = sign_up(session, email="east@example.org", time_zone="Pacific/Kiritimati")
    first_days = {row.account_id: str(row.first_day) for row in session.scalars(select(PracticeTotals))}
    assert first_days == {west.id: "2026-11-22", east.id: "2026-11-23"}


@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({"email": ""}, {"email": "required"}),
        ({"email": "noor"}, {"email": "not_an_email"}),
        ({"email": "noor@localhost"}, {"email": "not_an_email"}),
        ({"email": "no or@example.org"}, {"email": "not_an_email"}),
        ({"email": "noor@@example.org"}, {"email": "not_an_email"}),
        ({"email": "n" * 250 + "@example.org"}, {"email": "too_long"}),
        ({"display_name": "  "}, {"display_name": "required"}),
        ({"display_name": "n" * 81}, {"display_name": "too_long"}),
        ({"time_zone": "Europe/Atlantis"}, {"time_zone": "not_a_zone"}),
        ({"time_zone": "Europe"}, {"time_zone": "not_a_zone"}),
        ({"time_zone": "localtime"}, {"time_zone": "not_a_zone"}),
        ({"time_zone": "Factory"}, {"time_zone": "not_a_zone"}),
        ({"time_zone": "right/Europe/London"}, {"time_zone": "not_a_zone"}),
        ({"time_zone": "posix/Europe/London"}, {"time_zone": "not_a_zone"}),
        ({"time_zone": "posixrules"}, {"time_zone": "not_a_zone"}),
        ({"time_zone": "zone.tab"}, {"time_zone": "not_a_zone"}),
        ({"time_zone": "../../etc/passwd"}, {"time_zone": "not_a_zone"}),
        ({"time_zone": ""}, {"time_zone": "required"}),
        ({"password": "short one"}, {"password": "short_password"}),
        ({"password": "x" * 201}, {"password": "too_long"}),
        ({"password": ""}, {"password": "short_password"}),
        (
            {"email": "x", "password": "x", "display_name": "", "time_zone": "x"},
            {
                "email": "not_an_email",
                "password": "short_password",
                "display_name": "required",
                "time_zone": "not_a_zone",
            },
        ),
    ],
)
def test_everything_wrong_with_a_sign_up_is_said_at_once(
    session: Session, changed: dict[str, str], problems: dict[str, str]
):
    assert wrong(signing.sign_up, session, RAW | changed, NOW) == problems
    assert session.scalars(select(Account)).all() == []


@pytest.mark.parametrize("password", ["password123", "1234567890", "qwertyuiop", "letmein1234", "noor@example.org"])
def test_a_password_that_is_easy_to_guess_is_refused(session: Session, password: str):
    assert wrong(signing.sign_up, session, RAW | {"password": password}, NOW) == {"password": "common_password"}


def test_ten_characters_are_enough_and_a_long_sentence_is_welcome(session: Session):
    sign_up(session, password="vfx!moqt9e")
    sign_up(session, email="long@example.org", password="when the rain stops we walk to the sea " * 5)


def test_an_address_is_one_account_however_it_is_written(session: Session):
    account, _codes = sign_up(session, email="  Noor@Example.ORG ")
    assert account.email == "noor@example.org"
    with pytest.raises(Conflict):
        sign_up(session, email="NOOR@example.org")
    assert signing.sign_in(session, " nOOr@example.org", PASSWORD) is account


def test_signing_in_takes_the_right_password_only(session: Session):
    account, _codes = sign_up(session)
    assert signing.sign_in(session, account.email, PASSWORD) is account
    for password in ("", PASSWORD + " ", PASSWORD.upper(), PASSWORD + "x" * 300):
        assert signing.sign_in(session, account.email, password) is None
    assert signing.sign_in(session, "nobody@example.org", PASSWORD) is None


def test_an_address_that_nobody_has_costs_the_same_hash_as_a_wrong_password(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    sign_up(session)
    signing.sign_in(session, "warm@example.org", PASSWORD)
    checked: list[str] = []
    verify = PasswordHasher.verify

    def counting(self: PasswordHasher, hash_: str, password: str) -> bool:
        checked.append(hash_.rpartition("$")[0].rpartition("$")[0])
        return verify(self, hash_, password)

    monkeypatch.setattr(PasswordHasher, "verify", counting)
    signing.sign_in(session, "noor@example.org", ANOTHER)
    signing.sign_in(session, "nobody@example.org", ANOTHER)
    assert checked == ["$argon2id$v=19$m=19456,t=2,p=1"] * 2


def test_a_new_password_needs_the_current_one_and_signs_out_every_device(session: Session):
    account, _codes = sign_up(session)
    raw = {"current": ANOTHER, "password": ANOTHER}
    assert wrong(passwords.change_password, session, account, raw, NOW) == {"current": "wrong_password"}
    assert wrong(passwords.change_password, session, account, {"current": PASSWORD, "password": "short"}, NOW) == {
        "password": "short_password"
    }
    assert account.session_epoch == 0
    passwords.change_password(session, account, {"current": PASSWORD, "password": ANOTHER}, NOW)
    assert account.session_epoch == 1
    assert signing.sign_in(session, account.email, PASSWORD) is None
    assert signing.sign_in(session, account.email, ANOTHER) is account


def test_eight_recovery_codes_are_made_and_only_their_digests_kept(session: Session):
    account, codes = sign_up(session)
    assert len(set(codes)) == 8
    assert all(len(code.replace("-", "")) == 24 for code in codes)
    kept = session.scalars(select(RecoveryCode.digest).where(RecoveryCode.account_id == account.id)).all()
    assert len(kept) == 8
    assert not any(code.encode() in digest for code in codes for digest in kept)
    assert recovery.codes_left(session, account.id) == 8


def test_a_recovery_code_sets_a_new_password_once_and_signs_out_every_device(session: Session):
    account, codes = sign_up(session)
    raw = {"email": account.email, "code": codes[3], "password": ANOTHER}
    assert recovery.recover(session, raw, NOW) is account
    assert signing.sign_in(session, account.email, ANOTHER) is account
    assert account.session_epoch == 1
    assert recovery.codes_left(session, account.id) == 7
    again = raw | {"password": "another long password"}
    assert wrong(recovery.recover, session, again, NOW) == {"code": "wrong_code"}
    assert signing.sign_in(session, account.email, ANOTHER) is account


def test_a_code_may_be_typed_with_spaces_in_capitals_and_without_dashes(session: Session):
    account, codes = sign_up(session)
    typed = " " + codes[0].upper().replace("-", " ") + " "
    assert recovery.recover(session, {"email": account.email, "code": typed, "password": ANOTHER}, NOW) is account


def test_a_code_opens_only_its_own_account_and_the_answer_tells_nothing(session: Session):
    _first, codes = sign_up(session)
    sign_up(session, email="other@example.org")
    for email, code in (
        ("other@example.org", codes[0]),
        ("nobody@example.org", codes[0]),
        ("noor@example.org", "aaaa-bbbb-cccc-dddd"),
        ("noor@example.org", ""),
    ):
        raw = {"email": email, "code": code, "password": ANOTHER}
        assert wrong(recovery.recover, session, raw, NOW) == {"code": "wrong_code"}
    assert recovery.recover(session, {"email": "noor@example.org", "code": codes[0], "password": ANOTHER}, NOW)


def test_a_bad_new_password_uses_up_no_code(session: Session):
    account, codes = sign_up(session)
    raw = {"email": account.email, "code": codes[0], "password": "short"}
    assert wrong(recovery.recover, session, raw, NOW) == {"password": "short_password"}
    assert recovery.codes_left(session, account.id) == 8


def test_new_codes_make_the_old_ones_worthless_once_they_are_confirmed(session: Session):
    account, old = sign_up(session)
    assert recovery.confirm(session, account.id, NOW, old[0])
    lost = recovery.new_codes(session, account)
    assert recovery.recover(session, {"email": account.email, "password": ANOTHER, "code": old[1]}, NOW) is account
    assert recovery.codes_left(session, account.id) == 7
    new = recovery.new_codes(session, account)
    assert not recovery.confirm(session, account.id, NOW, lost[0])
    assert recovery.confirm(session, account.id, NOW, new[0])
    assert recovery.confirm(session, account.id, NOW, new[1])
    raw = {"email": account.email, "password": ANOTHER, "code": lost[0]}
    assert wrong(recovery.recover, session, raw, NOW) == {"code": "wrong_code"}
    assert set(new).isdisjoint(old)
    assert recovery.codes_left(session, account.id) == 8
    raw = {"email": account.email, "password": ANOTHER}
    assert wrong(recovery.recover, session, raw | {"code": old[0]}, NOW) == {"code": "wrong_code"}
    assert recovery.recover(session, raw | {"code": new[0]}, NOW) is account


def test_a_code_of_a_new_set_confirms_it_by_being_used(session: Session):
    account, old = sign_up(session)
    recovery.confirm(session, account.id, NOW, old[0])
    new = recovery.new_codes(session, account)
    raw = {"email": account.email, "password": ANOTHER}
    assert recovery.recover(session, raw | {"code": new[0]}, NOW) is account
    assert wrong(recovery.recover, session, raw | {"code": old[0]}, NOW) == {"code": "wrong_code"}
    assert recovery.codes_left(session, account.id) == 7


@pytest.mark.parametrize("dash", ["-", "", " ", "\u2013", "\u2011", "\u2212", ".", "\u00a0", " - "])
def test_a_code_is_read_with_any_dash_width_dot_or_space(session: Session, dash: str):
    account, codes = sign_up(session)
    wide = {ord(each): ord(each) + 0xFEE0 for each in "abcdefghjkmnpqrstuvwxyz23456789"}
    for code in (codes[0].upper(), codes[1].translate(wide)):
        raw = {"email": account.email, "password": ANOTHER, "code": code.replace("-", dash)}
        assert recovery.recover(session, raw, NOW) is account


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("zed@x.example\u200b", "zed@x.example"),
        ("zed@x.example", " ZED@x.example\u2060"),
        ("me@bücher.example", "me@xn--bcher-kva.example"),
        ("me@xn--bcher-kva.example", "me@B\u00dcCHER.example"),
        ("caf\u00e9@x.example", "cafe\u0301@x.example"),
        ("me@x.example", "\uff4d\uff45@x\u3002example"),
        ("a\u00adb@x.example", "ab@x.example"),
    ],
)
def test_one_person_however_the_address_is_typed(session: Session, kept: str, typed: str):
    account, _codes = sign_up(session, email=kept)
    assert signing.sign_in(session, typed, PASSWORD) is account
    with pytest.raises(Conflict):
        signing.sign_up(session, RAW | {"email": typed}, NOW)


def test_of_two_accounts_whose_addresses_became_one_each_opens_as_it_was_spelt(session: Session):
    plain, _codes = sign_up(session, email="zed@x.example")
    spelt, _codes = sign_up(session, email="other@x.example")
    spelt.email = "zed@x.example\u200b"
    session.flush()
    assert signing.account_at(session, "zed@x.example") is plain
    assert signing.account_at(session, "Zed@x.example\u200b ") is spelt


def test_details_are_taken_whole_or_not_at_all(session: Session):
    account, _codes = sign_up(session)
    raw = DETAILS | {"display_name": "Nora", "check_in_minutes": "61"}
    assert wrong(accounts.change_details, account, raw) == {"check_in_minutes": "not_whole"}
    assert account.display_name == "Noor"
    accounts.change_details(account, DETAILS | {"display_name": "Nora", "check_in_minutes": "0", "vibration": "1"})
    assert (account.display_name, account.check_in_minutes) == ("Nora", 0)
    assert (account.sound, account.vibration) == (False, True)


def test_checking_the_current_password_changes_nothing(session: Session):
    account, _codes = sign_up(session)
    passwords.check_current(account, {"current": PASSWORD})
    assert wrong(passwords.check_current, account, {"current": ANOTHER}) == {"current": "wrong_password"}
    assert wrong(passwords.check_current, account, {}) == {"current": "wrong_password"}
    assert account.session_epoch == 0


def test_every_zone_that_is_offered_is_taken():
    names = accounts.zone_names()
    assert {"Europe/Lisbon", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati"} <= set(names)
    assert list(names) == sorted(set(names))
    account = Account(display_name="Noor")
    for name in names:
        accounts.change_zone(account, {"time_zone": name})
        assert account.time_zone == name


def test_each_account_has_a_phone_key_that_no_text_about_the_person_shows(session: Session):
    account, _codes = sign_up(session)
    session.flush()
    person = accounts.person_of(session, account.id)
    assert person
    assert len(person.phone_key) == 32
    assert "phone_key" not in repr(person)
    assert repr(person.phone_key) not in repr(person)
