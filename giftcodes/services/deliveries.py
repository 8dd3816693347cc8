"""Handing a sealed file over: the file once, its passphrase once and apart, both to its one recipient."""

import uuid
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from django.conf import settings
from django.db import transaction

from giftcodes import keys, sealing
from giftcodes.access import access_delivery
from giftcodes.delivery_models import CustodyAct, FurtherDelivery
from giftcodes.errors import DeliveryRefused
from giftcodes.models import Delivery
from giftcodes.services import custody
from parties import audit_log, second_factor
from parties.models import User
from parties.staff_models import Act


class HandedOver(NamedTuple):
    """A sealed file on its way to its recipient, who closes `file`. `sha256` is that of the sealed file."""

    file: BinaryIO
    name: str
    size: int
    sha256: str


@transaction.atomic
def take_delivery(*, public_id: uuid.UUID, user: User, at: datetime, address: str = "") -> HandedOver:
    """The sealed file, open for reading, for its recipient, once whoever asks at the same time.

    NotReachable for everybody else. DeliveryRefused if it was handed over before, isn't sealed yet, or is no
    longer on the disk as it was sealed; only a file that can be read counts as handed over.
    """
    delivery = _sealed(user, public_id)
    file = open_as_sealed(delivery, path_of(delivery))
    if not Delivery.objects.filter(pk=delivery.pk, downloaded_at=None).update(downloaded_at=at):
        file.close()
        raise DeliveryRefused("the file was handed over before")
    custody.record(delivery, CustodyAct.DOWNLOADED, by=user, address=address, at=at)
    audit_log.record(Act.DOWNLOADED, by=user, subject=delivery)
    size = delivery.sealed_bytes or 0
    return HandedOver(file=file, name=f"{delivery.public_id}.zip", size=size, sha256=delivery.sealed_sha256)


@transaction.atomic
def reveal_passphrase(
    *, public_id: uuid.UUID, user: User, verified_at: datetime | None, at: datetime, address: str = ""
) -> str:
    """The passphrase of the sealed file, for its recipient, once whoever asks at the same time.

    NotReachable for everybody else. DeliveryRefused if it was shown before or the file isn't sealed yet.
    KeysMissing if the keys are away, which does not count as shown. FactorStale if their second factor
    (`verified_at`) is older than five minutes: file and passphrase together are money.
    """
    delivery = _sealed(user, public_id)
    second_factor.refuse_stale(verified_at=verified_at, at=at)
    passphrase = passphrase_of(delivery)
    if not Delivery.objects.filter(pk=delivery.pk, passphrase_shown_at=None).update(passphrase_shown_at=at):
        raise DeliveryRefused("the passphrase was shown before")
    custody.record(delivery, CustodyAct.PASSPHRASE, by=user, address=address, at=at)
    audit_log.record(Act.PASSPHRASE_SHOWN, by=user, subject=delivery)
    return passphrase


def path_of(delivery: Delivery | FurtherDelivery) -> Path:
    """Where the sealed file is, or will be."""
    folder: Path = settings.DELIVERY_DIR
    return folder / f"{delivery.public_id}.zip"


def passphrase_of(delivery: Delivery | FurtherDelivery) -> str:
    """What opens the sealed file: derived whenever it is needed, stored nowhere. KeysMissing."""
    return sealing.make_passphrase(keys.delivery_secret(delivery, purpose=b"passphrase", length=13))


def zip_salt_of(delivery: Delivery | FurtherDelivery) -> bytes:
    """The public salt at the head of the sealed file; derived, so that it can be made again. KeysMissing."""
    return keys.delivery_secret(delivery, purpose=b"zip-salt", length=sealing.SALT_BYTES)


def _sealed(user: User, public_id: uuid.UUID) -> Delivery:
    delivery = access_delivery(user, public_id)
    if delivery.sealed_at is None:
        raise DeliveryRefused("the file isn't sealed yet")
    return delivery


def open_as_sealed(delivery: Delivery | FurtherDelivery, path: Path) -> BinaryIO:
    """The sealed file, open for reading. DeliveryRefused if it is not on the disk as it was sealed."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DeliveryRefused("the file is no longer on the disk") from None
    if path.stat().st_size != delivery.sealed_bytes:
        file.close()
        raise DeliveryRefused("the file on the disk is not as it was sealed")
    return file
