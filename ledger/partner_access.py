"""The funnel of partner systems: which members a brand may ask for, and why.

Members are not a brand's. It reaches those who have had to do with it: got points from it or spent some
there, are known to it by a number or name of its own, let its site learn who they are, or have just shown
their card. Everybody else is answered like somebody who does not exist.
"""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from ledger.models import Account, AccountKind, Hold, LotUse, Posting, Transfer
from ledger.models import Reason as Why
from parties import services as parties
from parties.act_models import CardShowing
from parties.errors import NotReachable
from parties.known_members import Named, number_of
from parties.models import Brand, Member, MembershipNumber, Store
from parties.site_models import SiteConsent

KNOWN_BY = ("points", "number", "site", "card")
_GRANTED_BY_API = "grant:api:"


def reachable_members(brand: Brand, *, at: datetime) -> QuerySet[Member]:
    """Members whom the brand may ask for at `at`, each with `by_<why>` for KNOWN_BY."""
    told = Member.objects.filter(closed_at=None).annotate(
        by_points=_has_moved_points(brand),
        by_number=Exists(MembershipNumber.objects.filter(brand=brand, member=OuterRef("pk"))),
        by_site=_lets_a_site_know(brand),
        by_card=Exists(CardShowing.objects.filter(brand=brand, member=OuterRef("pk"), until__gt=at)),
    )
    return told.filter(Q(by_points=True) | Q(by_number=True) | Q(by_site=True) | Q(by_card=True))


def _has_moved_points(brand: Brand) -> Exists:
    wallets = Account.objects.filter(kind=AccountKind.WALLET, member=OuterRef("pk"), program=brand.program)
    came = Posting.objects.filter(target=OuterRef("pk"), source__brand=brand)
    went = Posting.objects.filter(source=OuterRef("pk"), target__brand=brand)
    held = Hold.objects.filter(wallet=OuterRef("pk"), store__brand=brand)
    return Exists(wallets.filter(Exists(came) | Exists(went) | Exists(held)))


def _lets_a_site_know(brand: Brand) -> Exists:
    later = SiteConsent.objects.filter(
        member=OuterRef("member"), site=OuterRef("site"), pk__gt=OuterRef("pk")
    )
    standing = SiteConsent.objects.filter(member=OuterRef("pk"), site__brand=brand).exclude(scopes="")
    return Exists(standing.filter(~Exists(later)))


def access_member(*, brand: Brand, named: Named, at: datetime) -> Member:
    """The member of that id, number or name, if the brand may ask for them; else NotReachable.
    MemberNotNamed if it can be none of the brand's numbers.
    """
    if named.id is not None:
        member = reachable_members(brand, at=at).filter(public_id=named.id).first()
    else:
        member = parties.find_member(number_of(brand, named))
    if member is None or member.closed_at is not None:
        raise NotReachable(field="member")
    return member


def member_for_points(*, brand: Brand, named: Named, at: datetime) -> Member:
    """The same, but who is named by a number or a name of the brand is made at its first use."""
    if named.id is None:
        return parties.member_of_number(number_of(brand, named))
    return access_member(brand=brand, named=named, at=at)


def access_hold(*, brand: Brand, hold_id: Any) -> Hold:
    """The hold, if it is at a store of the brand; else NotReachable."""
    held = Hold.objects.select_related("store", "wallet__member", "wallet__program")
    hold = held.filter(pk=hold_id, store__brand=brand).first()
    if hold is None:
        raise NotReachable
    return hold


def access_transfer(*, brand: Brand, transfer_id: Any) -> Transfer:
    """The transfer, if it is one that the brand's systems may take back: points spent at one of its stores,
    or given by it through the API; else NotReachable.
    """
    here = LotUse.objects.filter(transfer=OuterRef("pk"), acceptor=brand)
    spent = Q(reason__in=[Why.SPEND, Why.CAPTURE]) & Q(Exists(here))
    given = Q(reason=Why.GRANT, key__startswith=_GRANTED_BY_API, lot__funder=brand)
    transfer = Transfer.objects.filter(spent | given, pk=transfer_id).first()
    if transfer is None:
        raise NotReachable
    return transfer


def store_of(*, brand: Brand, code: str | None) -> Store | None:
    """The brand's store of that code, or its only one if none is named; None if there is no such store, or
    if it would have to be named.
    """
    stores = Store.objects.filter(brand=brand)
    if code is not None:
        return stores.filter(code=code).first()
    found = list(stores[:2])
    return found[0] if len(found) == 1 else None
