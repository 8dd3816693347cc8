"""Brand sites are made and kept; members agree to one, and take that back."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from allauth.idp.oidc.models import Client, Token
from django.contrib.auth.hashers import make_password
from django.db import transaction

from parties.leaving import hold_member
from parties.models import Brand, Member
from parties.site_models import SCOPES, BrandSite, SiteConsent
from parties.site_queries import scopes_agreed

OLD_SECRET_LIVES = timedelta(days=1)


@transaction.atomic
def add_site(*, brand: Brand, name: str, at: datetime) -> BrandSite:
    """A site of the brand that nobody can sign in to yet: it has no addresses and no secret."""
    client = Client(
        name=name,
        # allauth's own comparison can never succeed: the secret is `BrandSite.secret_digest`.
        secret=make_password(None),
        type=Client.Type.CONFIDENTIAL,
        created_at=at,
    )
    client.set_grant_types([Client.GrantType.AUTHORIZATION_CODE])
    client.set_response_types([Client.ResponseType.CODE])
    client.save()
    return BrandSite.objects.create(brand=brand, client=client, name=name, created_at=at)


@transaction.atomic
def set_addresses(
    *, site: BrandSite, redirect_uris: Sequence[str], sign_out_uris: Sequence[str], learns_email: bool
) -> None:
    """Where people are sent back to, to the letter, and whether the site may ask for their e-mail address.

    Addresses are taken as they come: `site_forms` says which are good.
    """
    client = Client.objects.get(pk=site.client_id)
    client.name = site.name
    client.set_redirect_uris(list(redirect_uris))
    client.set_post_logout_redirect_uris(list(sign_out_uris))
    client.set_scopes(list(SCOPES) if learns_email else ["openid"])
    client.save()


@transaction.atomic
def renew_secret(*, site_id: int, at: datetime) -> str:
    """A new secret for the site, told this once. The one before is good for OLD_SECRET_LIVES more.

    Of several at once, each is told a secret and the last one counts; a leaked secret is put out by renewing
    twice.
    """
    secret = secrets.token_urlsafe(48)  # no character that the ways of sending it would write in two manners
    site = BrandSite.objects.select_for_update(no_key=True).get(pk=site_id)
    site.old_secret_digest = site.secret_digest
    site.old_secret_until = at + OLD_SECRET_LIVES if site.secret_digest else None
    site.secret_digest = _digest(secret)
    site.save(update_fields=["secret_digest", "old_secret_digest", "old_secret_until"])
    return secret


def is_secret_of(site: BrandSite | None, secret: str, *, at: datetime) -> bool:
    """Whether it is the site's secret, or its old one in time. No site takes as long as a wrong secret."""
    digest = _digest(secret)
    newest = site.secret_digest if site else ""
    old = site.old_secret_digest if site and site.old_secret_until and at < site.old_secret_until else ""
    # Both are compared, whatever the first says; nothing equals the empty text of a secret that isn't there.
    return hmac.compare_digest(digest, newest) | hmac.compare_digest(digest, old)


@transaction.atomic
def agree_to_site(*, member: Member, site: BrandSite, scopes: Collection[str], at: datetime) -> None:
    """The member lets the site learn these, and what they let it learn before. MemberHasLeft for nobody."""
    hold_member(member)
    agreed = scopes_agreed(member=member, site=site)
    wanted = " ".join(scope for scope in SCOPES if scope in agreed or scope in scopes)
    SiteConsent.objects.create(member=member, site=site, scopes=wanted, given_at=at)


@transaction.atomic
def withdraw_from_site(*, member: Member, site: BrandSite, at: datetime) -> None:
    """The site learns nothing any more: not by tokens that it holds, nor by a code on its way to it."""
    if scopes_agreed(member=member, site=site):
        SiteConsent.objects.create(member=member, site=site, scopes="", given_at=at)
    if member.user_id is not None:
        revoke_tokens(user_id=member.user_id, client=site.client)


def revoke_tokens(*, user_id: int, client: Client) -> None:
    """What the client holds of that person opens nothing from now on."""
    Token.objects.filter(user=user_id, client=client).delete()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
