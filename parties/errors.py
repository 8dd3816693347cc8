"""Refusals of this app."""

from datetime import datetime

from parties.limiting.rules import Allowance


class PartiesError(Exception):
    """Root of what this app refuses. `code` is stable, for machines; words are chosen at the edge."""

    code = "parties_error"


class NotReachable(PartiesError):
    """The row does not exist or is not this person's to reach. Both look the same from outside. `field` is
    what named it, where the asker has said more than an address: campaign, member.
    """

    code = "not_found"

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


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


class KeyMadeWrong(PartiesError):
    """A key that may not be made so; `field` names what is wrong: scopes, addresses, expires_at, client."""

    code = "key_made_wrong"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class KeyNotValid(PartiesError):
    """Nothing opens with this key: one answer for every reason."""

    code = "key_not_valid"


class AddressNotAllowed(PartiesError):
    """The key is good, but its client has said that it is not used from there."""

    code = "address_not_allowed"


class IdempotencyKeyWrong(PartiesError):
    """The header Idempotency-Key is missing, or not 1 to 255 visible ASCII characters; `reason`: missing,
    form.
    """

    code = "idempotency_key_wrong"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ScopeMissing(PartiesError):
    """The key may not do this; `scope` is what it would need."""

    code = "scope_missing"

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class TooManyCalls(PartiesError):
    """The client has no call left; the next one is there after `retry_after` whole seconds."""

    code = "too_many_calls"

    def __init__(self, retry_after: int, allowance: Allowance) -> None:
        super().__init__(retry_after)
        self.retry_after, self.allowance = retry_after, allowance


class DailyPointsExceeded(PartiesError):
    """More points than are `left` of the client's day, which ends at `resets_at`."""

    code = "daily_points_exceeded"

    def __init__(self, left: int, resets_at: datetime) -> None:
        super().__init__(left, resets_at)
        self.left, self.resets_at = left, resets_at


class LimitsNotKnown(PartiesError):
    """Neither Redis nor the database can count, so nothing is granted."""

    code = "limits_not_known"


class WebhookKeysMissing(PartiesError):
    """The secret of an endpoint can't be opened: the master key that sealed it is not in the environment."""

    code = "webhook_keys_missing"


class EndpointRefused(PartiesError):
    """An endpoint that may not be made so; `field` names what is wrong: url, types, brand."""

    code = "endpoint_refused"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class EndpointClosed(PartiesError):
    """Nothing is sent to the endpoint any more."""

    code = "endpoint_closed"


class ActKeyReused(PartiesError):
    """The Idempotency-Key was used for another act, or with another body. Nothing was done."""

    code = "key_reused"


class MemberNotNamed(PartiesError):
    """What stands for a member is no id, number or reference that the brand could mean; `reason` says why."""

    code = "member_not_named"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AnswerLost(PartiesError):
    """In a sandbox, by request: what was asked for is done, and its answer does not come."""

    code = "internal_error"


class NotASandbox(PartiesError):
    """What is done in sandboxes alone was asked of a live brand. Nothing was done."""

    code = "not_a_sandbox"


class FactorStale(PartiesError):
    """The act asks for a second factor that was shown at most five minutes ago."""

    code = "second_factor_stale"


class FactorRefused(PartiesError):
    """What was shown is no second factor of this person, or was shown before."""

    code = "second_factor_refused"


class FactorsExhausted(PartiesError):
    """Too many tries: the next ones are judged in a quarter of an hour."""

    code = "second_factor_exhausted"


class LastFactor(PartiesError):
    """Without it the person would have no second factor."""

    code = "last_second_factor"


class FactorKeysMissing(PartiesError):
    """The master key that opens a second factor is not in the environment, or is another one."""

    code = "second_factor_keys_missing"


class InvitationRefused(PartiesError):
    """Somebody can't be invited to a role, or an invitation can't go on, as it is; `reason` is one of the
    words that `invitation_wording` knows.
    """

    code = "invitation_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
