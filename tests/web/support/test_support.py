import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain import limits
from erp.domain.notification.kinds import PINGS, WANTED, Contact
from erp.domain.support.relation import SupporterView
from erp.domain.support.sharing import SharedExposure
from erp.storage.box import box
from erp.storage.db import Sessions
from erp.storage.support import Support
from erp.web.support.pages import going_on, ping_choices
from erp.web.support.sharing import _choices
from tests.make.clock import NOW, ZONE, Clock
from tests.make.pages import HTMX, a_cheer, a_coach, a_ladder, an_exposure, an_invitation, batch, event, is_page
from tests.web.conftest import Phone
from tests.web.edge.test_sql import statements

SHARING = {"contact": "every", "told": ["started", "finished", "goal", "milestone"]}


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    """A client who lives in ZONE."""
    return person("robin", ZONE)


@pytest.fixture
def coach(person: Callable[..., Phone]) -> Phone:
    """Somebody who lives there too."""
    return person("anna", ZONE)


def relation(database: Session, support_id: uuid.UUID) -> Support:
    database.rollback()
    database.expire_all()
    return database.get_one(Support, support_id)


def line(html: str) -> str:
    """Where a card says that its client stands."""
    found = re.search(r'<p class="(?:stands|second)">(.*?)</p>', html)
    return found[1] if found else ""


# The tab.


def test_the_tab_of_somebody_new_says_what_it_is_for_and_invites(client: Phone):
    html = client.get("/people").text
    assert "Somebody beside you" in html
    assert 'href="/people/invite"' in html
    assert 'href="/people/learn"' in html
    assert 'href="/notifications?via=people"' in html
    assert "client-cards.js" not in html


def test_a_client_sees_each_supporter_with_what_they_see_and_hear(
    client: Phone, coach: Phone, person: Callable[..., Phone], sessions: Sessions
):
    first = a_coach(sessions, client, coach)
    second = a_coach(sessions, client, person("lena"), titles="1", notes="1", contact="weekly")
    an_invitation(sessions, client)
    html = client.get("/people").text
    assert html.index(f"/supporters/{first}") < html.index(f"/supporters/{second}")
    assert "Sees practice and streak. Hears of every practice." in html
    assert "Sees practice and streak, step titles, your words. Hears once a week." in html
    assert "1 invitation is open" in html


def test_a_coach_sees_who_practises_now_first_with_one_tap_to_cheer(
    client: Phone, other: Phone, coach: Phone, sessions: Sessions
):
    quiet, live = a_coach(sessions, other, coach), a_coach(sessions, client, coach)
    begun = NOW - timedelta(minutes=12, seconds=5)
    an_exposure(sessions, client, a_ladder(sessions, client).steps[0], begun, seconds=None)
    html = coach.get("/people").text
    assert html.index(f'id="client-{live}"') < html.index(f'id="client-{quiet}"')
    assert line(html) == "practising for 12 minutes, 8 to go"
    assert '<progress value="720"' in html
    assert html.count('class="live-tag"') == 1
    assert html.count(f'action="/people/{live}/cheers"') == 1
    assert f'action="/people/{quiet}/cheers"' not in html
    assert f'href="/people/{live}#own-{live}"' in html


def test_a_card_without_practice_now_shows_the_last_one_the_week_and_the_streak(
    noon: datetime, client: Phone, coach: Phone, sessions: Sessions
):
    a_coach(sessions, client, coach)
    step = a_ladder(sessions, client).steps[0]
    assert line(coach.get("/people").text) == "the first practice is still to come"
    an_exposure(sessions, client, step, noon - timedelta(days=1), seconds=1800)
    assert line(coach.get("/people").text) == "practised 30 minutes yesterday"
    an_exposure(sessions, client, step, noon - timedelta(minutes=2), seconds=60)
    html = coach.get("/people").text
    assert re.fullmatch(r"practised 1 minute this (morning|afternoon)", line(html))
    assert "2 days in a row" in html
    assert re.search(r'class="vh">\w+,? \d+ \w+: practised</span>', html)
    assert 'class="thin"' not in html, "why there was none stays the client's: no mark says that it was expected"


