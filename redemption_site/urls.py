"""Addresses of the pages that members see. Of allauth's own pages only those that are needed are here."""

from django.contrib.admin import site
from django.urls import path, re_path

from redemption_site.views import (
    account,
    card,
    claims,
    conditions,
    connections,
    fresh,
    numbers,
    own_data,
    pages,
    passkeys,
    preview,
    providers,
    sign_in,
    support,
    wallet,
)
from redemption_site.views.errors import explained

urlpatterns = [
    path("", explained(pages.landing), name="landing"),
    path("c/<slug:slug>/", explained(pages.campaign), name="campaign"),
    path("c/<slug:slug>/conditions/", explained(conditions.conditions), name="conditions"),
    path("c/<slug:slug>/conditions/<int:number>/", explained(conditions.conditions), name="conditions"),
    path("claim/", explained(claims.claim), name="claim"),
    path("claimed/<int:serial_number>/", explained(claims.claimed), name="claimed"),
    path("claim/number/", explained(numbers.number), name="number"),
    path("received/<int:serial_number>/", explained(numbers.received), name="received"),
    path("wallet/", explained(wallet.wallet), name="wallet"),
    path("wallet/card/", explained(card.card), name="card"),
    path("wallet/card/code/", explained(card.code), name="card_code"),
    path("wallet/<slug:program>/history/", explained(wallet.history), name="history"),
    path("wallet/<slug:program>/history/<int:posting_id>/", explained(wallet.entry), name="entry"),
    path("account/", explained(account.account), name="account"),
    path("account/data/", explained(own_data.own_data), name="own_data"),
    path("help/", explained(support.help_page), name="help"),
    path("help/dispute/", explained(support.ask), name="ask"),
    path("help/disputes/", explained(support.disputes), name="disputes"),
    path("help/disputes/<slug:number>/", explained(support.dispute), name="dispute"),
    # allauth looks for both names.
    path("sign-in/", explained(sign_in.SignInView.as_view()), name="account_request_login_code"),
    path("sign-in/", explained(sign_in.SignInView.as_view()), name="account_login"),
    path("sign-in/code/", explained(sign_in.SignInCodeView.as_view()), name="account_confirm_login_code"),
    path("sign-in/refused/", explained(sign_in.RefusedView.as_view()), name="account_inactive"),
    path("sign-out/", explained(sign_in.SignOutView.as_view()), name="account_logout"),
    path("sign-in/passkey/", explained(passkeys.sign_in_with_passkey), name="passkey_sign_in"),
    path("sign-in/again/", explained(fresh.sign_in_again), name="sign_in_again"),
    path("sign-in/go-on/", explained(providers.go_on), name="provider_go_on"),
    path("sign-in/with/<slug:provider_id>/", explained(providers.leave), name="provider_leave"),
    path("sign-in/with/<slug:provider_id>/back/", explained(providers.come_back), name="provider_back"),
    path("account/passkeys/", explained(passkeys.passkeys_page), name="passkeys"),
    path("account/passkeys/add/", explained(passkeys.add), name="passkey_add"),
    path("account/passkeys/<int:passkey_id>/", explained(passkeys.change), name="passkey"),
    path("account/passkeys/<int:passkey_id>/remove/", explained(passkeys.remove), name="passkey_remove"),
    path("account/connections/", explained(connections.connections), name="connections"),
    path("account/connections/<slug:provider_id>/connect/", explained(connections.connect), name="connect"),
    path(
        "account/connections/<int:account_id>/remove/",
        explained(connections.disconnect),
        name="disconnect",
    ),
    re_path(r"^theme/(?P<colour>[0-9a-f]{6})\.css$", explained(pages.theme), name="theme"),
    re_path(r"^media/logos/(?P<name>[0-9a-f]{32})\.png$", explained(pages.logo), name="logo"),
    re_path(r"^media/heroes/(?P<name>[0-9a-f]{32})\.webp$", explained(pages.hero), name="hero"),
    re_path(
        r"^c/(?P<slug>[-\w]+)/card-(?P<lang>ja|en)-(?P<key>[0-9a-f]{32})\.png$",
        explained(pages.card),
        name="share_card",
    ),
    # For staff, behind the admin's own sign-in; outside its address, where the content policy is laxer.
    path("preview/new/", site.admin_view(preview.of_new), name="preview_new"),
    path("preview/<int:campaign_id>/", site.admin_view(preview.of_campaign), name="preview"),
]
