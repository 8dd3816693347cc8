"""The words of the ledger's refusals, for people: what stands against it, and what to do."""

from django.utils.translation import gettext as _

from ledger import errors


def words_of(refusal: errors.LedgerError) -> str:
    """What people are told about a refusal, by its rule, else by its kind."""
    rule = getattr(refusal, "rule", "")
    kind = type(refusal)
    if kind is errors.AdjustmentRefused and rule in (words := _adjustment_words()):
        return words[rule]
    if kind is errors.SettlementRefused and rule in (words := _settlement_words()):
        return words[rule]
    known = {
        errors.InsufficientPoints: _("The points are not there: nothing was moved."),
        errors.PointsHeld: _(
            "Points are set aside for a purchase. Nothing was moved; wait until it has ended."
        ),
        errors.LimitExceeded: _("No account holds more than 10^12 points: nothing was moved."),
        errors.ReversalRefused: _(
            "This transfer can't be taken back, or not as much of it. Nothing was moved."
        ),
        errors.KeyReused: _("This was done before, in another way. Nothing was moved."),
        errors.ExpiryRefused: _("The last day of the points has passed, or is too far ahead."),
        errors.DayClosed: _("That day is closed; nothing can be booked to it."),
    }
    return known.get(kind, _("The ledger does not accept this. Nothing was moved."))


def _adjustment_words() -> dict[str, str]:
    return {
        "no_reason": _("Please write the reason."),
        "long_reason": _("The reason has at most 200 characters."),
        "points": _("Enter a whole number of points within the limits."),
        "wallet": _("There is no wallet of that member in the brand's program."),
        "own_wallet": _("Nobody books points into their own wallet. Please ask a colleague."),
        "expiry": _("The last day of the points has passed, or is too far ahead."),
        "original": _("There is no such claim, grant or spend of the brand."),
        "settlement": _("There is no such closed statement of the brand's program."),
        "acceptor": _("That brand does not belong to the program."),
        "store": _("That store does not belong to the accepting brand."),
        "number": _("This form was sent before with other contents. Open it anew."),
        "own_act": _("You asked for this yourself. Another person has to decide it: please ask a colleague."),
        "not_open": _("This has been decided already."),
        "changed": _("The request is not what you saw. Nothing was moved; look at it again."),
    }


def _settlement_words() -> dict[str, str]:
    return {
        "midnight": _("A statement ends at midnight in Japan."),
        "future": _("That day has not ended yet. Choose a last day in the past."),
        "order": _("That period has been settled already. Choose a later last day."),
        "waiting": _("Another statement of this program waits for the second person. Decide it first."),
        "limit": _("Two brands owe each other more than a statement can hold. Choose a shorter period."),
        "busy": _("Points were being booked at that moment. Please try again."),
        "decided": _("This statement has been decided already."),
        "same_person": _(
            "You prepared this statement. Another person has to decide it: please ask a colleague."
        ),
        "fingerprint": _("This is not the statement that you saw. Look at it again."),
        "changed": _("The postings no longer give this statement. Nothing was closed; tell the auditor."),
        "text": _("A note has 1 to 2,000 characters."),
    }