@pytest.mark.parametrize(
    ("paused", "seconds", "planned", "said"),
    [
        (False, 20, 1200, "has just begun, 20 to go"),
        (False, 60, 1200, "practising for 1 minute, 19 to go"),
        (False, 1199, 1200, "practising for 19 minutes, 1 to go"),
        (False, 1500, 1200, "practising for 25 minutes"),
        (True, 300, 1200, "a short break after 5 minutes"),
    ],
)
def test_a_running_practice_is_told_in_minutes(
    client: Phone, paused: bool, seconds: int, planned: int, said: str, app: object
):
    begun = NOW
    shared = SharedExposure(uuid.uuid4(), True, paused, begun, begun.date(), seconds, planned, None, None, None)
    with app.test_request_context():  # type: ignore[attr-defined]
        assert going_on(shared) == said


def test_practice_days_ago_is_told_by_the_day(client: Phone, coach: Phone, sessions: Sessions):
    a_coach(sessions, client, coach)
    step = a_ladder(sessions, client).steps[0]
    an_exposure(sessions, client, step, NOW - timedelta(days=9), seconds=900)
    assert re.fullmatch(r"practised 15 minutes on \d+ \w+ \d{4}", line(coach.get("/people").text))
    an_exposure(sessions, client, step, NOW - timedelta(days=3), seconds=900)
    assert re.fullmatch(r"practised 15 minutes on \w+day", line(coach.get("/people").text))


def test_learning_to_coach_is_one_page_with_the_phrases(coach: Phone):
    html = coach.get("/people/learn").text
    assert "Why a promise works against it" in html
    assert "That took courage." in html


# Inviting.


def test_the_page_for_inviting_offers_to_make_one_and_then_shows_it(client: Phone):
    assert 'action="/people/invitations"' in client.get("/people/invite").text
    answer = client.post("/people/invitations")
    assert (answer.status_code, answer.location) == (303, "/people/invite")
    html = client.get("/people/invite").text
    assert re.search(r"http://localhost/invitations/[\w-]{22}<", html)
    assert "For one person, until" in html


def test_the_code_is_dark_on_white_with_its_quiet_zone_and_no_inline_style(client: Phone):
    client.post("/people/invitations")
    html = client.get("/people/invite").text
    code = re.search(r'<svg viewBox="0 0 (\d+) \1" class="qr">(.*?)</svg>', html)
    assert code
    assert "style=" not in html
    assert f'<path fill="#fff" d="M0 0h{code[1]}v{code[1]}h-{code[1]}z"/>' in code[2]
    # The finder pattern in the corner begins four modules in.
    assert 'stroke="#000" d="M4 4.5h7' in code[2]


def test_the_newest_invitation_is_shown_and_the_others_can_be_withdrawn(client: Phone, sessions: Sessions):
    old = an_invitation(sessions, client, timedelta(days=1))
    new = an_invitation(sessions, client)
    html = client.get("/people/invite").text
    assert f"/invitations/{new}" in html
    assert old not in html
    assert html.count("/withdraw") == 2


def test_a_withdrawn_invitation_leads_nowhere(client: Phone, other: Phone, sessions: Sessions, nobody: Phone):
    token = an_invitation(sessions, client)
    withdraw = re.search(r'action="(/people/invitations/[^"]+/withdraw)"', client.get("/people/invite").text)
    assert withdraw
    assert other.post(withdraw[1]).status_code == 404
    assert nobody.get(f"/invitations/{token}").status_code == 200
    answer = client.post(withdraw[1])
    assert (answer.status_code, answer.location) == (303, "/people/invite?withdrawn=1")
    assert "That link no longer works." in client.get(answer.location).text
    gone = nobody.get(f"/invitations/{token}")
    assert gone.status_code == 410
    assert "was withdrawn" in gone.text
    assert client.post("/people/invitations/" + str(uuid.uuid4()) + "/withdraw").status_code == 404


