"""What is in a sealed file, as its recipient sees it: opened by another program's library, with the
passphrase.
"""

import csv
import hashlib
import io
import stat

import numpy as np
import pyzipper

from giftcodes import codec, keys
from giftcodes.models import Batch, Channel, Delivery
from giftcodes.services import deliveries


def content_of(batch: Batch) -> bytes:
    """The unpacked content of the batch's finished file."""
    delivery = Delivery.objects.select_related("batch").get(batch=batch)
    with pyzipper.AESZipFile(deliveries.path_of(delivery)) as archive:
        archive.setpassword(deliveries.passphrase_of(delivery).encode())
        (name,) = archive.namelist()
        content: bytes = archive.read(name)
    return content


def rows_of(batch: Batch) -> list[dict[str, str]]:
    """The rows of the batch's finished file."""
    return list(csv.DictReader(io.StringIO(content_of(batch).decode("utf-8-sig"), newline="")))


def codes_of(batch: Batch) -> list[str]:
    """Every code of the batch in the order of its serials, derived anew."""
    codes = codec.encode(
        np.arange(batch.first_serial, batch.first_serial + batch.size, dtype=np.int64),
        series=batch.series_id,
        series_key=keys.series_key(batch.series),
        batch_key=keys.batch_key(batch),
    )
    return [str(code) for code in codes.astype("U16").tolist()]


def assert_holds_exactly_the_codes_of(batch: Batch) -> None:
    """The rows are the serials of the batch in order, each with its code, and the recorded fingerprints are
    right.
    """
    delivery, rows = Delivery.objects.get(batch=batch), rows_of(batch)
    codes = codes_of(batch)
    assert [int(row["serial"]) for row in rows] == list(range(batch.first_claim_id, batch.end_claim_id))
    assert [row["code"] for row in rows] == [codec.group(code) for code in codes]
    assert [row["url"] for row in rows] == [f"{batch.claim_url_base}#c={code}" for code in codes]
    channels = Channel.objects.filter(batch=batch).order_by("first_serial")
    assert [row["channel"] for row in rows] == [row.name for row in channels for _ in range(row.size)]
    assert {row["points"] for row in rows} == {str(batch.face_points)}
    assert (delivery.row_count, delivery.total_points) == (batch.size, batch.size * batch.face_points)
    path = deliveries.path_of(delivery)
    assert delivery.content_sha256 == hashlib.sha256(content_of(batch)).hexdigest()
    assert delivery.sealed_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (delivery.sealed_bytes, stat.S_IMODE(path.stat().st_mode)) == (path.stat().st_size, 0o600)
