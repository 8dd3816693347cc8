"""Conditions of participation: written, published, and accepted by the claim that needs them."""

from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.utils.crypto import constant_time_compare

from campaigns import access, conditions_queries
from campaigns.conditions_models import MAX_CONDITIONS_LETTERS, ConditionsLanguage, ConditionsVersion
from campaigns.errors import ConditionsChanged, ConditionsUnfit
from campaigns.models import Campaign
from campaigns.services.orders import hold_campaign
from giftcodes.services import Proviso
from ledger.statements import Statement, instant_sql
from parties.models import Member, Role, User


class Tick(NamedTuple):
    """What a person accepted on a page: a version, in the language in which it stood there."""

    version_id: int
    language: ConditionsLanguage


@transaction.atomic
def write_conditions(
    *, campaign_id: int, text_ja: str, text_en: str, in_force_from: datetime | None, user: User, at: datetime
) -> ConditionsVersion:
    """Begin the draft of the next version, or write it anew. Nothing is asked of members yet.

    `in_force_from` None: as soon as it is published. NotReachable for anybody but a marketer of the brand,
    ConditionsUnfit without a Japanese text or with too long a one.
    """
    campaign = _hold(user, campaign_id)
    if not text_ja.strip() or max(len(text_ja), len(text_en)) > MAX_CONDITIONS_LETTERS:
        raise ConditionsUnfit
    newest = conditions_queries.versions_of(campaign).first()
    return ConditionsVersion.objects.update_or_create(
        campaign=campaign,
        published_at=None,
        defaults={
            "number": newest.number + 1 if newest else 1,
            "text_ja": text_ja,
            "text_en": text_en,
            "sha256_ja": conditions_queries.sha256_of(text_ja),
            "sha256_en": conditions_queries.sha256_of(text_en),
            "in_force_from": in_force_from,
            "edited_by": user,
            "edited_at": at,
        },
    )[0]


@transaction.atomic
def discard_conditions(*, campaign_id: int, user: User) -> None:
    """Delete the draft, if there is one. NotReachable for anybody but a marketer of the brand."""
    campaign = _hold(user, campaign_id)
    ConditionsVersion.objects.filter(campaign=campaign, published_at=None).delete()


@transaction.atomic
def publish_conditions(*, campaign_id: int, fingerprint: str, user: User, at: datetime) -> ConditionsVersion:
    """Publish the draft that the person saw, for ever. It is in force from the moment that it names, and
    never before `at`.

    NotReachable for anybody but a marketer of the brand, ConditionsChanged if the draft is gone or has
    another fingerprint.
    """
    draft = conditions_queries.draft_of(_hold(user, campaign_id))
    if draft is None or not constant_time_compare(
        fingerprint, conditions_queries.fingerprint_of_draft(draft)
    ):
        raise ConditionsChanged
    draft.published_by, draft.published_at = user, at
    draft.in_force_from = max(draft.in_force_from or at, at)
    draft.save(update_fields=["published_by", "published_at", "in_force_from"])
    return draft


def unless_accepted(*, member: Member, tick: Tick | None) -> Proviso:
    """For `giftcodes.try_code`: the conditions that are in force for the campaign of the code, if the member
    has not accepted them, neither before nor with `tick`.

    What is ticked is recorded in the transaction of the claim, so that there is no acceptance without the
    claim that it was for; it counts for the version in force alone, whatever it names. ClaimHeldBack then
    has one row, of the version's id.
    """

    def statements(batch_id: int, at: datetime | None) -> list[Statement]:
        now, now_params = instant_sql(at)
        in_force, of_batch = _IN_FORCE.format(now=now), [batch_id, *now_params]
        missing = Statement(_MISSING.format(in_force=in_force), [*of_batch, member.pk])
        if tick is None:
            return [missing]
        accept = _ACCEPT.format(in_force=in_force, now=now, language=tick.language.value)
        return [Statement(accept, [member.pk, *now_params, tick.version_id, *of_batch]), missing]

    return statements


_IN_FORCE = (
    "SELECT n.id FROM campaigns_order o JOIN campaigns_conditionsversion n ON n.campaign_id = o.campaign_id"
    " WHERE o.batch_id = %s AND n.published_at IS NOT NULL AND n.in_force_from <= {now}"
    " ORDER BY n.number DESC LIMIT 1"
)
_MISSING = (
    "SELECT v.id FROM ({in_force}) v WHERE NOT EXISTS (SELECT 1 FROM campaigns_conditionsacceptance a"
    " WHERE a.version_id = v.id AND a.member_id = %s)"
)
# A language in which the version has no text can't have been shown.
_ACCEPT = (
    "INSERT INTO campaigns_conditionsacceptance (member_id, version_id, accepted_at, language, sha256)"
    " SELECT %s, v.id, {now}, '{language}', v.sha256_{language} FROM campaigns_conditionsversion v"
    " WHERE v.id = %s AND v.sha256_{language} <> '' AND v.id = ({in_force})"
    " ON CONFLICT (member_id, version_id) DO NOTHING"
)


def _hold(user: User, campaign_id: int) -> Campaign:
    """The campaign, if the person may write for it, held like for every edit of it."""
    campaign = access.access_campaign(user, campaign_id, Role.MARKETER)
    hold_campaign(campaign_id=campaign.pk)
    return campaign
