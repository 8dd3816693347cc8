"""A mailing from its draft to its approval: texts, list, and two people."""

import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from campaigns import access
from campaigns import mailing_queries as queries
from campaigns import mailing_sealing as sealing
from campaigns.errors import MailingRefused, OwnOrder
from campaigns.mailing_files import Row
from campaigns.mailing_models import Mailing, MailingState, Recipient, RecipientState
from campaigns.mailing_texts import LINK, columns_used, fields_in, has_stray_braces
from giftcodes.masking import mask_codes
from parties import audit_log, second_factor
from parties.api_models import MAX_POINTS_A_DAY, ApiClient
from parties.errors import NotReachable
from parties.models import Role, User
from parties.staff_models import Act

CLIENT_NAME = "メールで贈るギフト / e-mailed gifts"
MAX_REASON_LENGTH = 200
_ROWS_PER_INSERT = 500


class Wording(NamedTuple):
    """What a mailing says, as it was typed."""

    title: str
    subject_ja: str
    body_ja: str
    subject_en: str
    body_en: str
    sender_name: str
    sender_address: str
    contact: str


@transaction.atomic
def create_mailing(*, campaign_id: int, wording: Wording, user: User, at: datetime) -> Mailing:
    """A draft, without a list as yet. Its gifts will be drawn by an API client of the brand that has no keys,
    so that its points of a day are a brake, and disabling it is another one.

    NotReachable for anybody but a marketer of the brand, and for sandboxes; MailingRefused as `edit_mailing`.
    """
    campaign = access.access_campaign(user, campaign_id, Role.MARKETER)
    if campaign.brand.sandbox_of_id is not None:
        raise NotReachable
    refuse_unfit(wording, ())
    client, _is_new = ApiClient.objects.get_or_create(
        brand=campaign.brand,
        name=CLIENT_NAME,
        defaults={"created_by": user, "created_at": at, "points_per_day": MAX_POINTS_A_DAY},
    )
    mailing = Mailing.objects.create(
        campaign=campaign, client=client, created_by=user, created_at=at, **wording._asdict()
    )
    audit_log.record(Act.ADDED, by=user, subject=mailing)
    return mailing


@transaction.atomic
def edit_mailing(*, mailing_id: int, wording: Wording, user: User) -> Mailing:
    """Other texts for a draft.

    NotReachable; MailingRefused by rule: `state`, `no_link` (a text without {{link}}), `link_in_subject`,
    `braces`, `a_code`, `english` (half an English text), `fields` (`detail`: those that the list does not
    have).
    """
    mailing = _hold(mailing_id, user, Role.MARKETER, state=MailingState.DRAFT)
    refuse_unfit(wording, mailing.columns)
    Mailing.objects.filter(pk=mailing.pk).update(**wording._asdict())
    audit_log.record(Act.CHANGED, by=user, subject=mailing, reason="texts")
    return Mailing.objects.get(pk=mailing.pk)


def refuse_unfit(wording: Wording, columns: Sequence[str]) -> None:
    """MailingRefused for texts that can't be mailed, whatever the list says. Without a list any field may be
    used: the list is looked at when it comes.
    """
    bodies = [wording.body_ja, *([wording.body_en] if wording.body_en else [])]
    unknown = columns_used(wording) - set(columns) if columns else set()
    rules = {
        "no_link": all(LINK in fields_in(body) for body in bodies),
        "link_in_subject": LINK not in fields_in(wording.subject_ja + wording.subject_en),
        "braces": not any(map(has_stray_braces, (*bodies, wording.subject_ja, wording.subject_en))),
        "a_code": not any(mask_codes(text).codes for text in wording),
        "english": bool(wording.subject_en) == bool(wording.body_en),
        "fields": not unknown,
    }
    for rule, is_kept in rules.items():
        if not is_kept:
            raise MailingRefused(rule, ", ".join(sorted(unknown)))


