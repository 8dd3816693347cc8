"""The words of this app's refusals, for people: what stands against it, and what to do."""

from collections.abc import Callable
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from campaigns import errors
from campaigns.conditions_models import MAX_CONDITIONS_LETTERS
from campaigns.delivery_wording import words_of_refusal
from campaigns.dispute_models import MAX_TEXT_LENGTH
from campaigns.extension_wording import words_of_extension
from campaigns.gaps import Gap
from campaigns.legal.words import RULES
from campaigns.mailing_wording import words_of_mailing
from campaigns.models import MAX_LOT_LIFE_DAYS, DepositState, OrderState
from campaigns.rules import MAX_CHANNELS
from campaigns.void_wording import words_of_void
from giftcodes.errors import (
    DeliveryRefused,
    FurtherDeliveryRefused,
    GiftcodesError,
    KeysMissing,
    VoidRefused,
)
from giftcodes.models import MAX_CODES_PER_BATCH
from ledger.models import MAX_POINTS
from parties.periods import period_text


def number(value: int) -> str:
    """A whole number with its thousands apart."""
    return number_format(value, use_l10n=True, force_grouping=True)


def words_of(refusal: Exception) -> str:
    """What people are told about a refusal of this app or the code engine. Any other exception is a bug:
    KeyError.
    """
    for kind in type(refusal).__mro__:
        if kind in _WORDS:
            return _WORDS[kind](refusal)
    raise KeyError(type(refusal))


def _order_not_open(refusal: errors.OrderNotOpen) -> str:
    return {
        OrderState.DRAFT: _(
            "The order was changed or taken back after it had been submitted, and is a draft again. "
            "Nothing was approved."
        ),
        OrderState.SUBMITTED: _("The order is waiting for approval. To change it, take it back first."),
        OrderState.APPROVED: _("The order has been approved already. Further codes need a new order."),
        OrderState.REJECTED: _("The order has been rejected. Take it back, change it and submit it again."),
    }[OrderState(refusal.state)]


def _deposit_not_open(refusal: errors.DepositNotOpen) -> str:
    if refusal.state == DepositState.CONFIRMED:
        return _("The deposit has been confirmed already. Nothing was added a second time.")
    return _("The deposit has been rejected already.")


def _outside(refusal: errors.WindowOutsideCampaign) -> str:
    return _(
        "The codes would be claimable from %(window)s, but the campaign runs from %(period)s. "
        "Choose a claim window within the campaign, or change the campaign's period first."
    ) % {"window": period_text(*refusal.window), "period": period_text(*refusal.period)}


def _funds_short(refusal: errors.FundsShort) -> str:
    return _(
        "The funds are not enough: the order needs %(needed)s points and %(available)s are left. "
        "Ask finance for a deposit of at least %(short)s points, or order fewer codes. Nothing was reserved."
    ) % {
        "needed": number(refusal.needed),
        "available": number(refusal.available),
        "short": number(refusal.needed - refusal.available),
    }


def _terms_refused(refusal: errors.TermsRefused) -> str:
    """In words of our own: the engine's are English, for its log."""
    why = {
        "has_batch": _("This order has its batch already."),
        "same_channel_twice": _("Two channels have the same name."),
        "channel_name": _("A channel's name has 1 to 40 characters, all of which can be seen."),
        "limit": _("The limit per member is at least 1."),
        "reason": _("Say why, in 1 to 200 characters: whoever looks at it later wants to know."),
        "switch": _("The codes can't be paused or go on in the state that they are in now."),
        "receipt": _("The codes wait for their recipient to confirm that the file has arrived."),
        "state": _("The codes can't be activated in the state that they are in now."),
    }
    general = _("The code engine does not accept these terms.")
    return _("%(why)s Nothing was changed.") % {"why": why.get(refusal.rule, general)}


def _legal_failed(refusal: errors.LegalFailed) -> str:
    return _("The order does not pass the legal check: %(rules)s. Nothing was changed.") % {
        "rules": _("; ").join(str(RULES[rule].title) for rule in refusal.rules)
    }


