"""Nudges for the workers: alerts, mails, mailings, old texts, sandboxes. The tables say what is due."""

import time

from celery import shared_task
from django.conf import settings

from campaigns import services
from campaigns.services import mailing_answers, mailing_sending
from ledger.statements import database_time

_SECONDS_PER_RUN = 10.0  # a mail server that is away takes as long for one mail
_CAMPAIGNS_PER_RUN = 20
_SECONDS_OF_COUNTING = 60.0


@shared_task(acks_late=True, ignore_result=True)
def tell_answers() -> None:
    """Send what is due of the mails about answers. Any number of runs at once send each at most once."""
    at, deadline = database_time(), time.monotonic() + _SECONDS_PER_RUN
    while services.tell_answers(site_url=settings.SITE_URL, at=at, limit=1) and time.monotonic() < deadline:
        pass


@shared_task(acks_late=True, ignore_result=True)
def remind_approvers() -> None:
    """Send what is due of the reminders of orders. Any number of runs at once send each at most once."""
    at, deadline = database_time(), time.monotonic() + _SECONDS_PER_RUN
    while services.remind_approvers(site_url=settings.SITE_URL, at=at, limit=1) and (
        time.monotonic() < deadline
    ):
        pass


@shared_task(acks_late=True, ignore_result=True)
def make_audiences() -> None:
    """Freeze what may be told of the members of last month's campaigns. Any number of runs at once make each
    once.
    """
    services.make_audiences(at=database_time(), limit=_CAMPAIGNS_PER_RUN)


@shared_task(acks_late=True, ignore_result=True)
def send_months() -> None:
    """Send what is due of the mails about last month. Any number of runs at once send each at most once."""
    at, deadline = database_time(), time.monotonic() + _SECONDS_PER_RUN
    while services.send_months(site_url=settings.SITE_URL, at=at, limit=1) and time.monotonic() < deadline:
        pass


@shared_task(acks_late=True, ignore_result=True)
def look_for_alerts() -> None:
    """Count what was claimed, then look what calls for attention. Stopped in the middle, or run twice at
    once, it comes to the same.
    """
    at, deadline = database_time(), time.monotonic() + _SECONDS_PER_RUN
    while services.count_claims() and time.monotonic() < deadline:
        pass
    services.look_for_alerts(at=at)
    services.note_look(at=at)


@shared_task(acks_late=True, ignore_result=True)
def mail_alerts() -> None:
    """Send what is due of the mails about alerts. Any number of runs at once tell nobody twice."""
    at, deadline = database_time(), time.monotonic() + _SECONDS_PER_RUN
    while services.mail_alerts(site_url=settings.SITE_URL, at=at) and time.monotonic() < deadline:
        pass


@shared_task(acks_late=True, ignore_result=True)
def prune_dispute_texts() -> None:
    """Empty the texts of tickets that were resolved so long ago that nobody comes back to them."""
    services.prune_dispute_texts(at=database_time())


@shared_task(acks_late=True, ignore_result=True)
def send_mailings() -> None:
    """Send what is due of mailings. Any number of runs at once mail each row at most once."""
    deadline = time.monotonic() + _SECONDS_PER_RUN
    while mailing_sending.send_step(at=database_time()) and time.monotonic() < deadline:
        pass


@shared_task(acks_late=True, ignore_result=True)
def delete_old_addresses() -> None:
    """Delete whom the lists of old mailings name."""
    mailing_answers.delete_old_addresses(at=database_time())


@shared_task(acks_late=True, ignore_result=True)
def stock_sandboxes() -> None:
    """Fill what sandboxes lack, those that were opened while something was away too."""
    services.stock_sandboxes(site_url=settings.SITE_URL, at=database_time())


def fill_sandbox(brand_id: int) -> None:
    """Fill one that was just opened, at once: its first key is to work."""
    services.stock_sandbox(brand_id=brand_id, site_url=settings.SITE_URL, at=database_time())


@shared_task(acks_late=True, ignore_result=True)
def count_sheets() -> None:
    """Count again what pages show of large campaigns and ledgers. Any number of runs at once count each
    once. One that has counted for a while leaves the rest to the next: other work waits for the worker.
    """
    deadline = time.monotonic() + _SECONDS_OF_COUNTING
    for count in (services.count_sheets, services.count_large_campaigns):
        while time.monotonic() < deadline and count(at=database_time(), limit=1):
            pass
