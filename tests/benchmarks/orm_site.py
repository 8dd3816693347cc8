"""The same site with another claim service: one written with the Django ORM, as Django's own pages teach it.

`granian --factory tests.benchmarks.orm_site:row_by_row` (or `batch_locked`). Pages, middleware, sessions and
settings are the site's; only `claim_code` is another. It checks and writes what the real one does.
"""

import hmac
import os
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_site = get_wsgi_application()

from django.db import IntegrityError, transaction  # noqa: E402
from django.db.models import F  # noqa: E402
from django.utils import timezone  # noqa: E402

from giftcodes import codec, keys, locking, services  # noqa: E402
from giftcodes.errors import CodeNotUsable  # noqa: E402
from giftcodes.models import Batch, BatchState, Claim, Series, Void, claim_id_of, claim_key  # noqa: E402
from giftcodes.services import Claimed  # noqa: E402
from ledger import services as ledger  # noqa: E402
from ledger.expiry import end_after_days  # noqa: E402
from ledger.models import Account, Lot, Posting, Reason, Transfer, transfer_id_of  # noqa: E402
from ledger.statements import run_together  # noqa: E402
from parties.models import Member  # noqa: E402


def row_by_row() -> WSGIHandler:
    """Queries and saves one after another; the batch is held shared by the real service's advisory lock."""
    services.claim_code = _claim_row_by_row
    return _site


def batch_locked() -> WSGIHandler:
    """The same with the batch row locked by `select_for_update`: the idiom, and the queue that it makes."""
    services.claim_code = _claim_with_the_batch_locked
    return _site


def _claim_row_by_row(
    *, text: object, member: Member, at: Any = None, unless: Any = None, is_sandbox: bool = False
) -> Claimed:
    with transaction.atomic():
        digit, serial, batch = _find(text)
        run_together(*locking.share_batch(batch.pk))
        return _claim(digit, serial, Batch.objects.select_related("brand").get(pk=batch.pk), member)


def _claim_with_the_batch_locked(
    *, text: object, member: Member, at: Any = None, unless: Any = None, is_sandbox: bool = False
) -> Claimed:
    with transaction.atomic():
        digit, serial, batch = _find(text)
        return _claim(digit, serial, Batch.objects.select_for_update().get(pk=batch.pk), member)


def _find(text: object) -> tuple[int, int, Batch]:
    code = codec.normalise(text)
    series = Series.objects.get(digit=int(code[0]))
    serial, tag = codec.decode(code, series_key=keys.series_key(series))
    batch = Batch.objects.filter(series=series, first_serial__lte=serial).order_by("-first_serial").first()
    if batch is None or serial >= batch.first_serial + batch.size:
        raise CodeNotUsable
    expected = codec.tag_of(serial, series=series.digit, batch_key=keys.batch_key(batch))
    if not hmac.compare_digest(b"%05d" % tag, b"%05d" % expected):
        raise CodeNotUsable
    return series.digit, serial, batch


def _claim(digit: int, serial: int, batch: Batch, member: Member) -> Claimed:
    now = timezone.now()
    if batch.state != BatchState.ACTIVE or not batch.claim_from <= now < batch.claim_until:
        raise CodeNotUsable
    if Void.objects.filter(batch=batch, first_serial__lte=serial, last_serial__gte=serial).exists():
        raise CodeNotUsable
    points, program, claim_id = batch.face_points, batch.brand.program, claim_id_of(digit, serial)
    wallet = ledger.open_wallet(member=member, program=program, at=now)
    try:
        with transaction.atomic():
            Claim.objects.create(id=claim_id, batch=batch, member=member, points=points, claimed_at=now)
    except IntegrityError as error:
        raise CodeNotUsable from error
    key = claim_key(claim_id)
    expires_at = end_after_days(now, days=batch.lot_life_days)
    transfer = Transfer.objects.create(pk=transfer_id_of(key), key=key, reason=Reason.CLAIM, posted_at=now)
    Posting.objects.create(
        transfer=transfer, source=batch.unclaimed, target=wallet, points=points, posted_at=now
    )
    Lot.objects.create(
        wallet=wallet,
        funder=batch.brand,
        transfer=transfer,
        granted_points=points,
        remaining_points=points,
        granted_at=now,
        expires_at=expires_at,
    )
    Account.objects.filter(pk=wallet.pk).update(balance=F("balance") + points)
    wallet.refresh_from_db(fields=["balance"])
    return Claimed(claim_id, points, wallet.balance or 0, now, expires_at, program.pk, is_repeat=False)