def _dispute_refused(refusal: errors.DisputeRefused) -> str:
    if refusal.rule == "long_text":
        return _("Write %(most)s characters or fewer. Nothing was sent.") % {"most": number(MAX_TEXT_LENGTH)}
    if refusal.rule == "no_text":
        return _("Write what the member should read. Nothing was sent.")
    return _("This form can't be sent. Open the page again.")


def _support_refused(refusal: errors.SupportRefused) -> str:
    if refusal.rule == "many":
        return _(
            "You have searched for many codes or addresses that don't exist. Search by serial number today."
        )
    return _("Say what you need it for, in 1 to 200 characters.")


def words_of_gap(gap: Gap) -> str:
    """What a page still lacks, and what that means for its readers."""
    return {
        Gap.TITLE_EN: _("No English title: the English page shows the Japanese one."),
        Gap.TEXT_JA: _("No text: the page says nothing about the campaign but its period."),
        Gap.TEXT_EN: _("No English text: the English page shows the Japanese one."),
        Gap.HERO: _("No picture over the page."),
        Gap.HERO_ALT_EN: _("No English description of the picture: screen readers read the Japanese one."),
        Gap.LOGO: _("No logo: the brand's name stands in its place."),
        Gap.PALE: _("The colour can hardly be told from white: the band with the title will not stand out."),
    }[gap]


