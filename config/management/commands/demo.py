"""A running site with demo content, on the embedded default: no server to install, nothing to configure."""

import fcntl
import os
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from config.demo import content, partner
from config.demo.content import Content
from config.demo.processes import Child, Children, free_port, wait_until_listening
from giftcodes.models import Batch, BatchState, Delivery
from giftcodes.services.deliveries import passphrase_of, path_of
from ledger.statements import database_time

_START_SECONDS = 60
_BAR_WIDTH = 40
_PAST = (
    f"Behind it lie ten weeks of purchases and spending: see them as {content.MEMBER} in the wallet,\n"
    "and as the operator's finance in the admin, where a settlement waits to be closed."
)
_NO_PAST = (
    "The days of this demo are sealed already, so it stays without a past. For one that has ten weeks of\n"
    "purchases and settlements, stop it and remove its folder."
)


class Command(BaseCommand):
    help = (
        "Run the demo: content, a worker that mints, the site and the admin. Ctrl-C stops it, again resumes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, default=8000, help="where the site listens on 127.0.0.1 (default 8000)"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if settings.TOKUTEN_ENV != "demo":
            raise CommandError("the demo runs with TOKUTEN_ENV=demo only: it prints codes and passwords")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        with (settings.VAR_DIR / "demo.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise CommandError(
                    f"the demo is already running: {lock.read() or 'it is just starting'}"
                ) from None
            try:
                self._run(options["port"], lock)
            except KeyboardInterrupt:
                self.stdout.write("\nStopped. 'make demo' goes on from here.")

    def _run(self, wanted_port: int, lock: TextIO) -> None:
        try:
            port = free_port(wanted_port)
        except OSError as error:
            raise CommandError(str(error)) from error
        site_url = f"http://127.0.0.1:{port}"
        lock.truncate(0)
        lock.write(site_url)
        lock.flush()
        self.stdout.write("Preparing the database ...")
        call_command("migrate", interactive=False, verbosity=0)
        made = content.make_content(folder=settings.VAR_DIR, site_url=site_url, at=database_time())
        connection.close()
        with Children(_children(port, site_url)) as children:
            self._watch_minting(made.batch, children)
            claims = content.claim_some(made.batch)
            if not wait_until_listening(port, seconds=_START_SECONDS):
                raise CommandError(f"the site did not start: see {settings.VAR_DIR / 'web.log'}")
            self._show(made, site_url, claims)
            while True:
                self._tell_revived(children.revive())
                time.sleep(0.5)

    def _watch_minting(self, batch: Batch, children: Children) -> None:
        """Show the progress that the worker records, until the codes can be claimed."""
        shown = ""
        while True:
            batch.refresh_from_db()
            done = batch.minted_codes * _BAR_WIDTH // batch.size
            bar = "█" * done + "░" * (_BAR_WIDTH - done)
            line = f"Minting  {bar}  {batch.minted_codes:>6,} of {batch.size:,} codes"
            if line != shown:
                self.stdout.write(line, ending="\r" if sys.stdout.isatty() else "\n")
                self.stdout.flush()
                shown = line
            if batch.state not in (BatchState.APPROVED, BatchState.MINTING):
                self.stdout.write("")
                return
            self._tell_revived(children.revive())
            time.sleep(0.02)

    def _tell_revived(self, names: list[str]) -> None:
        for name in names:
            self.stdout.write(f"The {name} had stopped and was started again.")

    def _show(self, made: Content, site_url: str, claims: int) -> None:
        batch = made.batch
        delivery = Delivery.objects.select_related("batch").get(batch=batch)
        page = f"{site_url}/c/{content.CAMPAIGN}/"
        lines = [
            "",
            f"{batch.size:,} codes of {batch.face_points} points are minted, {claims} of them claimed.",
            "",
            f"  site            {site_url}/",
            f"  campaign page   {page}",
            f"  wallet          {site_url}/wallet/",
            f"  admin           {site_url}/admin/",
            "",
            "Log-ins for the admin:",
            *(f"  {login.email:<34} {login.password:<20} {login.what}" for login in made.logins),
            "",
            f"Sealed file       {path_of(delivery)}",
            f"  passphrase      {passphrase_of(delivery)}",
            f"  SHA-256         {delivery.sealed_sha256}",
            "",
            "Three codes nobody has claimed yet (sign in with any e-mail address: nothing is sent):",
            *(f"  {page}#c={code}" for code in content.unclaimed_codes(batch)),
            "",
            f"One for a membership number, without a sign-in (a number that fits: {content.CARD_NUMBER}):",
            f"  {site_url}/c/{content.CARD_CAMPAIGN}/#c={content.unclaimed_codes(made.card_batch)[0]}",
            "",
            "One whose conditions have to be accepted:",
            f"  {site_url}/c/{content.TERMS_CAMPAIGN}/#c={content.unclaimed_codes(made.terms_batch)[0]}",
            "",
            "For a partner's system: a live key, and one of the sandbox, where nothing is worth anything",
            f"(start in ten minutes: {site_url}/api/docs/start/, reference: {site_url}/api/docs/):",
            f"  {made.keys.live}",
            f"  {made.keys.test}",
            "A gift, with its code and its link:",
            *_curl(site_url, made.keys.live),
            "",
            "A ticket waits for support (log in as support, above):",
            f"  {site_url}/admin/campaigns/dispute/",
            "",
            _PAST if made.has_past else _NO_PAST,
            "",
            "Ctrl-C stops everything; 'make demo' resumes.",
        ]
        self.stdout.write("\n".join(lines))


def _curl(site_url: str, key: str) -> list[str]:
    return [
        f"  curl {site_url}/api/v1/gifts -H 'Authorization: Bearer {key}' \\",
        "    -H 'Content-Type: application/json' -H 'Idempotency-Key: order-1' \\",
        f'    -d \'{{"campaign": "{partner.CAMPAIGN}"}}\'',
    ]


def _children(port: int, site_url: str) -> list[Child]:
    environment = os.environ | {"TOKUTEN_ENV": "demo", "SITE_URL": site_url}
    folder: Path = settings.VAR_DIR
    web = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    # Asked to stop while it is still starting, its worker never ends by itself.
    web += [
        "--workers",
        "1",
        "--blocking-threads",
        "4",
        "--workers-kill-timeout",
        "5",
        "config.wsgi:application",
    ]
    worker = ["celery", "-A", "config", "worker", "-P", "solo", "-B", "--without-gossip", "--without-mingle"]
    return [
        Child("worker", worker, environment=environment, log=folder / "worker.log"),
        Child("web server", web, environment=environment, log=folder / "web.log"),
    ]


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
