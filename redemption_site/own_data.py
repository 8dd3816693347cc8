"""Everything that is held about one member, as a file for them to keep.

`SECTIONS` is the whole of it: a new table about members gets a section here, and is in the file. A section
reads a page of rows at a time, so a file of any length is made in constant memory. What is left out on
purpose: codes (nobody has them), whether a refused code exists, and how staff judged anything.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db.models import Model, Q, QuerySet

from campaigns.conditions_models import ConditionsAcceptance
from campaigns.dispute_models import Dispute, DisputeMessage
from giftcodes import guard_queries
from giftcodes.models import Claim
from ledger.expiry import JAPAN
from ledger.files.cells import safe_text
from ledger.models import Account, Lot
from ledger.reports import EntryKind, Sought, kind_of
from parties.act_models import CardShowing
from parties.models import Consent, Member, MemberCard, MemberProfile, MembershipNumber, User
from parties.notice_models import ExpiryNotice
from parties.site_models import SiteConsent
from redemption_site import queries
from redemption_site.queries import Entry

FORMAT = "tokuten-own-data/1"
ROWS_AT_ONCE = 500

Row = dict[str, Any]  # as JSON takes it


class Section(NamedTuple):
    """A part of the file: its key, what it says in a sentence, and its rows for one member."""

    name: str
    about: str
    rows: Callable[[Member], Iterator[Row]]


def json_of(member: Member, *, at: datetime) -> Iterator[str]:
    """One JSON object, piece by piece: every section is an array of objects under its name."""
    head = {"format": FORMAT, "made_at": _moment(at), "about": {part.name: part.about for part in SECTIONS}}
    yield json.dumps(head, ensure_ascii=False, indent=1)[:-2]
    for section in SECTIONS:
        yield f',\n "{section.name}": ['
        for number, row in enumerate(section.rows(member)):
            yield (",\n  " if number else "\n  ") + json.dumps(row, ensure_ascii=False)
        yield "\n ]"
    yield "\n}\n"


def csv_of(member: Member, *, headings: Mapping[str, str], kinds: Mapping[EntryKind, str]) -> Iterator[str]:
    """The history of all wallets as CSV for spreadsheets, row by row: a byte order mark, CRLF, times of
    Japan, and no cell that a spreadsheet takes for a formula.
    """
    yield "\ufeff" + _line([headings[name] for name in HISTORY_COLUMNS])
    for wallet in queries.wallets_of(member):
        for entry in _entries(wallet):
            row = _history_row(wallet, entry)
            row["at"] = f"{entry.posted_at.astimezone(JAPAN):%Y-%m-%d %H:%M:%S}"
            row["kind"] = kinds[kind_of(entry.told)]
            yield _line([_cell(row[name]) for name in HISTORY_COLUMNS])


def _line(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def _cell(value: str | int | bool | None) -> str | int:
    return value if isinstance(value, int) else safe_text(value or "")


def _moment(moment: datetime) -> str:
    return moment.astimezone(JAPAN).isoformat()


def _paged(rows: QuerySet[Any], moment: str) -> Iterator[Any]:
    """The rows in the order of that moment, so many at a time, each page from where the last one ended."""
    last: Model | None = None
    while True:
        page = rows.order_by(moment, "pk")
        if last is not None:
            end = getattr(last, moment)
            after = Q(**{f"{moment}__gt": end}) | Q(**{moment: end}, pk__gt=last.pk)
            page = page.filter(after, **{f"{moment}__gte": end})
        found = list(page[:ROWS_AT_ONCE])
        yield from found
        if len(found) < ROWS_AT_ONCE:
            return
        last = found[-1]


def _pages(wallet: Account, sought: Sought = queries.EVERYTHING) -> Iterator[list[Entry]]:
    """A wallet's entries, the newest first, a page at a time."""
    older_than: int | None = None
    while page := queries.history_page(wallet, older_than=older_than, size=ROWS_AT_ONCE, sought=sought):
        yield page.entries
        if page.older_than is None:
            return
        older_than = page.older_than


def _entries(wallet: Account) -> Iterator[Entry]:
    for page in _pages(wallet):
        yield from page


