import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from erp.domain.dates import local_day
from erp.storage.db import Sessions
from erp.storage.practice import Pause, Plan
from tests.make.clock import NOW, ZONE, Clock
from tests.make.pages import (
    HTMX,
    Ladder,
    a_cheer,
    a_coach,
    a_ladder,
    a_pause,
    a_plan,
    an_exposure,
    error_beside,
    is_page,
    today,
)
from tests.web.conftest import Phone

PLAN = {"minutes": "30", "kind": "per_week", "days_per_week": "4"}
PAGES = [
    "/today",
    "/plan",
    "/plan?first=1",
    "/calendar",
    "/calendar/2026/10",
    "/calendar/2026",
    "/calendar/days/2026-10-05",
]


@pytest.fixture
def client(person: Callable[..., Phone]) -> Phone:
    """A client who lives in ZONE."""
    return person("robin", ZONE)


@pytest.fixture
def ladder(sessions: Sessions, client: Phone) -> Ladder:
    return a_ladder(sessions, client)


def plans_in(database: Session) -> list[Plan]:
    database.rollback()
    database.expire_all()
    return list(database.scalars(select(Plan).order_by(Plan.starts_on)))


def pauses_in(database: Session) -> list[Pause]:
    database.rollback()
    database.expire_all()
    return list(database.scalars(select(Pause)))


@pytest.mark.parametrize("path", PAGES)
def test_the_page_is_there_for_who_is_signed_in_only(client: Phone, nobody: Phone, path: str):
    assert client.get(path).status_code == 200
    answer = nobody.get(path)
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in?next=/")
    assert nobody.get(path, headers=HTMX).status_code == 401


def test_another_client_sees_nothing_of_my_practice(client: Phone, other: Phone, sessions: Sessions, ladder: Ladder):
    begun = NOW - timedelta(minutes=10)
    an_exposure(sessions, client, ladder.steps[0], begun, noted={"learning": "it slept"})
    day = f"/calendar/days/{local_day(begun, ZONE)}"
    assert "it slept" in client.get(day).text
    for path in (*PAGES, day):
        html = other.get(path).text
        assert "look at a photo" not in html
        assert "it slept" not in html


def test_today_without_a_ladder_offers_to_build_one(client: Phone):
    assert 'href="/ladder/new"' in client.get("/today").text


def test_today_leads_a_coach_without_a_ladder_to_people_first(client: Phone, other: Phone, sessions: Sessions):
    a_coach(sessions, client, other)
    html = other.get("/today").text
    assert re.search(r'class="button primary" href="/people"', html)
    assert re.search(r'class="button quiet" href="/ladder/new"', html)
    assert re.search(r'class="button primary" href="/ladder/new"', client.get("/today").text)
    a_ladder(sessions, other)
    assert not re.search(r'class="button [a-z]+" href="/people"', other.get("/today").text)


def test_the_newest_cheers_of_today_and_yesterday_stand_on_today(
    noon: datetime, client: Phone, other: Phone, sessions: Sessions
):
    coach = a_coach(sessions, client, other)
    html = client.get("/today").text
    assert "From your coach" not in html
    for text, hours in (("long ago", 60), ("a day ago", 25), ("first", 4), ("second", 3)):
        a_cheer(sessions, coach, text, noon - timedelta(hours=hours))
    html = client.get("/today").text
    assert "long ago" not in html
    assert (
        html.index("second") < html.index("first") < html.index("From your coach, yesterday") < html.index("a day ago")
    )
    assert html.count('action="/cheers/') == 3
    a_cheer(sessions, coach, "third", noon)
    html = client.get("/today").text
    assert "third" in html
    assert "a day ago" not in html
    assert "From your coach, yesterday" not in html
    assert "third" not in other.get("/today").text


def test_cheers_of_several_say_so(client: Phone, other: Phone, person: Callable[..., Phone], sessions: Sessions):
    for phone in (other, person("sam")):
        a_cheer(sessions, a_coach(sessions, client, phone))
    html = client.get("/today").text
    assert "From your coaches" in html
    assert "Kim" in html
    assert "Sam" in html


def test_who_only_coaches_finds_the_way_to_whom_they_cheer_and_no_week_of_their_own(
    client: Phone, other: Phone, sessions: Sessions
):
    a_coach(sessions, client, other)
    html = other.get("/today").text
    assert "You are somebody’s coach" in html
    assert 'class="week"' not in html
    assert 'class="week"' in client.get("/today").text


