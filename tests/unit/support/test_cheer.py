"""Cheers: how many, how long, to which practice they belong, and the heart that answers."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from erp.domain.errors import Invalid, NotFound
from erp.domain.support import cheer as cheers
from erp.domain.support import invitation as invitations
from erp.domain.support import relation as relations
from erp.settings import Settings
from erp.storage.box import VERSION
from erp.storage.db import Sessions, open_engine
from erp.storage.support import Cheer, Support
from tests.make.clients import Client, local
from tests.make.supporters import (
    A_DAY,
    A_MINUTE,
    A_SECOND,
    NOON,
    ZONE,
    begins,
    coach,
    exposes,
    goes_on,
    kinds,
    notifications,
    person,
)


def cheer(client: Client, relation: Support, words: Any = "Still with you.", **more: Any) -> Cheer:
    """Send a cheer now."""
    client.session.flush()
    client.session.expire_all()
    return cheers.send(client.session, relation, {"text": words, **more}, client.now)


def refused(client: Client, relation: Support, words: Any = "Still with you.", **more: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        cheer(client, relation, words, **more)
    return {name: problem.code for name, problem in caught.value.problems.items()}


# The text.


def test_a_cheer_is_kept_and_told_with_the_name_of_who_sent_it(client: Client, sam: Support, session: Session):
    sent = cheer(client, sam, "You can do hard things.")
    (shown,) = cheers.cheers_on(session, client.account.id, date(2026, 11, 18))
    assert shown == cheers.CheerView(sent.id, "Sam", "You can do hard things.", NOON, hearted=False)
    assert cheers.view_of(session, sent) == shown
    (told,) = notifications(session)
    assert (told.account_id, told.kind, told.support_id) == (client.account.id, "cheer", sam.id)
    assert told.facts == {"name": "Sam", "text": "You can do hard things."}


def test_two_hundred_characters_are_enough(client: Client, sam: Support):
    assert refused(client, sam, "x" * 201) == {"text": "too_long"}
    assert len(cheer(client, sam, "👏" * 200).text) == 200


@pytest.mark.parametrize(
    ("words", "code"), [("", "required"), (" \n\t", "required"), (None, "required"), (7, "not_text")]
)
def test_a_cheer_says_something(client: Client, sam: Support, words: Any, code: str):
    assert refused(client, sam, words) == {"text": code}


def test_a_cheer_is_one_line(client: Client, sam: Support):
    assert cheer(client, sam, "  Still\r\n\n with \x00 you ").text == "Still with you"


def test_reassurance_is_answered_with_a_hint_and_can_be_sent_anyway(client: Client, sam: Support, session: Session):
    assert refused(client, sam, "Don't worry") == {"text": "reassurance"}
    assert session.scalar(select(func.count()).select_from(Cheer)) == 0
    assert kinds(session) == []
    assert cheer(client, sam, "Don't worry", anyway="on").text == "Don't worry"


def test_anyway_lifts_no_other_limit(client: Client, sam: Support):
    assert refused(client, sam, "x" * 201, anyway="on") == {"text": "too_long"}
    cheer(client, sam, "Don't worry", anyway="on")
    assert refused(client, sam, "Don't worry", anyway="on") == {"": "one_a_minute"}


def test_cheers_are_ciphertext_in_the_database(client: Client, sam: Support, session: Session):
    cheer(client, sam, "You can do hard things.")
    stored = [bytes(value) for value in session.execute(text("SELECT text FROM cheer")).scalars()]
    stored += [bytes(value) for value in session.execute(text("SELECT facts FROM notification")).scalars()]
    assert len(stored) == 2
    assert all(value.startswith(VERSION) for value in stored)


# How many.


def test_one_a_minute_to_the_second(client: Client, sam: Support):
    cheer(client, sam)
    client.now += A_MINUTE - A_SECOND
    assert refused(client, sam) == {"": "one_a_minute"}
    client.now += A_SECOND
    assert cheer(client, sam)


def test_the_minute_is_that_of_one_supporter_and_one_client(client: Client, sam: Support, session: Session):
    other = Client(session, ZONE, NOON)
    token = invitations.invite(session, other.account.id, NOON).token
    also_sam = invitations.accept(session, token, sam.supporter_id, NOON)
    kim = coach(client, "Kim")
    for relation in (sam, also_sam, kim):
        assert cheer(client, relation)
    assert len(cheers.cheers_on(session, client.account.id, date(2026, 11, 18))) == 2


def sends(client: Client, relation: Support, count: int) -> None:
    for _ in range(count):
        cheer(client, relation)
        client.now += A_MINUTE


def test_twenty_for_an_exposure_and_again_for_the_next(client: Client, sam: Support, session: Session):
    first = begins(client, planned_minutes=60)
    sends(client, sam, 20)
    assert refused(client, sam) == {"": "enough"}
    assert cheer(client, coach(client, "Kim"))
    goes_on(client, first, "finished")
    assert refused(client, sam) == {"": "enough"}
    begins(client)
    assert cheer(client, sam)
    assert len(cheers.cheers_of(session, client.account.id, first)) == 21


def test_twenty_in_a_day_where_there_was_no_exposure(client: Client, sam: Support):
    sends(client, sam, 20)
    assert refused(client, sam) == {"": "enough"}
    client.now = NOON + A_DAY - A_SECOND
    assert refused(client, sam) == {"": "enough"}
    client.now += A_SECOND
    assert cheer(client, sam)


def test_of_two_taps_at_once_one_is_sent(settings: Settings):
    engine = open_engine(settings.database_url)
    sessions = Sessions(engine)
    with sessions.writing() as session:
        relation = coach(Client(session, ZONE, NOON)).id
        session.commit()

    def tap() -> str:
        with sessions.writing() as session:
            support = session.get_one(Support, relation)
            try:
                cheers.send(session, support, {"text": "Still with you."}, NOON)
            except Invalid as problem:
                return str(problem)
            session.commit()
            return "sent"

    with ThreadPoolExecutor() as second, sessions.writing() as session:
        cheers.send(session, session.get_one(Support, relation), {"text": "Still with you."}, NOON)
        answer = second.submit(tap)
        with pytest.raises(TimeoutError):
            answer.result(0.2)
        session.commit()
        assert answer.result(20) == "form: one_a_minute"
    engine.dispose()


# Where it belongs.


def test_a_cheer_belongs_to_the_exposure_that_runs(client: Client, sam: Support, session: Session):
    exposes(client)
    running = begins(client)
    client.now += A_MINUTE
    sent = cheer(client, sam)
    assert (sent.exposure_id, sent.local_date) == (running, date(2026, 11, 18))
    assert [each.id for each in cheers.cheers_of(session, client.account.id, running)] == [sent.id]
    assert notifications(session, client.account.id)[0].exposure_id == running


def test_for_a_day_after_its_start_it_belongs_to_the_last_exposure_and_its_day(
    client: Client, sam: Support, session: Session
):
    client.now = local(ZONE, 2026, 11, 18, 23, 50)
    exposure = exposes(client, 5)
    client.now = local(ZONE, 2026, 11, 19, 23, 49)
    sent = cheer(client, sam)
    assert (sent.exposure_id, sent.local_date) == (exposure, date(2026, 11, 18))
    assert [each.id for each in cheers.cheers_on(session, client.account.id, date(2026, 11, 18))] == [sent.id]
    client.now += A_MINUTE
    later = cheer(client, sam)
    assert (later.exposure_id, later.local_date) == (None, date(2026, 11, 19))


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_without_an_exposure_it_belongs_to_the_day_on_the_clients_wall(session: Session, zone: str):
    client = Client(session, zone, local(zone, 2026, 11, 18, 23, 30))
    sent = cheer(client, coach(client))
    assert (sent.exposure_id, sent.local_date) == (None, date(2026, 11, 18))


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_last_exposure_is_found_in_every_zone(session: Session, zone: str):
    client = Client(session, zone, local(zone, 2026, 11, 18, 0, 5))
    exposure = exposes(client, 5)
    client.now += timedelta(hours=23)
    assert cheer(client, coach(client)).exposure_id == exposure


def test_cheers_stay_when_the_coach_has_left(client: Client, sam: Support, session: Session):
    sent = cheer(client, sam)
    relations.end(session, sam, client.now)
    assert [each.id for each in cheers.cheers_on(session, client.account.id, date(2026, 11, 18))] == [sent.id]


def test_cheers_are_read_first_to_last(client: Client, sam: Support, session: Session):
    sends(client, sam, 3)
    sent = [each.sent_at for each in cheers.cheers_on(session, client.account.id, date(2026, 11, 18))]
    assert sent == [NOON, NOON + A_MINUTE, NOON + 2 * A_MINUTE]


# Hearts and strangers.


def test_a_heart_answers_once(client: Client, sam: Support, session: Session):
    sent = cheer(client, sam)
    cheers.heart(cheers.cheer_of(session, client.account.id, sent.id), NOON + A_SECOND)
    cheers.heart(cheers.cheer_of(session, client.account.id, sent.id), NOON + A_MINUTE)
    assert cheers.view_of(session, sent).hearted
    assert sent.hearted_at == NOON + A_SECOND


def test_a_cheer_is_the_clients_own(client: Client, sam: Support, session: Session):
    sent = cheer(client, sam)
    for stranger in (sam.supporter_id, person(session).id, Client(session, ZONE, NOON).account.id):
        with pytest.raises(NotFound):
            cheers.cheer_of(session, stranger, sent.id)
        assert cheers.cheers_on(session, stranger, date(2026, 11, 18)) == []
    with pytest.raises(NotFound):
        cheers.cheer_of(session, client.account.id, uuid.uuid4())


def test_after_the_end_nothing_can_be_sent(client: Client, sam: Support, session: Session):
    relations.end(session, sam, client.now)
    with pytest.raises(NotFound):
        cheer(client, sam)
    assert kinds(session) == []
