"""Points into a brand's funds."""

from datetime import datetime

from ledger.models import Reason, Transfer
from ledger.services.accounts import open_funds, open_world
from ledger.services.posting import Move, post_transfer
from parties.models import Brand


def deposit_funds(*, brand: Brand, points: int, key: str, at: datetime) -> Transfer:
    """Points into the brand's funds, once per `key`. Raises MoveRefused, KeyReused."""
    world, funds = open_world(program=brand.program, at=at), open_funds(brand=brand, at=at)
    move = Move(world.pk, funds.pk, points)
    return post_transfer(key=f"deposit:{key}", reason=Reason.DEPOSIT, moves=[move], at=at)
