"""The codes that stand behind the fixed ones: real ones in the state that is asked for, made by the services
that everybody uses, and told to nobody but the claim.
"""

from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from django.views.decorators.debug import sensitive_variables

from campaigns import sandbox
from campaigns.models import Campaign
from campaigns.queries import limit_group_of
from campaigns.sandbox import FixedCode
from campaigns.services.sandbox_stock import issue_expired
from giftcodes import services as giftcodes
from giftcodes.errors import CodeNotUsable, NotIssuing
from giftcodes.gift_models import Gift, GiftState
from giftcodes.models import Batch
from giftcodes.services import GiftWanted, IssuedGift
from ledger.partner_access import member_for_points
from ledger.statements import database_time
from parties import services as parties
from parties.api_acts import Act, earlier_answer
from parties.api_models import ApiClient
from parties.known_members import Named
from parties.models import Brand, Member
from parties.services import NumberOf


class _Asked(NamedTuple):
    """A claim of a fixed code on its way; `client` is the sandbox's own."""

    act: Act
    named: Named
    client: ApiClient
    at: datetime

    @property
    def brand(self) -> Brand:
        return self.act.client.brand


@sensitive_variables()
def code_behind(*, text: object, act: Act, named: Named, at: datetime | None = None) -> object:
    """The real code that a fixed one stands for, in the sandbox of the client that asks; what is no fixed
    code is given back as it came. So is everything from a live client, and from one that repeats itself:
    the claim answers it from its record.

    NotIssuing or BudgetExhausted if the sandbox has nothing to issue at the moment, and what
    `member_for_points` raises.
    """
    brand = act.client.brand
    fixed = sandbox.fixed_code(brand, text)
    if fixed is None or fixed is FixedCode.UNKNOWN or earlier_answer(act) is not None:
        return text
    client = (
        ApiClient.objects.filter(brand=brand, name=sandbox.CLIENT).select_related("brand__program").first()
    )
    if client is None:
        raise NotIssuing
    return _code(fixed, _Asked(act, named, client, at or database_time()))


@sensitive_variables()
def _code(fixed: FixedCode, asked: _Asked) -> str:
    match fixed:
        case FixedCode.USED:
            return _used(asked)
        case FixedCode.VOIDED:
            return _voided(asked)
        case FixedCode.EXPIRED:
            return issue_expired(client=asked.client).gifts[0].code
        case FixedCode.NOT_BEGUN:
            return giftcodes.first_code_of(_batch(sandbox.NOT_BEGUN, asked.brand))
        case FixedCode.LIMIT_REACHED:
            return _beyond_limit(asked)
        case _:
            return _gift(asked, sandbox.GIFTS, f"fresh:{asked.act.name}").code


@sensitive_variables()
def _used(asked: _Asked) -> str:
    gift = _gift(asked, sandbox.GIFTS, "used")
    if gift.state == GiftState.ISSUED:
        _claim(gift, parties.member_of_number(NumberOf(asked.brand.pk, f"ref:{sandbox.OTHER_MEMBER}")))
    return gift.code


@sensitive_variables()
def _voided(asked: _Asked) -> str:
    gift = _gift(asked, sandbox.GIFTS, "voided")
    if gift.state == GiftState.ISSUED:
        row = Gift.objects.get(public_id=gift.public_id)
        giftcodes.void_gift(gift=row, client=asked.client, reason="sandbox", at=asked.at)
    return gift.code


@sensitive_variables()
def _beyond_limit(asked: _Asked) -> str:
    """The member gets the one code that the campaign grants; the one given back is beyond it, for everybody.
    A new one each month, so that it is in its window whenever it is tried.
    """
    member = member_for_points(brand=asked.brand, named=asked.named, at=asked.at)
    granted = _gift(asked, sandbox.LIMITED, f"limit:{member.pk}")
    if granted.state == GiftState.ISSUED:
        _claim(granted, member)
    return _gift(asked, sandbox.LIMITED, f"beyond-limit:{asked.at:%Y-%m}").code


def _claim(gift: IssuedGift, member: Member) -> None:
    """As if the member had done so earlier; refused if that is long ago, or they had another one."""
    with suppress(CodeNotUsable):
        giftcodes.claim_code(text=gift.code, member=member, is_sandbox=True)


def _gift(asked: _Asked, name: str, key: str) -> IssuedGift:
    """The gift of that key, issued at its first call."""
    group = _batch(name, asked.brand).limit_group
    issued = giftcodes.issue_gifts(
        client=asked.client, key=key, group=group, gifts=[GiftWanted()], at=asked.at
    )
    return issued.gifts[0]


def _batch(name: str, brand: Brand) -> Batch:
    """The newest one of that campaign. NotIssuing if there is none."""
    campaign = Campaign.objects.filter(slug=sandbox.slug_of(name, brand), brand=brand).first()
    group = limit_group_of(campaign) if campaign else ""
    batch = Batch.objects.filter(brand=brand, limit_group=group).order_by("-pk").first()
    if batch is None:
        raise NotIssuing
    return batch