def test_when_the_day_s_invitations_are_used_up_it_says_so(client: Phone, database: Session):
    for _ in range(limits.MAX_INVITATIONS_A_DAY):
        assert client.post("/people/invitations").status_code == 303
        page = client.get("/people/invite").text
        (withdraw,) = re.findall(r'action="(/people/invitations/[^"]+/withdraw)"', page)
        client.post(withdraw)
    answer = client.post("/people/invitations")
    assert answer.status_code == 409
    assert "Tomorrow you can make new ones." in answer.text
    assert "Withdraw one first" not in answer.text


def test_more_than_ten_open_invitations_are_refused_kindly(client: Phone, sessions: Sessions):
    for _ in range(limits.MAX_OPEN_INVITATIONS):
        an_invitation(sessions, client)
    answer = client.post("/people/invitations")
    assert answer.status_code == 409
    assert "Withdraw one first" in answer.text
    assert "/withdraw" in answer.text


# Being invited.


def test_an_invitation_says_who_and_what_and_leads_through_signing_up_back_to_itself(
    client: Phone, nobody: Phone, sessions: Sessions
):
    path = f"/invitations/{an_invitation(sessions, client)}"
    html = nobody.get(path).text
    assert "<bdi>Robin</bdi> would like you as a coach" in html
    assert "You will see when <bdi>Robin</bdi> practises" in html
    assert f'href="/sign-up?next={path}"' in html.replace("%2F", "/")
    assert f'href="/sign-in?next={path}"' in html.replace("%2F", "/")
    form = nobody.get("/sign-up", query_string={"next": path}).text
    assert f'name="next" value="{path}"' in form
    person = {"display_name": "Ida", "email": "ida@example.org", "password": "soup on a rainy day", "time_zone": "UTC"}
    refused = nobody.post("/sign-up", data=person | {"email": "ida", "next": path})
    assert f'name="next" value="{path}"' in refused.text
    codes = nobody.post("/sign-up", data=person | {"next": path}).location
    page = nobody.get(codes).text
    assert f'name="next" value="{path}"' in page
    assert nobody.post("/account/codes/saved", data={"next": path}).location == path
    assert f'<form method="post" action="{path}"' in nobody.get(path).text


def test_signing_up_never_leads_to_another_site(nobody: Phone, client: Phone):
    assert nobody.post("/account/codes/saved").status_code == 303
    assert client.post("/account/codes/saved", data={"next": "//evil.example"}).location == "/today"


def test_accepting_makes_a_coach_who_is_welcomed(client: Phone, coach: Phone, sessions: Sessions, database: Session):
    path = f"/invitations/{an_invitation(sessions, client)}"
    answer = coach.post(path)
    assert answer.status_code == 303
    (support,) = database.scalars(select(Support))
    assert answer.location == f"/people/{support.id}?welcome=1"
    assert (str(support.client_id), str(support.supporter_id)) == (client.account_id, coach.account_id)
    html = coach.get(answer.location).text
    assert "You are in" in html
    assert 'href="/notifications?via=people"' in html
    assert "You are in" not in coach.get(f"/people/{support.id}").text
    # A second tap of the same person comes to the same.
    assert coach.post(path, headers=HTMX).headers["HX-Redirect"] == f"/people/{support.id}?welcome=1"


def test_an_invitation_serves_one_person(client: Phone, coach: Phone, other: Phone, sessions: Sessions):
    path = f"/invitations/{an_invitation(sessions, client)}"
    coach.post(path)
    for answer in (other.get(path), other.post(path)):
        assert answer.status_code == 410
        assert "has been used" in answer.text
    mine = coach.get(path)
    assert mine.status_code == 200
    assert "You cheer <bdi>Robin</bdi> already" in mine.text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_invitation_that_ran_out_or_never_was_says_what_to_do(
    client: Phone, other: Phone, sessions: Sessions, method: str, database: Session
):
    late = an_invitation(sessions, client, timedelta(days=7, minutes=1))
    answer = other.open(f"/invitations/{late}", method=method)
    assert answer.status_code == 410
    assert "Ask <bdi>Robin</bdi> for a new one" in answer.text
    answer = other.open("/invitations/nowhere", method=method)
    assert answer.status_code == 404
    assert "got lost on the way" in answer.text
    assert database.scalars(select(Support)).all() == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ones_own_invitation_is_no_trouble(client: Phone, sessions: Sessions, method: str, database: Session):
    answer = client.open(f"/invitations/{an_invitation(sessions, client)}", method=method)
    assert answer.status_code == 200
    assert "your own invitation" in answer.text
    assert database.scalars(select(Support)).all() == []


