"""How a line of the log is written."""

import logging
import re
from typing import Any

# Sixteen digits, with a space or a hyphen between them or nothing: all but the last four.
_CODE = re.compile(r"(?<![0-9])(?:[0-9][ -]?){12}(?=(?:[0-9][ -]?){3}[0-9](?![0-9]))")


class MaskingFormatter(logging.Formatter):
    """Lets no code stand in a line. We write none; but whoever puts one into an address has Django write the
    address, and a library may put what it was given into what it raises.
    """

    def format(self, record: logging.LogRecord) -> str:
        return _CODE.sub("••••-••••-••••-", super().format(record))


def logging_settings(*, level: str) -> dict[str, Any]:
    """For Django: everything from that level on, a line each, to standard error."""
    line = {"()": MaskingFormatter, "format": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
    }
