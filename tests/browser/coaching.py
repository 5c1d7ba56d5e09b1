"""What a client and a coach do with each other, quickly: by the forms of the pages, without a page."""

import re

from playwright.sync_api import BrowserContext

from tests.browser.acts import send


def invite(client: BrowserContext) -> str:
    """Make an invitation; the address that it leads to."""
    send(client, "/people/invitations", {})
    found = re.search(r"/invitations/[\w-]{22}", client.request.get("/people/invite").text())
    assert found
    return found[0]


def become_coach(client: BrowserContext, coach: BrowserContext) -> str:
    """Let one phone's person coach the other's; the id of the relation."""
    accepted = send(coach, invite(client), {}).headers["location"]
    return accepted.rpartition("/")[2].partition("?")[0]