@transaction.atomic
def replace_list(
    *,
    mailing_id: int,
    rows: Sequence[Row],
    columns: Sequence[str],
    twice: int,
    user: User,
    at: datetime,
) -> Mailing:
    """These rows in place of the draft's list, all or none. Who wants no mail of the brand, or is known not
    to be reached, stays in the list and is left out.

    NotReachable; MailingRefused by rule: `state`, `no_rows`, `fields` (the texts use one that the list does
    not have); MailKeysMissing.
    """
    mailing = _hold(mailing_id, user, Role.MARKETER, state=MailingState.DRAFT)
    if not rows:
        raise MailingRefused("no_rows")
    if missing := columns_used(mailing) - set(columns):
        raise MailingRefused("fields", ", ".join(sorted(missing)))
    brand_id = mailing.campaign.brand_id
    digests = [sealing.digests_of(brand_id, row.person.address) for row in rows]
    opted, bounced = queries.kept_out(brand_id, digests)
    Recipient.objects.filter(mailing=mailing).delete()
    Recipient.objects.bulk_create(
        [
            Recipient(
                mailing=mailing,
                row=row.number,
                digest=known[0],
                sealed=sealing.seal(row.person),
                language=row.language,
                points=row.points,
                state=_state_of(known[0], opted, bounced),
                next_try_at=at,
            )
            for row, known in zip(rows, digests, strict=True)
        ],
        batch_size=_ROWS_PER_INSERT,
    )
    Mailing.objects.filter(pk=mailing.pk).update(columns=list(columns), twice=twice)
    audit_log.record(Act.CHANGED, by=user, subject=mailing, reason=f"list: {len(rows)}")
    return Mailing.objects.get(pk=mailing.pk)


def _state_of(digest: str, opted: set[str], bounced: set[str]) -> RecipientState:
    if digest in opted:
        return RecipientState.OPTED_OUT
    return RecipientState.BLOCKED if digest in bounced else RecipientState.WAITING


@transaction.atomic
def submit_mailing(
    *, mailing_id: int, consent_how: str, is_consent_stated: bool, user: User, at: datetime
) -> Mailing:
    """Ask another person to have it sent. Whoever asks states that all recipients agreed to be mailed, and
    how (特定電子メール法 3条): that is kept with the mailing.

    NotReachable; MailingRefused by rule: `state`, `consent`, `no_rows` (nobody to mail), `no_english` (a row
    wants English, and there is no English text), what `refuse_unfit` says, `no_order` (no order of the
    campaign issues gifts now), `gift_points` (a row has more points than a gift may have), `budget`.
    """
    mailing = _hold(mailing_id, user, Role.MARKETER, state=MailingState.DRAFT)
    how = consent_how.strip()
    if not is_consent_stated or not 1 <= len(how) <= 500 or "\0" in how:
        raise MailingRefused("consent")
    refuse_unfit(Wording(*(getattr(mailing, field) for field in Wording._fields)), mailing.columns)
    if queries.counts_of(mailing).of(RecipientState.WAITING) == 0:
        raise MailingRefused("no_rows")
    if queries.has_english_rows(mailing) and not mailing.body_en:
        raise MailingRefused("no_english")
    mailing.face_points = _refuse_short(mailing, at).face_points
    mailing.consent_how, mailing.state = mask_codes(how).text[:500], MailingState.SUBMITTED
    mailing.requested_by, mailing.requested_at = user, at
    mailing.decision_note, mailing.fingerprint = "", queries.fingerprint_of(mailing)
    mailing.save()
    audit_log.record(Act.SUBMITTED, by=user, subject=mailing)
    return mailing


@transaction.atomic
def reopen_mailing(*, mailing_id: int, user: User) -> Mailing:
    """A submitted mailing is a draft again, to be changed. NotReachable; MailingRefused: `state`."""
    mailing = _hold(mailing_id, user, Role.MARKETER, state=MailingState.SUBMITTED)
    return _as_draft(mailing, Act.REOPENED, user, "")


@transaction.atomic
def reject_mailing(*, mailing_id: int, note: str, user: User) -> Mailing:
    """Back to its marketer, with a reason.

    NotReachable for anybody but an approver of the brand; OwnOrder; MailingRefused by rule: `reason`,
    `state`.
    """
    mailing = _to_decide(mailing_id, user)
    return _as_draft(mailing, Act.REJECTED, user, plain_reason(note))


