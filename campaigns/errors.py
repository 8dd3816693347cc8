"""Refusals of this app. Each says in its attributes what the words for people need; the words are in
`wording`.
"""

from datetime import datetime


class CampaignsError(Exception):
    """Root of what this app refuses. `code` is stable, for machines; words are chosen at the edge."""

    code = "campaigns_error"


class OrderNotOpen(CampaignsError):
    """The order is not in the state that the step begins from; `state` is the one it is in."""

    code = "order_not_open"

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class OwnOrder(CampaignsError):
    """Whoever asks can't be the one who decides, opens the codes or confirms the money."""

    code = "own_order"


class OrderChanged(CampaignsError):
    """The fingerprint that was approved is not the one of what the order, or its campaign, says now."""

    code = "order_changed"


class ApprovedBefore(CampaignsError):
    """This person has approved this submission: it takes another one."""

    code = "approved_before"


class ApprovalKept(CampaignsError):
    """Somebody approved an earlier submission of the draft: that is a record, and so the draft stays."""

    code = "approval_kept"


class RuleRefused(CampaignsError):
    """A rule of two approvers has points from 0 to 10^12, and a kind of orders that there is."""

    code = "rule_refused"


class RuleNotOpen(CampaignsError):
    """Somebody else was faster: the rule has ended, or its end is, or is not, asked for."""

    code = "rule_not_open"


class NoteMissing(CampaignsError):
    """A rejection says why."""

    code = "note_missing"


class OrderUnfit(CampaignsError):
    """Root of the rules that an order itself must keep, at submission and again at approval."""

    code = "order_unfit"


class NoCodes(OrderUnfit):
    """No channel, or a channel without a code."""

    code = "no_codes"


class SameChannelTwice(OrderUnfit):
    """Two channels whose names read the same."""

    code = "same_channel_twice"


class TooManyChannels(OrderUnfit):
    """More channels than one batch holds."""

    code = "too_many_channels"


class TooManyCodes(OrderUnfit):
    """More codes in one order than a batch holds."""

    code = "too_many_codes"

    def __init__(self, codes: int) -> None:
        super().__init__(codes)
        self.codes = codes


class PointsOutOfRange(OrderUnfit):
    """No points per code, or more points in one order than an account can hold."""

    code = "points_out_of_range"


class LotLifeOutOfRange(OrderUnfit):
    """Points that would not live for a day, or for more than ten years."""

    code = "lot_life_out_of_range"


class MostPointsTooFew(OrderUnfit):
    """A gift could have fewer points at most than one has by itself."""

    code = "most_points_too_few"


class OneChannelNeeded(OrderUnfit):
    """Gifts of the API have one channel."""

    code = "one_channel_needed"


class OpenedByHand(OrderUnfit):
    """Gifts of the API can be claimed as soon as they are issued: nobody opens them by hand."""

    code = "opened_by_hand"


class WindowBackwards(OrderUnfit):
    """The claim window ends before or when it begins."""

    code = "window_backwards"


class WindowPassed(OrderUnfit):
    """The claim window ends in the past."""

    code = "window_passed"


class WindowOutsideCampaign(OrderUnfit):
    """The claim window reaches over an end of the campaign's period."""

    code = "window_outside_campaign"

    def __init__(self, *, window: tuple[datetime, datetime], period: tuple[datetime, datetime]) -> None:
        super().__init__(window, period)
        self.window, self.period = window, period


class PageNotPublished(OrderUnfit):
    """The campaign's page is a draft: whoever got a code would find no page at its address."""

    code = "page_not_published"


class LegalFormMissing(OrderUnfit):
    """The campaign has stated no legal form, or the order was submitted before that was asked."""

    code = "legal_form_missing"


class LegalFailed(OrderUnfit):
    """Rules forbid the order; `rules` are their ids."""

    code = "legal_failed"

    def __init__(self, rules: list[str]) -> None:
        super().__init__(rules)
        self.rules = rules


class LegalChanged(OrderUnfit):
    """The legal rules are others than when the order was submitted, or ask for more."""

    code = "legal_changed"


