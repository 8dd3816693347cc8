"""Every way in which the API says no: a stable code, its status, what it is called, and what to do.

The catalogue behind the error pages of the documentation, and the only place where a refusal gets a status.
"""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Problem(NamedTuple):
    """`status` is HTTP's, `title` names the problem, `advice` says what to do about it."""

    status: int
    title: str | Promise
    advice: str | Promise


PROBLEMS: dict[str, Problem] = {
    # What was sent
    "malformed_request": Problem(
        400,
        _("The request can't be read."),
        _("Send one JSON object in UTF-8. `errors` says what is in the way."),
    ),
    "invalid_request": Problem(
        400, _("Something in the request is not as it must be."), _("Mend what `errors` names.")
    ),
    "idempotency_key_wrong": Problem(
        400,
        _("The header Idempotency-Key is missing or can't be used."),
        _(
            "Send a fresh key of 1 to 255 visible ASCII characters with each new act, and the same one again"
            " when you repeat it."
        ),
    ),
    "not_a_code": Problem(
        400,
        _("This is no code: a digit was mistyped or is missing."),
        _("Ask the person to compare the 16 digits. It counts against nobody."),
    ),
    "member_not_named": Problem(
        400,
        _("What stands for the member is no id, and no number or name that your brand could mean."),
        _(
            "Send a member's id, `number:` and a membership number of your brand, or `ref:` and your own name"
            " for them."
        ),
    ),
    # Who is calling
    "key_missing": Problem(
        401,
        _("A key is missing."),
        _(
            "Send `Authorization: Bearer <key>` with a key of your API client: the word Bearer, a space,"
            " and the key."
        ),
    ),
    "key_not_valid": Problem(
        401,
        _("Nothing opens with this key."),
        _("Look whether it was copied whole, has ended or was revoked; make a new one in the admin."),
    ),
    "address_not_allowed": Problem(
        403,
        _("This key is not used from here."),
        _("Call from an address that its list allows, or have the list changed in the admin."),
    ),
    "scope_missing": Problem(
        403, _("This key may not do that."), _("Use a key with the scope that `scope` names.")
    ),
    "not_allowed": Problem(403, _("That is not allowed."), _("See which calls the documentation offers.")),
    # What was asked for
    "not_found": Problem(
        404,
        _("There is nothing here."),
        _(
            "Compare the address, the id and what `errors` names. What belongs to other brands looks the"
            " same; so does what is in the sandbox to a live key."
        ),
    ),
    "method_not_allowed": Problem(
        405, _("This address knows no such method."), _("The header Allow names those it knows.")
    ),
    "not_acceptable": Problem(406, _("Answers come as JSON alone."), _("Accept application/json.")),
    "media_type_wrong": Problem(
        415, _("This media type is not read here."), _("Send `Content-Type: application/json`.")
    ),
    # Repeats
    "key_reused": Problem(
        422,
        _("This Idempotency-Key was used for something else."),
        _("Send a fresh key for a new act; send the same body to repeat an old one. Nothing was done."),
    ),
    "twin_in_flight": Problem(
        409,
        _("The same request is being worked on at this moment."),
        _("Send it again after the seconds in Retry-After, with the same key."),
    ),
    # Points
    "insufficient_points": Problem(
        409,
        _("There are not enough points."),
        _("Look at the balance, the hold, or your brand's funds, and ask for less. Nothing was done."),
    ),
    "limit_exceeded": Problem(
        409, _("No account holds so many points."), _("Ask for less. Nothing was done.")
    ),
    "move_refused": Problem(
        400,
        _("Points can't be moved so."),
        _(
            "The member has left, or what was asked for is no move of points. Look the member up again."
            " Nothing was done."
        ),
    ),
    "reversal_refused": Problem(
        409,
        _("That can't be taken back."),
        _("Look how much of the original is left, and whether it is of a kind that can be reversed."),
    ),
    "hold_ended": Problem(
        409, _("This hold has ended."), _("Look at the hold: it was captured, released or has expired.")
    ),
    "daily_points_exceeded": Problem(
        429,
        _("The points of this day are used up."),
        _("Go on after the seconds in Retry-After, or have the daily cap raised."),
    ),
    # Gifts
    "gift_refused": Problem(
        400, _("That can't be a gift."), _("Mend what `errors` names. Nothing was issued.")
    ),
    "not_issuing": Problem(
        409,
        _("The campaign issues no gifts now."),
        _(
            "It has no approved order for the API whose period is open now and that is not paused: look at"
            " the campaign, or ask who runs it. Nothing was issued."
        ),
    ),
    "budget_exhausted": Problem(
        409,
        _("The campaign's budget does not cover that."),
        _("Look at what is left of it, and have another order approved. Nothing was issued."),
    ),
    "gift_claimed": Problem(
        409,
        _("The gift has been claimed."),
        _("It can't be withdrawn any more: its points are in a wallet."),
    ),
    # Codes
    "code_not_usable": Problem(
        409,
        _("This code can't be used."),
        _("Nobody is told why, so that codes can't be guessed. Support finds the try by `reference`."),
    ),
    "claim_held_back": Problem(
        409,
        _("The campaign asks for something first."),
        _("Let the member claim on the campaign's own page, which asks for it."),
    ),
    "too_many_tries": Problem(429, _("Too many tries."), _("Try again after the seconds in Retry-After.")),
    "claiming_locked": Problem(
        429,
        _("This member may not claim for now: too many unknown codes."),
        _("Try again after the seconds in Retry-After; support can lift the lock by `reference`."),
    ),
    "proof_needed": Problem(
        409,
        _("Codes are being guessed somewhere, and claims need a proof for now."),
        _("Let the member claim on the campaign's own page for now, or try again in half an hour."),
    ),
    "card_token_typing_error": Problem(400, _("This is no code of a membership card."), _("Scan it again.")),
    "card_token_not_usable": Problem(
        409,
        _("No member's card shows this code now."),
        _("Let the member open the card and scan the code that it shows: it changes every minute."),
    ),
    # Pace and outages
    "too_many_calls": Problem(
        429,
        _("Too many calls."),
        _("Wait for the seconds in Retry-After. RateLimit-Remaining says how many calls are left."),
    ),
    "unavailable": Problem(
        503,
        _("This can't be answered at the moment."),
        _("Send the same request again after the seconds in Retry-After, with the same Idempotency-Key."),
    ),
    "internal_error": Problem(
        500,
        _("Something went wrong on our side."),
        _("Send the same request again, with the same Idempotency-Key: nothing is done twice."),
    ),
}

# Codes of the apps' own errors that are the same problem to a caller.
SAME_AS = {
    "gift_key_reused": "key_reused",
    "keys_missing": "unavailable",
    "limits_not_known": "unavailable",
    "seal_key_missing": "unavailable",
    "day_closed": "unavailable",
    "points_held": "insufficient_points",
    "anonymous_closed": "proof_needed",
}
