"""The same browser as in tests/browser."""

from tests.browser.conftest import browser, visit

__all__ = ["browser", "visit"]
