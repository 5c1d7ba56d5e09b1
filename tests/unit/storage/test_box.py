"""What the data keys encrypt: bound to its column, with the id of its key, and readable as it was written before."""

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import select, text, update
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from erp import base64url
from erp.domain.upkeep.orphans import check_readable
from erp.storage.account import Account
from erp.storage.box import Box, Misplaced, UnknownKey, box
from erp.storage.db import MARK, UNREAD, Base, EncryptedName, sealed_columns, sealed_type
from erp.storage.exposure import Exposure
from erp.storage.ladder import Fear, Step
from erp.storage.resealing import check_keys, reseal
from tests.make.clients import Client
from tests.make.keys import DATA_KEY
from tests.make.supporters import exposes

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def box_of(*keys: str) -> Box:
    made = Box()
    made.set_keys(keys)
    return made


@pytest.fixture
def keys_of_the_tests() -> Iterator[None]:
    yield
    box.set_keys((DATA_KEY,))


def stored(session: Session, table: str, column: str) -> bytes:
    return bytes(session.execute(text(f"SELECT {column} FROM {table}")).scalars().first())


def store(session: Session, table: str, column: str, token: bytes | str) -> None:
    session.execute(text(f"UPDATE {table} SET {column} = :token").bindparams(token=token))
    session.expire_all()


def test_a_token_opens_at_its_own_place_only():
    token = box.seal("dogs", "fear.name")
    assert box.open(token, "fear.name") == "dogs"
    with pytest.raises(Misplaced):
        box.open(token, "step.title")


@pytest.mark.parametrize("at", [6, 17, -1])
def test_a_token_that_was_changed_opens_nowhere(at: int):
    token = bytearray(box.seal("dogs", "fear.name"))
    token[at] ^= 1
    with pytest.raises(Misplaced):
        box.open(bytes(token), "fear.name")


@pytest.mark.parametrize("length", range(20))
def test_one_that_was_cut_off_opens_nowhere(length: int):
    with pytest.raises(InvalidToken):
        box.open(box.seal("dogs", "fear.name")[:length], "fear.name")


def test_the_same_text_never_looks_the_same_twice():
    assert box.seal("dogs", "fear.name") != box.seal("dogs", "fear.name")


def test_a_new_key_encrypts_and_the_old_one_still_reads():
    before, after = box_of(OLD), box_of(NEW, OLD)
    assert after.open(before.seal("dogs", "fear.name"), "fear.name") == "dogs"
    token = after.seal("dogs", "fear.name")
    assert box_of(NEW).open(token, "fear.name") == "dogs"
    with pytest.raises(UnknownKey):
        before.open(token, "fear.name")


def test_a_token_names_its_key_and_tells_nothing_of_it():
    token = box_of(OLD).seal("dogs", "fear.name")
    with pytest.raises(UnknownKey) as gone:
        box_of(NEW).open(token, "fear.name")
    assert gone.value.args == (token[1:5].hex(),)
    assert token[1:5].hex() not in OLD.encode().hex()
    assert box_of(OLD).seal("cats", "step.title")[1:5] == token[1:5] != box_of(NEW).seal("dogs", "fear.name")[1:5]


def test_a_token_of_before_is_read_with_any_of_the_keys():
    token = Fernet(OLD).encrypt(b"dogs")
    assert box_of(NEW, OLD).open(token, "fear.name") == "dogs"
    with pytest.raises(UnknownKey):
        box_of(NEW).open(token, "fear.name")


def test_every_encrypted_column_is_bound_to_its_own_table_and_name():
    sealed = [(table, column) for table in Base.metadata.sorted_tables for column in sealed_columns(table)]
    assert [sealed_type(column).place for _table, column in sealed] == [
        f"{table}.{column.name}" for table, column in sealed
    ]
    assert len(sealed) > 10


def test_a_value_in_the_field_of_another_reads_as_nothing(client: Client):
    session = client.session
    store(session, "step", "details", stored(session, "fear", "name"))
    store(session, "step", "title", stored(session, "fear", "name"))
    step = session.scalars(select(Step)).one()
    assert (step.title, step.details) == ("", "")


def test_a_value_whose_key_is_gone_is_no_empty_text_that_somebody_could_save(client: Client):
    session = client.session
    store(session, "fear", "name", box_of(OLD).seal("dogs", "fear.name"))
    fear = session.scalars(select(Fear)).one()
    assert fear.name == UNREAD
    with pytest.raises(StatementError, match="stays as it is stored"):
        session.execute(update(Fear).values(name=fear.name))
    exposes(client)
    session.flush()
    store(session, "exposure", "note", box_of(OLD).seal("proud", "exposure.note"))
    with pytest.raises(UnknownKey):
        session.scalars(select(Exposure.note)).all()


