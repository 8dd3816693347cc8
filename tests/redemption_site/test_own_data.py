"""A member takes their data along: complete, theirs alone, in constant memory, and never by a GET."""

import csv
import io
import itertools
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns import services as campaigns
from campaigns.conditions_models import ConditionsAcceptance
from campaigns.dispute_models import DisputeKind
from giftcodes.guard_models import Attempt, ClaimLock, Outcome
from giftcodes.guarding.visitors import person_of
from ledger import reports
from ledger import services as ledger
from ledger.models import Account
from ledger.reports import EntryKind, Sought, kind_of
from parties.act_models import CardShowing
from parties.card_services import make_card
from parties.models import Brand, Consent, Member, MemberProfile, MembershipNumber, Purpose
from parties.notice_models import ExpiryNotice
from parties.site_models import SiteConsent
from redemption_site import own_data
from redemption_site.consent_texts import WORDING
from redemption_site.views.own_data import MOST_PER_HOUR
from tests import make
from tests.ledger.town import DAY
from tests.make import NOON
from tests.redemption_site import visits
from tests.redemption_site.shops import Shop
from tests.redemption_site.test_history import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor(db: None) -> Visitor:
    """A member with a week of history, about whom everything is known that can be."""
    found = Visitor()
    member = member_of(found)
    make_card(member=member, at=NOON)
    MemberProfile.objects.create(member=member, birth_year=1990, prefecture=13, gender="female")
    for granted, days in ((True, 0), (False, 1)):
        Consent.objects.create(
            member=member,
            purpose=Purpose.MARKETING_MAIL,
            granted=granted,
            given_at=NOON + timedelta(days=days),
        )
    for reference, owner in (("MINE2345", member), ("FREMD234", make.member())):
        known = {"reference": reference, "person": person_of(owner.pk)}
        Attempt.objects.create(
            at=NOON,
            address="address-hash",
            network="192.0.2.0/24",
            outcome=Outcome.UNKNOWN,
            series=1,
            is_in_issued_range=True,
            **known,
        )
        ClaimLock.objects.create(member=owner, locked_at=NOON, locked_until=NOON + timedelta(days=1), **known)
    with_the_rest(member, found.town.bakery)
    return found


def with_the_rest(member: Member, brand: Brand) -> None:
    """A row of each kind that comes from a page of its own."""
    data = {"name": "Phone", "credential": {}, "passwordless": True}
    Authenticator.objects.create(user=member.user, type=Authenticator.Type.WEBAUTHN, data=data)
    SocialAccount.objects.create(
        user=member.user, provider="line", uid="U1", extra_data={"name": "Hana"}, date_joined=NOON
    )
    MembershipNumber.objects.create(
        brand=brand, digest="0" * 64, tail="1237", member=member, first_used_at=NOON
    )
    CardShowing.objects.create(brand=brand, member=member, shown_at=NOON, until=NOON + timedelta(minutes=10))
    SiteConsent.objects.create(member=member, site=Shop().site, scopes="openid email", given_at=NOON)
    version = visits.conditions(visits.campaign(brand=brand), text_ja="規約")
    ConditionsAcceptance.objects.create(
        member=member, version=version, accepted_at=NOON, language="ja", sha256=version.sha256_ja
    )
    asked = campaigns.Asked(kind=DisputeKind.OTHER, text="Where are my points?")
    campaigns.open_dispute(form_number=uuid.uuid4(), member=member, asked=asked, language="en", at=NOON)
    ExpiryNotice.objects.create(
        member=member,
        program=brand.program,
        last_day=NOON.date(),
        days_before=7,
        queued_at=NOON,
        next_try_at=NOON,
    )


def member_of(visitor: Visitor) -> Member:
    assert visitor.wallet.member is not None
    return visitor.wallet.member


def taken(client: Client, wanted: str = "json") -> Any:
    return client.post("/account/data/", {"format": wanted})