def _account(member: Member) -> Iterator[Row]:
    for user in User.objects.filter(member=member):
        yield {
            "email": user.email,
            "name": user.name,
            "language_of_mails": user.language or None,
            "joined_at": _moment(user.date_joined),
            "last_sign_in_at": _moment(user.last_login) if user.last_login else None,
        }


def _membership(member: Member) -> Iterator[Row]:
    yield {"member_number": str(member.public_id), "joined_at": _moment(member.joined_at)}


def _card(member: Member) -> Iterator[Row]:
    for card in MemberCard.objects.filter(member=member):
        yield {"card_number": f"{card.number:08d}", "numbered_at": _moment(card.numbered_at)}


def _card_showings(member: Member) -> Iterator[Row]:
    for shown in CardShowing.objects.filter(member=member).select_related("brand"):
        yield {
            "brand": shown.brand.name,
            "shown_at": _moment(shown.shown_at),
            "could_look_until": _moment(shown.until),
        }


def _profile(member: Member) -> Iterator[Row]:
    for profile in MemberProfile.objects.filter(member=member):
        yield {
            "birth_year": profile.birth_year,
            "prefecture_jis_x_0401": profile.prefecture,
            "gender": profile.gender,
        }


def _consents(member: Member) -> Iterator[Row]:
    for consent in _paged(Consent.objects.filter(member=member), "given_at"):
        yield {
            "purpose": consent.purpose,
            "granted": consent.granted,
            "given_at": _moment(consent.given_at),
            "version_of_the_wording": consent.wording,
            "language": consent.language,
        }


def _wallets(member: Member) -> Iterator[Row]:
    for wallet in queries.wallets_of(member):
        yield {
            "program": wallet.program.name,
            "balance_points": wallet.balance,
            "yen_per_point": wallet.program.yen_per_point,
            "opened_at": _moment(wallet.opened_at),
        }


def _lots(member: Member) -> Iterator[Row]:
    """Through the entries that made them: no index leads from a wallet to lots that are used up."""
    for wallet in queries.wallets_of(member):
        for page in _pages(wallet, Sought(EntryKind.RECEIVED)):
            made = [entry.told.posting.transfer_id for entry in page]
            for lot in Lot.objects.filter(transfer__in=made).select_related("funder").order_by("-pk"):
                yield {
                    "program": wallet.program.name,
                    "funder": lot.funder.name,
                    "granted_points": lot.granted_points,
                    "remaining_points": lot.remaining_points,
                    "granted_at": _moment(lot.granted_at),
                    "expires_at": _moment(lot.expires_at),
                }


def _history(member: Member) -> Iterator[Row]:
    for wallet in queries.wallets_of(member):
        for entry in _entries(wallet):
            yield _history_row(wallet, entry)


def _history_row(wallet: Account, entry: Entry) -> Row:
    told, campaign = entry.told, entry.origin.campaign if entry.origin else None
    return {
        "at": _moment(entry.posted_at),
        "program": wallet.program.name,
        "kind": str(kind_of(told)),
        "points": entry.points,
        "brand": told.brand.name if told.brand else None,
        "store": told.store.name if told.store else None,
        "campaign": campaign.title_ja if campaign else None,
        "serial_number": str(entry.claim.pk) if entry.claim else None,
        "entry": str(entry.posting_id),
    }


HISTORY_COLUMNS = ("at", "program", "kind", "points", "brand", "store", "campaign", "serial_number", "entry")


def _claims(member: Member) -> Iterator[Row]:
    for claim in _paged(Claim.objects.filter(member=member).select_related("batch__brand"), "claimed_at"):
        yield {
            "serial_number": str(claim.pk),
            "brand": claim.batch.brand.name,
            "points": claim.points,
            "claimed_at": _moment(claim.claimed_at),
        }


def _refused_tries(member: Member) -> Iterator[Row]:
    for attempt in _paged(guard_queries.refused_tries_of(member.pk), "at"):
        yield {"at": _moment(attempt.at), "reference_number": attempt.reference}


def _locks(member: Member) -> Iterator[Row]:
    for lock in _paged(guard_queries.locks_of(member.pk), "locked_until"):
        yield {
            "locked_at": _moment(lock.locked_at),
            "locked_until": _moment(lock.locked_until),
            "reference_number": lock.reference,
        }


