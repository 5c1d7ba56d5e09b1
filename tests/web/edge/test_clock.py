"""The clock that the application was given: every moment a page knows comes from it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import Flask

from erp.services import services_of
from tests.make.clock import Clock
from tests.web.conftest import Phone

# A Tuesday, in Berlin a quarter of an hour before midnight.
EVENING = datetime(2031, 3, 4, 22, 45, tzinfo=UTC)


def test_a_page_stands_on_the_day_of_the_clock_and_turns_at_midnight_where_the_client_lives(
    clock: Clock, person: Callable[..., Phone]
):
    clock.stand(EVENING)
    client = person("robin")
    before = client.get("/calendar").text
    assert "/calendar/days/2031-03-04" in before
    assert "/calendar/days/2031-03-05" not in before
    clock.go_on(timedelta(minutes=15))
    assert "/calendar/days/2031-03-05" in client.get("/calendar").text


def test_the_cookie_is_written_anew_on_another_day_and_only_then(clock: Clock, person: Callable[..., Phone]):
    clock.stand(EVENING)
    client = person("robin")
    client.get("/about")
    clock.go_on(timedelta(days=1))
    assert "Set-Cookie" in client.get("/today").headers
    assert "Set-Cookie" not in client.get("/today").headers
    clock.go_on(timedelta(days=1))
    assert "Set-Cookie" in client.get("/today").headers


def test_the_worker_goes_by_the_same_clock(clock: Clock, app: Flask):
    clock.stand(EVENING)
    worker = services_of(app).worker
    worker.sweep_now()
    assert worker.swept_lately()
    clock.go_on(timedelta(minutes=5))
    assert not worker.swept_lately()