def test_ones_own_invitation_that_was_used_says_so_and_leads_to_ones_people(
    client: Phone, coach: Phone, sessions: Sessions
):
    path = f"/invitations/{an_invitation(sessions, client)}"
    coach.post(path)
    answer = client.get(path)
    assert answer.status_code == 410
    assert "This invitation has been used" in answer.text
    assert "It was yours." in answer.text
    assert 'class="button primary" href="/people"' in answer.text
    assert "your own invitation" not in answer.text


def test_a_second_invitation_of_the_same_client_is_left_for_somebody_else(
    client: Phone, coach: Phone, sessions: Sessions
):
    support = a_coach(sessions, client, coach)
    answer = coach.get(f"/invitations/{an_invitation(sessions, client)}")
    assert answer.status_code == 200
    assert f'href="/people/{support}"' in answer.text
    assert "stays free for somebody else" in answer.text


def test_the_token_never_reaches_the_log_nor_another_site(
    client: Phone, nobody: Phone, sessions: Sessions, caplog: pytest.LogCaptureFixture
):
    token = an_invitation(sessions, client)
    caplog.set_level("INFO")
    answer = nobody.get(f"/invitations/{token}")
    nobody.post(f"/invitations/{token}")
    nobody.get("/sign-up", query_string={"next": f"/invitations/{token}"})
    assert caplog.records
    assert token not in caplog.text
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


# What a supporter may see and hear.


def test_a_client_chooses_what_one_supporter_sees_and_hears(
    client: Phone, coach: Phone, sessions: Sessions, database: Session
):
    support = a_coach(sessions, client, coach)
    path = f"/supporters/{support}"
    assert client.get(path).status_code == 200
    answer = client.post(path, data={"suds": "1", "contact": "finished", "told": ["goal"]})
    assert (answer.status_code, answer.location) == (303, f"{path}?saved=1")
    kept = relation(database, support)
    assert (kept.shares_titles, kept.shares_suds, kept.shares_notes) == (False, True, False)
    assert (kept.contact, kept.allowed_kinds) == ("finished", ["goal"])
    html = client.get(answer.location).text
    assert "Saved." in html
    assert re.search(r'name="suds" value="1" checked', html)
    assert re.search(r'value="finished" checked', html)


def test_a_switch_saves_by_itself_and_answers_with_the_form(client: Phone, coach: Phone, sessions: Sessions):
    support = a_coach(sessions, client, coach)
    answer = client.htmx(f"/supporters/{support}", data=SHARING | {"titles": "1"})
    assert answer.status_code == 200  # type: ignore[attr-defined]
    assert not is_page(answer)  # type: ignore[arg-type]
    html = answer.text  # type: ignore[attr-defined]
    assert f'id="sharing-{support}"' in html
    assert 'hx-trigger="change, submit"' in html
    assert "Saved." in html


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("data", [{}, {"contact": "always"}])
def test_contact_that_cannot_be_changes_nothing(
    client: Phone, coach: Phone, sessions: Sessions, database: Session, headers: dict[str, str], data: dict[str, str]
):
    support = a_coach(sessions, client, coach)
    answer = client.post(f"/supporters/{support}", data=data | {"notes": "1"}, headers=headers)
    assert answer.status_code == 422
    assert "Please choose one of these." in answer.text
    assert is_page(answer) is not bool(headers)
    assert relation(database, support).shares_notes is False
    assert relation(database, support).contact == "every"


