"""A worker in a process of its own, for tests that kill it: it seals, and remembers how far it is.

    python -m tests.giftcodes.sealing_child FOLDER CHUNKS

`progress` in the folder plays the database: replaced in one step, only after the chunk is on the disk.
"""

import random
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from giftcodes.sealing import SealedZip

NAME, PASSPHRASE, SALT = "batch-7.csv", "0123-4567-89AB-CDEF-GHJK", bytes(range(16))
MODIFIED_AT = datetime(2026, 11, 3, 12, 34, 56)  # noqa: DTZ001 (wall-clock time, as a zip holds it)


def chunk_content(number: int, *, size: int = 300_000) -> bytes:
    """Content of one chunk: half of it compresses well, half of it not at all."""
    return b"1000000001,channel\r\n" * (size // 40) + random.Random(number).randbytes(size // 2)


def all_content(chunks: int) -> Iterator[bytes]:
    return (chunk_content(number) for number in range(chunks))


def opened(path: Path, *, passphrase: str = PASSPHRASE, salt: bytes = SALT) -> SealedZip:
    return SealedZip(path, name=NAME, passphrase=passphrase, salt=salt, modified_at=MODIFIED_AT)


def seal_the_rest(folder: Path, chunks: int) -> None:
    with opened(folder / "sealed.zip") as sealed:
        done, offset = _progress(folder, sealed.data_offset)
        for number in range(done, chunks):
            offset = sealed.write_chunk(offset, [chunk_content(number)])
            _record(folder, "progress", f"{number + 1} {offset}")
        finished = sealed.finish(offset, expected=all_content(chunks))
    _record(folder, "result", f"{finished.sealed_sha256} {finished.content_sha256}")


def _progress(folder: Path, data_offset: int) -> tuple[int, int]:
    recorded = folder / "progress"
    if not recorded.exists():
        return 0, data_offset
    done, offset = recorded.read_text().split()
    return int(done), int(offset)


def _record(folder: Path, name: str, text: str) -> None:
    draft = folder / f"{name}.draft"
    draft.write_text(text)
    draft.replace(folder / name)


if __name__ == "__main__":
    print("ready", flush=True)
    seal_the_rest(Path(sys.argv[1]), int(sys.argv[2]))
