"""The sentence for each problem that a rule can find with a field."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from erp.domain.errors import Invalid

SENTENCES = {
    "required": _("Please fill this in."),
    "not_text": _("Please write text here."),
    "too_long": _("Please keep this to %(longest)s characters."),
    "not_whole": _("Please give a whole number from %(low)s to %(high)s."),
    "not_an_option": _("Please choose one of these."),
    "not_an_id": _("This does not belong here any more. Open the page again."),
    "not_a_date": _("Please give a date."),
    "not_a_time": _("This has no time that can be used."),
    "not_a_clock_time": _("Please give a time, like 21:00."),
    "not_a_push_service": _("This browser gets its notifications in a way that Rung cannot send to."),
    "not_a_key": _("The browser gave something that cannot be used. Please try once more."),
    "not_an_email": _("This does not look like an e-mail address."),
    "not_a_zone": _("Please choose a time zone from the list."),
    "short_password": _("Please use at least %(shortest)s characters. A few words in a row work well."),
    "common_password": _("This one is easy to guess. A few words that have nothing to do with each other work well."),
    "wrong_password": _("This is not your current password."),
    "no_match": _("This address and this password do not go together."),
    "codes_newer": _("Newer codes took the place of those you saw. These are the ones that count."),
    "codes_replaced": _(
        "The codes you had here do not work any more: newer ones took their place, on another device perhaps. "
        "Make new ones to have them here."
    ),
    "no_account": _("No account could be made with this. If you have one already, sign in or use a recovery code."),
    "wrong_code": _("The address and the code do not go together, or the code was used before."),
    "no_weekday": _("Please choose at least one day."),
    "plan_start": _("A plan can start today or later, within a year."),
    "pause_start": _("A pause can start up to 7 days back, or within a year."),
    "pause_end": _("Please end the pause on or after its first day, within a year."),
    "too_many_rows": _("That is a lot at once. Please send %(most)s lines at most, and the others afterwards."),
    "too_many_fears": _("%(most)s ladders are as many as Rung can hold for one person. You can rename one of them."),
    "too_many_steps": _("%(most)s steps are as many as Rung can hold for one person. You can change one of them."),
    "too_many_pauses": _("%(most)s pauses are as many as Rung can hold for one person."),
    "too_many_exposures": _("This is more practice on one day than Rung can hold. What it has of the day is safe."),
    "too_many_events": _("This practice holds as many taps and notes as Rung can keep. What it has of it is safe."),
    "reassurance": _(
        "This reads like reassurance. A promise takes the doubt away for a minute, and staying with the doubt is the "
        "exercise. Saying that it is hard, and that they can do it, helps more."
    ),
    "one_a_minute": _("Your last cheer has just arrived. Give it a minute to land, then send the next."),
    "enough": _("You have sent as many cheers as one practice can hold. They know that you are there."),
}


def sentences(error: Invalid) -> dict[str, str]:
    """What to show beside each field; "" is for the whole form."""
    return {name: str(SENTENCES[problem.code]) % problem.values for name, problem in error.problems.items()}
