"""Refusals of this app."""


class PartiesError(Exception):
    """Root of what this app refuses. `code` is stable, for machines; words are chosen at the edge."""

    code = "parties_error"


class NotReachable(PartiesError):
    """The row does not exist or is not this person's to reach. Both look the same from outside."""

    code = "not_found"


class CardTokenTypingError(PartiesError):
    """What was scanned or typed can't be the token of a card; `reason` is one of
    `card_tokens.NotATokenReason`.
    """

    code = "card_token_typing_error"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CardTokenNotUsable(PartiesError):
    """No member's card shows this token now: one answer for every reason."""

    code = "card_token_not_usable"


class NoFreeCardNumber(PartiesError):
    """Every card number that was drawn belongs to somebody: numbers have to get longer, and did not."""

    code = "no_free_card_number"


class MemberHasLeft(PartiesError):
    """The account was closed: nothing more is kept about whoever had it."""

    code = "member_has_left"


class LeavingRefused(PartiesError):
    """The person works here, or did: their acts with money name them, so their log-in can't be erased."""

    code = "leaving_refused"