def test_a_day_of_the_calendar_keeps_its_cheers(noon: datetime, client: Phone, other: Phone, sessions: Sessions):
    coach = a_coach(sessions, client, other)
    a_cheer(sessions, coach, "first", noon - timedelta(hours=4))
    a_cheer(sessions, coach, "<second>", noon)
    for headers in ({}, HTMX):
        html = client.get(f"/calendar/days/{today()}", headers=headers).text
        assert html.index("first") < html.index("&lt;second&gt;")
        assert "first" not in client.get(f"/calendar/days/{today() - timedelta(days=1)}", headers=headers).text
        assert "first" not in other.get(f"/calendar/days/{today()}", headers=headers).text


def test_today_starts_the_next_step_in_two_taps_and_offers_less(client: Phone, ladder: Ladder):
    html = client.get("/today").text
    assert "look at a photo of a dog" in html
    assert f'href="/steps/{ladder.steps[0]}/practice"' in html
    assert f'href="/steps/{ladder.steps[0]}/smaller"' in html


def test_today_leads_to_the_practice_that_runs(client: Phone, sessions: Sessions, ladder: Ladder):
    running = an_exposure(sessions, client, ladder.steps[1], seconds=None)
    html = client.get("/today").text
    assert f'href="/exposures/{running}"' in html
    assert f'href="/steps/{ladder.steps[0]}/practice"' not in html


def test_today_says_what_is_left_and_when_the_goal_is_reached(
    noon: datetime, client: Phone, sessions: Sessions, ladder: Ladder
):
    a_plan(sessions, client, minutes=20)
    assert "20 minutes to go" in client.get("/today").text
    an_exposure(sessions, client, ladder.steps[0], noon - timedelta(seconds=481), seconds=480)
    assert "12 minutes to go" in client.get("/today").text
    an_exposure(sessions, client, ladder.steps[0], noon - timedelta(seconds=720), seconds=719)
    assert "1 minute to go" in client.get("/today").text
    an_exposure(sessions, client, ladder.steps[0], noon - timedelta(seconds=61), seconds=60)
    assert "Today’s practice is done" in client.get("/today").text


def test_today_says_that_a_pause_holds(client: Phone, sessions: Sessions):
    a_plan(sessions, client)
    a_pause(sessions, client)
    assert "You are on a pause" in client.get("/today").text


def test_a_page_that_was_left_open_learns_which_day_it_is_where_the_client_lives(
    client: Phone, nobody: Phone, clock: Clock
):
    for path in ("/today", "/calendar", f"/calendar/{today().year}"):
        assert f'data-day="{today()}"' in client.get(path).text
    midnight = datetime.combine(today() + timedelta(days=1), time(), ZoneInfo(ZONE))
    clock.stand(midnight.astimezone(UTC) - timedelta(minutes=2))
    assert client.get("/today/date").json == {"day": str(today())}
    clock.go_on(timedelta(minutes=4))
    assert client.get("/today/date").json == {"day": str(today() + timedelta(days=1))}
    client.post("/account/zone", data={"time_zone": "Pacific/Honolulu"})
    assert client.get("/today/date").json == {"day": str(today())}
    assert nobody.get("/today/date", headers={"Accept": "application/json"}).status_code == 401


def test_the_first_plan_may_be_small_or_the_full_dose(client: Phone):
    html = client.get("/plan?first=1").text
    assert 'name="minutes" value="10"' in html
    assert 'name="minutes" value="60"' in html


def test_a_plan_is_set(client: Phone, database: Session):
    answer = client.post("/plan", data=PLAN)
    assert (answer.status_code, answer.location) == (303, "/today")
    assert [(plan.minutes, plan.kind, plan.days_per_week) for plan in plans_in(database)] == [(30, "per_week", 4)]
    assert client.post("/plan", data=PLAN, headers=HTMX).headers["HX-Redirect"] == "/today"


def fields_of(html: str, form: str) -> dict[str, str]:
    """The hidden fields and the dates of a form as the page shows them."""
    within = html.partition(f'id="{form}"')[2].partition("</form>")[0]
    inputs = [dict(re.findall(r'(name|type|value)="([^"]*)"', tag)) for tag in re.findall(r"<input[^>]*>", within)]
    return {one["name"]: one.get("value", "") for one in inputs if one["type"] in ("hidden", "date")}


