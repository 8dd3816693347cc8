"""What a call can end with instead of its answer."""

from typing import Any, NamedTuple


class FieldError(NamedTuple):
    """What is wrong with one field of a request."""

    field: str
    code: str
    message: str


class Problem(Exception):
    """The API said no. Decide by `code`, which never changes; `title` and `detail` are for people.

    `errors` names the fields that are wrong, `reference` is what support finds a refused try by, and `body`
    is all of it. `retry_after` are the seconds after which the same call may be answered, None if waiting
    would change nothing.
    """

    def __init__(self, status: int, body: dict[str, Any], *, retry_after: float | None = None) -> None:
        self.status, self.body, self.retry_after = status, body, retry_after
        self.code = str(body.get("code", "unknown"))
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        self.reference = str(body.get("reference", ""))
        self.errors = [
            FieldError(str(row.get("field", "")), str(row.get("code", "")), str(row.get("message", "")))
            for row in body.get("errors", [])
        ]
        super().__init__(f"{status} {self.code}: {self.title} {self.detail}".strip())


class NotReached(Exception):
    """No answer came, tried as often as was asked for. The act may have been done: send it again with
    `idempotency_key`, and it is done once.
    """

    def __init__(self, idempotency_key: str | None) -> None:
        self.idempotency_key = idempotency_key
        super().__init__("No answer came; repeating the call with the same idempotency key is harmless.")
