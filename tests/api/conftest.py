"""What the API's tests are answered is held against the document, whatever else they look at."""

from typing import Any

import pytest
from django.test import Client

from tests.api.told import untold


@pytest.fixture(autouse=True)
def _nothing_is_answered_that_the_document_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Client.generic

    def asked(self: Client, method: str, path: str, *given: Any, **more: Any) -> Any:
        answer = ask(self, method, path, *given, **more)
        address = path.partition("?")[0]
        if address.startswith("/api/v1/"):
            assert untold(method, address, answer) == ""
        return answer

    monkeypatch.setattr(Client, "generic", asked)