def _numbers(member: Member) -> Iterator[Row]:
    for number in MembershipNumber.objects.filter(member=member).select_related("brand"):
        yield {
            "brand": number.brand.name,
            "ends_in": number.tail,
            "first_used_at": _moment(number.first_used_at),
        }


def _sites(member: Member) -> Iterator[Row]:
    consents = SiteConsent.objects.filter(member=member).select_related("site__brand")
    for consent in _paged(consents, "given_at"):
        yield {
            "site": consent.site.name,
            "brand": consent.site.brand.name,
            "may_learn": consent.scopes.split(),
            "given_at": _moment(consent.given_at),
        }


def _conditions(member: Member) -> Iterator[Row]:
    accepted = ConditionsAcceptance.objects.filter(member=member).select_related("version__campaign")
    for acceptance in _paged(accepted, "accepted_at"):
        yield {
            "campaign": acceptance.version.campaign.title_ja,
            "version": acceptance.version.number,
            "accepted_at": _moment(acceptance.accepted_at),
            "language": acceptance.language,
            "sha256_of_the_text": acceptance.sha256,
        }


def _disputes(member: Member) -> Iterator[Row]:
    """What stands on the member's own pages; who answered is not told there either."""
    for dispute in _paged(Dispute.objects.filter(member=member), "opened_at"):
        messages = DisputeMessage.objects.filter(dispute=dispute).order_by("written_at", "pk")
        yield {
            "number": dispute.number,
            "kind": dispute.kind,
            "state": dispute.state,
            "opened_at": _moment(dispute.opened_at),
            "messages": [
                {
                    "by": "support" if message.staff_id else "member",
                    "text": message.text,
                    "written_at": _moment(message.written_at),
                }
                for message in messages
            ],
        }


def _notices(member: Member) -> Iterator[Row]:
    for notice in _paged(ExpiryNotice.objects.filter(member=member).select_related("program"), "queued_at"):
        yield {
            "program": notice.program.name,
            "last_day": notice.last_day.isoformat(),
            "days_before": notice.days_before,
            "state": notice.state,
            "queued_at": _moment(notice.queued_at),
        }


def _passkeys(member: Member) -> Iterator[Row]:
    for key in Authenticator.objects.filter(user__member=member, type=Authenticator.Type.WEBAUTHN):
        yield {"name": key.wrap().name, "added_at": _moment(key.created_at)}


def _identities(member: Member) -> Iterator[Row]:
    for account in SocialAccount.objects.filter(user__member=member):
        yield {
            "provider": account.provider,
            "name_there": account.extra_data.get("name", ""),
            "known_there_as": account.uid,
            "connected_at": _moment(account.date_joined),
        }


SECTIONS = [
    Section("account", "The person who signs in, and where mails go and in which language.", _account),
    Section("membership", "The number under which points are kept, apart from the person.", _membership),
    Section("card", "The number that the membership card is made of.", _card),
    Section("card_showings", "Where the card was last shown to a brand's own system.", _card_showings),
    Section("profile", "What the member chose to tell about themselves.", _profile),
    Section("consents", "Every yes and no to a purpose; the newest of each purpose counts.", _consents),
    Section(
        "wallets",
        "One per program; the balance counts points whose last day has passed until booked.",
        _wallets,
    ),
    Section("lots", "Points of one grant; expires_at is exclusive: usable until just before.", _lots),
    Section("history", "Every entry of every wallet, the newest first; points carry their sign.", _history),
    Section("claims", "Codes that became points, by public serial number; codes are not kept.", _claims),
    Section(
        "refused_tries",
        "Codes that were refused, kept for 90 days; not the codes themselves.",
        _refused_tries,
    ),
    Section("claim_locks", "Times in which no code could be claimed, after several unknown ones.", _locks),
    Section("passkeys", "Passkeys that sign in; the keys themselves are in the devices.", _passkeys),
    Section("connected_accounts", "Accounts of other services that sign in here.", _identities),
    Section("membership_numbers", "Numbers of brands, kept as a keyed hash and their ending.", _numbers),
    Section("brand_sites", "What brands' own sites may learn; the newest of a site counts.", _sites),
    Section("conditions", "Conditions of participation that were accepted, and which text.", _conditions),
    Section("disputes", "Questions to support and what was written, without codes.", _disputes),
    Section("expiry_notices", "Mails before points expire: queued, sent or not.", _notices),
]
