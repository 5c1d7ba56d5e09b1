"""The browsers that a person lets Rung notify, and the person's quiet hours and discretion."""

import uuid
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from erp.domain import limits
from erp.domain.errors import Conflict, Invalid, NotFound
from erp.domain.notification import device as devices
from erp.storage.account import Account
from erp.storage.box import VERSION
from erp.storage.notification import Device
from tests.make.supporters import A_DAY, A_SECOND, NOON, person, subscription


@pytest.fixture
def sam(session: Session) -> Account:
    return person(session)


def register(session: Session, account: Account, endpoint: str = "a", **more: Any) -> Device:
    given = {"now": NOON, "name": "Phone", "locale": "en", "origin": "https://rung.example"} | more
    device = devices.register(session, account.id, subscription(endpoint), **given)
    session.expire_all()
    return device


def names(session: Session, account: Account) -> list[str]:
    return [each.name for each in devices.devices_of(session, account.id)]


def test_a_device_is_kept_with_what_sending_to_it_takes(sam: Account, session: Session):
    device = register(session, sam)
    assert (device.account_id, device.name, device.locale, device.created_at) == (sam.id, "Phone", "en", NOON)
    assert device.subscription == {
        "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/a",
        "p256dh": device.subscription["p256dh"],
        "auth": device.subscription["auth"],
        "origin": "https://rung.example",
    }
    assert (len(device.subscription["p256dh"]), len(device.subscription["auth"])) == (87, 22)
    view = devices.DeviceView(device.id, "Phone", NOON, None, stopped=False)
    assert devices.devices_of(session, sam.id) == [view]


def test_an_endpoint_is_ciphertext_and_a_digest_in_the_database(sam: Account, session: Session):
    register(session, sam)
    stored, digest = (bytes(each) for each in session.execute(text("SELECT subscription, digest FROM device")).one())
    assert stored.startswith(VERSION)
    assert len(digest) == 32


def test_the_same_browser_again_is_the_same_device_and_keeps_its_name(sam: Account, session: Session):
    first = register(session, sam)
    devices.rename(first, {"name": "Kitchen"})
    first.worked_at = NOON
    again = register(session, sam, now=NOON + A_DAY, name="Phone", locale="pt", origin="https://new.example")
    assert (again.id, again.name, again.created_at, again.worked_at) == (first.id, "Kitchen", NOON, NOON)
    assert (again.locale, again.subscription["origin"]) == ("pt", "https://new.example")
    assert names(session, sam) == ["Kitchen"]


def test_a_device_that_stopped_works_again_when_its_browser_comes_back(sam: Account, session: Session):
    first = register(session, sam)
    first.digest, first.subscription, first.stopped_at = None, None, NOON
    session.flush()
    again = register(session, sam, "b", replaces=first.id)
    assert (again.id, again.stopped_at) == (first.id, None)
    assert again.subscription["endpoint"].endswith("/b")
    assert [each.stopped for each in devices.devices_of(session, sam.id)] == [False]


def test_a_browser_whose_subscription_changed_stays_the_same_device(sam: Account, session: Session):
    first = register(session, sam)
    register(session, sam, "other", name="Laptop", now=NOON + A_SECOND)
    again = register(session, sam, "b", replaces=first.id, name="New name")
    assert again.id == first.id
    assert names(session, sam) == ["Phone", "Laptop"]
    assert register(session, sam, "a", now=NOON + A_DAY).id != first.id


def test_a_device_replaced_by_one_that_is_known_already_is_gone(sam: Account, session: Session):
    old, known = register(session, sam, "a"), register(session, sam, "b", name="Laptop")
    assert register(session, sam, "b", replaces=old.id).id == known.id
    assert names(session, sam) == ["Laptop"]
    assert register(session, sam, "b", replaces=known.id).id == known.id
    assert names(session, sam) == ["Laptop"]


def test_the_same_browser_under_another_account_moves(sam: Account, session: Session):
    kim = person(session, "Kim")
    mine = register(session, sam)
    mine.worked_at = NOON
    moved = register(session, kim, name="Shared", now=NOON + A_DAY)
    assert (moved.id, moved.account_id, moved.name) == (mine.id, kim.id, "Shared")
    assert (moved.created_at, moved.worked_at) == (NOON + A_DAY, None)
    assert (names(session, sam), names(session, kim)) == ([], ["Shared"])