def everything(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(taken(client).getvalue())
    return found


def test_the_file_has_every_section_and_says_what_each_is(visitor: Visitor) -> None:
    found = everything(visitor.client)
    names = [section.name for section in own_data.SECTIONS]
    assert list(found) == ["format", "made_at", "about", *names]
    assert list(found["about"]) == names
    assert all(found[name] for name in names), "each has a row here"
    member = member_of(visitor)
    assert member.user is not None
    assert found["account"][0]["email"] == member.user.email
    assert found["membership"][0]["member_number"] == str(member.public_id)
    assert found["profile"] == [{"birth_year": 1990, "prefecture_jis_x_0401": 13, "gender": "female"}]
    assert [row["granted"] for row in found["consents"]] == [True, False]
    assert found["wallets"][0]["balance_points"] == sum(row["remaining_points"] for row in found["lots"])
    assert found["wallets"][0]["balance_points"] == sum(row["points"] for row in found["history"])
    assert [row["serial_number"] for row in found["claims"]] == [str(visitor.claim_id)]
    assert found["refused_tries"] == [{"at": "2026-11-02T12:00:00+09:00", "reference_number": "MINE2345"}]
    assert [row["reference_number"] for row in found["claim_locks"]] == ["MINE2345"]


def test_the_history_in_it_is_that_of_the_pages(visitor: Visitor) -> None:
    rows = everything(visitor.client)["history"]
    assert rows[1] == {
        "at": "2026-11-09T12:00:00+09:00",
        "program": "Town points",
        "kind": "received",
        "points": 500,
        "brand": "Bakery",
        "store": None,
        "campaign": None,
        "serial_number": str(visitor.claim_id),
        "entry": rows[1]["entry"],
    }
    assert len(rows) == len(visitor.find()) == 12


def test_it_says_nothing_of_others_nor_whether_a_refused_code_exists(
    visitor: Visitor, hanako: Client
) -> None:
    text = taken(visitor.client).getvalue().decode()
    hashes = ("address-hash", "pbkdf2", "md5$")
    for hidden in ("FREMD234", "192.0.2", *hashes, "unknown", "not_usable", "issued_range"):
        assert hidden not in text.replace("several unknown ones", ""), hidden
    others = everything(hanako)
    assert others["claim_locks"] == others["refused_tries"] == others["card"] == []


def test_every_table_about_a_member_is_in_it_or_left_out_for_a_reason() -> None:
    of_members = {
        model._meta.label
        for model in apps.get_models()
        for field in model._meta.fields
        if field.related_model is Member
    }
    assert of_members == {
        "giftcodes.Claim",
        "giftcodes.ClaimLock",
        "ledger.Account",
        "parties.CardShowing",
        "parties.Consent",
        "parties.MemberCard",
        "parties.MemberProfile",
        "parties.MembershipNumber",
        "parties.SiteConsent",
        "parties.ExpiryNotice",
        "campaigns.ConditionsAcceptance",
        "campaigns.Dispute",
        # How many codes of a group were claimed: follows from the claims.
        "giftcodes.ClaimTally",
        # What staff looked up, and why: the desk's own record, of the staff.
        "campaigns.SupportAct",
    }


@pytest.mark.parametrize("kind", [kind for kind in EntryKind if kind != EntryKind.GIVEN_UP])
def test_the_kind_in_the_file_is_the_one_that_is_found_by(visitor: Visitor, kind: EntryKind) -> None:
    rows = reports.search_entries(visitor.wallet, Sought(kind), older_than=None, size=100)
    assert {kind_of(told) for told in reports.entries_of(visitor.wallet, rows)} == {kind}


def test_points_that_were_given_up_are_found_as_such(visitor: Visitor) -> None:
    given_up = ledger.forfeit_points(wallet_id=visitor.wallet.pk, key="leave", at=NOON + 12 * DAY)
    sought = Sought(EntryKind.GIVEN_UP)
    rows = reports.search_entries(visitor.wallet, sought, older_than=None, size=100)
    told = reports.entries_of(visitor.wallet, rows)
    assert {kind_of(entry) for entry in told} == {EntryKind.GIVEN_UP}
    assert sum(entry.points for entry in told) == -given_up.points


def test_the_csv_opens_in_a_spreadsheet_and_holds_no_formula(visitor: Visitor) -> None:
    visitor.town.oven.name = "=HYPERLINK(1)"
    visitor.town.oven.save()
    content = taken(visitor.client, "csv").getvalue()
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == 13
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows[0][:4] == ["Time (Japan)", "Program", "Kind of entry", "Points"]
    assert rows[2][:5] == ["2026-11-09 12:00:00", "Town points", "Received", "500", "Bakery"]
    assert {row[5] for row in rows[1:]} == {"", "Main shop", "'=HYPERLINK(1)"}
    assert [int(row[3]) for row in rows[1:]] == [
        row["points"] for row in everything(visitor.client)["history"]
    ]


def test_the_csv_speaks_the_language_of_the_page() -> None:
    lines = taken(Visitor("ja").client, "csv").getvalue().decode("utf-8-sig").splitlines()
    assert lines[0].startswith("日時（日本時間）,プログラム,種類,ポイント")
    assert "受け取り・獲得" in lines[2]


@pytest.mark.parametrize(("wanted", "kind"), [("json", "application/json"), ("csv", "text/csv")])
def test_it_is_a_file_that_nobody_keeps_on_the_way(visitor: Visitor, wanted: str, kind: str) -> None:
    answer = taken(visitor.client, wanted)
    assert answer["Content-Type"] == f"{kind}; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="tokuten-data.{wanted}"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer["Cache-Control"]
    assert answer.streaming


def test_only_a_button_sends_it(visitor: Visitor) -> None:
    page = visitor.client.get("/account/data/?format=json")
    assert (page.status_code, page.streaming) == (200, False)
    assert "no-store" in page["Cache-Control"]
    assert taken(visitor.client, "xml").status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = visitor.client.cookies
    assert taken(strict).status_code == 403
    assert "/account/data/" in visitor.client.get("/account/").content.decode()


def test_it_is_for_nobody_else(client: Client) -> None:
    for answer in (client.get("/account/data/"), taken(client)):
        assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/account/data/")


def test_somebody_who_takes_it_again_and_again_has_to_wait(visitor: Visitor, hanako: Client) -> None:
    answers = [taken(visitor.client, "csv").status_code for _ in range(MOST_PER_HOUR + 1)]
    assert answers == [200] * MOST_PER_HOUR + [429]
    refusal = taken(visitor.client)
    assert refusal["Retry-After"] == "3600"
    assert "Try again in an hour." in refusal.content.decode()
    assert taken(hanako).status_code == 200


def test_a_long_history_is_read_a_page_at_a_time_as_it_is_sent(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.deposit(visitor.town.bakery, 100_000)
    make.many_lots(visitor.wallet, 3_000, funder=visitor.town.bakery)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as a running system has done: these rows have come all at once
    pieces = own_data.csv_of(
        member_of(visitor), headings=dict.fromkeys(own_data.HISTORY_COLUMNS, ""), kinds=KINDS
    )
    with CaptureQueriesContext(connection) as captured:
        first = list(itertools.islice(pieces, own_data.ROWS_AT_ONCE))
        asked_for_one_page = len(captured)
        rest = list(pieces)
    assert len(first) + len(rest) == 1 + 3_012
    assert asked_for_one_page <= 7
    assert len(captured) <= asked_for_one_page * 7
    assert all("LIMIT" in query["sql"] for query in captured if 'FROM "ledger_posting"' in query["sql"])
    whole = json.loads("".join(own_data.json_of(member_of(visitor), at=NOON)))
    assert len(whole["history"]) == 3_012
    assert len({row["entry"] for row in whole["history"]}) == 3_012
    assert len(whole["lots"]) == 3_004
    assert sum(row["remaining_points"] for row in whole["lots"]) == balance_of(visitor.wallet)


def test_rows_of_one_moment_are_all_there_over_the_pages(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_data, "ROWS_AT_ONCE", 2)
    for _ in range(5):
        Consent.objects.create(
            member=member_of(visitor), purpose=Purpose.STATISTICS, granted=True, given_at=NOON
        )
    found = everything(visitor.client)
    assert len(found["consents"]) == 7
    assert len(found["history"]) == 12


KINDS = {kind: str(kind) for kind in EntryKind}


def balance_of(wallet: Account) -> int:
    wallet.refresh_from_db()
    return wallet.balance or 0


def test_it_tells_the_language_of_mails_and_which_words_were_agreed_to(hanako: Client) -> None:
    hanako.post("/account/language/", {"language": "en"})
    hanako.post("/account/consents/", {"agree": ["statistics"]})
    found = everything(hanako)
    assert found["account"][0]["language_of_mails"] == "en"
    (said,) = found["consents"]
    assert (said["version_of_the_wording"], said["language"]) == (WORDING, "en")
