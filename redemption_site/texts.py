"""What the pages say when something is wrong. One place, so that page, script and tests agree."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from giftcodes.codec import NotACodeReason

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
# How a campaign stands, for those who look at its preview.
STANDINGS: dict[str, Promise | str] = {
    "not_begun": _("Not begun"),
    "open": _("Running"),
    "ended": _("Ended"),
    "stopped": _("Stopped"),
}
RECORDS_AWAY = _(
    "We can't reach our records just now. Nothing was lost: your points are safe,"
    " and a code stays as good as it was."
)
NO_CODE_WAITING = _("Your code was kept for 30 minutes and is no longer here. Enter it once more, please.")
