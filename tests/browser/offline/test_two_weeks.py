"""A phone that was off for two weeks: what it recorded comes with the times and on the day of then."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.make.forms import STEPS, happened, make_account, make_ladder, set_plan
from tests.make.handset import Handset, opened_once
from tests.make.phone import OUTBOX_SIZE, all_sent
from tests.make.server import Server
from tests.make.taps import run_to_the_end

AGO = timedelta(days=14)
THEN = {"PYTHONPATH": str(Path(__file__).parent / "past"), "TEST_DAYS_AGO": str(AGO.days)}
CLOCK_OF_THEN = """{
  const Real = Date;
  globalThis.Date = class Date extends Real {
    constructor(...given) {
      if (given.length) super(...given);
      else super(Date.now());
    }
    static now() {
      return Real.now() - AGO;
    }
  };
}""".replace("AGO", str(int(AGO.total_seconds() * 1000)))


@pytest.fixture
def gate(own_server: Server) -> Server:
    """What the phone visits: not the shared server, as this one changes."""
    return own_server


def test_it_arrives_once_on_its_day_also_from_another_time_zone(handset: Handset, own_server: Server):
    own_server.stop()
    own_server.extra = THEN
    own_server.start()
    page = handset.on()
    home = handset.zone
    page.context.add_init_script(CLOCK_OF_THEN)
    make_account(page.context, home)
    steps = make_ladder(page.context)
    set_plan(page.context)
    opened_once(page)
    own_server.stop()
    before = datetime.now(UTC)
    exposures = [run_to_the_end(page, step) for step in steps[:2]]
    after = datetime.now(UTC)
    assert page.evaluate(OUTBOX_SIZE) == 12
    handset.off()

    own_server.extra = {}
    own_server.start()
    handset.zone = "Pacific/Kiritimati" if home != "Pacific/Kiritimati" else "Pacific/Honolulu"
    page = handset.on()
    page.goto("/today")
    all_sent(page)
    kinds = ["started", "checked_in", "resisted", "ritual", "finished", "noted"]
    for exposure in exposures:
        events = happened(page.context, exposure)
        assert [event["kind"] for event in events] == kinds
        times = [datetime.fromisoformat(event["at"]) for event in events]
        assert before - AGO <= times[0] <= times[-1] <= after - AGO
    page.goto(f"/calendar/days/{times[0].astimezone(ZoneInfo(home)).date()}")
    for title, _suds in STEPS[:2]:
        expect(page.locator("main")).to_contain_text(title)
