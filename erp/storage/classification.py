"""What every table and column holds: whose it is, whether it is encrypted and why, what goes with it, and who sees it.

A table or column that does not stand here fails a test. There is no export yet; `exported` says what one would hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: `what` it is, and the reason why it is encrypted or plain, in README.md's words."""

    what: str
    encrypted: bool
    why: str
    exported: bool = True


WORDS = Kind("What you write: fears, steps, predictions, notes, cheers", True, "nobody else needs to read it")
NAME = Kind("Names of people and devices", True, "they say who somebody is")
CURVE = Kind("The curve of a practice", True, "minute by minute it says how somebody felt")
LINK = Kind("Links of invitations, addresses of phones", True, "who has one can use it", exported=False)
NUMBER = Kind("Numbers and how a prediction came out", False, "they are counted and shown over time")
TIME = Kind("Moments, dates and time zones", False, "rows are found, put in order and counted by them")
CHOICE = Kind("Settings, plans and what is shared", False, "statements choose by them, and they tell little")
EMAIL = Kind("E-mail addresses", False, "who signs in is found by it")
POINTER = Kind("Ids and who belongs to whom", False, "rows are joined by them", exported=False)
DIGEST = Kind("Digests of passwords, codes, links and forms", False, "they cannot be turned back", exported=False)
KEY = Kind("Keys that lock phones", False, "what they lock is on the phone and not here", exported=False)
WORK = Kind("What the machinery notes of its own work", False, "it says nothing of what was written", exported=False)
KINDS = (WORDS, NAME, CURVE, LINK, NUMBER, TIME, CHOICE, EMAIL, POINTER, DIGEST, KEY, WORK)


@dataclass(frozen=True, slots=True)
class Holding:
    """One table. `owner` is the column that leads to whose it is; rows go with those in `deleted_with`.

    `shown_by` names the switch of a relation that lets a supporter see a column; RELATION where that alone is enough.
    """

    owner: str
    deleted_with: frozenset[str]
    columns: Mapping[str, Kind]
    shown_by: Mapping[str, str] = field(default_factory=dict)


RELATION = "relation"


def _all(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


def _of(owner: str, columns: Mapping[str, Kind], also: str = "", **shown_by: str) -> Holding:
    return Holding(owner, frozenset([owner, *also.split()]), columns, shown_by)


TABLES: Mapping[str, Holding] = {
    "account": Holding(
        "id",
        frozenset(),
        _all(POINTER, "id")
        | _all(EMAIL, "email")
        | _all(DIGEST, "password_hash")
        | _all(NAME, "display_name")
        | _all(TIME, "time_zone created_at")
        | _all(CHOICE, "sound vibration check_in_minutes discreet quiet_from quiet_until")
        | _all(WORK, "session_epoch")
        | _all(KEY, "phone_key"),
        {"display_name": RELATION},
    ),
    "sign_in": _of(
        "account_id",
        _all(POINTER, "id account_id device_id")
        | _all(DIGEST, "digest")
        | _all(WORK, "browser")
        | _all(TIME, "made_at seen_at ended_at"),
    ),
    "former_phone_key": _of(
        "account_id", _all(POINTER, "id account_id") | _all(KEY, "key") | _all(TIME, "replaced_at")
    ),
    "recovery_code": _of(
        "account_id", _all(POINTER, "id account_id") | _all(DIGEST, "digest") | _all(TIME, "confirmed_at used_at")
    ),
    "form_result": _of("account_id", _all(POINTER, "account_id led_to") | _all(DIGEST, "digest") | _all(TIME, "at")),
    "fear": _of(
        "account_id",
        _all(POINTER, "id account_id") | _all(WORDS, "name") | _all(TIME, "created_at archived_at practised_at"),
    ),
    "step": _of(
        "account_id",
        _all(POINTER, "id account_id fear_id parent_id")
        | _all(WORDS, "title details response")
        | _all(NUMBER, "first_suds suds position runs ratings")
        | _all(CHOICE, "planned_minutes check_in_minutes stopping_rule")
        | _all(TIME, "created_at mastered_at archived_at"),
        "fear_id",
        title="shares_titles",
    ),
    "exposure": _of(
        "account_id",
        _all(POINTER, "id account_id step_id")
        | _all(TIME, "local_date zone started_at finished_at due_at away_since")
        | _all(NUMBER, "phase ended seconds planned_seconds expected_suds peak_suds last_suds resisted rituals")
        | _all(NUMBER, "likelihood outcome")
        | _all(CHOICE, "stopping_rule check_in_minutes")
        | _all(CURVE, "curve")
        | _all(WORDS, "prediction response learning note"),
        **dict.fromkeys(("curve", "peak_suds", "last_suds"), "shares_suds"),
        **dict.fromkeys(("learning", "note"), "shares_notes"),
        **dict.fromkeys(("phase", "local_date", "started_at", "finished_at", "seconds", "planned_seconds"), RELATION),
    ),
    "event": _of(
        "account_id",
        _all(POINTER, "account_id id exposure_id")
        | _all(NUMBER, "kind value")
        | _all(TIME, "happened_at received_at")
        | _all(WORK, "shift_ms")
        | _all(WORDS, "data"),
        "exposure_id",
    ),
    "plan": _of(
        "account_id", _all(POINTER, "account_id") | _all(CHOICE, "starts_on minutes kind weekdays days_per_week")
    ),
    "pause": _of("account_id", _all(POINTER, "id account_id") | _all(TIME, "first_day last_day created_at")),
    "day": _of(
        "account_id",
        _all(POINTER, "account_id") | _all(TIME, "date") | _all(NUMBER, "seconds exposures"),
        **dict.fromkeys(("date", "seconds"), RELATION),
    ),
    "tally": _of(
        "account_id",
        _all(POINTER, "account_id")
        | _all(TIME, "first_day settled_through")
        | _all(NUMBER, "days seconds exposures settled_run settled_longest"),
    ),
    "support": _of(
        "client_id",
        _all(POINTER, "id client_id supporter_id")
        | _all(TIME, "created_at ended_at")
        | _all(CHOICE, "shares_titles shares_suds shares_notes contact told wanted"),
        "supporter_id",
    ),
    "invitation": _of(
        "client_id",
        _all(POINTER, "id client_id accepted_by")
        | _all(DIGEST, "digest")
        | _all(LINK, "token")
        | _all(TIME, "created_at expires_at accepted_at withdrawn_at"),
    ),
    "cheer": _of(
        "client_id",
        _all(POINTER, "id client_id supporter_id exposure_id")
        | _all(TIME, "local_date sent_at hearted_at")
        | _all(WORDS, "text"),
        "supporter_id",
        **dict.fromkeys(("text", "sent_at", "hearted_at"), RELATION),
    ),
    "device": _of(
        "account_id",
        _all(POINTER, "id account_id")
        | _all(NAME, "name")
        | _all(CHOICE, "locale")
        | _all(DIGEST, "digest")
        | _all(LINK, "subscription")
        | _all(TIME, "created_at worked_at stopped_at"),
    ),
    "notification": _of(
        "account_id",
        _all(POINTER, "id account_id support_id exposure_id device_id")
        | _all(WORK, "kind given_up")
        | _all(WORDS, "facts")
        | _all(TIME, "created_at due_at expires_at settled_at"),
        "support_id exposure_id device_id",
    ),
    "delivery": _of(
        "notification_id",
        _all(POINTER, "id notification_id device_id")
        | _all(WORK, "state attempts reason")
        | _all(TIME, "next_at done_at"),
        "device_id",
    ),
}
