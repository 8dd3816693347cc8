"""The words of refused withdrawals, for people."""

from django.utils.translation import gettext as _

from giftcodes.errors import VoidRefused


def words_of_void(refusal: VoidRefused) -> str:
    """What stands against it, and what to do."""
    why = {
        "reason": _("Say why, in 1 to 200 characters: whoever looks at it later wants to know."),
        "note": _("Please write a reason, so that it can be put right."),
        "spans": _("These are no codes of this order."),
        "gifts": _("Gifts are withdrawn one by one, by the system that issued them."),
        "closed": _("The claim window has ended, and the points are back in the funds already."),
        "nothing": _("All of these codes are claimed or withdrawn already."),
        "number": _("This form was sent before, for other codes. Open it again."),
        "own": _("You asked for this yourself. Another person has to decide it: please ask a colleague."),
        "changed": _("This is not what you were shown. Open the page again."),
        "state": _("This has been decided already."),
        "funds": _("The brand's funds can't take the points: they would hold more than an account can."),
        "claimed": _("The code has been claimed, so it can't be withdrawn."),
        "void": _("The code is withdrawn already."),
        "many": _(
            "You have withdrawn many codes by yourself today. Ask a marketer to name the rest in a list."
        ),
    }
    return _("%(why)s Nothing was changed.") % {"why": why[refusal.rule]}
