"""Refusals of the code engine. `NotACode` (a typing error, told apart on purpose) is in `giftcodes.codec`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any


class GiftcodesError(Exception):
    """Root of what the code engine refuses. `code` is stable and meant for machines; words are chosen at the
    edge.
    """

    code = "giftcodes_error"


class CodeNotUsable(GiftcodesError):
    """The one answer for every reason a well-formed code does not work: unknown, used, void, expired, not yet
    active, limit reached, another brand's. It must stay one, so that an answer never tells a guesser that a
    code exists. `reference` is what support can look the try up by, "" where tries are not recorded.
    """

    code = "code_not_usable"

    def __init__(self, reference: str = "") -> None:
        super().__init__()
        self.reference = reference


class ClaimHeldBack(GiftcodesError):
    """The code could be claimed, but the door's own proviso stands against it: `rows` are what its last
    statement gave. Nothing has changed.
    """

    code = "claim_held_back"

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        super().__init__()
        self.rows = rows


class TooManyTries(GiftcodesError):
    """The person or the network has tried too often: again from `until` on. Nothing was looked at."""

    code = "too_many_tries"

    def __init__(self, *, now: datetime, until: datetime) -> None:
        super().__init__()
        self.now, self.until = now, until


class ClaimingLocked(TooManyTries):
    """The person entered too many codes that nobody issued, and may not claim until `until`; support may lift
    that, and knows it by `reference`.
    """

    code = "claiming_locked"

    def __init__(self, *, now: datetime, until: datetime, reference: str) -> None:
        super().__init__(now=now, until=until)
        self.reference = reference


class ProofNeeded(GiftcodesError):
    """The site is under attack: a try needs a fresh proof of work, of somebody who is signed in."""

    code = "proof_needed"


class AnonymousClosed(GiftcodesError):
    """The site is under attack: nobody claims without a sign-in for a while. Nothing was looked at."""

    code = "anonymous_closed"


class LiftRefused(GiftcodesError):
    """The lock can't be lifted: it is over, or no reason was given."""

    code = "lift_refused"


class KeysMissing(GiftcodesError):
    """The key that a series or a batch was made with is not in the environment. Nothing is granted."""

    code = "keys_missing"


class SeriesFull(GiftcodesError):
    """The codes would take every open series above its density stop or past its last serial."""

    code = "series_full"


class BatchRefused(GiftcodesError):
    """The batch can't be made or can't take that step: the message says which rule stands against it, in
    English for the log, and `rule` names it for machines ("" where nobody has to tell rules apart).
    """

    code = "batch_refused"

    def __init__(self, message: str, *, rule: str = "") -> None:
        super().__init__(message)
        self.rule = rule


class VoidRefused(GiftcodesError):
    """Codes can't be withdrawn like this; `rule` names why: `reason`, `spans`, `gifts`, `closed`, `nothing`,
    `number`, `own`, `changed`, `state`, `note`, `funds`, `claimed`, `void`, `many`.
    """

    code = "void_refused"

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class GiftRefused(GiftcodesError):
    """What was asked for can't be a gift; `rule` names why: `gifts`, `key`, `points`, `claim_until`,
    `recipient_ref`, `metadata`, `reason`. `position` is that of the gift, None for the request as a whole.
    """

    code = "gift_refused"

    def __init__(self, rule: str, position: int | None = None) -> None:
        super().__init__(rule, position)
        self.rule, self.position = rule, position


class WorthMore(GiftcodesError):
    """The gifts would be worth `points` together, which is more than whoever asked has allowed."""

    code = "worth_more"

    def __init__(self, points: int) -> None:
        super().__init__(points)
        self.points = points


class NotIssuing(GiftcodesError):
    """The campaign has no approved order for the API whose claim window is open now."""

    code = "not_issuing"


class BudgetExhausted(GiftcodesError):
    """What is left of the campaign's orders for the API does not cover the request."""

    code = "budget_exhausted"


class GiftKeyReused(GiftcodesError):
    """The client used this idempotency key for another request."""

    code = "gift_key_reused"


class TwinInFlight(GiftcodesError):
    """A request of the same client with the same key is under way: ask again in a moment."""

    code = "twin_in_flight"


class GiftClaimed(GiftcodesError):
    """The gift has been claimed: it can't be withdrawn any more."""

    code = "gift_claimed"


class DeliveryRefused(GiftcodesError):
    """The file or its passphrase was handed over before, is for somebody else, or isn't sealed yet."""

    code = "delivery_refused"


class FurtherDeliveryRefused(GiftcodesError):
    """The delivery can't be asked for, decided, made or confirmed like this; `rule` names why:
    `state`, `gifts`, `kind`, `codes`, `channel`, `age_key`, `reason`, `own`, `decided`, `open`, `changed`,
    `recipient`, `receipt`; of a file to compare: `not_taken`, `size`, `rows`, `bomb`, `format`, `many`,
    `often`.
    """

    code = "further_delivery_refused"

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class JournalError(GiftcodesError):
    """The claim journal and the database can't go on together as they are; the message says what to do."""

    code = "journal_error"


class JournalBroken(JournalError):
    """A line of the claim journal was changed, removed, moved or added; the message names the first one."""

    code = "journal_broken"


class JournalBusy(JournalError):
    """Another process has the claim journal in hand."""

    code = "journal_busy"


class JournalMissing(JournalError):
    """There are claims, and no journal: the wrong folder, or one that was never begun."""

    code = "journal_missing"


class DatabaseOlder(JournalError):
    """The database was restored to a moment before the journal's last line. Nothing may be claimed yet."""

    code = "database_older"


class ReplayRefused(JournalError):
    """A batch with journaled claims can't be brought to where it was."""

    code = "replay_refused"
