"""Gifts by e-mail: a mailing with its list of recipients, and what must never be mailed again.

The list is the queue: a row says how far its one mail is, and no row is mailed twice unless a person says so.
"""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from giftcodes.gift_models import Gift
from ledger.models import MAX_POINTS
from parties.api_models import ApiClient
from parties.models import Brand, User

MAX_RECIPIENTS = 10_000
MAX_SUBJECT, MAX_BODY = 120, 4_000


class MailingState(models.TextChoices):
    DRAFT = "draft", _("draft")
    SUBMITTED = "submitted", _("waiting for approval")
    SENDING = "sending", _("being sent")
    SENT = "sent", pgettext_lazy("mailing", "sent")
    STOPPED = "stopped", pgettext_lazy("mailing", "stopped")


class RecipientState(models.TextChoices):
    """What has become of one row. `handing` is written before the mail server is spoken to: whoever dies then
    leaves a row of which nobody knows, `unsure`, and no retry mails it.
    """

    WAITING = "waiting", pgettext_lazy("recipient", "not sent yet")
    TAKEN = "taken", _("being prepared")
    HANDING = "handing", _("being handed to the mail server")
    SENT = "sent", pgettext_lazy("recipient", "sent")
    UNSURE = "unsure", _("not known whether it was sent")
    REFUSED = "refused", _("refused by the mail server")
    BOUNCED = "bounced", _("came back")
    OPTED_OUT = "opted_out", _("left out: wants no mail of the brand")
    BLOCKED = "blocked", _("left out: mail to this address came back before")


UNDER_WAY = (RecipientState.WAITING, RecipientState.TAKEN, RecipientState.HANDING)
HANDED = (RecipientState.HANDING, RecipientState.SENT, RecipientState.UNSURE, RecipientState.BOUNCED)


class Mailing(models.Model):
    """One mail to many, each with a gift of the campaign. Its texts and its list change only as a draft.

    `fingerprint` is what was submitted, and so what is approved: the list, the texts, the campaign. Approving
    it begins the sending.
    """

    public_id = models.UUIDField(_("mailing number"), default=uuid.uuid4, unique=True, editable=False)
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.PROTECT, related_name="mailings", verbose_name=_("campaign")
    )
    # Draws the gifts, like a partner's system: its points of a day are a brake, disabling it is another one.
    client = models.ForeignKey(ApiClient, models.PROTECT, related_name="+", verbose_name=_("API client"))
    title = models.CharField(_("name of the mailing"), max_length=60)
    subject_ja = models.CharField(_("subject (Japanese)"), max_length=MAX_SUBJECT)
    body_ja = models.TextField(_("text of the mail (Japanese)"), max_length=MAX_BODY)
    subject_en = models.CharField(_("subject (English)"), max_length=MAX_SUBJECT, blank=True)
    body_en = models.TextField(_("text of the mail (English)"), max_length=MAX_BODY, blank=True)
    sender_name = models.CharField(_("sender"), max_length=60)
    sender_address = models.CharField(_("postal address of the sender"), max_length=120)
    contact = models.CharField(_("contact for questions"), max_length=120)
    consent_how = models.CharField(_("how the recipients agreed"), max_length=500, blank=True)
    columns = models.JSONField(_("fields of the list"), default=list, editable=False)
    # What the newest order said when it was submitted: part of what is approved, whatever is ordered later.
    face_points = models.BigIntegerField(null=True, editable=False)
    twice = models.PositiveIntegerField(_("left out: in the list before"), default=0, editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=MailingState.choices, default=MailingState.DRAFT, editable=False
    )
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True, editable=False)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("created by"))
    created_at = models.DateTimeField(_("created at"))
    requested_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("requested by")
    )
    requested_at = models.DateTimeField(_("requested at"), null=True)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("approved by")
    )
    decided_at = models.DateTimeField(_("approved at"), null=True)
    decision_note = models.CharField(_("note on the decision"), max_length=200, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    emptied_at = models.DateTimeField(_("addresses deleted at"), null=True)

    class Meta:
        verbose_name = _("mailing of gifts")
        verbose_name_plural = _("mailings of gifts")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=MailingState.values), name="campaigns_mailing_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="draft", requested_by=None, requested_at=None, fingerprint="")
                | (
                    ~Q(state="draft")
                    & ~Q(fingerprint="")
                    & ~Q(consent_how="")
                    & Q(requested_by__isnull=False, requested_at__isnull=False)
                ),
                name="campaigns_mailing_submitted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(face_points=None)
                | (~Q(state="draft") & Q(face_points__gt=0, face_points__lte=MAX_POINTS)),
                name="campaigns_mailing_face_points",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "submitted"], decided_by=None, decided_at=None)
                | Q(
                    state__in=["sending", "sent", "stopped"],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                ),
                name="campaigns_mailing_sent_once_approved",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                name="campaigns_mailing_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["sent", "stopped"], ended_at__isnull=False)
                | (~Q(state__in=["sent", "stopped"]) & Q(ended_at=None, emptied_at=None)),
                name="campaigns_mailing_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Recipient(models.Model):
    """One row of a list. Whom it names is sealed (`mailing_sealing`), and deleted some time after the mailing
    has ended; the keyed digest and what became of the mail stay.

    A worker has it to itself from the moment it raised `tries` until `next_try_at`. `round` counts codes: 0
    for the first one, one more for each that replaced another.
    """

    mailing = models.ForeignKey(
        Mailing, models.PROTECT, related_name="recipients", verbose_name=_("mailing"), db_index=False
    )
    row = models.PositiveIntegerField(_("row"))
    digest = models.CharField(_("digest of the address"), max_length=64)
    sealed = models.TextField(blank=True)
    language = models.CharField(_("language"), max_length=2, default="ja")
    points = models.BigIntegerField(_("points"), null=True)
    state = models.CharField(
        _("state"), max_length=10, choices=RecipientState.choices, default=RecipientState.WAITING
    )
    gift = models.OneToOneField(
        Gift, models.PROTECT, null=True, related_name="recipient", verbose_name=_("gift")
    )
    round = models.PositiveSmallIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    refusals = models.PositiveSmallIntegerField(default=0)  # for now, by the mail server
    next_try_at = models.DateTimeField(_("next try at"))
    handed_at = models.DateTimeField(_("handed over at"), null=True)
    note = models.CharField(
        _("why"), max_length=60, blank=True
    )  # a code, or what the mail server numbered it

    class Meta:
        verbose_name = _("recipient of a mailing")
        verbose_name_plural = _("recipients of a mailing")
        constraints = [
            models.UniqueConstraint(fields=["mailing", "digest"], name="campaigns_recipient_once"),
            models.UniqueConstraint(fields=["mailing", "row"], name="campaigns_recipient_row_once"),
            models.CheckConstraint(
                condition=Q(state__in=RecipientState.values), name="campaigns_recipient_state_known"
            ),
            models.CheckConstraint(
                condition=Q(points=None) | Q(points__gt=0, points__lte=MAX_POINTS),
                name="campaigns_recipient_points",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["handing", "sent", "unsure", "bounced"])
                | Q(gift__isnull=False, handed_at__isnull=False),
                name="campaigns_recipient_is_mailed_a_gift",
            ),
            models.CheckConstraint(
                condition=Q(language__in=["ja", "en"]) & ~Q(digest=""), name="campaigns_recipient_language"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"],
                condition=Q(state__in=["waiting", "taken", "handing"]),
                name="campaigns_recipient_due",
            ),
            models.Index(fields=["digest"], name="campaigns_recipient_by_digest"),
            models.Index(fields=["mailing", "state"], name="campaigns_recipient_in_state"),
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id}/{self.row}"


