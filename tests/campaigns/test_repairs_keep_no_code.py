"""Invariant 15 at the support desk and where codes are withdrawn: whatever is typed there, no code stands
anywhere after it.
"""

import os
import uuid
from itertools import takewhile
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from campaigns.support_models import SupportAct
from giftcodes.void_models import VoidRequest
from parties.models import Brand, Role
from tests import make, scanner
from tests.campaigns.pages import signed_in
from tests.campaigns.test_disputes_keep_no_code import disguised
from tests.giftcodes.guarded import attempt
from tests.redemption_site import visits
from tests.scanner import Source

pytestmark = pytest.mark.django_db(transaction=True)


def test_codes_typed_at_the_desk_and_into_forms_are_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    batch = visits.batch_of(visits.campaign(), size=200)
    codes, typed = scanner.codes_to_look_for(batch), disguised(make.code_of(batch, 3))
    member = make.member()
    attempt(make.code_of(batch, 4), member, at=timezone.now())
    support = signed_in(make.staff(Role.SUPPORT, None))
    answers = [support.post("/admin/campaigns/supportact/desk/", {"wanted": text}) for text in typed]
    assert SupportAct.objects.filter(is_found=True, serial_number=batch.first_claim_id + 3).count() >= 5
    marketer = signed_in(make.staff(Role.MARKETER, batch.brand))
    address = f"/admin/giftcodes/voidrequest/add/?batch={batch.pk}"
    for text in typed:
        form = {"form_number": str(uuid.uuid4()), "looked": "", "_look": "", "reason": f"It is {text} ."}
        named = ({"scope": "list", "serials": text}, {"scope": "range", "first": text, "last": text})
        answers += [marketer.post(address, form | codes_named) for codes_named in named]
        unmask = f"/admin/campaigns/supportact/member/{member.pk}/unmask/"
        support.post(unmask, {"reason": f"They say {text} ."})
    withdraw = f"/admin/campaigns/supportact/code/{batch.first_claim_id + 5}/withdraw/"
    assert support.post(withdraw, {"reason": f"Photographed {typed[1]} !"}).status_code == 303
    ask = {"form_number": str(uuid.uuid4()), "looked": "", "scope": "range", "reason": typed[0]}
    ask |= {"first": str(batch.first_claim_id), "last": str(batch.first_claim_id + 9)}
    looked = marketer.post(address, ask | {"_look": ""}).context["form"]["looked"].value()
    assert marketer.post(address, ask | {"_ask": "", "looked": looked}).status_code == 303
    assert "••••" in VoidRequest.objects.get().reason

    def places() -> list[Source]:
        return [
            *scanner.database_sources(),
            *scanner.session_sources(),
            *scanner.folder_sources(Path(settings.VAR_DIR)),
            *scanner.redis_sources(os.environ["TEST_REDIS_URL"]),
            Source("log", caplog.text.encode()),
            Source("answers", b"".join(answer.content for answer in answers)),
            Source("addresses", "".join(answer.get("Location", "") for answer in answers).encode()),
        ]

    assert scanner.scan(codes, places()).found == []
    Brand.objects.filter(pk=batch.brand_id).update(legal_name=typed[1])
    tables = takewhile(lambda source: source.name.startswith("table "), scanner.database_sources())
    assert scanner.scan(codes, tables).found  # it would have been found
