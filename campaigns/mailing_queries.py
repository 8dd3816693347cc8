"""What can be asked of mailings. Nothing here changes a row."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from campaigns import access
from campaigns import mailing_sealing as sealing
from campaigns.mailing_models import (
    UNDER_WAY,
    MailBounce,
    Mailing,
    MailingState,
    MailOptOut,
    Recipient,
    RecipientState,
)
from campaigns.queries import limit_group_of
from giftcodes.gift_models import Gift
from giftcodes.gift_queries import left_of
from giftcodes.models import Batch, BatchState
from parties.access import Person
from parties.models import Role

ROWS_SHOWN = 50
_DIGESTS_AT_ONCE = 500


class Counts(NamedTuple):
    """A list by what became of its rows."""

    by_state: dict[str, int]
    total: int

    def of(self, *states: str) -> int:
        return sum(self.by_state.get(state, 0) for state in states)

    @property
    def to_mail(self) -> int:
        """How many will be mailed, or are."""
        return self.total - self.of(RecipientState.OPTED_OUT, RecipientState.BLOCKED)


class Room(NamedTuple):
    """What the campaign's orders can give now, beside what the mailing needs. `most_points` is what one gift
    may be worth at most, None if no order issues gifts now.
    """

    gifts: int
    points: int
    gifts_needed: int
    points_needed: int
    most_points: int | None
    claim_until: datetime | None
    face_points: int

    @property
    def is_enough(self) -> bool:
        return self.gifts >= self.gifts_needed and self.points >= self.points_needed


class Shown(NamedTuple):
    """A row as people see it."""

    recipient: Recipient
    address: str


def counts_of(mailing: Mailing) -> Counts:
    rows = Recipient.objects.filter(mailing=mailing).order_by().values_list("state").annotate(Count("pk"))
    by_state = dict(rows)
    return Counts(by_state, sum(by_state.values()))


def room_for(mailing: Mailing, *, at: datetime) -> Room:
    """What the rows that still wait need, and what there is for them. A row without points of its own is
    worth what the newest order says, or said when the mailing was submitted.
    """
    orders = Batch.objects.filter(
        brand=mailing.campaign.brand_id,
        limit_group=limit_group_of(mailing.campaign),
        state=BatchState.ACTIVE,
        most_points__isnull=False,
        claim_from__lte=at,
        claim_until__gt=at,
    ).order_by("-approved_at", "-pk")
    issuing = list(orders)
    newest = issuing[0].face_points if issuing else 0  # gifts are drawn from the newest one first
    face = newest if mailing.face_points is None else mailing.face_points
    waiting = Recipient.objects.filter(mailing=mailing, state__in=UNDER_WAY, gift=None)
    needed = waiting.aggregate(gifts=Count("pk"), points=Sum(Coalesce("points", face)))
    left = [left_of(batch) for batch in issuing]
    return Room(
        gifts=sum(amount.gifts for amount in left),
        points=sum(amount.points for amount in left),
        gifts_needed=needed["gifts"],
        points_needed=needed["points"] or 0,
        most_points=max((batch.most_points or 0 for batch in issuing), default=None),
        claim_until=issuing[0].claim_until if issuing else None,
        face_points=face,
    )


def most_points_of(mailing: Mailing) -> int:
    """What the dearest gift of the list is worth by its row; 0 if no row has its own."""
    return Recipient.objects.filter(mailing=mailing).aggregate(most=Max("points"))["most"] or 0


def has_english_rows(mailing: Mailing) -> bool:
    return Recipient.objects.filter(mailing=mailing, language="en").exists()


def kept_out(brand_id: int, digests: Sequence[Sequence[str]]) -> tuple[set[str], set[str]]:
    """Of addresses, each by all its digests: the newest digests of those that want no mail of the brand, and
    of those that mail came back from.
    """
    newest = {digest: known[0] for known in digests for digest in known}
    flat = list(newest)
    opted: set[str] = set()
    bounced: set[str] = set()
    for start in range(0, len(flat), _DIGESTS_AT_ONCE):
        some = flat[start : start + _DIGESTS_AT_ONCE]
        opt_outs = MailOptOut.objects.filter(brand=brand_id, digest__in=some)
        bounces = MailBounce.objects.filter(brand=brand_id, digest__in=some, lifted_at=None)
        opted |= {newest[digest] for digest in opt_outs.values_list("digest", flat=True)}
        bounced |= {newest[digest] for digest in bounces.values_list("digest", flat=True)}
    return opted, bounced - opted


def fingerprint_of(mailing: Mailing) -> str:
    """SHA-256 over everything that is approved: the texts, who sends them, how the recipients agreed, the
    campaign, each row of the list as it is kept, and the points of those that name none.
    """
    rows = Recipient.objects.filter(mailing=mailing).order_by("row")
    of_list = hashlib.sha256()
    for row in rows.values_list("row", "digest", "sealed", "language", "points").iterator(chunk_size=2_000):
        of_list.update(json.dumps(row).encode() + b"\n")
    content = {
        "format": "tokuten-mailing-2",
        "number": mailing.public_id.hex,
        "campaign": mailing.campaign_id,
        "texts": [mailing.subject_ja, mailing.body_ja, mailing.subject_en, mailing.body_en],
        "sender": [mailing.sender_name, mailing.sender_address, mailing.contact],
        "consent": mailing.consent_how,
        "list": of_list.hexdigest(),
        "face_points": mailing.face_points,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def person_of(recipient: Recipient) -> sealing.Person | None:
    """Whom the row names; None once that has been deleted. MailKeysMissing."""
    return sealing.unseal(recipient.sealed) if recipient.sealed else None


def digests_of(recipient: Recipient) -> list[str]:
    """How the row's address is known to the brand, its newest digest first: the row keeps the one of the day
    on which the list was taken, and other lists may know it by another master key's. MailKeysMissing.
    """
    person = person_of(recipient)
    known = sealing.digests_of(recipient.mailing.campaign.brand_id, person.address) if person else []
    return [*known, recipient.digest]


def masked(address: str) -> str:
    """What of an address is shown: enough to tell it from others for whoever knows it.

    >>> masked("taro.yamada@example.jp")
    't•••@e•••.jp'
    """
    local, _at, domain = address.rpartition("@")
    host, _dot, top = domain.rpartition(".")
    return f"{local[:1]}•••@{host[:1]}•••.{top}"


def shown(recipients: Iterable[Recipient]) -> list[Shown]:
    """Rows with masked addresses; without one where it was deleted."""
    people = ((recipient, person_of(recipient)) for recipient in recipients)
    return [Shown(recipient, masked(person.address) if person else "") for recipient, person in people]


def rows_to_look_at(mailing: Mailing) -> list[Recipient]:
    """Rows that did not go well, the undecided first."""
    states = [RecipientState.REFUSED, RecipientState.BOUNCED, RecipientState.UNSURE]
    rows = Recipient.objects.filter(mailing=mailing).filter(
        Q(state__in=states) | ~Q(note="") & Q(state__in=UNDER_WAY)
    )
    return list(rows.order_by("-state", "row")[:ROWS_SHOWN])


def row_with(mailing: Mailing, address: str) -> Recipient | None:
    """The row of the address in the list."""
    digests = sealing.digests_of(mailing.campaign.brand_id, address)
    return Recipient.objects.filter(mailing=mailing, digest__in=digests).first()


def first_row(mailing: Mailing, language: str = "") -> Recipient | None:
    """A row to show the mail with."""
    rows = Recipient.objects.filter(mailing=mailing).exclude(sealed="")
    return (rows.filter(language=language) if language else rows).order_by("row").first()


class Place(NamedTuple):
    """A row to show the mail with, and the numbers of the rows around it that read the same text."""

    row: Recipient
    before: int | None
    after: int | None


def place_of(mailing: Mailing, language: str, number: int) -> Place | None:
    """The first row of the language from that number on, else its first row, else the first of any language;
    None without a list.
    """
    every = Recipient.objects.filter(mailing=mailing).exclude(sealed="").order_by("row")
    rows = every.filter(language=language) if every.filter(language=language).exists() else every
    row = rows.filter(row__gte=number).first() or rows.first()
    if row is None:
        return None
    numbers = rows.values_list("row", flat=True)
    return Place(row, numbers.filter(row__lt=row.row).last(), numbers.filter(row__gt=row.row).first())


def is_over(mailing: Mailing) -> bool:
    """Whether nobody of the list is still to be mailed."""
    return not Recipient.objects.filter(mailing=mailing, state__in=UNDER_WAY).exists()


def waits_until(mailing: Mailing) -> datetime | None:
    """When the next row is tried that waits, if all of them do."""
    waiting = Recipient.objects.filter(mailing=mailing, state=RecipientState.WAITING)
    found: datetime | None = waiting.aggregate(soonest=Min("next_try_at"))["soonest"]
    return found if mailing.state == MailingState.SENDING else None


def gifts_mailed_to(address: str, mailings: QuerySet[Mailing]) -> QuerySet[Gift]:
    """The gifts of these mailings that are for the address, newest first; the address is looked up by its
    digests alone.
    """
    brands = mailings.order_by().values_list("campaign__brand", flat=True).distinct()
    digests = [digest for brand_id in brands for digest in sealing.digests_of(brand_id, address)]
    rows = Recipient.objects.filter(mailing__in=mailings, digest__in=digests)
    return Gift.objects.filter(recipient__in=rows).order_by("-pk")


def is_of_a_mailing(gift: Gift) -> bool:
    """Whether the gift was drawn for a mailing: by its client, so from the first moment."""
    return Mailing.objects.filter(client=gift.request.client_id).exists()


def mailings_to_decide(user: Person) -> QuerySet[Mailing]:
    """Submitted mailings that the person may approve or reject."""
    reached = access.reachable_mailings(user, Role.APPROVER).filter(state=MailingState.SUBMITTED)
    return reached.exclude(requested_by=user.pk).exclude(created_by=user.pk)
