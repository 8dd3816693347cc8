"""The words of alerts, for people: what is so, and what to do about it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.alert_models import Alert, AlertKind, BrandAlertKind, Level
from campaigns.wording import number
from parties.periods import end_text, moment_text

Facts = dict[str, Any]
BADGES = {Level.INFO: "quiet", Level.WARNING: "waiting", Level.URGENT: "bad"}


def headline(alert: Alert) -> str:
    """One sentence that says what is so, with its figures."""
    return _HEADLINES[AlertKind(alert.kind)](alert.facts)


def what_to_do(alert: Alert) -> str:
    """What somebody can do about it."""
    return _ADVICE[AlertKind(alert.kind)](alert.facts)


def address_of(alert: Alert) -> str:
    """The page on which something can be done, below the site."""
    kind, _colon, key = alert.subject.partition(":")
    if alert.kind == AlertKind.CLAIM_RATE:
        return reverse("admin:campaigns_campaign_results", args=(key,))
    if alert.kind == AlertKind.FUNDS_LOW:
        return reverse("admin:campaigns_deposit_changelist")
    if alert.kind == AlertKind.BREAKER:
        return reverse("admin:giftcodes_claimlock_changelist")
    if kind == "series":
        return reverse("admin:giftcodes_series_change", args=(key,))
    if kind == "order":
        return reverse("admin:campaigns_order_change", args=(key,))
    return reverse("admin:campaigns_alert_change", args=(alert.pk,))


def alert_row(alert: Alert) -> dict[str, Any]:
    """What a list shows of it."""
    return {
        "alert": alert,
        "headline": headline(alert),
        "what_to_do": what_to_do(alert),
        "address": address_of(alert),
        "badge": BADGES[Level(alert.level)],
    }


def threshold_text(kind: BrandAlertKind, threshold: int) -> str:
    """What a threshold means."""
    texts: dict[BrandAlertKind, str] = {
        BrandAlertKind.BUDGET_LOW: _("at %(n)s%% of the order's points or gifts, or less"),
        BrandAlertKind.FUNDS_LOW: _("at %(n)s%% of the last deposit, or less"),
        BrandAlertKind.CLAIM_RATE: _("at %(n)s times the usual deviation"),
        BrandAlertKind.WINDOW_BEGINS: ngettext("%(n)s day before", "%(n)s days before", threshold),
        BrandAlertKind.WINDOW_ENDS: ngettext("%(n)s day before", "%(n)s days before", threshold),
        BrandAlertKind.NOT_READY: ngettext("%(n)s day before", "%(n)s days before", threshold),
    }
    return texts[kind] % {"n": threshold}


def _moment(facts: Facts, name: str) -> str:
    return moment_text(datetime.fromisoformat(facts[name]))


def _of_order(facts: Facts) -> Facts:
    return {"campaign": facts["campaign"], "order": facts["order"]}


def _budget(facts: Facts) -> str:
    figures = {"points": number(facts["points"]), "gifts": number(facts["gifts"])}
    return _("%(campaign)s (order %(order)s): %(points)s points and %(gifts)s gifts are left.") % (
        _of_order(facts) | figures
    )


def _funds(facts: Facts) -> str:
    figures = {"brand": facts["brand"], "left": number(facts["left"]), "waiting": number(facts["waiting"])}
    if facts["waiting"] > facts["left"]:
        return (
            _("%(brand)s: the funds (%(left)s points) don't cover the orders that wait (%(waiting)s points).")
            % figures
        )
    return _("%(brand)s: %(left)s points are left in the funds.") % figures


def _rate(facts: Facts) -> str:
    return _("%(campaign)s: %(claims)s codes claimed in the hour from %(hour)s; usual are %(usual)s.") % {
        "campaign": facts["campaign"],
        "claims": number(facts["claims"]),
        "usual": number(facts["usual"]),
        "hour": _moment(facts, "hour"),
    }


def _begins(facts: Facts) -> str:
    return _("%(campaign)s (order %(order)s): claiming begins on %(moment)s.") % (
        _of_order(facts) | {"moment": _moment(facts, "moment")}
    )


def _ends(facts: Facts) -> str:
    return _("%(campaign)s (order %(order)s): claiming ends, %(moment)s.") % (
        _of_order(facts) | {"moment": end_text(datetime.fromisoformat(facts["moment"]))}
    )


def _unready(facts: Facts) -> str:
    lacks = {
        "approval": _("%(campaign)s (order %(order)s): not approved yet (claimable from %(moment)s)."),
        "minting": _(
            "%(campaign)s (order %(order)s): its codes are not made yet (claimable from %(moment)s)."
        ),
        "download": _(
            "%(campaign)s (order %(order)s): nobody has downloaded the file (claimable from %(moment)s)."
        ),
        "activation": _(
            "%(campaign)s (order %(order)s): the codes are not activated; claiming was to begin on"
            " %(moment)s."
        ),
        "receipt": _(
            "%(campaign)s (order %(order)s): the file's receipt is not confirmed; claiming was to begin on"
            " %(moment)s."
        ),
    }
    return lacks[facts["lacks"]] % (_of_order(facts) | {"moment": _moment(facts, "moment")})


def _breaker(facts: Facts) -> str:
    if facts["level"] > 1:
        return _("Too many unknown codes are typed: claiming is closed to everybody who is not signed in.")
    return _("Too many unknown codes are typed: everybody who claims does a proof of work first.")


def _density(facts: Facts) -> str:
    return _(
        "Series %(series)s: %(live)s codes are live (%(most)s at most), %(used)s%% of the serials are used."
    ) % {
        "series": facts["series"],
        "live": number(facts["live"]),
        "most": number(facts["most"]),
        "used": facts["used"],
    }


def work_names() -> dict[str, str]:
    """Kinds of background work, as people know them."""
    return {
        "minting": _("making codes"),
        "files": _("making further files"),
        "closing": _("closing orders whose window has passed"),
        "expiry": _("expiring points"),
        "webhooks": _("webhooks to partner systems"),
        "notices": _("notices to members"),
        "answers": _("mails about answers of support"),
        "alert_mails": _("mails about alerts"),
        "monthly_mails": _("monthly mails"),
        "mailings": _("gifts by e-mail"),
    }


def _behind(facts: Facts) -> str:
    name = work_names()[facts["work"]]
    return _("Background work is late (%(name)s): the oldest has waited since %(moment)s.") % {
        "name": name,
        "moment": _moment(facts, "since"),
    }


def _always(text: Callable[[], str]) -> Callable[[Facts], str]:
    return lambda _facts: text()


def _unready_advice(facts: Facts) -> str:
    return {
        "approval": _("Ask an approver to decide, or take the order back and choose a later window."),
        "minting": _("This takes care of itself. If it takes longer than an hour, ask the operator."),
        "download": _("Whoever asked for the order downloads the file and hands it on."),
        "activation": _("An approver activates the codes on the page of the order."),
        "receipt": _("Whoever downloaded the file confirms on the page of its files that it has arrived."),
    }[facts["lacks"]]


_HEADLINES: dict[AlertKind, Callable[[Facts], str]] = {
    AlertKind.BUDGET_LOW: _budget,
    AlertKind.FUNDS_LOW: _funds,
    AlertKind.CLAIM_RATE: _rate,
    AlertKind.WINDOW_BEGINS: _begins,
    AlertKind.WINDOW_ENDS: _ends,
    AlertKind.NOT_READY: _unready,
    AlertKind.BREAKER: _breaker,
    AlertKind.SERIES_DENSITY: _density,
    AlertKind.WORK_BEHIND: _behind,
}
_ADVICE: dict[AlertKind, Callable[[Facts], str]] = {
    AlertKind.BUDGET_LOW: _always(
        lambda: _("Order more gifts for the campaign in time, or tell the partner that they end.")
    ),
    AlertKind.FUNDS_LOW: _always(
        lambda: _("Pay points in, or order less: nothing is approved that the funds don't cover.")
    ),
    AlertKind.CLAIM_RATE: _always(
        lambda: _(
            "If a mailing or a broadcast explains it, note that. If not, look for codes that were published,"
            " and pause the order."
        )
    ),
    AlertKind.WINDOW_BEGINS: _always(
        lambda: _("Look at the page of the campaign once more, and whether the codes are where they belong.")
    ),
    AlertKind.WINDOW_ENDS: _always(
        lambda: _("Remind those who hold codes, or ask for an extension before the end.")
    ),
    AlertKind.NOT_READY: _unready_advice,
    AlertKind.BREAKER: _always(
        lambda: _("It calms down by itself. Look at who is guessing, and lift locks of honest people.")
    ),
    AlertKind.SERIES_DENSITY: _always(
        lambda: _("Open a new series in time: orders are refused once this one is full.")
    ),
    AlertKind.WORK_BEHIND: _always(
        lambda: _(
            "Check that workers, beat and Redis are running. Nothing is lost: the work goes on where it"
            " stood."
        )
    ),
}
