"""What the tests of the sealed file share: a file of four chunks, written, resumed and opened."""

from collections.abc import Iterator
from pathlib import Path

import pyzipper

from giftcodes.sealing import SealedFile, SealedZip
from tests.giftcodes.sealing_child import (
    NAME,
    PASSPHRASE,
    all_content,
    chunk_content,
    opened,
)

CHUNKS = 4
WHOLE = b"".join(all_content(CHUNKS))


class Crash(BaseException):
    """Ends a worker where it stands, like a kill."""


def chunks_written(sealed: SealedZip) -> Iterator[int]:
    offset = sealed.data_offset
    for chunk in all_content(CHUNKS):
        offset = sealed.write_chunk(offset, [chunk])
        yield offset


def sealed_at_once(path: Path) -> SealedFile:
    with opened(path) as sealed:
        *_, end = chunks_written(sealed)
        return sealed.finish(end, expected=all_content(CHUNKS))


def chunk_ends(path: Path) -> list[int]:
    """Write all chunks without finishing; the offsets before the first, between, and after the last."""
    with opened(path) as sealed:
        return [sealed.data_offset, *chunks_written(sealed)]


def resumed(path: Path, *, done: int, offset: int) -> SealedFile:
    with opened(path) as sealed:
        for number in range(done, CHUNKS):
            offset = sealed.write_chunk(offset, [chunk_content(number)])
        return sealed.finish(offset, expected=all_content(CHUNKS))


def unpacked(path: Path, *, passphrase: str = PASSPHRASE) -> bytes:
    with pyzipper.AESZipFile(path) as archive:
        archive.setpassword(passphrase.encode())
        return bytes(archive.read(NAME))
