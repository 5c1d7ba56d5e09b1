"""An answer that never arrives: the form is sent again, and nothing is there twice."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.make.forms import PASSWORD, become_coach, make_account, make_ladder, new_email, send, started_elsewhere
from tests.make.phone import Problems, until


def lose_the_first_answer(page: Page, path: str) -> list[int]:
    """Let the first POST to a path reach the server and its answer nobody; what the server answered each time."""
    answers: list[int] = []

    def handle(route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        answer = route.fetch(max_redirects=0)
        answers.append(answer.status)
        return route.abort() if len(answers) == 1 else route.fulfill(response=answer)

    page.route(f"**{path}", handle)
    return answers


def test_a_fear_whose_answer_got_lost_is_there_once(signed_in: Page, problems: Problems):
    problems.allow("ERR_FAILED|htmx")
    answers = lose_the_first_answer(signed_in, "/ladder/new")
    signed_in.goto("/ladder/new")
    signed_in.locator("input[name=name]").fill("Dogs")
    signed_in.get_by_role("button", name="Next").tap()
    expect(signed_in.locator("#error-notice")).to_be_visible()
    signed_in.get_by_role("button", name="Next").tap()
    expect(signed_in).to_have_url(re.compile("/ladder/.+/list$"))
    assert len(answers) == 2
    signed_in.goto("/ladder")
    expect(signed_in.get_by_role("heading", name="Dogs")).to_be_visible()
    expect(signed_in.get_by_role("navigation", name="Your ladders")).to_have_count(0)


def a_pause(page: Page, _steps: list[str]) -> None:
    page.goto("/plan")
    page.locator("#pauses summary").tap()
    page.locator("input[name=last_day]").fill((datetime.now(UTC) + timedelta(days=3)).date().isoformat())


def a_step(page: Page, _steps: list[str]) -> None:
    page.goto("/ladder")
    page.locator("main a[href$='/new']:not([href='/ladder/new'])").first.tap()
    page.locator("input[name=title]").fill("Feed one")


def smaller_steps(page: Page, steps: list[str]) -> None:
    page.goto(f"/steps/{steps[-1]}/split")
    page.locator("input[name=title]").nth(0).fill("Half of it")
    page.locator("input[name=title]").nth(1).fill("A quarter of it")


FORMS: list[tuple[Callable[[Page, list[str]], None], str, str, str, int]] = [
    (a_pause, "Pause", "/plan/pauses", "/plan", 1),
    (a_step, "Add the step", "/new", "/ladder", 1),
    (smaller_steps, "Add to the ladder", "/split", "/ladder", 2),
]


@pytest.mark.parametrize(("fill", "button", "path", "shown", "more"), FORMS, ids=["pause", "step", "smaller steps"])
def test_what_a_form_made_whose_answer_got_lost_is_there_once(
    signed_in: Page,
    problems: Problems,
    fill: Callable[[Page, list[str]], None],
    button: str,
    path: str,
    shown: str,
    more: int,
):
    problems.allow("ERR_FAILED|htmx")
    steps = make_ladder(signed_in.context)
    rows = signed_in.locator("#pauses form:has-text('End it'), main a[href^='/steps/']")
    signed_in.goto(shown)
    before = rows.count()
    fill(signed_in, steps)
    answers = lose_the_first_answer(signed_in, path)
    signed_in.get_by_role("button", name=button, exact=True).tap()
    expect(signed_in.locator("#error-notice")).to_be_visible()
    with signed_in.expect_navigation():
        signed_in.get_by_role("button", name=button, exact=True).tap()
    assert len(answers) == 2
    signed_in.goto(shown)
    expect(rows).to_have_count(before + more)


def test_a_sign_up_whose_answer_got_lost_is_one_account_with_its_codes(page: Page, problems: Problems):
    problems.allow("ERR_FAILED|htmx")
    page.goto("/sign-up")
    for name, value in (("display_name", "Robin"), ("email", new_email()), ("password", PASSWORD)):
        page.locator(f"input[name={name}]").fill(value)
    answers = lose_the_first_answer(page, "/sign-up")
    page.get_by_role("button", name="Sign up").tap()
    expect(page.locator("#error-notice")).to_be_visible()
    page.get_by_role("button", name="Sign up").tap()
    expect(page).to_have_url(re.compile("/account/codes$"))
    expect(page.locator("#codes li")).to_have_count(8)
    assert len(answers) == 2
    page.get_by_role("button", name="I have saved them").tap()
    expect(page).to_have_url(re.compile("/today$"))


def test_new_codes_whose_answer_got_lost_leave_the_old_ones_until_a_new_set_is_confirmed(
    page: Page, phone, problems: Problems
):
    problems.allow("ERR_FAILED")
    page.goto("/sign-up")
    email = new_email()
    for name, value in (("display_name", "Robin"), ("email", email), ("password", PASSWORD)):
        page.locator(f"input[name={name}]").fill(value)
    page.get_by_role("button", name="Sign up").tap()
    expect(page.locator("#codes li")).to_have_count(8)
    (old, *_) = page.locator("#codes li").all_inner_texts()
    page.get_by_role("button", name="I have saved them").tap()
    expect(page).to_have_url(re.compile("/today$"))
    page.goto("/account/codes")
    page.locator("input[name=current]").fill(PASSWORD)
    answers = lose_the_first_answer(page, "/account/codes")
    page.get_by_role("button", name="Make new codes").tap()
    until(page, lambda: answers and page.url.startswith("chrome-error:"))
    page.goto("/account/codes")
    expect(page.locator("#codes li")).to_have_count(8)
    assert old not in page.locator("#codes").inner_text()
    # Nobody has said yet that they have these.
    other = phone()
    send(other, "/recover", {"email": email, "code": old, "password": "a lamp beside the window"})


def test_a_cookie_that_was_kept_opens_nothing_after_the_sign_out(signed_in: Page):
    signed_in.goto("/account")
    kept = [cookie for cookie in signed_in.context.cookies() if cookie["name"].endswith("rung")]
    signed_in.get_by_role("button", name="Sign out", exact=True).tap()
    signed_in.wait_for_url("**/")
    signed_in.context.add_cookies(kept)
    signed_in.goto("/today")
    expect(signed_in).to_have_url(re.compile("/sign-in"))


@pytest.mark.parametrize("place", ["phrases", "card", "own"])
def test_a_cheer_that_was_sent_leaves_a_new_form_behind(signed_in: Page, phone, place: str):
    client = phone()
    make_account(client)
    steps = make_ladder(client)
    started_elsewhere(client, steps[0], 5, planned_minutes=20)
    support = become_coach(client, signed_in.context)
    signed_in.goto("/people" if place == "card" else f"/people/{support}")
    form = signed_in.locator({"card": "article form.phrases", "phrases": "form[id^=phrases]", "own": "form.own"}[place])
    field = form.locator("input[name=form_id]")
    before = field.input_value()
    if place == "own":
        form.locator("textarea").fill("Go on")
    form.locator("button").first.tap()
    if place == "card":
        expect(signed_in.locator(".cheered")).to_be_visible()
    else:
        expect(form.get_by_text("Sent.")).to_be_visible()
    until(signed_in, lambda: field.input_value() != before)
