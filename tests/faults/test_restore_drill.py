"""The drill (T12): a server, claims, a base backup, more claims, the server lost, the backup started, the
journal replayed. Everything in processes of its own, on servers of its own.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.config.starts import GOOD
from tests.faults.workers import ROOT
from tests.prepared import fill_postgresql
from tests.servers import own_postgresql_server, postgresql_base_backup

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(300)]

BEFORE, SHIPPED, UNSHIPPED, AFTER = 40, 60, 3, 5  # claims


_STEPS = "import json; from tests.faults import restore_steps"


class Site:
    """Processes of the application on one database after another, with one journal that outlives them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.database_url = folder, ""

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {
            "DATABASE_URL": self.database_url,
            "VAR_DIR": str(self._folder),
            "CLAIM_JOURNAL_DIR": str(self._folder / "journal"),
        }
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | own | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def manage(self, *command: str) -> str:
        done = self.run("manage.py", *command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def step(self, name: str, *numbers: int) -> Any:
        """What a function of `restore_steps` gives back."""
        call = f"{_STEPS}; print(json.dumps(restore_steps.{name}{numbers}))"
        return json.loads(self.manage("shell", "--no-imports", "-c", call).splitlines()[-1])

    def start(self, *command: str) -> subprocess.CompletedProcess[str]:
        """As in production: it must refuse, or this would not come back."""
        keys = {name: os.environ[name] for name in ("SECRET_KEY", "CODE_MASTER_KEYS", "LEDGER_SEAL_KEYS")}
        own = {"DATABASE_URL": self.database_url, "CLAIM_JOURNAL_DIR": str(self._folder / "journal")}
        production = GOOD | keys | own
        redis = {"REDIS_URL": os.environ["REDIS_URL"], "CELERY_BROKER_URL": os.environ["CELERY_BROKER_URL"]}
        return self.run(*command, **(production | redis))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


WEB = ("-c", "import config.wsgi")
# A web server that is up, a database that is older all of a sudden, and the next connection.
OUTLIVING_A_RESTORE = """
import config.wsgi
from django.conf import settings
from django.db import connection
from giftcodes import journal
with journal.opened(settings.CLAIM_JOURNAL_DIR) as book:
    book.append([journal.Entry(journal.Kind.CLAIM, 10**9, claim=1, member="f" * 32)])
connection.cursor()
"""
WORKER = ("-m", "celery", "-A", "config", "worker", "-P", "solo")


def test_after_a_restore_and_a_replay_no_claimed_code_can_be_claimed_again(site: Site) -> None:
    with ExitStack() as backups:
        with own_postgresql_server() as site.database_url:
            fill_postgresql(site.database_url, "tokuten")
            assert site.step("before_the_backup", 200, BEFORE) == BEFORE
            backup = backups.enter_context(postgresql_base_backup(site.database_url))
            journaled, claimed = site.step("after_the_backup", BEFORE, SHIPPED, UNSHIPPED)
            assert site.start(*WEB).returncode == 0
        lost_at = time.monotonic()

        with own_postgresql_server(restored_from=backup) as site.database_url:
            server_seconds = time.monotonic() - lost_at
            for start in (WEB, WORKER):
                refused = site.start(*start)
                assert refused.returncode != 0
                assert "run manage.py replay_claims" in refused.stderr + refused.stdout
            assert "config.W001" in site.run("manage.py", "check", "--database", "default").stderr

            replay_at = time.monotonic()
            said = site.manage("replay_claims")  # ends with the audit
            replay_seconds = time.monotonic() - replay_at

            assert site.step("owners") == journaled
            assert site.start(*WEB).returncode == 0
            again = site.step("claim_everything_again", AFTER)
            assert again == {"refused": len(journaled), "known": len(journaled), "shipped": AFTER}
            site.manage("audit")
            outlived = site.start("-c", OUTLIVING_A_RESTORE)
            assert "run manage.py replay_claims" in outlived.stderr
    lost = len(claimed) - len(journaled)
    assert (len(journaled), lost) == (BEFORE + SHIPPED, UNSHIPPED)
    print(f"{said}re-claims refused: {again['refused']} of {len(journaled)}")
    print(f"RPO: {lost} claims, committed and not shipped yet")
    print(f"RTO: server {server_seconds:.1f} s + replay and audit {replay_seconds:.1f} s")
