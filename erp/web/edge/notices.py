"""What a page says once, after something was done: a word in the query of the address that the person is sent to.

The page's script (js/shell/said.js) takes the word out of the address, so that a reload does not say it again. Nothing
is stored: no cookie, nothing that another page could use up, and the phone keeps no page that has a query.
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response as BaseResponse

from erp.web.edge.request import see_other

ENDED, SAVED, SENT, WITHDRAWN = "ended", "saved", "sent", "withdrawn"
NOTICES = (ENDED, SAVED, SENT, WITHDRAWN)


def done(url: str, notice: str) -> BaseResponse:
    """Send the person to a page of ours that says what was done; the address has no query of its own."""
    return see_other(f"{url}?{notice}=1")


def says(notice: str) -> bool:
    """Whether this page was opened to say so."""
    return bool(request.args.get(notice))