@transaction.atomic
def approve_mailing(
    *, mailing_id: int, fingerprint: str, user: User, verified_at: datetime | None, at: datetime
) -> Mailing:
    """Have it sent, exactly as it was seen: sending begins with that.

    NotReachable for anybody but an approver of the brand; OwnOrder for whoever wrote it or asked; FactorStale
    unless the second factor was shown at most five minutes before; MailingRefused by rule: `state`, `changed`
    (not what was seen or submitted), `no_order`, `gift_points`, `budget`.
    """
    mailing = _to_decide(mailing_id, user)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    now = queries.fingerprint_of(mailing).encode()
    seen, submitted = fingerprint.encode(), mailing.fingerprint.encode()
    if not (hmac.compare_digest(seen, submitted) and hmac.compare_digest(submitted, now)):
        raise MailingRefused("changed")
    _refuse_short(mailing, at)
    mailing.state, mailing.decided_by, mailing.decided_at = MailingState.SENDING, user, at
    mailing.save()
    Recipient.objects.filter(mailing=mailing, state=RecipientState.WAITING).update(next_try_at=at)
    audit_log.record(Act.APPROVED, by=user, subject=mailing)
    return mailing


@transaction.atomic
def stop_mailing(*, mailing_id: int, reason: str, user: User, at: datetime) -> Mailing:
    """Mail nobody more, at once, whoever waits for another code neither: a marketer or an approver of the
    brand may do that alone. What is in the mail server's hands is out of ours. A stopped mailing does not go
    on.

    NotReachable; MailingRefused by rule: `reason`, `state`.
    """
    mailing = _hold(mailing_id, user, Role.MARKETER, Role.APPROVER, state=MailingState.SENDING)
    reason = plain_reason(reason)
    mailing.state, mailing.ended_at, mailing.decision_note = MailingState.STOPPED, at, reason
    mailing.save()
    queued = [RecipientState.WAITING, RecipientState.TAKEN]  # replaced: these are mailed in any other state
    again = Recipient.objects.filter(mailing=mailing, round__gt=0, state__in=queued)
    again.update(state=RecipientState.REFUSED, note="stopped")
    audit_log.record(Act.CHANGED, by=user, subject=mailing, label=f"{mailing}: stopped", reason=reason)
    return mailing


def plain_reason(reason: str) -> str:
    """What people give as a reason, without codes; MailingRefused (`reason`) if there is none."""
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON_LENGTH or "\0" in reason:
        raise MailingRefused("reason")
    return mask_codes(reason).text[:MAX_REASON_LENGTH]


def _hold(mailing_id: int, user: User, *roles: Role, state: MailingState) -> Mailing:
    """The mailing, held to the end of the transaction, in this state. NotReachable, MailingRefused."""
    reached = access.reachable_mailings(user, *roles)
    mailing = (
        Mailing.objects.select_for_update(of=("self",))
        .select_related("campaign__brand")
        .filter(pk__in=reached.filter(pk=mailing_id).values("pk"))
        .first()
    )
    if mailing is None:
        raise NotReachable
    if mailing.state != state:
        raise MailingRefused("state")
    return mailing


def _to_decide(mailing_id: int, user: User) -> Mailing:
    mailing = _hold(mailing_id, user, Role.APPROVER, state=MailingState.SUBMITTED)
    if user.pk in {mailing.requested_by_id, mailing.created_by_id}:
        raise OwnOrder
    return mailing


def _as_draft(mailing: Mailing, act: Act, user: User, note: str) -> Mailing:
    mailing.state, mailing.fingerprint, mailing.decision_note = MailingState.DRAFT, "", note
    mailing.face_points = None
    mailing.requested_by = mailing.requested_at = None
    mailing.save()
    audit_log.record(act, by=user, subject=mailing, reason=note)
    return mailing


def _refuse_short(mailing: Mailing, at: datetime) -> queries.Room:
    room = queries.room_for(mailing, at=at)
    if room.most_points is None:
        raise MailingRefused("no_order")
    if max(queries.most_points_of(mailing), room.face_points) > room.most_points:
        raise MailingRefused("gift_points", str(room.most_points))
    if not room.is_enough:
        raise MailingRefused("budget")
    return room