@pytest.mark.parametrize("page", ["/plan", "/plan?first=1"])
def test_a_plan_from_today_may_be_sent_after_midnight_and_holds_from_the_new_day(
    client: Phone, database: Session, clock: Clock, page: str
):
    shown = fields_of(client.get(page).text, "plan-form")
    assert shown["starts_on"] == shown["opened_on"] == str(today())
    clock.go_on(timedelta(days=2))
    assert client.post("/plan", data={**PLAN, **shown, "minutes": "0"}).status_code == 422
    again = fields_of(client.post("/plan", data={**PLAN, **shown, "minutes": "0"}).text, "plan-form")
    assert client.post("/plan", data={**PLAN, **again}).status_code == 303
    assert [plan.starts_on for plan in plans_in(database)] == [today() + timedelta(days=2)]


def test_a_plan_of_a_page_of_the_version_before_may_come_after_midnight(client: Phone, database: Session):
    yesterday = str(today() - timedelta(days=1))
    assert client.post("/plan", data={**PLAN, "starts_on": yesterday}).status_code == 303
    assert [plan.starts_on for plan in plans_in(database)] == [today()]
    chosen = {**PLAN, "starts_on": yesterday, "opened_on": str(today())}
    assert error_beside(client.post("/plan", data=chosen), "starts_on")


def test_a_pause_from_today_may_be_sent_after_midnight(client: Phone, database: Session, clock: Clock):
    shown = fields_of(client.get("/plan").text, "pause-form")
    until = str(today() + timedelta(days=12))
    clock.go_on(timedelta(days=1))
    assert client.post("/plan/pauses", data={**shown, "last_day": until}).status_code == 303
    (added,) = pauses_in(database)
    assert (added.first_day, str(added.last_day)) == (today(), until)


def test_a_pause_from_the_today_of_a_page_opened_long_ago_begins_today(client: Phone, database: Session, clock: Clock):
    shown = fields_of(client.get("/plan").text, "pause-form")
    clock.go_on(timedelta(days=9))
    until = str(today() + timedelta(days=12))
    assert client.post("/plan/pauses", data={**shown, "last_day": until}).status_code == 303
    (added,) = pauses_in(database)
    assert (str(added.first_day), str(added.last_day)) == (str(today() + timedelta(days=9)), until)


def test_a_plan_of_fixed_weekdays_comes_back_as_it_was_chosen(client: Phone, database: Session):
    data = {"minutes": "own", "own_minutes": "12", "kind": "weekdays", "weekdays": ["0", "2", "4"]}
    assert client.post("/plan", data=data).status_code == 303
    assert [(plan.minutes, plan.weekdays) for plan in plans_in(database)] == [(12, 0b10101)]
    html = client.get("/plan").text
    assert re.findall(r'name="weekdays" value="(\d)" checked', html) == ["0", "2", "4"]
    assert 'value="12"' in html


def test_a_change_that_holds_later_is_announced_with_its_days(client: Phone, sessions: Sessions):
    later = today() + timedelta(days=9)
    a_plan(sessions, client)
    data = {"minutes": "45", "kind": "weekdays", "weekdays": ["1", "3"], "starts_on": str(later)}
    assert client.post("/plan", data=data).status_code == 303
    notice = re.search(r"<p>(From .*?)</p>", client.get("/plan").text, re.DOTALL)
    assert notice
    assert "45 min" in notice[1]
    assert "2 days a week" in notice[1]


def test_a_change_that_holds_later_can_be_called_off(client: Phone, sessions: Sessions):
    a_plan(sessions, client)
    data = {"minutes": "45", "kind": "per_week", "days_per_week": "3", "starts_on": str(today() + timedelta(days=9))}
    assert client.post("/plan", data=data).status_code == 303
    assert client.post("/plan/upcoming/end").status_code == 303
    assert "45 min" not in client.get("/plan").text
    assert "min" in client.get("/today").text


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"minutes": ""}, "minutes"),
        ({"minutes": "own", "own_minutes": "500"}, "own_minutes"),
        ({"days_per_week": "9"}, "days_per_week"),
        ({"kind": "weekdays"}, "weekdays"),
        ({"starts_on": "2020-01-01"}, "starts_on"),
        ({"starts_on": "soon"}, "starts_on"),
    ],
)
def test_a_plan_that_cannot_be_is_said_beside_its_field_and_kept_as_typed(
    client: Phone, database: Session, headers: dict[str, str], typed: dict[str, str], field: str
):
    answer = client.post("/plan", data=PLAN | typed, headers=headers)
    assert answer.status_code == 422
    assert error_beside(answer, field)
    assert is_page(answer) is not bool(headers)
    assert plans_in(database) == []
    if field in ("own_minutes", "starts_on"):
        assert f'value="{typed[field]}"' in answer.text
    if field != "minutes" and "minutes" not in typed:
        assert re.search(r'name="minutes" value="30" checked', answer.text)


