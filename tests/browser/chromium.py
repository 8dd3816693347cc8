"""Where the machine has its Chromium. The test environment brings its servers along, but no wheel brings a
browser.
"""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """Its path: the CHROMIUM environment variable, else the system's own; None if there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def may_do_without() -> bool:
    """Whether a run may leave the browser tests out: not where CI=true, which promises that all of them
    ran.
    """
    return os.environ.get("CI", "") in ("", "0", "false")
