"""The client: one method per call of the API."""

import uuid
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from tokuten_partner.transport import Transport
from tokuten_partner.types import (
    Balance,
    Campaign,
    Claim,
    Event,
    Gift,
    GiftStatus,
    Hold,
    IssuedGift,
    Lot,
    Me,
    Member,
    Reversal,
    Transaction,
    Transfer,
)


class Tokuten:
    """Calls the API of the site at `base_url` with `key`.

    Every act takes an `idempotency_key`, and makes one if none is given; it is sent again with each try, so
    an act is done once however often it is tried. Give your own (an order number, say) if you may have to
    repeat the act after your program has ended. Raises Problem where the API says no and NotReached where no
    answer comes.

    A call is tried up to `tries` times; each waits up to `timeout` seconds for its answer. Lists (`gifts`,
    `lots`, `transactions`, `events`) are iterators that ask for the next page when they need it. A client
    keeps connections and may be shared between threads; make one, and close it at the end. `http` is for what
    this can't say (proxies, certificates): its base_url must be the API's.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        tries: int = 4,
        timeout: float = 15.0,
        http: httpx.Client | None = None,
    ) -> None:
        if tries < 1:
            raise ValueError("tries is at least 1")
        self._http = http or httpx.Client(base_url=f"{base_url.rstrip('/')}/api/v1/", timeout=timeout)
        self._http.headers.update({"Authorization": f"Bearer {key}", "Accept": "application/json"})
        self._api = Transport(self._http, tries=tries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:  # the key must not reach a log
        return f"Tokuten({self._http.base_url})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def is_alive(self) -> bool:
        """Whether the API answers at all; it asks neither for a key nor for the database."""
        answer: bool = self._api.get("healthz")["alive"]
        return answer

    def me(self) -> Me:
        """What the key may do, for whom, and its limits."""
        answer: Me = self._api.get("me")
        return answer

    def issue_gift(
        self,
        *,
        campaign: str,
        points: int | None = None,
        recipient_ref: str | None = None,
        claim_until: str | None = None,
        metadata: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> IssuedGift:
        """One gift, with its code. Without `points` and `claim_until` it has the order's."""
        body = {
            "campaign": campaign,
            "points": points,
            "recipient_ref": recipient_ref,
            "claim_until": claim_until,
            "metadata": metadata,
        }
        answer: IssuedGift = self._api.post("gifts", body, key=_key(idempotency_key))
        return answer

    def issue_gifts(
        self, *, campaign: str, gifts: Sequence[dict[str, Any]], idempotency_key: str | None = None
    ) -> list[IssuedGift]:
        """Up to 1,000 gifts, all or none, in the order of `gifts`: an object per gift with what `issue_gift`
        takes, `{}` for a plain one.
        """
        body = {"campaign": campaign, "gifts": list(gifts)}
        answer: list[IssuedGift] = self._api.post("gifts/batch", body, key=_key(idempotency_key))["data"]
        return answer

    def gift(self, gift_id: str) -> Gift:
        """A gift, without its code."""
        answer: Gift = self._api.get(f"gifts/{gift_id}")
        return answer

    def reveal_gift(self, gift_id: str) -> IssuedGift:
        """A gift with its code; needs the scope gifts:reveal, and is recorded."""
        answer: IssuedGift = self._api.get(f"gifts/{gift_id}", reveal="true")
        return answer

    def gifts(self, *, recipient_ref: str | None = None, status: GiftStatus | None = None) -> Iterator[Gift]:
        """Every gift that fits, the newest first."""
        gifts: Iterator[Gift] = self._api.pages("gifts", recipient_ref=recipient_ref, status=status)
        return gifts

    def void_gift(self, gift_id: str, *, reason: str) -> Gift:
        """Withdraw a gift that nobody has claimed; again is harmless."""
        answer: Gift = self._api.post(f"gifts/{gift_id}/void", {"reason": reason}, key=None)
        return answer

    def campaign(self, campaign: str) -> Campaign:
        """State and budget of a campaign."""
        answer: Campaign = self._api.get(f"campaigns/{campaign}")
        return answer

    def claim(self, *, code: str, member: str, idempotency_key: str | None = None) -> Claim:
        """Turn the code into points of the member; Problem `code_not_usable` for every reason not to."""
        answer: Claim = self._act("claims", idempotency_key, code=code, member=member)
        return answer

    def look_up_member(self, *, card_token: str | None = None, member: str | None = None) -> Member:
        """Whose card shows this token now, or who is meant by `number:...` or `ref:...`."""
        answer: Member = self._api.post(
            "members/lookup", {"card_token": card_token, "member": member}, key=None
        )
        return answer

    def member(self, member_id: str) -> Member:
        """A member that your brand has to do with."""
        answer: Member = self._api.get(f"members/{member_id}")
        return answer

    def balance(self, member_id: str) -> Balance:
        """What the member can spend now."""
        answer: Balance = self._api.get(f"members/{member_id}/balance")
        return answer

    def lots(self, member_id: str) -> Iterator[Lot]:
        """The member's points by their end, the soonest first."""
        lots: Iterator[Lot] = self._api.pages(f"members/{member_id}/lots")
        return lots

    def transactions(self, member_id: str) -> Iterator[Transaction]:
        """What the member did at your brand, the newest first."""
        found: Iterator[Transaction] = self._api.pages(f"members/{member_id}/transactions")
        return found

    def earn(
        self,
        *,
        member: str,
        points: int,
        store: str | None = None,
        reference: str | None = None,
        lot_life_days: int | None = None,
        idempotency_key: str | None = None,
    ) -> Transfer:
        """Points for a purchase, out of the brand's funds."""
        answer: Transfer = self._act(
            "earn",
            idempotency_key,
            member=member,
            points=points,
            store=store,
            reference=reference,
            lot_life_days=lot_life_days,
        )
        return answer

    def spend(
        self,
        *,
        member: str,
        points: int,
        store: str | None = None,
        reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> Transfer:
        """Points of the member to the brand, those that end soonest first."""
        answer: Transfer = self._act(
            "spend", idempotency_key, member=member, points=points, store=store, reference=reference
        )
        return answer

    def hold(
        self,
        *,
        member: str,
        points: int,
        store: str | None = None,
        expires_in: int | None = None,
        idempotency_key: str | None = None,
    ) -> Hold:
        """Set points aside for a checkout, for `expires_in` seconds."""
        answer: Hold = self._act(
            "holds", idempotency_key, member=member, points=points, store=store, expires_in=expires_in
        )
        return answer

    def get_hold(self, hold_id: str) -> Hold:
        """A hold as it is now."""
        answer: Hold = self._api.get(f"holds/{hold_id}")
        return answer

    def capture(self, hold_id: str, *, points: int | None = None, idempotency_key: str | None = None) -> Hold:
        """Take all held points, or `points` of them; the rest is given back."""
        answer: Hold = self._act(f"holds/{hold_id}/capture", idempotency_key, points=points)
        return answer

    def release(self, hold_id: str, *, idempotency_key: str | None = None) -> Hold:
        """Give the held points back."""
        answer: Hold = self._act(f"holds/{hold_id}/release", idempotency_key)
        return answer

    def reverse(
        self, transfer_id: str, *, points: int | None = None, idempotency_key: str | None = None
    ) -> Reversal:
        """Take back what is left of a transfer of yours, or `points` of it."""
        answer: Reversal = self._act(f"transfers/{transfer_id}/reverse", idempotency_key, points=points)
        return answer

    def events(self, *, after: str | None = None) -> Iterator[Event]:
        """Every event behind the cursor `after`, in their order; from the beginning if it is None. To go on
        another day, use `event_pages`.
        """
        for events, _cursor in self.event_pages(after=after):
            yield from events

    def event_pages(self, *, after: str | None = None) -> Iterator[tuple[list[Event], str | None]]:
        """The same page by page, each with the cursor behind it: keep it when you have worked on the page,
        and give it as `after` next time. Ends with what has happened so far.
        """
        cursor = after
        while True:
            page = self._api.get("events", after=cursor)
            cursor = page["next_cursor"] or cursor
            yield page["data"], cursor
            if not page["has_more"]:
                return

    def _act(self, path: str, key: str | None, **body: Any) -> Any:
        return self._api.post(path, body, key=_key(key))


def _key(given: str | None) -> str:
    return given or str(uuid.uuid4())
