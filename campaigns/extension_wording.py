"""The words of refused extensions, for people."""

from django.utils.translation import gettext as _

from campaigns.errors import ExtensionRefused


def words_of_extension(refusal: ExtensionRefused) -> str:
    """What stands against it, and what to do."""
    why = {
        "counsel": _(
            "With a window that long, counsel has to be asked, which was not done for this order. Choose an"
            " earlier end, or order new codes with a sign-off."
        ),
        "reason": _("Say why, in 1 to 200 characters: whoever looks at it later wants to know."),
        "note": _("Please write a reason, so that it can be put right."),
        "gifts": _("Gifts have an end each, which was promised when they were issued."),
        "state": _("The window can be extended once the codes are made, and until the order is closed."),
        "window_passed": _(
            "The claim window has ended. Codes that have expired don't come back: order new ones."
        ),
        "later": _("A claim window only gets longer: choose a later end."),
        "waits": _("Another extension of this order waits already."),
        "number": _("This form was sent before, for something else. Open it again."),
        "changed": _("This is not what you were shown. Open the page again."),
        "decided": _("This has been decided already."),
    }
    return _("%(why)s Nothing was changed.") % {"why": why[refusal.rule]}
