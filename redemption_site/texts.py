"""What the pages say when something is wrong. One place, so that page, script and tests agree."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from giftcodes.codec import NotACodeReason
from ledger.reports import EntryKind
from parties.numbers import Fault

EMPTY_CODE = _("Enter the 16-digit code.")
NOT_A_CODE: dict[NotACodeReason, Promise | str] = {
    NotACodeReason.TOO_LONG: _("That is too long for a code. Enter the 16 digits only."),
    NotACodeReason.CHARACTERS: _("A code has digits only, 0 to 9. Take out the other characters."),
    NotACodeReason.LENGTH: _("A code has 16 digits. Check whether one is missing or one too many."),
    NotACodeReason.FIRST_DIGIT: _("A code never begins with 0. Check the first digit."),
    NotACodeReason.CHECK_DIGIT: _(
        "There seems to be a typing error. Compare the digits with your code once more."
    ),
}
# Behind one of these faults: the group to look at first, by `typos.Suspect.kind`. The script fills them in as
# well, and alone says "short", while a code is typed.
GROUP_HINTS: dict[str, Promise | str] = {
    "letter": _("Group %(group)s has “%(sign)s”: is it the digit %(digit)s?"),
    "size": _("Group %(group)s (%(digits)s) does not have 4 digits."),
    "double": _(
        "Begin with group %(group)s (%(digits)s): a doubled digit is easily typed once, or three times."
    ),
    "begin": _("Begin with group %(group)s (%(digits)s)."),
    "short": _("Group %(group)s is not full yet: each group has 4 digits."),
}
# The one answer for every reason: it must not tell a guesser which codes exist.
CODE_NOT_USABLE = _("This code can't be used.")
CODE_NOT_USABLE_ADVICE = _(
    "It may have been used already, be outside its period or above the limit per person,"
    " or not be a valid code. Compare the digits once more; if they are right, ask whoever gave you the code."
)
NOT_ACCEPTED = _("Tick the box if you accept the conditions of participation. Without that we can't go on.")
CONDITIONS_CHANGED = _(
    "The conditions of participation were renewed after you opened the page. Read them, and tick the box"
    " if you accept them."
)
CODE_NOT_USABLE_WITH_NUMBER = _(
    "It may have been used already, be outside its period or above the limit per person, be a code of another"
    " campaign, or not be a valid code. Compare the digits once more. A code of another campaign goes on that"
    " campaign's page; else ask whoever gave you the code."
)
NOT_A_NUMBER: dict[Fault, Promise | str] = {
    Fault.EMPTY: _("Enter your membership number."),
    Fault.CHARACTERS: _("This brand's numbers don't have such signs. Compare the number with your card."),
    Fault.LENGTH: _("The number is too short or too long. Compare it with your card."),
    Fault.PREFIX: _("This brand's numbers begin differently. Compare the first signs with your card."),
    Fault.CHECK_DIGIT: _("There seems to be a typing error. Compare the number with your card once more."),
    Fault.EXAMPLE: _("That is only the example. Enter the number on your own card."),
}
# How a campaign stands, for those who look at its preview.
STANDINGS: dict[str, Promise | str] = {
    "not_begun": _("Not begun"),
    "open": _("Running"),
    "ended": _("Ended"),
    "stopped": _("Stopped"),
    "paused": _("Paused"),
}
RECORDS_AWAY = _(
    "We can't reach our records just now. Nothing was lost: your points are safe,"
    " and a code stays as good as it was."
)
NO_CODE_WAITING = _("Your code was kept for 30 minutes and is no longer here. Enter it once more, please.")
KINDS_OF_ENTRIES: dict[EntryKind, Promise | str] = {
    EntryKind.RECEIVED: _("Received"),
    EntryKind.USED: _("Used"),
    EntryKind.SET_ASIDE: _("Set aside for a purchase"),
    EntryKind.GIVEN_BACK: _("Given back"),
    EntryKind.EXPIRED: _("Expired"),
    EntryKind.TAKEN_BACK: _("Taken back"),
    EntryKind.GIVEN_UP: _("Given up"),
}

FORM_INCOMPLETE = _("The form did not arrive whole. Please send it once more.")
FORM_USED = _("This form was used before. Open the page again, please.")
DISPUTE_OVER = _("This question is closed, so nothing was sent. If you still need help, ask a new one.")
# By the rule of `DisputeLimit`.
DISPUTE_LIMITS: dict[str, Promise | str] = {
    "open": _(
        "Three of your questions are still open, so nothing was sent. Add to one of them,"
        " or withdraw one that you no longer need."
    ),
    "day": _(
        "You have asked five questions within 24 hours, so nothing was sent. Please try again tomorrow."
    ),
    "turn": _("You have written several times: please wait for our answer. Nothing was sent."),
    "messages": _("This question has become very long, so nothing was sent. Please ask a new one."),
}