def test_an_empty_plan_is_refused(client: Phone):
    assert client.post("/plan").status_code == 422
    assert client.post("/plan", headers=HTMX).status_code == 422


def pause(first: int, last: int) -> dict[str, str]:
    return {"first_day": str(today() + timedelta(days=first)), "last_day": str(today() + timedelta(days=last))}


def test_a_pause_is_added_shown_and_ended(client: Phone, database: Session):
    answer = client.post("/plan/pauses", data=pause(2, 5))
    assert (answer.status_code, answer.location) == (303, "/plan")
    (added,) = pauses_in(database)
    end = f"/plan/pauses/{added.id}/end"
    assert end in client.get("/plan").text
    answer = client.post(end)
    assert (answer.status_code, answer.location) == (303, "/plan")
    assert pauses_in(database) == []
    assert client.post("/plan/pauses", data=pause(2, 5), headers=HTMX).headers["HX-Redirect"] == "/plan"
    again = f"/plan/pauses/{pauses_in(database)[0].id}/end"
    assert client.post(again, headers=HTMX).headers["HX-Redirect"] == "/plan"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_pause_that_cannot_be_is_said_beside_its_field_and_kept_as_typed(
    client: Phone, database: Session, headers: dict[str, str]
):
    typed = pause(5, 2)
    answer = client.post("/plan/pauses", data=typed, headers=headers)
    assert answer.status_code == 422
    assert error_beside(answer, "last_day")
    assert all(f'value="{day}"' in answer.text for day in typed.values())
    assert is_page(answer) is not bool(headers)
    assert error_beside(client.post("/plan/pauses", data={}, headers=headers), "first_day")
    assert error_beside(client.post("/plan/pauses", data=pause(-30, 2), headers=headers), "first_day")
    assert pauses_in(database) == []


def test_a_pause_that_cannot_be_leaves_the_plan_beside_it_as_it_stands(client: Phone, sessions: Sessions):
    a_plan(sessions, client, minutes=45, kind="weekdays", weekdays=["1", "3"])
    html = client.post("/plan/pauses", data=pause(5, 2)).text
    assert re.search(r'name="minutes" value="45" checked', html)
    assert re.search(r'name="kind" value="weekdays" checked', html)
    assert re.findall(r'name="weekdays" value="(\d)" checked', html) == ["1", "3"]


def test_the_pause_of_another_client_cannot_be_ended(
    client: Phone, other: Phone, nobody: Phone, sessions: Sessions, database: Session
):
    mine = a_pause(sessions, client)
    assert other.post(f"/plan/pauses/{mine}/end").status_code == 404
    assert client.post(f"/plan/pauses/{uuid.uuid4()}/end").status_code == 404
    assert nobody.post(f"/plan/pauses/{mine}/end").status_code == 303
    assert nobody.post("/plan/pauses", data=pause(1, 2)).status_code == 303
    assert len(pauses_in(database)) == 1


def test_a_pause_that_is_over_is_taken_back_by_its_client_alone(
    client: Phone, other: Phone, sessions: Sessions, database: Session
):
    over, going_on = a_pause(sessions, client, -5, -2), a_pause(sessions, client, 0, 2)
    html = client.get("/plan").text
    assert f"/plan/pauses/{over}/take-back" in html
    assert f"/plan/pauses/{going_on}/take-back" not in html
    assert other.post(f"/plan/pauses/{over}/take-back").status_code == 404
    assert client.post(f"/plan/pauses/{going_on}/take-back").status_code == 409
    answer = client.post(f"/plan/pauses/{over}/take-back")
    assert (answer.status_code, answer.location) == (303, "/plan")
    assert [pause.id for pause in pauses_in(database)] == [going_on]


