"""What a member agreed to. Rows are only ever added; the newest of each purpose counts."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery

from parties.models import Consent, Language, Member, Purpose, User

MOST_SHOWN = 50
# Versions of the wording that did not tell what is done now: who agreed to them is asked again.
TOO_NARROW = {
    Purpose.STATISTICS: ["2026-11-28", "2026-11-28.2"],  # "nobody is told": since then, companies are
}


def standing_consents(member_id: int) -> set[Purpose]:
    """What the member agrees to now, by a wording that told what is done."""
    newest = _newest(member_id)
    return {of for of, said in newest.items() if said.granted and said.wording not in TOO_NARROW.get(of, ())}


def _newest(member_id: int) -> dict[Purpose, Consent]:
    said = Consent.objects.filter(member=member_id).order_by("given_at", "pk")
    return {Purpose(one.purpose): one for one in said}  # later rows replace earlier ones


def consent_of(purpose: Purpose, member: str) -> Subquery:
    """For queries: whether the member of that column agrees to the purpose, as `standing_consents` says; NULL
    if they never said.
    """
    said = Consent.objects.filter(member=OuterRef(member), purpose=purpose)
    stands = Q(granted=True)
    if purpose in TOO_NARROW:
        stands &= ~Q(wording__in=TOO_NARROW[purpose])
    agrees = ExpressionWrapper(stands, output_field=BooleanField())
    return Subquery(said.order_by("-given_at", "-pk").annotate(agrees=agrees).values("agrees")[:1])


def history_of_consents(member_id: int) -> QuerySet[Consent]:
    """What the member said and when, the newest first; at most MOST_SHOWN."""
    return Consent.objects.filter(member=member_id).order_by("-given_at", "-pk")[:MOST_SHOWN]


@transaction.atomic
def record_consents(
    *, member_id: int, choices: Mapping[Purpose, bool], wording: str, language: str, at: datetime
) -> int:
    """Record what is now said otherwise than before, one row each, with the version of the wording and the
    language in which it was read; how many rows. Whoever never said anything has not agreed. Nothing for a
    member who has left.
    """
    member = Member.objects.select_for_update(no_key=True).filter(pk=member_id, closed_at=None).first()
    if member is None:
        return 0
    newest, standing = _newest(member_id), standing_consents(member_id)
    changed = [
        purpose
        for purpose, is_wanted in choices.items()
        if (purpose not in standing if is_wanted else purpose in newest and newest[purpose].granted)
    ]
    Consent.objects.bulk_create(
        Consent(
            member=member,
            purpose=purpose,
            granted=choices[purpose],
            given_at=at,
            wording=wording,
            language=language if language in Language.values else "",
        )
        for purpose in changed
    )
    return len(changed)


def withdraw_consents(*, member_id: int, at: datetime) -> None:
    """Withdraw everything that the member agreed to."""
    record_consents(
        member_id=member_id, choices=dict.fromkeys(Purpose, False), wording="", language="", at=at
    )


def prefer_language(*, user_id: int, language: str) -> None:
    """Remember in which language the person wants their mails. Nothing for a language that there is not."""
    if language in Language.values:
        User.objects.filter(pk=user_id).exclude(language=language).update(language=language)