_WORDS: dict[type[Exception], Callable[[Any], str]] = {
    errors.OrderNotOpen: _order_not_open,
    errors.OwnOrder: lambda _refusal: _(
        "You asked for this yourself. Another person has to decide it: please ask a colleague."
    ),
    errors.OrderChanged: lambda _refusal: _(
        "The order or its campaign has changed since you opened the page. Nothing was approved. "
        "Look at it again; if it no longer says what was submitted, it has to be submitted again."
    ),
    errors.ApprovedBefore: lambda _refusal: _(
        "You have approved it already. It takes a second approver: please ask a colleague."
    ),
    errors.ApprovalKept: lambda _refusal: _(
        "Somebody approved this order before it was taken back. That is kept, and so is the draft."
    ),
    errors.RuleRefused: lambda _refusal: _("This rule can't be added. Check the points, then try again."),
    errors.RuleNotOpen: lambda _refusal: _("Somebody else was faster. Open the page again."),
    errors.NoteMissing: lambda _refusal: _("Please write a reason, so that it can be put right."),
    errors.NoCodes: lambda _refusal: _("Enter at least one channel, each with one code or more."),
    errors.SameChannelTwice: lambda _refusal: _("Two channels have the same name."),
    errors.TooManyChannels: lambda _refusal: (
        _("An order has at most %(most)s channels. Split it into several orders.") % {"most": MAX_CHANNELS}
    ),
    errors.TooManyCodes: lambda refusal: (
        _("An order has at most %(most)s codes; this one asks for %(codes)s. Split it into several orders.")
        % {"most": number(MAX_CODES_PER_BATCH), "codes": number(refusal.codes)}
    ),
    errors.PointsOutOfRange: lambda _refusal: (
        _("A code is worth at least 1 point, and an order at most %(most)s points altogether.")
        % {"most": number(MAX_POINTS)}
    ),
    errors.MostPointsTooFew: lambda _refusal: _(
        "A gift may have at least as many points as one code is worth. Enter that many or more."
    ),
    errors.OneChannelNeeded: lambda _refusal: _(
        "Gifts of the API have one channel: leave one, with all codes of the order."
    ),
    errors.OpenedByHand: lambda _refusal: _(
        "Gifts of the API can be claimed as soon as they are issued. Let the codes open by themselves."
    ),
    errors.LotLifeOutOfRange: lambda _refusal: (
        _("Points live for 1 to %(most)s days.") % {"most": number(MAX_LOT_LIFE_DAYS)}
    ),
    errors.WindowBackwards: lambda _refusal: _("The end has to be later than the beginning."),
    errors.WindowPassed: lambda _refusal: _(
        "The claim window has ended already. Choose an end in the future."
    ),
    errors.WindowOutsideCampaign: _outside,
    errors.PageNotPublished: lambda _refusal: _(
        "The campaign's page is still a draft: people with a code would find nothing at its address. "
        "Publish the page first."
    ),
    errors.LegalFormMissing: lambda _refusal: _(
        "The legal check can't be made: state the campaign's legal form first, and submit the order again if "
        "it was waiting already."
    ),
    errors.LegalFailed: _legal_failed,
    errors.LegalChanged: lambda _refusal: _(
        "The legal check finds something else now than when the order was submitted. Nothing was approved. "
        "A marketer has to take the order back and submit it again."
    ),
    errors.SignOffMissing: lambda _refusal: _(
        "A rule asks for counsel, and nobody has signed for that yet. Nothing was approved."
    ),
    errors.SignOffNeedless: lambda _refusal: _("No rule asks for counsel about this order."),
    errors.SignedAlready: lambda _refusal: _("Somebody has signed for this already. It is kept as it was."),
    errors.CounselNotNamed: lambda _refusal: _(
        "Enter who was asked, in at most 80 characters, and what was said, in at most 500."
    ),
    errors.ChannelsChanged: lambda _refusal: _(
        "Somebody has changed the channels of the draft meanwhile. Nothing was replaced: upload the file "
        "again."
    ),
    errors.PageInUse: lambda _refusal: _(
        "Codes that lead to this page have been approved, so it stays: people who find one later have to "
        "be told how things stand. To withdraw the codes, ask the operator."
    ),
    errors.FundsShort: _funds_short,
    errors.SeriesShort: lambda _refusal: _(
        "No code series has room for so many codes: more would make codes easier to guess. "
        "Ask the operator to open another series, or order fewer codes. Nothing was reserved."
    ),
    errors.TermsRefused: _terms_refused,
    errors.SupportRefused: _support_refused,
    errors.ExtensionRefused: words_of_extension,
    errors.AlertRefused: lambda refusal: {
        "note": _("Write what is being done, in up to 200 letters."),
        "seen_to": _("Somebody was faster and is handling it already."),
    }[refusal.rule],
    errors.ReorderRefused: lambda _refusal: _("No code was withdrawn, so there is nothing to order anew."),
    errors.DepositRefused: lambda _refusal: _(
        "This deposit can't be recorded: the brand has one with the same reference already. "
        "Look at the list of deposits; if it is another payment, give it another reference."
    ),
    errors.FundsFull: lambda refusal: (
        _(
            "The funds hold at most %(most)s points: there is room for %(room)s more, and the deposit has "
            "%(points)s. Nothing was added. Confirm it when points have been used, or reject it."
        )
        % {"most": number(MAX_POINTS), "room": number(refusal.room), "points": number(refusal.points)}
    ),
    errors.DepositNotOpen: _deposit_not_open,
    errors.ConditionsUnfit: lambda _refusal: (
        _("Conditions need a Japanese text, and each text has at most %(most)s characters.")
        % {"most": number(MAX_CONDITIONS_LETTERS)}
    ),
    errors.ConditionsChanged: lambda _refusal: _(
        "The draft is no longer the one that you saw: it was edited, discarded or published. "
        "Nothing was published now. Look at it again."
    ),
    errors.DisputeRefused: _dispute_refused,
    errors.DisputeLimit: lambda _refusal: _("This ticket takes no more messages."),
    errors.DisputeNotOpen: lambda _refusal: _("This ticket is resolved already. Nothing was sent."),
    errors.DisputeChanged: lambda _refusal: _(
        "Something was written since you opened the page. Nothing was sent: read it first, then answer."
    ),
    errors.MailingRefused: words_of_mailing,
    errors.MailKeysMissing: lambda _refusal: _(
        "The keys of the addresses are not available. Nothing was done; tell the operator."
    ),
    DeliveryRefused: lambda _refusal: _(
        "This is not ready yet, or was handed over already. That is done once only, so that nobody else "
        "can take it, and can't be repeated. If it did not reach you, tell the operator."
    ),
    FurtherDeliveryRefused: words_of_refusal,
    VoidRefused: words_of_void,
    KeysMissing: lambda _refusal: _(
        "The keys of the codes are not available. Nothing was done; tell the operator."
    ),
    GiftcodesError: lambda _refusal: _(
        "The code engine can't do this now. Nothing was changed; tell the operator."
    ),
}