@pytest.mark.usefixtures("keys_of_the_tests")
def test_a_rotation_takes_values_of_before_into_the_form_of_today(client: Client):
    before = stored(client.session, "step", "title")
    store(client.session, "fear", "name", Fernet(DATA_KEY).encrypt(b"dogs"))
    dict(reseal(client.session))
    assert box.open(stored(client.session, "fear", "name"), "fear.name") == "dogs"
    assert box.is_newest(stored(client.session, "fear", "name"))
    # What the newest key made already is left alone.
    assert stored(client.session, "step", "title") == before


@pytest.mark.usefixtures("keys_of_the_tests")
def test_a_rotation_leaves_what_belongs_elsewhere_and_goes_on(client: Client):
    strange = stored(client.session, "fear", "name")
    store(client.session, "step", "details", strange)
    box.set_keys((NEW, DATA_KEY))
    check_keys(client.session)
    dict(reseal(client.session))
    assert stored(client.session, "step", "details") == strange
    assert box.is_newest(stored(client.session, "step", "title"))


# Names and curves, which an earlier version wrote plainly.


def test_a_name_and_a_curve_are_encrypted(client: Client):
    exposes(client)
    for table, column in (("account", "display_name"), ("exposure", "curve")):
        written = str(client.session.execute(text(f"SELECT {column} FROM {table}")).scalar())
        assert "Noor" not in written
        assert "[" not in written
    client.session.expire_all()
    assert client.session.scalars(select(Account.display_name)).one() == "Noor"
    assert isinstance(client.session.scalars(select(Exposure.curve)).one(), list)


@pytest.mark.usefixtures("keys_of_the_tests")
def test_a_plain_name_and_a_plain_curve_are_read_and_a_rotation_encrypts_them(client: Client):
    session = client.session
    exposes(client)
    plain = {("account", "display_name"): "Noor Ü", ("exposure", "curve"): "[[0, 40], [60, 55]]"}
    session.flush()
    for (table, column), value in plain.items():
        session.execute(text(f"UPDATE {table} SET {column} = '{value}'"))
    for _rotated in (False, True):
        session.expire_all()
        assert session.scalars(select(Account.display_name)).one() == "Noor Ü"
        assert session.scalars(select(Exposure.curve)).one() == [[0, 40], [60, 55]]
        dict(reseal(session))
    for (table, column), value in plain.items():
        assert value not in str(session.execute(text(f"SELECT {column} FROM {table}")).scalar())
    box.set_keys((NEW, DATA_KEY))
    check_keys(session)
    dict(reseal(session))
    box.set_keys((NEW,))
    session.expire_all()
    assert session.scalars(select(Exposure.curve)).one() == [[0, 40], [60, 55]]
    box.set_keys((OLD,))
    with pytest.raises(UnknownKey):
        check_keys(session)


def test_a_name_whose_key_is_gone_lets_its_person_in(client: Client):
    name = EncryptedName("account.display_name")
    store(client.session, "account", "display_name", MARK + base64url.encode(box_of(OLD).seal("Noor", name.place)))
    assert client.session.scalars(select(Account.display_name)).one() == ""
    store(client.session, "account", "display_name", MARK + "no token")
    assert client.session.scalars(select(Account.display_name)).one() == ""


@pytest.mark.parametrize(
    "target", [("step", "title"), ("event", "data"), ("account", "display_name"), ("exposure", "curve")]
)
@pytest.mark.parametrize("source", [("fear", "name"), ("account", "display_name"), ("exposure", "curve")])
def test_a_token_copied_as_it_is_stored_reads_as_nothing(client: Client, source: tuple, target: tuple):
    if client.session.get_bind().dialect.name != "sqlite":
        pytest.skip("its columns hold what their type says")
    if source == target:
        pytest.skip("that is where it belongs")
    exposes(client)
    client.session.flush()
    copied = client.session.execute(text(f"SELECT {source[1]} FROM {source[0]}")).scalars().first()
    store(client.session, *target, copied)
    column = Base.metadata.tables[target[0]].c[target[1]]
    assert not any(client.session.scalars(select(column)).all())
    found = {finding.what for finding in check_readable(client.session)}
    assert found <= {f"{target[1]} cannot be read"}
    check_keys(client.session)
    dict(reseal(client.session))