def test_the_same_pause_sent_twice_is_one_and_ended_at_once(client: Phone, database: Session):
    for _ in range(2):
        assert client.post("/plan/pauses", data=pause(0, 5)).status_code == 303
    (added,) = pauses_in(database)
    assert "You are on a pause" in client.get("/today").text
    client.post(f"/plan/pauses/{added.id}/end")
    assert "You are on a pause" not in client.get("/today").text


def test_a_pause_that_is_over_cannot_be_ended_once_more(client: Phone, sessions: Sessions):
    over = a_pause(sessions, client, -5, -2)
    assert client.post(f"/plan/pauses/{over}/end").status_code == 409


@pytest.mark.usefixtures("noon")
def test_the_calendar_shows_this_month_with_each_days_state_in_words(client: Phone, sessions: Sessions, ladder: Ladder):
    a_plan(sessions, client, minutes=5)
    an_exposure(sessions, client, ladder.steps[0], seconds=400)
    html = client.get("/calendar").text
    assert "goal reached" in html
    assert f'href="/calendar/days/{today()}"' in html


def test_the_months_beside_are_a_tap_away_and_htmx_gets_the_month_alone(client: Phone):
    page = client.get("/calendar/2026/12")
    assert 'href="/calendar/2026/11"' in page.text
    assert 'href="/calendar/2027/1"' in page.text
    fragment = client.get("/calendar/2026/12", headers=HTMX)
    assert fragment.status_code == 200
    assert fragment.text.lstrip().startswith('<section id="month"')
    assert not is_page(fragment)
    assert "HX-Request" in fragment.headers["Vary"]


def test_going_back_in_the_history_gets_the_whole_page(client: Phone):
    headers = {"HX-History-Restore-Request": "true", "HX-Request-Type": "full"}
    assert is_page(client.get("/calendar/2026/12", headers=headers))


@pytest.mark.parametrize(
    "path",
    [
        "/calendar/2026/13",
        "/calendar/2026/0",
        "/calendar/1999/12",
        "/calendar/2101/1",
        "/calendar/1999",
        "/calendar/9999",
        "/calendar/days/2026-02-30",
        "/calendar/days/soon",
        "/calendar/days/1999-12-31",
        "/calendar/soon",
    ],
)
def test_a_date_that_is_none_is_not_found(client: Phone, path: str):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/calendar/2000/1", "/calendar/2100/12", "/calendar/2000", "/calendar/2100"])
def test_the_first_and_the_last_month_have_nothing_beyond(client: Phone, path: str):
    html = client.get(path).text
    assert "/calendar/1999" not in html
    assert "/calendar/2101" not in html


@pytest.mark.usefixtures("noon")
def test_the_year_counts_the_practice_days_of_each_month(client: Phone, sessions: Sessions, ladder: Ladder):
    an_exposure(sessions, client, ladder.steps[0])
    year = today().year
    html = client.get(f"/calendar/{year}").text
    for month in range(1, 13):
        assert f'href="/calendar/{year}/{month}"' in html
    assert html.count("1 practice day") >= 1
    assert "0 practice days" in html


def test_a_day_shows_its_exposures_and_htmx_gets_the_day_alone(client: Phone, sessions: Sessions, ladder: Ladder):
    begun = NOW - timedelta(minutes=10)
    exposure = an_exposure(sessions, client, ladder.steps[0], begun, noted={"learning": "it slept"})
    path = f"/calendar/days/{local_day(begun, ZONE)}"
    for headers in ({}, HTMX):
        answer = client.get(path, headers=headers)
        assert f"/exposures/{exposure}" in answer.text
        assert "it slept" in answer.text
        assert is_page(answer) is not bool(headers)
    assert client.get(path, headers=HTMX).text.lstrip().startswith('<section id="day"')


def test_a_day_shows_the_clock_of_the_place_where_the_client_lives(
    clock: Clock, person: Callable[..., Phone], sessions: Sessions
):
    begun = datetime(2026, 7, 1, 10, 5, tzinfo=UTC)
    clock.stand(begun + timedelta(minutes=10))
    client = person("lou", "Europe/Berlin")
    step = a_ladder(sessions, client).steps[0]
    an_exposure(sessions, client, step, begun, zone="Europe/Berlin")
    assert "12:05" in client.get("/calendar/days/2026-07-01").text


def test_nothing_stands_in_the_calendars_day_until_one_is_chosen(client: Phone):
    assert '<section id="day"></section>' in client.get("/calendar").text
