"""How values are written for a person: language, dates, times, durations. All through Babel."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from gettext import NullTranslations

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_decimal
from flask import Flask, request
from flask_babel import Babel, get_locale, get_translations
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from erp.domain import writing
from erp.domain.dates import minutes_done, zone_info
from erp.services import services
from erp.web.edge.curve import drawn, sparkline

DEFAULT_LOCALE = "en_GB"
# Minutes from one check-in to the next that most people choose.
USUAL_CHECK_INS = (2, 3, 5, 10, 15)
MOST_USUAL_CHECK_IN = 5
# Browsers send far less; what is remembered by this text stays small whatever somebody sends.
MAX_ACCEPT_LANGUAGE = 200


@dataclass(frozen=True, slots=True)
class Language:
    """The language of a request: its locale (like en_GB) and its translations."""

    locale: str
    translations: NullTranslations


# A page asks for its language with every text: a context variable answers in a fraction of what Flask's `g` takes.
_spoken: ContextVar[Language] = ContextVar("language")
_unspoken = Language(DEFAULT_LOCALE, NullTranslations())


def install(app: Flask) -> frozenset[str]:
    """Set the language of every request and teach the templates the filters; the languages with translations."""
    app.config["BABEL_DEFAULT_LOCALE"] = DEFAULT_LOCALE
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", "translations")
    babel = Babel(app, locale_selector=_choose_locale)
    # Flask-Babel finds the translations anew for each text of a page; here they are found once a request.
    app.jinja_env.globals.update({"_": text, "gettext": text, "ngettext": text_by_number})
    app.before_request(_choose)
    app.context_processor(_language)
    for function in (
        minutes, hours, daylong, daymedium, monthname, monthyear, weekdaymini, weekdaylong, clock, number,
        drawn, sparkline, bdi, isolated,
    ):  # fmt: skip
        app.add_template_filter(function)
    with app.app_context():
        return frozenset(locale.language for locale in babel.list_translations())


def language() -> Language:
    """The language of this request."""
    return _spoken.get(_unspoken)


def _choose() -> None:
    _spoken.set(Language(str(get_locale()), get_translations()))


def text(message: str, **values: object) -> Markup:
    """A text in the person's language, for a template: the values are escaped, the text is ours."""
    found = Markup(language().translations.gettext(message))  # noqa: S704
    return found % values if values else found


def text_by_number(singular: str, plural: str, num: int, **values: object) -> Markup:
    """A text that depends on a number, which it may show as %(num)s."""
    return Markup(language().translations.ngettext(singular, plural, num)) % {"num": num, **values}  # noqa: S704


def _language() -> dict[str, str]:
    return {"locale": language().locale.replace("_", "-")}


def _choose_locale() -> str:
    accepted = request.headers.get("Accept-Language", "")
    if len(accepted) > MAX_ACCEPT_LANGUAGE:
        # What is cut off is cut off whole: half an entry would have lost its quality.
        accepted = accepted[:MAX_ACCEPT_LANGUAGE].rpartition(",")[0]
    return _best_locale(accepted, services().languages)


@lru_cache(maxsize=512)
def _best_locale(header: str, languages: frozenset[str]) -> str:
    """The locale that an Accept-Language header likes best among those whose language there is a translation of.

    English needs none. The region stays as it was asked for, as dates and numbers follow it.
    """
    for tag, quality in parse_accept_header(header, LanguageAccept):
        try:
            locale = Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError, TypeError):
            continue
        if quality and locale.language in languages | {"en"}:
            return DEFAULT_LOCALE if str(locale) == "en" else str(locale)
    return DEFAULT_LOCALE


def bdi(words: str) -> Markup:
    """What somebody wrote, for a page: in any direction and of any length, it leaves the words around it in place."""
    return Markup("<bdi>{}</bdi>").format(words)


def isolated(words: str) -> str:
    """What somebody wrote, for an attribute: the same without an element."""
    return writing.isolated(words.striptags() if isinstance(words, Markup) else words)


def minutes(seconds: float) -> str:
    """Seconds as whole minutes: "12 min"; under one minute as seconds."""
    if 0 < seconds < 60:
        return _("%(num)s sec", num=number(int(seconds)))
    return _("%(num)s min", num=number(minutes_done(seconds)))


def check_in_options(chosen: str) -> list[tuple[str, str]]:
    """How often to ask how strong it is, as (minutes, label) for a choice; `chosen` is offered though it be unusual."""
    usual = [str(each) for each in USUAL_CHECK_INS]
    unusual = [] if chosen in ("0", *usual) else [chosen]
    return [("0", _("never")), *((each, _("%(num)s min", num=each)) for each in (*unusual, *usual))]


def hours(seconds: float) -> str:
    """Seconds as whole hours from one hour on, else as minutes."""
    return _("%(num)s h", num=number(int(seconds // 3600))) if seconds >= 3600 else minutes(seconds)


@lru_cache(maxsize=4096)
def _skeleton(pattern: str, day: date, locale: str) -> str:
    return format_skeleton(pattern, day, locale=locale)


@lru_cache(maxsize=4096)
def _date(pattern: str, day: date, locale: str) -> str:
    return format_date(day, pattern, locale=locale)


def daylong(day: date) -> str:
    """Sunday, 22 November."""
    return _skeleton("MMMMEEEEd", day, language().locale)


def daymedium(day: date) -> str:
    """22 Nov 2026."""
    return _date("medium", day, language().locale)


def monthname(day: date) -> str:
    """November."""
    return _date("LLLL", day, language().locale)


def monthyear(day: date) -> str:
    """November 2026."""
    return _skeleton("yMMMM", day, language().locale)


def weekdaymini(day: date) -> str:
    """S."""
    return _date("ccccc", day, language().locale)


def weekdaylong(day: date) -> str:
    """Sunday."""
    return _date("cccc", day, language().locale)


def clock(moment: datetime) -> str:
    """A moment (UTC) as the time on the person's wall: 14:05."""
    local = moment.astimezone(zone_info(current_user.person.time_zone))
    return format_time(local, "short", locale=language().locale)


@lru_cache(maxsize=4096)
def _decimal(value: int, locale: str) -> str:
    return format_decimal(value, locale=locale)


def number(value: int) -> str:
    """1,234."""
    return _decimal(value, language().locale)
