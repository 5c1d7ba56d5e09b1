"""Phones that are really switched off and on again: a browser profile on disk, and a server that can be stopped."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Playwright

from tests.make.forms import make_account, make_ladder, set_plan
from tests.make.gate import Gate
from tests.make.handset import Handset, opened_once
from tests.make.phone import Problems


@pytest.fixture
def handset(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory, gate: Gate, problems: Problems
) -> Iterator[Handset]:
    """A phone on which nobody is signed in yet, and whose network fails on purpose."""
    problems.allow("Failed to load resource|net::ERR_|status of 50|^50")
    handset = Handset(playwright, tmp_path_factory.mktemp("profile"), gate, problems)
    yield handset
    handset.off()


@pytest.fixture
def robin(handset: Handset) -> tuple[Page, list[str]]:
    """Somebody with a ladder and a plan who opened the app once; the page, and the ids of the steps."""
    page = handset.on()
    make_account(page.context, handset.zone)
    steps = make_ladder(page.context)
    set_plan(page.context)
    opened_once(page)
    return page, steps


@pytest.fixture
def in_flight(handset: Handset, robin: tuple[Page, list[str]]) -> Page:
    """The same phone, switched off and on again where nothing answers."""
    handset.off()
    handset.server.stop()
    return handset.on()