def test_the_client_ends_it_in_one_tap_and_the_coach_sees_nothing_from_then_on(
    client: Phone, coach: Phone, sessions: Sessions
):
    support = a_coach(sessions, client, coach)
    assert f'action="/supporters/{support}/end"' in client.get(f"/supporters/{support}").text
    answer = client.post(f"/supporters/{support}/end")
    assert (answer.status_code, answer.location) == (303, "/people?ended=1")
    assert "That has ended." in client.get(answer.location).text
    assert f"/supporters/{support}" not in client.get("/people").text
    assert "Robin" not in coach.get("/people").text
    assert coach.get(f"/people/{support}").status_code == 404
    assert coach.get(f"/people/{support}/card", headers=HTMX).status_code == 404
    assert client.post(f"/supporters/{support}/end").status_code == 404


def test_the_coach_can_leave(client: Phone, coach: Phone, sessions: Sessions):
    support = a_coach(sessions, client, coach)
    assert f'action="/people/{support}/leave"' in coach.get(f"/people/{support}").text
    answer = coach.post(f"/people/{support}/leave", headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/people?ended=1"
    assert f"/supporters/{support}" not in client.get("/people").text


def test_the_coach_chooses_which_pings_come(client: Phone, coach: Phone, sessions: Sessions, database: Session):
    support = a_coach(sessions, client, coach)
    path = f"/people/{support}/pings"
    answer = coach.post(path, data={"wanted": ["goal", "nonsense"]})
    assert (answer.status_code, answer.location) == (303, f"/people/{support}?saved=1")
    assert relation(database, support).asked_kinds == ["goal"]
    html = coach.get(answer.location).text
    assert "<details open>" in html
    assert re.search(r'value="goal" checked', html)
    answer = coach.post(path, headers=HTMX)
    assert not is_page(answer)
    assert "Saved." in answer.text
    assert relation(database, support).asked_kinds == []


# The coach's page of a client, and the card that stays fresh.


def test_the_page_of_a_client_has_the_card_the_phrases_and_what_was_sent(
    client: Phone, coach: Phone, sessions: Sessions
):
    support = a_coach(sessions, client, coach)
    a_cheer(sessions, support, "You did it your way", NOW - timedelta(minutes=5))
    html = coach.get(f"/people/{support}").text
    assert f'id="client-{support}"' in html
    assert html.count('name="phrase"') == 5
    assert "You did it your way" in html
    assert "sent a heart" not in html


def test_a_heart_comes_back_to_the_coach(client: Phone, coach: Phone, sessions: Sessions):
    support = a_coach(sessions, client, coach)
    cheer = a_cheer(sessions, support)
    client.post(f"/cheers/{cheer}/heart")
    assert "<bdi>Robin</bdi> sent a heart" in coach.get(f"/people/{support}").text
    assert "<bdi>Robin</bdi> sent a heart" in coach.get(f"/people/{support}/card?alone=1", headers=HTMX).text


@pytest.mark.parametrize("encoding", ["", "br, gzip"])
def test_a_card_that_did_not_change_is_not_sent_again(client: Phone, coach: Phone, sessions: Sessions, encoding: str):
    support = a_coach(sessions, client, coach)
    step = a_ladder(sessions, client).steps[0]
    headers = HTMX | {"Accept-Encoding": encoding}
    for path in (f"/people/{support}/card", f"/people/{support}/card?alone=1"):
        first = coach.get(path, headers=headers)
        assert first.status_code == 200
        again = coach.get(path, headers=headers | {"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
    begun = NOW - timedelta(seconds=90)
    an_exposure(sessions, client, step, begun, seconds=None)
    changed = coach.get(path, headers=headers | {"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


def test_a_look_at_a_card_without_news_counts_and_opens_nothing(
    app: Flask, client: Phone, coach: Phone, sessions: Sessions, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    support = a_coach(sessions, client, coach, titles="1", notes="1")
    an_exposure(sessions, client, a_ladder(sessions, client).steps[0], seconds=None, prediction="it bites " * 200)
    clock.stand(NOW + timedelta(seconds=1))
    path = f"/people/{support}/card"
    first = coach.get(path, headers=HTMX)
    monkeypatch.setattr(box, "open", lambda *given: pytest.fail("something is decrypted"))
    with statements(app) as sent:
        assert coach.get(path, headers=HTMX | {"If-None-Match": first.headers["ETag"]}).status_code == 304
    # Who is signed in, what there is of the client, and of the exposures that show.
    assert len(sent) == 3, sent


def test_every_news_of_a_client_changes_the_card(client: Phone, coach: Phone, sessions: Sessions, clock: Clock):
    support = a_coach(sessions, client, coach, titles="1", notes="1")
    steps = a_ladder(sessions, client).steps
    exposure = an_exposure(sessions, client, steps[0], seconds=None)

    def tell(kind: str, **data: object) -> None:
        client.post("/events", json=batch(client, event(kind, exposure, clock(), **data)))

    news: list[Callable[[], object]] = [
        lambda: clock.stand(clock() + timedelta(minutes=1)),
        lambda: tell("paused"),
        lambda: tell("finished"),
        lambda: tell("noted", learning="it slept"),
        lambda: client.post(
            f"/steps/{steps[0]}/edit",
            data={
                "title": "another name",
                "suds": "20",
                "planned_minutes": "5",
                "check_in_minutes": "5",
                "stopping_rule": "time",
            },
        ),
        lambda: client.post(
            "/account/details", data={"display_name": "Kim", "time_zone": ZONE, "check_in_minutes": "5"}
        ),
        lambda: client.post(f"/supporters/{support}", data={"titles": "1", "contact": "every"}),
        lambda: clock.stand(clock() + timedelta(days=1)),
    ]
    path, etag = f"/people/{support}/card", ""
    for happens in [lambda: None, *news]:
        happens()
        answer = coach.get(path, headers=HTMX | {"If-None-Match": etag})
        assert answer.status_code == 200
        assert etag != answer.headers["ETag"]
        etag = answer.headers["ETag"]
        assert coach.get(path, headers=HTMX | {"If-None-Match": etag}).status_code == 304


def test_the_card_keeps_the_form_for_ones_own_words_out(client: Phone, coach: Phone, sessions: Sessions):
    support = a_coach(sessions, client, coach)
    for path in (f"/people/{support}/card", f"/people/{support}/card?alone=1"):
        html = coach.get(path, headers=HTMX).text
        assert not is_page(coach.get(path, headers=HTMX))
        assert "<textarea" not in html
        assert 'hx-trigger="refresh"' in html


def test_a_notifications_phrase_stands_first_where_its_button_only_opens_the_page(
    client: Phone, coach: Phone, sessions: Sessions
):
    support = a_coach(sessions, client, coach)
    first = r'class="button primary" name="phrase" value="(\w+)"'
    assert re.findall(first, coach.get(f"/people/{support}?phrase=stay").text) == ["stay"]
    assert re.findall(first, coach.get(f"/people/{support}?phrase=nonsense").text) == ["with_you"]


def test_the_client_of_a_relation_has_no_use_for_the_coachs_side_nor_the_coach_for_the_clients(
    client: Phone, coach: Phone, sessions: Sessions, database: Session
):
    support = a_coach(sessions, client, coach)
    for path in (f"/people/{support}", f"/people/{support}/card"):
        assert client.get(path).status_code == 404
    for path in (f"/people/{support}/cheers", f"/people/{support}/pings", f"/people/{support}/leave"):
        assert client.post(path, data={"phrase": "hard"}).status_code == 404
    for answer in (
        coach.get(f"/supporters/{support}"),
        coach.post(f"/supporters/{support}", data=SHARING | {"notes": "1"}),
        coach.post(f"/supporters/{support}/end"),
    ):
        assert answer.status_code == 404
    kept = relation(database, support)
    assert kept.ended_at is None
    assert kept.shares_notes is False


def test_every_kind_that_somebody_can_switch_off_has_its_switch(app: Flask):
    supporter = SupporterView(uuid.uuid4(), "Sam", NOW, False, False, False, Contact.every, ())
    with app.test_request_context():
        assert tuple(choice.key for choice in ping_choices(())) == WANTED
        assert tuple(choice.key for choice in _choices(supporter)["told"]) == PINGS
