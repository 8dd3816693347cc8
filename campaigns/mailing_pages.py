"""What the page of a mailing shows, and what whoever looks may do there."""

from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from campaigns import mailing_queries as queries
from campaigns.mailing_models import (
    MailBounce,
    Mailing,
    MailingState,
    MailOptOut,
    RecipientState,
)
from campaigns.mailing_texts import Mail
from campaigns.services.mailing_tests import preview_of
from parties.access import holds_role
from parties.models import Role, User

BADGES = {
    MailingState.DRAFT: "quiet",
    MailingState.SUBMITTED: "waiting",
    MailingState.SENDING: "waiting",
    MailingState.SENT: "good",
    MailingState.STOPPED: "bad",
}


class Preview(NamedTuple):
    """The mail in one language."""

    language: str
    label: str
    mail: Mail
    place: queries.Place | None


def context_of(mailing: Mailing, *, user: User, site_url: str, row: int, at: datetime) -> dict[str, Any]:
    """Everything on the page; the template only arranges it. `row`: whose mail is shown."""
    brand_id = mailing.campaign.brand_id
    counts = queries.counts_of(mailing)
    own = user.pk in {mailing.requested_by_id, mailing.created_by_id}
    submitted, draft = mailing.state == MailingState.SUBMITTED, mailing.state == MailingState.DRAFT
    sending = mailing.state == MailingState.SENDING
    is_marketer, is_approver = (holds_role(user, brand_id, role) for role in (Role.MARKETER, Role.APPROVER))
    # Whose name it is, is shown to those who have to judge the mail, and only before it is out.
    with_row = (draft or submitted) and (is_marketer or is_approver)
    bounces = MailBounce.objects.filter(brand=brand_id, recipient__mailing=mailing, lifted_at=None)
    return {
        "mailing": mailing,
        "campaign": mailing.campaign,
        "badge": BADGES[MailingState(mailing.state)],
        "counts": counts,
        "sent": counts.of(RecipientState.SENT),
        "waiting": counts.of(RecipientState.WAITING, RecipientState.TAKEN, RecipientState.HANDING),
        "unsure": counts.of(RecipientState.UNSURE),
        "refused": counts.of(RecipientState.REFUSED),
        "bounced": counts.of(RecipientState.BOUNCED),
        "opted_out": counts.of(RecipientState.OPTED_OUT),
        "blocked": counts.of(RecipientState.BLOCKED),
        "opted_since": MailOptOut.objects.filter(recipient__mailing=mailing).count(),
        "rows": queries.shown(queries.rows_to_look_at(mailing)),
        "standing_bounces": set(bounces.values_list("recipient_id", flat=True)),
        "room": queries.room_for(mailing, at=at) if draft or submitted or sending else None,
        "previews": _previews(mailing, row if with_row else None, site_url=site_url, at=at),
        "may_edit": draft and is_marketer,
        "may_test": with_row,
        "may_decide": submitted and not own and is_approver,
        "waits_for_another": submitted and own,
        "may_reopen": submitted and is_marketer,
        "may_stop": sending and (is_marketer or is_approver),
        "may_send_again": is_marketer and mailing.state in (MailingState.SENDING, MailingState.SENT),
        "may_repair": holds_role(user, brand_id, Role.MARKETER, Role.SUPPORT),
        "is_own_address_known": bool(user.email),
    }


def _previews(mailing: Mailing, number: int | None, *, site_url: str, at: datetime) -> list[Preview]:
    languages = [("ja", _("Japanese")), *([("en", _("English"))] if mailing.body_en else [])]
    found = []
    for language, label in languages:
        place = None if number is None else queries.place_of(mailing, language, number)
        row = place.row if place else None
        mail = preview_of(mailing, row, language=language, site_url=site_url, at=at)
        found.append(Preview(language, label, mail, place))
    return found
