"""What people do on the site: a code that can be claimed now, a sign-in through the real pages."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import mail
from django.test import Client

from campaigns import conditions_queries
from campaigns import services as campaigns
from campaigns.conditions_models import ConditionsVersion
from campaigns.models import Campaign, Order, OrderState
from giftcodes import services as giftcodes
from giftcodes.models import Batch
from ledger.statements import database_time
from parties.models import Brand, Member, Role, User
from tests import factors, make

UNUSABLE = "1906827340667143"  # a well-formed code, of no batch here
Answer = Any  # of the test client; its type has no public name


def batch_now(**changes: Any) -> Batch:
    """A batch whose codes can be claimed at this moment: the pages leave the time to the database's clock."""
    now = datetime.now(UTC)
    window = {"claim_from": now - timedelta(days=1), "claim_until": now + timedelta(days=1)}
    return make.live_batch(**window | changes)


def code_now(**changes: Any) -> str:
    return make.code_of(batch_now(**{"size": 1} | changes))


def campaign(*, brand: Brand | None = None, days: tuple[float, float] = (-1, 1), **fields: Any) -> Campaign:
    now = datetime.now(UTC)
    defaults = {
        "slug": "spring",
        "name": "Spring",
        "title_ja": "春のポイント祭り",
        "title_en": "Spring points",
        "starts_at": now + timedelta(days=days[0]),
        "ends_at": now + timedelta(days=days[1]),
        "published_at": now,
    }
    return Campaign.objects.create(brand=brand or make.brand(), **defaults | fields)


def batch_of(campaign: Campaign, *, size: int, **changes: Any) -> Batch:
    """A batch that can be claimed now, ordered for the campaign."""
    batch = batch_now(size=size, **changes)
    Order.objects.create(
        campaign=campaign,
        face_points=batch.face_points,
        claim_from=batch.claim_from,
        claim_until=batch.claim_until,
        state=OrderState.APPROVED,
        requested_by=make.user(),
        decided_by=make.user(),
        decided_at=batch.approved_at,
        submitted_at=batch.approved_at,
        submitted_hash="0" * 64,
        batch=batch,
    )
    return batch


def withdraw(batch: Batch, first: int, last: int) -> None:
    """The codes from the `first` to the `last` place of the batch."""
    giftcodes.void_codes(
        batch_id=batch.pk,
        first_serial=batch.first_serial + first,
        last_serial=batch.first_serial + last,
        reason="leaked",
        requested_by=make.user(),
        approved_by=make.user(),
        at=datetime.now(UTC),
    )


def sign_in_code() -> str:
    """The code in the newest mail."""
    found = re.search(r"\d{4}-\d{4}", str(mail.outbox[-1].body))
    assert found
    return found[0]


def member_in(client: Client) -> None:
    """A new member, signed in there."""
    user = make.user()
    Member.objects.create(user=user)
    client.force_login(user)


def member_of(client: Client) -> Member:
    """Who is signed in there."""
    return Member.objects.get(user=client.session["_auth_user_id"])


def user_of(client: Client) -> User:
    """The log-in of whoever is signed in there, as it is now."""
    return User.objects.get(pk=client.session["_auth_user_id"])


def staff_in(client: Client, email: str = "staff@example.com") -> Answer:
    """Somebody of the staff, signed in there by password and code, at the admin's own pages."""
    return through_admin(client, make.user(email=email, password="correct horse", is_staff=True))


def through_admin(client: Client, user: User) -> Answer:
    """Both pages of the admin's sign-in; gives back the answer to the code."""
    factors.app_of(user)
    client.post("/admin/login/", {"username": user.email, "password": "correct horse"})
    return client.post("/admin/second-factor/", {"code": factors.code_at(database_time())})


def ask_to_sign_in(client: Client, email: str) -> Answer:
    return client.post("/sign-in/", {"email": email})


def sign_in(client: Client, email: str = "hanako@example.com") -> Answer:
    """Through both pages; gives back the answer to the sign-in code."""
    ask_to_sign_in(client, email)
    shown = shown_in(client.get("/sign-in/code/"))
    return client.post("/sign-in/code/", {"code": sign_in_code(), "shown": shown})


def receive_waiting(client: Client) -> Answer:
    """The button on the page that names the code that waits."""
    return client.post("/claim/", {"shown": shown_in(client.get("/claim/"))})


def shown_in(page: Answer) -> str:
    """The mark by which a form names the code that its page shows; "" where no code is shown."""
    found = re.search(r'name="shown" value="(\w+)"', page.content.decode())
    return found[1] if found else ""


def text_of(response: Answer) -> str:
    """The page without what differs from visit to visit: the CSRF token, the number for support."""
    page: str = response.content.decode()
    page = re.sub(r'<strong class="reference">\w+</strong>|\?reference=\w+', "", page)
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


def conditions_draft(campaign: Campaign, **texts: Any) -> ConditionsVersion:
    """The draft of the next version, by a marketer of the brand."""
    by, at = make.staff(Role.MARKETER, campaign.brand), datetime.now(UTC)
    asked = {"text_ja": "規約", "text_en": "", "in_force_from": None} | texts
    return campaigns.write_conditions(campaign_id=campaign.pk, user=by, at=at, **asked)


def conditions(campaign: Campaign, **texts: Any) -> ConditionsVersion:
    """The next version, published and, unless it says otherwise, in force."""
    draft = conditions_draft(campaign, **texts)
    return campaigns.publish_conditions(
        campaign_id=campaign.pk,
        fingerprint=conditions_queries.fingerprint_of_draft(draft),
        user=draft.edited_by,
        at=datetime.now(UTC),
    )


def accept_waiting(client: Client, tick: str) -> Answer:
    """The button on the page that shows the conditions, with that tick ("" for none)."""
    form = {"shown": shown_in(client.get("/claim/"))}
    return client.post("/claim/", form | {"accept": tick} if tick else form)
