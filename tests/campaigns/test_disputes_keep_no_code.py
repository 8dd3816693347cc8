"""Invariant 15 where people write freely: after tickets full of codes, no code stands anywhere."""

import os
import uuid
from itertools import takewhile
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone

from campaigns import services as campaigns
from campaigns.dispute_models import Dispute, DisputeMessage
from giftcodes import codec
from parties.models import Brand
from tests import make, scanner
from tests.campaigns import tickets
from tests.campaigns.pages import signed_in
from tests.giftcodes.test_masking import ARABIC, WIDE
from tests.redemption_site import visits
from tests.scanner import Source

pytestmark = pytest.mark.django_db(transaction=True)


def disguised(code: str) -> list[str]:
    grouped = codec.group(code)
    return [
        code,
        grouped,
        grouped.translate(WIDE),
        "ー".join(code),
        "\u200b".join(code),
        f"https://points.example.com/c/spring/#{grouped}",
        grouped.replace("-", "."),
        grouped.replace("-", "\n"),
        code.translate(ARABIC),
        "".join(f"%3{digit}" for digit in code),
    ]


def test_tickets_full_of_codes_leave_none_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    batch = visits.batch_now(size=200)
    codes = scanner.codes_to_look_for(batch)
    typed = disguised(make.code_of(batch, 3))
    client = Client(headers={"accept-language": "en"})
    visits.member_in(client)
    first = {"kind": "other", "text": f"Mine: {' , and: '.join(typed)} !"}
    answer = client.post("/help/dispute/", first | {"form_number": str(uuid.uuid4())})
    assert answer.status_code == 303
    for field in ("reference", "serial", "kind", "form_number"):  # refused, and nowhere either
        wrong = first | {"form_number": str(uuid.uuid4())} | {field: typed[1]}
        assert client.post("/help/dispute/", wrong).status_code == 400
    dispute = Dispute.objects.get()
    for text in typed:
        data = {"form_number": str(uuid.uuid4()), "text": f"Again: {text} .", "act": "add"}
        client.post(f"/help/disputes/{dispute.number}/", data)
        tickets.answered(dispute, text=f"You wrote {text} ?")
    support = signed_in(tickets.supporter())
    last = {"form_number": str(uuid.uuid4()), "seen": str(tickets.newest(dispute))}
    support.post(
        f"/admin/campaigns/dispute/{dispute.pk}/resolve/",
        last | {"resolution": "for_member", "text": f"Done: {typed[0]}"},
    )
    campaigns.tell_answers(site_url="https://points.example.com", at=timezone.now(), limit=100)
    assert DisputeMessage.objects.filter(masked_codes__gte=1).count() == len(typed) * 2 + 2

    def places() -> list[Source]:
        return [
            *scanner.database_sources(),
            *scanner.session_sources(),
            *scanner.folder_sources(Path(settings.VAR_DIR)),
            *scanner.redis_sources(os.environ["TEST_REDIS_URL"]),
            Source("log", caplog.text.encode()),
            Source("mail", "".join(f"{sent.subject}{sent.body}" for sent in mail.outbox).encode()),
        ]

    assert len(mail.outbox) == len(typed) + 1
    assert scanner.scan(codes, places()).found == []
    Brand.objects.filter(pk=batch.brand_id).update(legal_name=typed[1])
    tables = takewhile(lambda source: source.name.startswith("table "), scanner.database_sources())
    assert scanner.scan(codes, tables).found  # it would have been found
