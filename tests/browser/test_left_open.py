"""A page that was left open shows the day it is when somebody looks at it again."""

import pytest
from playwright.sync_api import Page

from tests.make.forms import make_account, send

# These two never share a date.
EARLIEST, LATEST = "Pacific/Kiritimati", "Pacific/Pago_Pago"
LOOK = "document.dispatchEvent(new Event('visibilitychange'))"
DAY = "document.documentElement?.dataset.day ?? null"
MARKED = "document.querySelector('.day-mark.today').nextElementSibling.textContent"


@pytest.mark.parametrize("path", ["/today", "/calendar"])
def test_a_page_left_open_shows_the_new_day_when_it_is_looked_at(page: Page, path: str):
    make_account(page.context, EARLIEST)
    page.goto(path)
    before, marked = page.evaluate(DAY), page.evaluate(MARKED)
    page.evaluate("window.untouched = true")
    with page.expect_response("**/today/date"):
        page.evaluate(LOOK)
    page.wait_for_timeout(200)
    assert page.evaluate("window.untouched"), "the same day is no reason to load the page again"
    send(page.context, "/account/zone", {"time_zone": LATEST})
    with page.expect_navigation():
        page.evaluate(LOOK)
    assert page.evaluate(DAY) not in (before, None)
    assert page.evaluate(MARKED) != marked