class SignOffMissing(CampaignsError):
    """A rule asks for counsel, and nobody has signed for that."""

    code = "sign_off_missing"


class SignOffNeedless(CampaignsError):
    """No rule asks for counsel about this order."""

    code = "sign_off_needless"


class SignedAlready(CampaignsError):
    """Somebody has signed for this submission already."""

    code = "signed_already"


class CounselNotNamed(CampaignsError):
    """A sign-off says who was asked and what was said, neither of it too long."""

    code = "counsel_not_named"


class ChannelsChanged(CampaignsError):
    """The draft's channels are not the ones that were seen beside the uploaded file."""

    code = "channels_changed"


class PageInUse(CampaignsError):
    """The page can't be taken offline: codes with its address have been approved."""

    code = "page_in_use"


class FundsShort(CampaignsError):
    """The brand's funds don't cover the order; nothing was reserved."""

    code = "funds_short"

    def __init__(self, *, needed: int, available: int) -> None:
        super().__init__(needed, available)
        self.needed, self.available = needed, available


class SeriesShort(CampaignsError):
    """No code series can take so many codes and stay hard to guess; nothing was reserved."""

    code = "series_short"


class TermsRefused(CampaignsError):
    """The code engine refused the terms; `rule` is its stable name for the reason, "" if it gave none."""

    code = "terms_refused"

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class DepositRefused(CampaignsError):
    """The deposit can't be recorded: its form was used for another one, or its reference counts already."""

    code = "deposit_refused"


class FundsFull(CampaignsError):
    """The funds would hold more than an account can; the deposit still waits. `room` points would fit."""

    code = "funds_full"

    def __init__(self, *, points: int, room: int) -> None:
        super().__init__(points, room)
        self.points, self.room = points, room


class DepositNotOpen(CampaignsError):
    """The deposit has been decided already; `state` says how."""

    code = "deposit_not_open"

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class ConditionsUnfit(CampaignsError):
    """Conditions have a Japanese text, and none that is longer than a page may be."""

    code = "conditions_unfit"


class ConditionsChanged(CampaignsError):
    """There is no draft any more that says what was seen: it was edited, discarded or published."""

    code = "conditions_changed"


class DisputeRefused(CampaignsError):
    """What was written can't be kept; `rule`: `no_text`, `long_text`, `resolution`, `number` (of a form that
    was used for something else).
    """

    code = "dispute_refused"

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class DisputeLimit(CampaignsError):
    """The member has asked enough for now; `rule`: `open`, `day`, `turn` (support has to answer first),
    `messages`.
    """

    code = "dispute_limit"

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class DisputeNotOpen(CampaignsError):
    """The ticket is over; `state` is the one it is in."""

    code = "dispute_not_open"

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class DisputeChanged(CampaignsError):
    """Something was written since the page of the ticket was opened."""

    code = "dispute_changed"


class SupportRefused(CampaignsError):
    """Support can't look this up; `rule`: `many` (too many searches that found nothing), `reason`."""

    code = "support_refused"

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class ExtensionRefused(CampaignsError):
    """The claim window can't be extended like this; `rule`: `counsel`, `reason`, `note`, `gifts`, `state`,
    `window_passed`, `later`, `waits`, `number`, `changed`, `decided`.
    """

    code = "extension_refused"

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class ReorderRefused(CampaignsError):
    """There is nothing to be ordered anew: the request withdrew no code."""

    code = "reorder_refused"


class MailingRefused(CampaignsError):
    """The mailing can't be treated like this; `rule` is named by the service. `detail` is for the words."""

    code = "mailing_refused"

    def __init__(self, rule: str, detail: str = "") -> None:
        super().__init__(rule)
        self.rule, self.detail = rule, detail


class MailKeysMissing(CampaignsError):
    """The addresses of a mailing can't be opened with the keys at hand."""

    code = "mail_keys_missing"


class AlertRefused(CampaignsError):
    """Nobody can see to the alert like this; `rule`: `note`, `seen_to` (somebody was faster)."""

    code = "alert_refused"

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule
