"""No code stands in a line of the log, wherever it came from."""

import logging
import sys

import pytest

from config.logs import MaskingFormatter

FORMATTER = MaskingFormatter("%(asctime)s %(message)s")


def line(message: str, *arguments: object, error: bool = False) -> str:
    seen = sys.exc_info() if error else None
    return FORMATTER.format(logging.LogRecord("n", logging.INFO, "f", 1, message, arguments, seen))


@pytest.mark.parametrize("code", ["1234567890123456", "1234-5678-9012-3456", "1234 5678 9012 3456"])
def test_a_code_in_an_address_is_masked(code: str) -> None:
    shown = line("Not Found: %s", f"/api/v1/gifts/{code}")
    assert "1234" not in shown
    assert shown.endswith("/api/v1/gifts/••••-••••-••••-3456")


def test_so_is_one_in_what_was_raised() -> None:
    try:
        raise ValueError("1234567890123456")
    except ValueError:
        shown = line("failed", error=True)
    assert "ValueError: ••••-••••-••••-3456" in shown
    assert "123456789012" not in shown


@pytest.mark.parametrize(
    "text", ["1234567890", "12345678901234567", "2026-11-28 12:00:00", "6f1c0b1e3c514c8e"]
)
def test_other_numbers_stay(text: str) -> None:
    assert text in line("%s", text)


def test_the_site_writes_its_log_so() -> None:
    found = [handler.formatter for handler in logging.getLogger().handlers]
    assert any(isinstance(formatter, MaskingFormatter) for formatter in found)
