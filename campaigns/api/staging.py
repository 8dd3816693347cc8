"""Which calls of a test key are to go wrong, and how: by what they name."""

from collections.abc import Iterable

from campaigns import sandbox
from campaigns.sandbox import FixedCode
from parties.api.staged import Staging
from parties.api_models import ApiClient

RECIPIENTS = {"sandbox:slow": Staging.SLOW, "sandbox:500-but-issued": Staging.LOST}
_CODES = {FixedCode.SLOW: Staging.SLOW, FixedCode.LOST: Staging.LOST}


def staging_of_gifts(client: ApiClient, recipients: Iterable[str]) -> Staging | None:
    """By the first recipient_ref that asks for it; none for live keys."""
    if not client.brand.program.is_sandbox:
        return None
    return next((RECIPIENTS[recipient] for recipient in recipients if recipient in RECIPIENTS), None)


def staging_of_claim(client: ApiClient, text: object) -> Staging | None:
    """By the code; none for live keys."""
    fixed = sandbox.fixed_code(client.brand, text)
    return _CODES.get(fixed) if fixed else None
