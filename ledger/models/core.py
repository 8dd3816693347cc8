"""Accounts, transfers and postings: append-only double entry in whole points."""

import hashlib
import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from parties.models import Brand, Member, Program

MAX_POINTS = 10**12
MAX_KEY_LENGTH = 120
# Acts by hand have keys that nobody else can ask for: the audit looks for who confirmed them.
BY_HAND = "adjust:"


class AccountKind(models.TextChoices):
    WORLD = "world", _("outside world")
    FUNDS = "funds", _("brand funds")
    UNCLAIMED = "unclaimed", _("unclaimed codes of a batch")
    WALLET = "wallet", _("wallet")
    HELD = "held", _("held for checkouts")
    ACCEPTED = "accepted", _("accepted, not yet settled")
    CLEARED = "cleared", _("settled")
    BREAKAGE = "breakage", _("expired points")


# Accounts of one brand each. The outside world and what is held belong to the program.
BRAND_KINDS = (
    AccountKind.FUNDS,
    AccountKind.UNCLAIMED,
    AccountKind.ACCEPTED,
    AccountKind.CLEARED,
    AccountKind.BREAKAGE,
)
GUARDED_KINDS = (AccountKind.FUNDS, AccountKind.WALLET)


class Account(models.Model):
    """A place for points. Guarded kinds keep a running balance and a floor; the others are the sum of their
    postings, so that claims of one campaign do not queue for one row.
    """

    program = models.ForeignKey(Program, models.PROTECT, related_name="accounts", verbose_name=_("program"))
    kind = models.CharField(_("kind"), max_length=12, choices=AccountKind.choices)
    label = models.CharField(_("label"), max_length=80)
    brand = models.ForeignKey(
        Brand, models.PROTECT, null=True, blank=True, related_name="accounts", verbose_name=_("brand")
    )
    member = models.ForeignKey(
        Member, models.PROTECT, null=True, blank=True, related_name="wallets", verbose_name=_("member")
    )
    balance = models.BigIntegerField(_("balance"), null=True, editable=False)
    floor = models.BigIntegerField(_("floor"), null=True, editable=False)
    opened_at = models.DateTimeField(_("opened at"))

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(fields=["program", "label"], name="ledger_account_label_once"),
            models.UniqueConstraint(
                fields=["member", "program"], condition=Q(kind="wallet"), name="ledger_one_wallet_per_member"
            ),
            models.UniqueConstraint(
                fields=["brand", "program"], condition=Q(kind="funds"), name="ledger_one_funds_per_brand"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=AccountKind.values), name="ledger_account_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=GUARDED_KINDS, balance__isnull=False, floor__isnull=False)
                | (~Q(kind__in=GUARDED_KINDS) & Q(balance=None, floor=None)),
                name="ledger_guarded_has_balance",
            ),
            models.CheckConstraint(
                condition=Q(balance=None) | Q(balance__gte=F("floor")), name="ledger_balance_not_below_floor"
            ),
            models.CheckConstraint(
                condition=Q(balance=None) | Q(balance__gte=-MAX_POINTS, balance__lte=MAX_POINTS),
                name="ledger_balance_within_limits",
            ),
            models.CheckConstraint(
                condition=Q(kind="wallet", member__isnull=False, floor=0)
                | (~Q(kind="wallet") & Q(member=None)),
                name="ledger_wallet_has_member",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=BRAND_KINDS, brand__isnull=False)
                | (~Q(kind__in=BRAND_KINDS) & Q(brand=None)),
                name="ledger_brand_account_has_brand",
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Reason(models.TextChoices):
    DEPOSIT = "deposit", _("deposit")
    APPROVE = "approve", _("order approved")
    CLAIM = "claim", _("claim")
    VOID = "void", _("codes voided")
    CLOSE = "close", _("batch closed")
    GRANT = "grant", _("points earned")
    SPEND = "spend", _("points spent")
    HOLD = "hold", _("points set aside")
    CAPTURE = "capture", _("held points spent")
    RELEASE = "release", _("held points given back")
    EXPIRE = "expire", _("points expired")
    FORFEIT = "forfeit", _("points given up")
    REVERSE = "reverse", _("reversal")
    RETURN = "return", _("returned to the brand's funds")
    SETTLE = "settle", pgettext_lazy("reason", "settlement")
    CORRECT = "correct", _("correction of a settlement")


def transfer_id_of(key: str) -> uuid.UUID:
    """The id of the one transfer that `key` can ever make: the first 16 bytes of the key's SHA-256.

    The primary key is thereby the idempotency record; no second unique index is kept, and the table can be
    hash-partitioned by it.
    """
    return uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16])


class Transfer(models.Model):
    """The postings of one act, all or nothing. Never edited, never deleted."""

    id = models.UUIDField(primary_key=True, editable=False)
    key = models.CharField(_("key"), max_length=MAX_KEY_LENGTH)
    reason = models.CharField(_("reason"), max_length=10, choices=Reason.choices)
    posted_at = models.DateTimeField(_("posted at"), db_index=True)
    original = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="reversals",
        verbose_name=_("original"),
        db_index=False,
    )

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__in=Reason.values), name="ledger_transfer_reason_known"
            ),
            models.CheckConstraint(
                condition=Q(reason="reverse", original__isnull=False)
                | (~Q(reason="reverse") & Q(original=None)),
                name="ledger_reversal_names_original",
            ),
        ]
        indexes = [
            models.Index(
                fields=["original"], condition=Q(original__isnull=False), name="ledger_reversals_of_original"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Posting(models.Model):
    """Points from one account to another: balanced, because it has two ends. Never edited, never deleted.

    The ends carry no foreign key check: it would lock the account that all claims of a batch share, once per
    claim. Accounts can't be deleted (a trigger on PostgreSQL), and the audit looks for postings without an
    account.
    """

    transfer = models.ForeignKey(Transfer, models.PROTECT, related_name="postings")
    source = models.ForeignKey(
        Account, models.PROTECT, related_name="outgoing", db_constraint=False, db_index=False
    )
    target = models.ForeignKey(
        Account, models.PROTECT, related_name="incoming", db_constraint=False, db_index=False
    )
    points = models.BigIntegerField(_("points"))
    posted_at = models.DateTimeField(_("posted at"))

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gt=0, points__lte=MAX_POINTS), name="ledger_posting_points_positive"
            ),
            models.CheckConstraint(condition=~Q(source=F("target")), name="ledger_posting_ends_differ"),
        ]
        indexes = [
            models.Index(fields=["source", "posted_at"], name="ledger_posting_out"),
            models.Index(fields=["target", "posted_at"], name="ledger_posting_in"),
        ]

    def __str__(self) -> str:
        return f"{self.source_id} > {self.target_id}: {self.points}"


class ReversalTally(models.Model):
    """How much of one original has been taken back: the row that decides between two reversals at once."""

    original = models.OneToOneField(Transfer, models.PROTECT, primary_key=True, related_name="reversal_tally")
    original_points = models.BigIntegerField(_("points of the original"))
    reversed_points = models.BigIntegerField(_("points taken back"), default=0)

    class Meta:
        verbose_name = _("reversal tally")
        verbose_name_plural = _("reversal tallies")
        constraints = [
            models.CheckConstraint(
                condition=Q(reversed_points__gte=0, reversed_points__lte=F("original_points")),
                name="ledger_reversals_within_original",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.original_id}: {self.reversed_points}/{self.original_points}"