@pytest.mark.parametrize("known", [False, True])
def test_nobody_replaces_the_device_of_somebody_else(sam: Account, session: Session, known: bool):
    kim = person(session, "Kim")
    mine = register(session, sam)
    if known:
        register(session, kim, "b")
    register(session, kim, "b", replaces=mine.id)
    register(session, kim, "c", replaces=uuid.uuid4())
    assert (len(names(session, sam)), len(names(session, kim))) == (1, 2)
    assert mine.subscription["endpoint"].endswith("/a")


def test_twenty_devices_are_enough(sam: Account, session: Session):
    first = register(session, sam, "0")
    for number in range(1, limits.MAX_DEVICES):
        register(session, sam, str(number))
    with pytest.raises(Conflict):
        register(session, sam, "one more")
    assert register(session, sam, "3")
    assert register(session, sam, "changed", replaces=first.id)
    assert len(names(session, sam)) == limits.MAX_DEVICES == 20
    assert register(session, person(session, "Kim"), "one more")


def test_a_name_that_a_browser_gives_is_cut(sam: Account, session: Session):
    assert register(session, sam, name="x" * 300).name == "x" * 80


def test_devices_are_listed_first_to_last_and_only_ones_own(sam: Account, session: Session):
    for number, name in enumerate(("B", "A", "C")):
        register(session, sam, name, name=name, now=NOON + number * A_SECOND)
    register(session, person(session, "Kim"), "k")
    assert names(session, sam) == ["B", "A", "C"]


def test_the_device_of_somebody_else_looks_like_none(sam: Account, session: Session):
    mine = register(session, sam)
    assert devices.device_of(session, sam.id, mine.id) is mine
    with pytest.raises(NotFound):
        devices.device_of(session, person(session, "Kim").id, mine.id)
    with pytest.raises(NotFound):
        devices.device_of(session, sam.id, uuid.uuid4())


def test_a_device_can_be_named(sam: Account, session: Session):
    mine = register(session, sam)
    devices.rename(mine, {"name": "  Kitchen tablet "})
    assert mine.name == "Kitchen tablet"
    for wrong, code in (("", "required"), ("x" * 81, "too_long")):
        with pytest.raises(Invalid) as refused:
            devices.rename(mine, {"name": wrong})
        assert refused.value.problems["name"].code == code
    assert mine.name == "Kitchen tablet"


# Quiet hours and discretion.


def test_at_first_it_is_quiet_from_nine_in_the_evening_to_eight_and_not_discreet(sam: Account, session: Session):
    session.expire_all()
    assert (sam.quiet_from, sam.quiet_until, sam.discreet) == (21 * 60, 8 * 60, False)


def test_quiet_hours_and_discretion_are_the_persons_choice(sam: Account, session: Session):
    devices.change_notification_settings(sam, {"quiet_from": "22:30", "quiet_until": "06:05", "discreet": "on"})
    session.flush()
    session.expire_all()
    assert (sam.quiet_from, sam.quiet_until, sam.discreet) == (22 * 60 + 30, 6 * 60 + 5, True)
    devices.change_notification_settings(sam, {"quiet_from": "00:00", "quiet_until": "00:00"})
    assert (sam.quiet_from, sam.quiet_until, sam.discreet) == (0, 0, False)


@pytest.mark.parametrize("wrong", [None, "", "later", "25:00", "12:60", "-1:00", 7, "1", "12:00+02:00"])
@pytest.mark.parametrize("name", ["quiet_from", "quiet_until"])
def test_a_time_that_no_clock_shows_is_refused_and_nothing_changes(sam: Account, name: str, wrong: Any):
    with pytest.raises(Invalid) as refused:
        devices.change_notification_settings(
            sam, {"quiet_from": "20:00", "quiet_until": "07:00", "discreet": "on", name: wrong}
        )
    assert {field: problem.code for field, problem in refused.value.problems.items()} == {name: "not_a_clock_time"}
    assert (sam.quiet_from, sam.quiet_until, sam.discreet) == (21 * 60, 8 * 60, False)
