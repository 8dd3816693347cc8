"""What the rules ask: what a campaign states of itself, and what an order adds to that, in whole yen."""

from datetime import date
from typing import NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class LegalForm(TextChoices):
    """What a campaign is in the words of the law. A campaign that has stated none has ""."""

    TO_ALL = "to_all", _("総付景品 (sōzuke keihin): a gift to everybody, or to the first who come")
    LOTTERY = "lottery", _("一般懸賞 (ippan kenshō): a lottery or contest tied to a purchase or a visit")
    JOINT_LOTTERY = "joint_lottery", _("共同懸賞 (kyōdō kenshō): a lottery held jointly by many businesses")
    OPEN = "open", _("オープン懸賞 (ōpun kenshō): a lottery open to everybody, tied to no transaction")
    DISCOUNT = "discount", _("値引き (nebiki): own points that are only a discount at one's own shops")
    SOLD = "sold", _("前払式支払手段 (maebarai): codes that are sold for money")


class Tie(TextChoices):
    """What somebody has to do to get a code."""

    NONE = "none", _("nothing: no purchase, no visit, no contract")
    VISIT = "visit", _("come to the shop or buy anything at all: no lowest price")
    PURCHASE = "purchase", _("buy something of at least a certain price")


class JointKind(TextChoices):
    """Who may hold a joint lottery: a considerable part of the businesses of one of these."""

    REGION = "region", _("the retailers or service providers of a region")
    STREET = "street", _("the shops of a shopping street")
    TRADE = "trade", _("the businesses of one trade in a region")


class UsedAt(TextChoices):
    """Where the points can be used."""

    OWN = "own", _("only at the brand's own shops")
    OTHERS = "others", _("at other brands too, or they can be exchanged")


class Industry(TextChoices):
    """Industries that have rules of their own."""

    GENERAL = "general", _("none of these")
    ALCOHOL = "alcohol", _("alcohol")
    TOBACCO = "tobacco", _("tobacco")
    ADULT = "adult", _("goods or services for adults")
    NEWSPAPERS = "newspapers", _("newspapers")
    MAGAZINES = "magazines", _("magazines")
    REAL_ESTATE = "real_estate", _("real estate")
    MEDICAL = "medical", _("prescription drugs, medical devices, clinical tests")


class Statement(NamedTuple):
    """What a campaign states. `tied_price_yen` is the price asked for one code, None unless `tie` is a
    purchase; `planned_sales_yen` those of the goods in the campaign's period, None unless it is a lottery.
    """

    form: LegalForm
    tie: Tie
    tied_price_yen: int | None = None
    planned_sales_yen: int | None = None
    joint_kind: JointKind | None = None
    joint_parties: int | None = None
    is_by_chance: bool = False
    collects_kinds: bool = False
    used_at: UsedAt = UsedAt.OWN
    is_use_restricted: bool = False
    is_mixed: bool = False
    asks_for_posts: bool = False
    shows_advertisement: bool = False
    industry: Industry = Industry.GENERAL
    least_age: int = 0
    has_guardian_consent: bool = False
    is_six_months_stated: bool = False
    registration: str = ""


class Facts(NamedTuple):
    """A statement and an order. What can vary is counted at its worst: `code_yen` is the most that one code
    can be worth, `others_yen` all that the campaign's other orders can be, `sold_elsewhere_yen` all of the
    brand's other orders of codes for money. `usable_until` is the last day, in Japan, on which points of
    this order can be used; `issued_on` the first on which a code can be handed out.
    """

    statement: Statement
    code_yen: int
    codes: int
    order_yen: int
    others_yen: int
    sold_elsewhere_yen: int
    limit_per_member: int | None
    issued_on: date
    usable_until: date

    @property
    def total_yen(self) -> int:
        """What this order and the campaign's other orders can be worth together."""
        return self.order_yen + self.others_yen
