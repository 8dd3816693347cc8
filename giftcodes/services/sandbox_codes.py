"""Codes of files that sandboxes try out: the one place that derives a code nobody has handed in."""

from giftcodes import codec, directory
from giftcodes.errors import KeysMissing
from giftcodes.models import SANDBOX_SERIES, Batch
from parties.errors import NotASandbox


def first_code_of(batch: Batch) -> str:
    """The first code of a batch in a sandbox. NotASandbox for any other batch; KeysMissing."""
    if batch.series_id != SANDBOX_SERIES or not batch.brand.program.is_sandbox:
        raise NotASandbox
    known, key = (
        directory.batch_of(batch.series_id, batch.first_serial),
        directory.series_key(batch.series_id),
    )
    if known is None or key is None or not known.is_sandbox:
        raise KeysMissing(f"batch {batch.pk} is not known")
    return codec.encode_one(batch.first_serial, series=batch.series_id, series_key=key, batch_key=known.key)
