#!/usr/bin/env python
"""Django's command line. `manage.py demo` runs on the embedded default; everything else needs TOKUTEN_ENV."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["demo"]:
        os.environ.setdefault("TOKUTEN_ENV", "demo")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
