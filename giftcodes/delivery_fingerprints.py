"""The fingerprint of what somebody asked to be delivered, which another person approves."""

import hashlib
import hmac
import json

from giftcodes.delivery_models import FurtherDelivery


def fingerprint_of(delivery: FurtherDelivery) -> str:
    """SHA-256, in hexadecimal, over everything that was asked for, as canonical JSON."""
    asked = {
        "format": "tokuten-delivery-1",
        "delivery": delivery.public_id.hex,
        "batch": delivery.batch_id,
        "again_of": delivery.again_of_id,
        "kind": delivery.kind,
        "channel": delivery.channel_id,
        "by_channel": delivery.by_channel,
        "sealing": delivery.sealing,
        "age_recipient": delivery.age_recipient,
        "recipient": delivery.recipient_id,
        "requested_by": delivery.requested_by_id,
        "reason": delivery.reason,
        "content_number": delivery.content_number.hex,
        "marked_for": delivery.marked_for,
        "words": delivery.words,
        "logo": hashlib.sha256(delivery.logo).hexdigest(),
        "codes": delivery.code_count,
    }
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def is_as_requested(delivery: FurtherDelivery) -> bool:
    """Whether the row still says what was asked for."""
    return hmac.compare_digest(delivery.request_hash, fingerprint_of(delivery))
