"""The keys with which every test encrypts, signs and sends; they stand nowhere else."""

from base64 import urlsafe_b64encode

from erp.settings import VapidKeys

DATA_KEY = "cnVuZy10ZXN0cy1vbmx5LXJ1bmctdGVzdHMtb25seS0="
SECRET_KEY = "only-for-the-tests-only-for-the-tests-only-for-the-tests"
VAPID = VapidKeys(
    private=bytes.fromhex("5119937ca724871d2e835ec1a4276b7d4e0ee8d284972196fc6070eaccc59117"),
    public=bytes.fromhex(
        "043e43d488725259616b07dea0ab66134279132de548dc4fbc5818c2422ab00d06"
        "4fdf288a0e8eb887daabfab003b2903ceec53fe696ed95a14aef18f4ad76dc45"
    ),
)


# The same as settings of a process.
KEY_SETTINGS = {
    "RUNG_SECRET_KEYS": SECRET_KEY,
    "RUNG_DATA_KEYS": DATA_KEY,
    "RUNG_VAPID_KEYS": " ".join(urlsafe_b64encode(key).rstrip(b"=").decode() for key in (VAPID.private, VAPID.public)),
}
