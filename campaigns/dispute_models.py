"""What members ask support ("it says used, but I did not"): tickets, what was written, what was known, and
the mails that tell of answers. No code stands here: services mask whatever looks like one.
"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from giftcodes.guard_models import Outcome
from giftcodes.models import Batch
from giftcodes.queries import SerialState
from parties.models import Brand, Member, User

NUMBER_LENGTH = (
    10  # of 30 characters: more than a member can try, and longer than the number of a refused try
)
MAX_TEXT_LENGTH = 2_000


class DisputeKind(models.TextChoices):
    NOT_USED = "not_used", _("the code can't be used, but the member did not use it")
    POINTS = "points", _("points are missing or wrong")
    OTHER = "other", _("something else")


class DisputeState(models.TextChoices):
    OPEN = "open", _("waits for support")
    ANSWERED = "answered", _("waits for the member")
    RESOLVED = "resolved", _("resolved")


class Resolution(models.TextChoices):
    FOR_MEMBER = "for_member", _("in the member's favour")
    NOT_FOR_MEMBER = "not_for_member", _("not in the member's favour")
    WITHDRAWN = "withdrawn", _("withdrawn by the member")


class Dispute(models.Model):
    """A ticket. `brand` is the one whose code it is about; without one it is the operator's.

    What the member said of the code is kept as they said it: it proves nothing. `waiting_since` is when it
    last came to lie with support.
    """

    number = models.CharField(_("ticket number"), max_length=NUMBER_LENGTH, unique=True, editable=False)
    form_number = models.UUIDField(_("number of the form"), unique=True, editable=False)
    member = models.ForeignKey(Member, models.PROTECT, related_name="disputes", verbose_name=_("member"))
    brand = models.ForeignKey(
        Brand, models.PROTECT, null=True, related_name="disputes", verbose_name=_("brand")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=DisputeKind.choices)
    language = models.CharField(_("language"), max_length=2)
    stated_reference = models.CharField(_("reference number, as stated"), max_length=8, blank=True)
    stated_serial = models.BigIntegerField(_("serial number, as stated"), null=True)
    opened_at = models.DateTimeField(_("asked at"))
    state = models.CharField(
        _("state"), max_length=10, choices=DisputeState.choices, default=DisputeState.OPEN
    )
    waiting_since = models.DateTimeField(_("waiting since"), null=True)
    answered_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("answered by")
    )
    answered_at = models.DateTimeField(_("answered at"), null=True)
    resolution = models.CharField(_("resolution"), max_length=15, choices=Resolution.choices, blank=True)
    resolved_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("resolved by")
    )
    resolved_at = models.DateTimeField(_("resolved at"), null=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=DisputeKind.values), name="campaigns_dispute_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(language__in=["ja", "en"]), name="campaigns_dispute_language_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", waiting_since__isnull=False)
                | (Q(state__in=["answered", "resolved"], waiting_since=None)),
                name="campaigns_dispute_open_waits",
            ),
            models.CheckConstraint(
                condition=~Q(state="answered") | Q(answered_by__isnull=False, answered_at__isnull=False),
                name="campaigns_dispute_answered_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state="resolved") & Q(resolution="", resolved_by=None, resolved_at=None)
                | Q(state="resolved", resolution__in=["for_member", "not_for_member"])
                & Q(resolved_by__isnull=False, resolved_at__isnull=False)
                | Q(state="resolved", resolution="withdrawn", resolved_by=None, resolved_at__isnull=False),
                name="campaigns_dispute_resolved_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["member", "opened_at"], name="campaigns_dispute_of_member"),
            models.Index(
                fields=["waiting_since"], name="campaigns_dispute_waiting", condition=Q(state="open")
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Act(models.TextChoices):
    """What a line of a ticket did."""

    ASK = "ask", _("asked")
    ADD = "add", _("added")
    WITHDRAW = "withdraw", _("withdrawn")
    ANSWER = "answer", _("answered")
    RESOLVE = "resolve", _("resolved")


OF_MEMBER = [Act.ASK, Act.ADD, Act.WITHDRAW]
OF_STAFF = [Act.ANSWER, Act.RESOLVE]


class DisputeMessage(models.Model):
    """One line of a ticket; `staff` is empty for what the member did. Append-only: erasing a person, and age,
    empty a text once, and nothing else ever changes.
    """

    dispute = models.ForeignKey(Dispute, models.PROTECT, related_name="messages", verbose_name=_("dispute"))
    form_number = models.UUIDField(_("number of the form"), unique=True, default=uuid.uuid4, editable=False)
    act = models.CharField(_("what"), max_length=10, choices=Act.choices)
    resolution = models.CharField(_("resolution"), max_length=15, choices=Resolution.choices, blank=True)
    text = models.TextField(_("text"), blank=True)
    masked_codes = models.PositiveSmallIntegerField(_("masked codes"), default=0)
    staff = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("staff"))
    written_at = models.DateTimeField(_("written at"))
    erased_at = models.DateTimeField(_("erased at"), null=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.CheckConstraint(
                condition=Q(act__in=OF_MEMBER, staff=None) | Q(act__in=OF_STAFF, staff__isnull=False),
                name="campaigns_disputemessage_by_its_side",
            ),
            models.CheckConstraint(
                condition=Q(act="withdraw", text="")
                | (~Q(act="withdraw") & ~Q(text="") & Q(erased_at=None))
                | (~Q(act="withdraw") & Q(text="", erased_at__isnull=False)),
                name="campaigns_disputemessage_has_text",
            ),
            models.CheckConstraint(
                condition=(Q(act="resolve", resolution__in=["for_member", "not_for_member"]))
                | (~Q(act="resolve") & Q(resolution="")),
                name="campaigns_disputemessage_resolution",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.act}"

    @property
    def is_of_member(self) -> bool:
        return self.act in OF_MEMBER


class SerialSource(models.TextChoices):
    TRY = "try", _("the refused try")
    STATED = "stated", _("the member's statement alone")


class DisputeEvidence(models.Model):
    """What was known when the ticket was opened: of the refused try, the code, the person. Never edited.

    A try is the member's own, or it is not here. Who claimed a code stands here as a mask, and as whether it
    was the same member.
    """

    dispute = models.OneToOneField(
        Dispute, models.PROTECT, related_name="evidence", primary_key=True, verbose_name=_("dispute")
    )
    collected_at = models.DateTimeField(_("collected at"))
    wallet = models.CharField(_("wallet (masked)"), max_length=9)
    strikes = models.PositiveSmallIntegerField(_("strikes in 24 hours"))
    lock_reference = models.CharField(_("lock"), max_length=8, blank=True)
    locked_until = models.DateTimeField(_("locked until"), null=True)

    reference = models.CharField(_("refused try"), max_length=8, blank=True)
    tried_at = models.DateTimeField(_("tried at"), null=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, blank=True)
    network = models.CharField(_("network"), max_length=50, blank=True)

    serial_number = models.BigIntegerField(_("serial number"), null=True)
    serial_source = models.CharField(
        _("serial number from"), max_length=6, choices=SerialSource.choices, blank=True
    )
    serial_state = models.CharField(
        _("state of the code"), max_length=10, choices=SerialState.choices, blank=True
    )
    batch = models.ForeignKey(Batch, models.PROTECT, null=True, related_name="+", verbose_name=_("batch"))
    channel_name = models.CharField(_("channel"), max_length=40, blank=True)
    voided_at = models.DateTimeField(_("withdrawn at"), null=True)
    claimed_at = models.DateTimeField(_("claimed at"), null=True)
    claimer = models.CharField(_("claimed by (masked wallet)"), max_length=9, blank=True)
    is_own_claim = models.BooleanField(_("claimed by the same member"), null=True)

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        constraints = [
            models.CheckConstraint(
                condition=Q(reference="", tried_at=None, outcome="", network="")
                | (~Q(reference="") & Q(tried_at__isnull=False, outcome__in=Outcome.values)),
                name="campaigns_disputeevidence_try",
            ),
            models.CheckConstraint(
                condition=Q(serial_number=None, serial_source="", serial_state="", batch=None)
                & Q(channel_name="", voided_at=None)
                | Q(serial_number__isnull=False, serial_source__in=SerialSource.values)
                & Q(serial_state__in=SerialState.values, batch__isnull=False),
                name="campaigns_disputeevidence_serial",
            ),
            models.CheckConstraint(
                condition=Q(serial_state="claimed", claimed_at__isnull=False, is_own_claim__isnull=False)
                & ~Q(claimer="")
                | ~Q(serial_state="claimed") & Q(claimed_at=None, is_own_claim=None, claimer=""),
                name="campaigns_disputeevidence_claim",
            ),
            models.CheckConstraint(
                condition=Q(lock_reference="", locked_until=None)
                | (~Q(lock_reference="") & Q(locked_until__isnull=False)),
                name="campaigns_disputeevidence_lock",
            ),
        ]
        indexes = [models.Index(fields=["serial_number"], name="campaigns_evidence_serial")]

    def __str__(self) -> str:
        return str(self.dispute_id)


class NoticeState(models.TextChoices):
    WAITING = "waiting", _("to be sent")
    SENDING = "sending", _("being sent")
    TOLD = "told", pgettext_lazy("notice", "sent")
    GIVEN_UP = "given_up", _("given up")


class NoticeFailure(models.TextChoices):
    NO_ADDRESS = "no_address", _("the member has no address any more")
    SERVER = "server", _("the mail server could not be reached")
    UNKNOWN = "unknown", _("it broke off, and may have been sent or not")


class DisputeNotice(models.Model):
    """The mail that tells a member of one answer: the queue is this table. Whoever moves it from waiting to
    sending sends it, once; what broke off in between is given up, never repeated.
    """

    message = models.OneToOneField(
        DisputeMessage, models.PROTECT, related_name="notice", primary_key=True, verbose_name=_("message")
    )
    state = models.CharField(
        _("state"), max_length=10, choices=NoticeState.choices, default=NoticeState.WAITING
    )
    due_at = models.DateTimeField(_("due at"))  # while it is being sent: when it counts as broken off
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    failure = models.CharField(_("why"), max_length=10, choices=NoticeFailure.choices, blank=True)
    ended_at = models.DateTimeField(_("sent or given up at"), null=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending"], ended_at=None, failure="")
                | Q(state="told", ended_at__isnull=False, failure="")
                | Q(state="given_up", ended_at__isnull=False, failure__in=NoticeFailure.values),
                name="campaigns_disputenotice_ends_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="campaigns_notice_due",
                condition=Q(state__in=["waiting", "sending"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.state}"
