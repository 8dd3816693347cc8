"""How fast codes become a sealed file: `python -m tests.benchmarks.bench_sealing`.

One core, CPU time, medians; derivation of the codes is measured apart. The size of a sealed row and the time
of each level of compression stand together, because the default level was chosen by them. The file is written
to the system's folder for temporary files; waiting for its disk is no CPU time.
"""

import hashlib
import hmac
import itertools
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from giftcodes import content
from giftcodes.sealing import DEFAULT_LEVEL, Keystream, SealedFile, SealedZip

CHUNK = 100_000
CHUNKS = 5
ROUNDS = 7
LAYOUT = content.RowLayout(
    url_base="https://gifts.example.co.jp/c/summer-2027/",
    channel="Posters Shibuya",
    points=500,
    claim_until_text="2027-06-30 23:59",
)


def rows() -> list[tuple[str, float, str]]:
    """Name, figure and unit of each measurement."""
    codes = _codes()
    text = bytes(_formatted(codes, 0))
    return [
        ("format rows", _rate(lambda: _formatted(codes, 0), CHUNK), "rows/s of CPU time"),
        *itertools.chain.from_iterable(_at_level(level, text) for level in (0, 1, 6)),
        *_passes(text),
        *_whole_file(codes),
    ]


def main() -> None:
    for name, figure, unit in rows():
        print(f"{name:<40} {figure:>14,} {unit}")


def _codes() -> NDArray[np.bytes_]:
    # Digits without order, as the cipher leaves them: anything more regular would compress too well.
    numbers = np.random.default_rng(7).integers(10**15, 9 * 10**15, CHUNK)
    return numbers.astype("S16")


def _formatted(codes: NDArray[np.bytes_], chunk: int) -> memoryview:
    return content.rows(codes, series=1, first_serial=chunk * CHUNK, layout=LAYOUT)


def _at_level(level: int, text: bytes) -> list[tuple[str, float, str]]:
    def deflated() -> bytes:
        deflater = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        return deflater.compress(text) + deflater.flush(zlib.Z_FULL_FLUSH)

    packed = deflated()
    return [
        (f"deflate, level {level}", _rate(deflated, len(text) / 1e6), "MB/s"),
        (f"deflate, level {level}: rows", _rate(deflated, CHUNK), "rows/s of CPU time"),
        (f"deflate, level {level}: size", round(len(packed) / CHUNK, 1), "bytes per row"),
        (
            f"inflate, level {level}",
            _rate(lambda: zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed), len(text) / 1e6),
            "MB/s",
        ),
    ]


def _passes(text: bytes) -> list[tuple[str, float, str]]:
    megabytes, keystream = len(text) / 1e6, Keystream(bytes(32))
    calls: dict[str, Callable[[], object]] = {
        "cipher (AES-256, counter mode)": lambda: keystream.apply(text, position=1),
        "HMAC-SHA1": lambda: hmac.digest(bytes(32), text, "sha1"),
        "SHA-256": lambda: hashlib.sha256(text).digest(),
    }
    return [(name, _rate(call, megabytes), "MB/s") for name, call in calls.items()]


def _whole_file(codes: NDArray[np.bytes_]) -> list[tuple[str, float, str]]:
    written, finished, size = [], [], 0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            seconds, result = _sealed(Path(folder) / "sealed.zip", codes)
        written.append(seconds[0])
        finished.append(seconds[1])
        size = result.sealed_bytes
    million = 1e6 / (CHUNK * CHUNKS)
    both = statistics.median(map(sum, zip(written, finished, strict=True))) * million
    level = f"level {DEFAULT_LEVEL}"
    return [
        (f"format and seal, {level}", round(statistics.median(written) * million, 2), "CPU s per 10^6 rows"),
        (
            "format again, compare and finish",
            round(statistics.median(finished) * million, 2),
            "CPU s per 10^6 rows",
        ),
        ("both", round(both, 2), "CPU s per 10^6 rows"),
        ("sealed file", round(size / (CHUNK * CHUNKS), 1), "bytes per row"),
    ]


def _sealed(path: Path, codes: NDArray[np.bytes_]) -> tuple[tuple[float, float], SealedFile]:
    """CPU seconds of writing and of finishing."""
    begun = time.process_time()
    with SealedZip(
        path,
        name="codes.csv",
        passphrase="0123-4567-89AB-CDEF-GHJK",
        salt=bytes(16),
        modified_at=datetime(2026, 11, 3),  # noqa: DTZ001 (wall-clock time, as a zip holds it)
    ) as sealed:
        offset = sealed.data_offset
        for chunk in range(CHUNKS):
            offset = sealed.write_chunk(offset, [_formatted(codes, chunk)])
        written = time.process_time()
        result = sealed.finish(offset, expected=(_formatted(codes, chunk) for chunk in range(CHUNKS)))
    return (written - begun, time.process_time() - written), result


def _rate(call: Callable[[], object], amount: float) -> float:
    """Amount per CPU second, in the median of several rounds."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        call()
        seconds.append(time.process_time() - begun)
    return round(amount / statistics.median(seconds))


if __name__ == "__main__":
    main()
