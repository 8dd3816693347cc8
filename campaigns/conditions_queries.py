"""Which conditions of a campaign are in force, and who has accepted them. Nothing here changes a row."""

import hashlib
import json
from datetime import UTC, datetime

from django.db.models import Count, QuerySet

from campaigns.conditions_models import ConditionsAcceptance, ConditionsVersion
from campaigns.models import Campaign
from parties.models import Member


def versions_of(campaign: Campaign) -> QuerySet[ConditionsVersion]:
    """The published versions, newest first, upcoming ones among them."""
    return campaign.conditions.filter(published_at__isnull=False).order_by("-number")


def draft_of(campaign: Campaign) -> ConditionsVersion | None:
    """The draft that somebody of the brand is writing."""
    return campaign.conditions.filter(published_at=None).first()


def conditions_in_force(campaign: Campaign, *, at: datetime) -> ConditionsVersion | None:
    """The version that a member has to accept at `at`; None if the campaign asks for nothing."""
    return versions_of(campaign).filter(in_force_from__lte=at).first()


def with_counts(versions: QuerySet[ConditionsVersion]) -> QuerySet[ConditionsVersion]:
    """The versions with `accepted_by`, how many members accepted each."""
    return versions.select_related("published_by").annotate(accepted_by=Count("acceptances"))


def acceptance_of(member: Member, version: ConditionsVersion) -> ConditionsAcceptance | None:
    """When and in which language the member accepted the version, if they did."""
    return ConditionsAcceptance.objects.filter(member=member, version=version).first()


def sha256_of(text: str) -> str:
    """The SHA-256 of a text as UTF-8, in hexadecimal; "" for no text."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def fingerprint_of_draft(draft: ConditionsVersion) -> str:
    """SHA-256 over what a publication would promise: the texts, and from when."""
    begins = draft.in_force_from and draft.in_force_from.astimezone(UTC).isoformat()
    content = [draft.campaign_id, draft.sha256_ja, draft.sha256_en, begins]
    return sha256_of(json.dumps(content, separators=(",", ":")))
