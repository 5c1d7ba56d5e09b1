"""The published example of RFC 8291 (section 5 and appendix A), through the library that encrypts for us."""

import base64
from collections.abc import Callable

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from webpush import WebPushSubscription
from webpush.types import WebPushKeys

from erp.push import Push


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(raw(text)), ec.SECP256R1())


PLAIN = b"When I grow up, I want to be a watermelon"
RECEIVER = key("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
RECEIVER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SENDER = key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
SALT = raw("DGv6ra1nlYgDCS1FRnbzlw")
# The header ends in the sender's public key; its record size is 4096, which is the library's as well.
BODY = raw(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


@pytest.fixture
def encrypt(push: Push, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], bytes]:
    """Our library's encryption for the receiver of the example, with the example's salt and sender key."""
    subscription = WebPushSubscription(
        endpoint="https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
        keys=WebPushKeys(auth=AUTH, p256dh=RECEIVER_PUBLIC),
    )

    def run(plain: bytes) -> bytes:
        with monkeypatch.context() as fixed:
            fixed.setattr("os.urandom", lambda length: SALT[:length])
            fixed.setattr(ec, "generate_private_key", lambda *_: SENDER)
            encrypted: bytes = push._webpush._encrypt(plain, subscription)
        return encrypted

    return run


def test_the_example_comes_out_byte_for_byte(encrypt: Callable[[bytes], bytes]):
    assert encrypt(PLAIN) == BODY


def test_another_implementation_reads_the_example(encrypt: Callable[[bytes], bytes]):
    for body in (BODY, encrypt(PLAIN)):
        assert http_ece.decrypt(body, private_key=RECEIVER, auth_secret=raw(AUTH), version="aes128gcm") == PLAIN
