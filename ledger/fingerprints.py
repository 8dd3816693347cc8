"""What a person confirms, as one number: it changes when anything that was shown changes."""

import hashlib
import json

from ledger.models import Adjustment


def fingerprint_of(adjustment: Adjustment) -> str:
    """SHA-256, in hex, of the canonical content of what was asked for: JSON with sorted keys, no spaces, in
    UTF-8; absent values are null.
    """
    content = {
        "acceptor": adjustment.acceptor_id,
        "brand": adjustment.brand_id,
        "expiry_policy": adjustment.expiry_policy,
        "kind": adjustment.kind,
        "original": adjustment.original_id and adjustment.original_id.hex,
        "points": adjustment.points,
        "public_id": adjustment.public_id.hex,
        "reason": adjustment.reason,
        "requested_by": adjustment.requested_by_id,
        "settlement": adjustment.settlement_id,
        "store": adjustment.store_id,
        "wallet": adjustment.wallet_id,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
