"""An answer that never arrives: the form is sent again, and nothing is there twice."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.make.forms import become_coach, make_account, make_ladder, started_elsewhere
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
