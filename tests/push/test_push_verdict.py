from base64 import urlsafe_b64encode

from hypothesis import given
from hypothesis import strategies as st

from erp.domain.notification.kinds import Outcome
from erp.push.connection import Answer
from erp.push.verdict import MAX_WAIT, legible, result_of

TOKEN = urlsafe_b64encode(bytes(range(60))).decode()
ENDPOINTS = [
    f"https://fcm.googleapis.com/fcm/send/dQw4w9WgXcQ:APA91b{TOKEN}",
    f"https://updates.push.services.mozilla.com/wpush/v2/gAAAAA{TOKEN}",
    f"https://web.push.apple.com/{TOKEN}",
    f"https://wns2-par02p.notify.windows.com/w/?token=BQYAAAC%2f{TOKEN}%3d",
    "https://push.example.org/up7Hc2kD9?short=1",
]
NUMBERS = st.integers(-(10**5), 10**20)


@given(
    status=st.integers(200, 599),
    said=st.text(),
    retry_after=st.none() | st.text() | st.builds("Fri, {} Dec {} 23:59:59 {}".format, NUMBERS, NUMBERS, NUMBERS),
    now=st.floats(0, 4e9),
)
def test_every_answer_means_something(status: int, said: str, retry_after: str | None, now: float):
    result = result_of(Answer(status, said, retry_after), now)
    assert (result.outcome is Outcome.sent) == (status < 300)
    assert result.retry_after is None or 0 <= result.retry_after.total_seconds() <= MAX_WAIT.total_seconds()


@given(endpoint=st.sampled_from(ENDPOINTS), before=st.text(max_size=40), after=st.text(max_size=600))
def test_what_is_shown_of_an_answer_never_holds_the_endpoint(endpoint: str, before: str, after: str):
    path = endpoint.partition("://")[2].partition("/")[2]
    secret = max(path.replace("=", "/").replace("?", "/").replace(":", "/").split("/"), key=len)
    shown = legible(f"{before}{endpoint} {path} {path[3:]}{after}", endpoint)
    assert secret not in shown
    assert len(shown) <= 500
    assert shown.isprintable()


def test_what_is_shown_of_an_answer_keeps_the_words():
    said = '{"code":401,"errno":109,"message":"VAPID public key mismatch"} {"reason":"UnauthorizedRegistration"}'
    assert legible(said, ENDPOINTS[0]) == said
