"""What changes batches, claims and sealed files. Call through the module: `from giftcodes import services as
giftcodes`.
"""

from giftcodes.services.batches import (
    ChannelSize,
    Terms,
    activate_batch,
    close_batch,
    close_due_batches,
    create_batch,
    open_series,
)
from giftcodes.services.claims import Claimed, Proviso, claim_code
from giftcodes.services.deliveries import HandedOver, reveal_passphrase, take_delivery
from giftcodes.services.delivery_making import (
    make_next_part,
    reveal_further_passphrase,
    take_further_delivery,
)
from giftcodes.services.extensions import extend_batch, printed_until
from giftcodes.services.further_deliveries import (
    Asked,
    approve_delivery,
    reject_delivery,
    request_again,
    request_delivery,
)
from giftcodes.services.gift_budgets import tell_low_budgets
from giftcodes.services.gift_ends import expire_gifts, void_gift
from giftcodes.services.gift_wishes import GiftWanted
from giftcodes.services.gifts import Issued, issue_gifts, issued_before, reveal_gift
from giftcodes.services.issuing import IssuedGift
from giftcodes.services.minting import mint_next_chunk
from giftcodes.services.number_tries import NumberAsker, try_code_for_number
from giftcodes.services.partner_tries import PartnerAsker, try_code_for_partner
from giftcodes.services.pauses import pause_batch, resume_batch
from giftcodes.services.quick_gifts import likely_worth
from giftcodes.services.receipts import confirm_receipt
from giftcodes.services.replays import LostBatch, Replay, replay_claims
from giftcodes.services.rereads import check_file
from giftcodes.services.sandbox_codes import first_code_of
from giftcodes.services.shipping import ship_claims
from giftcodes.services.tries import Asker, count_typo, lift_lock, may_count_entry, prune_tries, try_code
from giftcodes.services.void_requests import approve_void, reject_void, request_void, take_back_void
from giftcodes.services.voids import void_codes, void_one

__all__ = [
    "Asked",
    "Asker",
    "ChannelSize",
    "Claimed",
    "GiftWanted",
    "HandedOver",
    "Issued",
    "IssuedGift",
    "LostBatch",
    "NumberAsker",
    "PartnerAsker",
    "Proviso",
    "Replay",
    "Terms",
    "activate_batch",
    "approve_delivery",
    "approve_void",
    "check_file",
    "claim_code",
    "close_batch",
    "close_due_batches",
    "confirm_receipt",
    "count_typo",
    "create_batch",
    "expire_gifts",
    "extend_batch",
    "first_code_of",
    "issue_gifts",
    "issued_before",
    "lift_lock",
    "likely_worth",
    "make_next_part",
    "may_count_entry",
    "mint_next_chunk",
    "open_series",
    "pause_batch",
    "printed_until",
    "prune_tries",
    "reject_delivery",
    "reject_void",
    "replay_claims",
    "request_again",
    "request_delivery",
    "request_void",
    "resume_batch",
    "reveal_further_passphrase",
    "reveal_gift",
    "reveal_passphrase",
    "ship_claims",
    "take_back_void",
    "take_delivery",
    "take_further_delivery",
    "tell_low_budgets",
    "try_code",
    "try_code_for_number",
    "try_code_for_partner",
    "void_codes",
    "void_gift",
    "void_one",
]
