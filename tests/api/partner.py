"""A partner system in the tests: its client, its key, and calls with it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.test import Client
from django.utils import timezone

from parties import api_services
from parties.api_models import ApiClient, Scope
from parties.models import Brand
from tests import make


def api_client(brand: Brand | None = None, *, name: str = "Shop", **fields: Any) -> ApiClient:
    """A client of the brand, or of one of its own."""
    return ApiClient.objects.create(
        brand=brand or make.brand(), name=name, created_at=timezone.now(), created_by=make.user(), **fields
    )


class Partner:
    """Calls the API with a key of its client, as JSON."""

    def __init__(
        self,
        client: ApiClient | None = None,
        *,
        scopes: Sequence[Scope] = tuple(Scope),
        addresses: Sequence[str] = (),
        expires_at: datetime | None = None,
    ) -> None:
        self.client = client or api_client()
        self.key, self.text = api_services.make_key(
            client=self.client,
            scopes=scopes,
            addresses=addresses,
            expires_at=expires_at,
            by=make.user(),
            at=timezone.now(),
        )
        self.http = Client()

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        """The answer to a GET of /api/v1/`path`."""
        return self.http.get(f"/api/v1/{path}", query, headers=self._headers(headers))

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Any:
        """The answer to a POST of `body`, with `key` as Idempotency-Key."""
        if key is not None:
            headers["idempotency-key"] = key
        text = body if isinstance(body, (str, bytes)) else json.dumps(body or {})
        return self.http.post(
            f"/api/v1/{path}", text, content_type="application/json", headers=self._headers(headers)
        )

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {"authorization": f"Bearer {self.text}"} | headers