class MailOptOut(models.Model):
    """This address wants no mail of the brand. Never edited, never deleted: it is kept by a keyed digest, and
    outlives the list that it came from.
    """

    brand = models.ForeignKey(
        Brand, models.PROTECT, related_name="+", verbose_name=_("brand"), db_index=False
    )
    digest = models.CharField(_("digest of the address"), max_length=64)
    recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="opt_outs", db_index=False)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("opt-out from mailings")
        verbose_name_plural = _("opt-outs from mailings")
        constraints = [
            models.UniqueConstraint(fields=["brand", "digest"], name="campaigns_mailoptout_once"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class MailBounce(models.Model):
    """Mail to this address came back for good. It is left out of what the brand mails until somebody lifts
    that, for a reason.
    """

    brand = models.ForeignKey(
        Brand, models.PROTECT, related_name="+", verbose_name=_("brand"), db_index=False
    )
    digest = models.CharField(_("digest of the address"), max_length=64)
    recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="bounces", db_index=False)
    status = models.CharField(_("status of the report"), max_length=20)
    noted_at = models.DateTimeField(_("noted at"))
    lifted_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("lifted by")
    )
    lifted_at = models.DateTimeField(_("lifted at"), null=True)
    lift_reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("address that mail came back from")
        verbose_name_plural = _("addresses that mail came back from")
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "digest"],
                condition=Q(lifted_at=None),
                name="campaigns_mailbounce_stands_once",
            ),
            models.CheckConstraint(
                condition=Q(lifted_by=None, lifted_at=None, lift_reason="")
                | (Q(lifted_by__isnull=False, lifted_at__isnull=False) & ~Q(lift_reason="")),
                name="campaigns_mailbounce_lifted_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Replacement(models.Model):
    """A recipient got another code: the old one was withdrawn in the same transaction. Never edited, never
    deleted.
    """

    recipient = models.ForeignKey(
        Recipient, models.PROTECT, related_name="replacements", verbose_name=_("recipient")
    )
    old_gift = models.OneToOneField(Gift, models.PROTECT, related_name="replaced_by")
    old_handed_at = models.DateTimeField(_("handed over at"), null=True)
    new_gift = models.OneToOneField(Gift, models.PROTECT, related_name="replaces")
    reason = models.CharField(_("reason"), max_length=200)
    replaced_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("who"))
    replaced_at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("replaced code")
        verbose_name_plural = _("replaced codes")
        constraints = [
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(old_gift=F("new_gift")), name="campaigns_replacement_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.old_gift_id} > {self.new_gift_id}"


class MailingTest(models.Model):
    """Somebody of the staff sent the mail to themselves: counted, so that it is no way to mail at will."""

    mailing = models.ForeignKey(Mailing, models.CASCADE, related_name="tests")
    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("test of a mailing")
        verbose_name_plural = _("tests of a mailing")
        indexes = [models.Index(fields=["user", "at"], name="campaigns_mailingtest_of_user")]

    def __str__(self) -> str:
        return str(self.pk)
