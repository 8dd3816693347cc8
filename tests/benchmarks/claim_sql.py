"""The statements of a claim as the services send them, for those who are measured beside the site."""

from typing import Any

from django.utils import timezone

from giftcodes import keys
from giftcodes.locking import share_claim
from giftcodes.models import Batch
from giftcodes.services import claims
from ledger.expiry import end_after_days
from ledger.models import Reason
from ledger.services import grants
from ledger.statements import Statement, fold

_CLAIM = "claim member now batch now now batch serial serial member member program"
_LOT = "wallet funder transfer points points now expires_at"


def _statements(*, is_folded: bool) -> list[Statement]:
    """With the names of values in the place of values; `is_folded` as PostgreSQL gets them from the site."""
    grant = [
        Statement(grants._INSERT_TRANSFER, ["transfer", "key", "reason", "now"]),
        Statement(grants._INSERT_POSTING, ["transfer", "unclaimed", "wallet", "points", "now"]),
        Statement(grants._INSERT_LOT, _LOT.split()),
        Statement(grants._CREDIT_WALLET, ["points", "wallet"]),
    ]
    return [
        Statement(share_claim(0, 0)[0].sql, ["lock", "member"]),
        Statement(claims._INSERT_CLAIM.format(now="%s"), _CLAIM.split()),
        *(fold(*grant) if is_folded else grant),
    ]


def _constants(batch: Batch) -> dict[str, dict[str, Any]]:
    numbers = {
        "lock": share_claim(batch.pk, 0)[0].params[0],
        "batch": batch.pk,
        "points": batch.face_points,
        "funder": batch.brand_id,
        "program": batch.brand.program_id,
        "unclaimed": batch.unclaimed_id,
    }
    expires_at = end_after_days(timezone.now(), days=batch.lot_life_days)
    return {"numbers": numbers, "texts": {"reason": Reason.CLAIM.value, "expires_at": expires_at.isoformat()}}


def bare_plan(batch: Batch) -> dict[str, Any]:
    """What the bare application knows: the statements, the ids of the batch, and its keys."""
    secrets = {"series_key": keys.series_key(batch.series).hex(), "batch_key": keys.batch_key(batch).hex()}
    return {
        "statements": _statements(is_folded=True),
        **_constants(batch),
        **secrets,
        "series": batch.series_id,
    }


def pgbench_script(batch: Batch, *, is_pipelined: bool) -> str:
    """The same statements for pgbench, in which each client counts through its own serials."""
    constants = _constants(batch)
    values = {name: str(value) for name, value in constants["numbers"].items()}
    values |= {name: f"'{value}'" for name, value in constants["texts"].items()}
    values |= {name: f":{name}" for name in ("claim", "member", "wallet", "serial")}
    values |= {
        "now": "now()",
        "key": "'claim:' || :claim::bigint",
        "transfer": "substr(encode(sha256(('claim:' || :claim::bigint)::bytea), 'hex'), 1, 32)::uuid",
    }
    filled = [
        sql.replace("%s", "{}").format(*(values[name] for name in names)) + ";"
        for sql, names in _statements(is_folded=is_pipelined)
    ]
    variables = [
        r"\set n :n + 1",
        r"\set member :first_member + :client_id",
        r"\set wallet :first_wallet + :client_id",
        r"\set claim :first_claim + :client_id * :share + :n",
        r"\set serial :claim % 1000000000",
    ]
    transaction = ["BEGIN;", *filled, "COMMIT;"]
    if is_pipelined:
        transaction = [r"\startpipeline", *transaction, r"\endpipeline"]
    return "\n".join([*variables, *transaction, ""])
