"""What every sandbox has, by the same names and numbers everywhere: campaigns, fixed codes, a store.

Pure. The one place where these are spelled; the documentation is made from it.
"""

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from campaigns.legal import LegalForm
from campaigns.models import Issuing
from giftcodes import codec
from parties import sandboxes
from parties.models import Brand

STORE = "sandbox-store"
MEMBER = sandboxes.MEMBER
OTHER_MEMBER = "sandbox-other"  # who has claimed what is used
CLIENT = "[Sandbox]"  # issues what stands behind fixed codes; it has no key
RESERVED = "sandbox"  # addresses of pages that begin so are theirs

PAGE_JA = (
    "サンドボックスのページです。何も価値を持たず、コードはこのページでは受け取れません。"
    "テスト用の API キーをお使いください。"
)
PAGE_EN = (
    "This is a page of a sandbox, where nothing is worth anything. Its codes are claimed with a test key of"
    " the API, not here."
)

GIFTS = "sandbox"
LIMITED = "sandbox-limited"
EMPTY = "sandbox-empty"
NOT_BEGUN = "sandbox-not-begun"

# The legal form that its campaigns state: what is worth nothing is a discount on nothing.
LEGAL_FORM, LEAST_AGE = LegalForm.DISCOUNT, 18

LONG = timedelta(days=30 * 365)  # how long a sandbox's campaigns run, so that nobody has to prolong them


class FixedCode(StrEnum):
    """A number that stands for a code in a certain state, for test keys alone. No code in itself: each is
    well-formed, and to everybody else it is one that nobody issued.
    """

    FRESH = "9000000000000017"
    USED = "9000000000000025"
    VOIDED = "9000000000000030"
    EXPIRED = "9000000000000049"
    NOT_BEGUN = "9000000000000058"
    LIMIT_REACHED = "9000000000000063"
    SLOW = "9000000000000074"
    LOST = "9000000000000082"  # claimed, and the answer is a 500
    UNKNOWN = "9000000000000096"  # what it is to everybody else, so a strike


class Shelf(NamedTuple):
    """A campaign of every sandbox and the orders that fill it. With `is_kept_full` they are renewed before
    their window ends or their gifts run out; else there is one, which stays.
    """

    name: str
    title_ja: str
    title_en: str
    face_points: int
    size: int
    most_points: int | None
    limit_per_member: int | None = None
    is_kept_full: bool = False
    begins_after: timedelta = timedelta(0)

    @property
    def issuing(self) -> Issuing:
        return Issuing.FILE if self.most_points is None else Issuing.API


SHELVES = (
    Shelf(GIFTS, "サンドボックス", "Sandbox", 100, 10_000, 10_000, is_kept_full=True),
    Shelf(
        LIMITED,
        "サンドボックス（1 人 1 回まで）",
        "Sandbox: one code per member",
        1,
        1_000,
        100,
        limit_per_member=1,
        is_kept_full=True,
    ),
    Shelf(EMPTY, "サンドボックス（予算切れ）", "Sandbox: the budget is out", 100, 1, 100),
    Shelf(NOT_BEGUN, "サンドボックス（開始前）", "Sandbox: not begun", 100, 1, None, begins_after=LONG),
)
_NAMES = frozenset(shelf.name for shelf in SHELVES)


def slug_of(name: str, brand: Brand) -> str:
    """The address of the page of what the brand calls so. In sandboxes some names are common to all, and
    pages are each brand's own.
    """
    return f"{name}-{brand.pk}" if brand.program.is_sandbox and name in _NAMES else name


def fixed_code(brand: Brand, text: object) -> FixedCode | None:
    """Which fixed code it is that somebody typed; none outside of sandboxes."""
    if not brand.program.is_sandbox:
        return None
    try:
        return FixedCode(codec.normalise(text))
    except ValueError:  # NotACode among them
        return None
