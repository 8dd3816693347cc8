"""Further deliveries of a minted batch, and the people around them."""

from typing import Any, NamedTuple

import pyzipper

from giftcodes import services as giftcodes
from giftcodes.delivery_models import DeliveryKind, FurtherDelivery
from giftcodes.models import Batch
from giftcodes.services import Asked, ChannelSize
from giftcodes.services.deliveries import passphrase_of
from giftcodes.services.delivery_making import sealed_path
from parties.models import Role, User
from tests import make
from tests.make import NOON

WORDS = {"brand": "みどり市場", "title": "春の特典", "worth": "500 ポイント", "until": "2026年12月2日 まで"}


class Desk(NamedTuple):
    """A minted batch of two channels, who asks for its deliveries and who approves them."""

    batch: Batch
    marketer: User
    approver: User


def desk(**fields: Any) -> Desk:
    channels = [ChannelSize("poster", 7), ChannelSize("receipt", 3)]
    batch = make.live_batch(**{"size": 10, "channels": channels} | fields)
    return Desk(batch, make.staff(Role.MARKETER, batch.brand), make.staff(Role.APPROVER, batch.brand))


def requested(of: Desk, kind: DeliveryKind = DeliveryKind.XLSX, **fields: Any) -> FurtherDelivery:
    asked = Asked(**{"kind": kind, "reason": "for the printer", "words": WORDS} | fields)
    return giftcodes.request_delivery(batch_id=of.batch.pk, asked=asked, user=of.marketer, at=NOON)


def approved(of: Desk, delivery: FurtherDelivery) -> FurtherDelivery:
    return giftcodes.approve_delivery(
        public_id=delivery.public_id,
        request_hash=delivery.request_hash,
        user=of.approver,
        verified_at=NOON,
        at=NOON,
    )


def made(of: Desk, kind: DeliveryKind = DeliveryKind.XLSX, **fields: Any) -> FurtherDelivery:
    """Asked for, approved, and made to its end."""
    return finished(approved(of, requested(of, kind, **fields)))


def finished(delivery: FurtherDelivery) -> FurtherDelivery:
    while giftcodes.make_next_part(delivery_id=delivery.pk, at=NOON):
        pass
    return FurtherDelivery.objects.select_related("batch", "recipient").get(pk=delivery.pk)


def content_of(delivery: FurtherDelivery) -> bytes:
    """What its recipient unpacks, with another program's library."""
    with pyzipper.AESZipFile(sealed_path(delivery)) as archive:
        archive.setpassword(passphrase_of(delivery).encode())
        [name] = archive.namelist()
        assert name.startswith(f"{delivery.public_id}.")
        content: bytes = archive.read(name)
    return content
