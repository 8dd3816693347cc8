"""What changes batches, claims and sealed files. Call through the module: `from giftcodes import services as giftcodes`."""

from giftcodes.services.batches import (
    ChannelSize,
    Terms,
    activate_batch,
    close_batch,
    close_due_batches,
    create_batch,
    open_series,
    void_codes,
)
from giftcodes.services.claims import Claimed, claim_code

__all__ = [
    "ChannelSize",
    "Claimed",
    "Terms",
    "activate_batch",
    "claim_code",
    "close_batch",
    "close_due_batches",
    "create_batch",
    "open_series",
    "void_codes",
]
