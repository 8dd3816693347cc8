"""How fast codes are derived and read: `python -m tests.benchmarks.bench_codec`.

Derivation is FF1, tag and check digit, in batches of a million, on one core and in its CPU time: other work
on the machine does not count. Medians.
"""

import statistics
import time
import timeit
from collections.abc import Callable

import numpy as np

from giftcodes import codec

SERIES = 9
SERIES_KEY, BATCH_KEY, MASTER_KEY = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
BATCH = 1_000_000
ROUNDS = 9
CALLS = 2_000


def rows() -> list[tuple[str, float, str]]:
    """Name, figure and unit of each measurement."""
    code = codec.encode_one(5, series=SERIES, series_key=SERIES_KEY, batch_key=BATCH_KEY)
    printed = codec.group(code)
    wrapped = codec.wrap_batch_key(MASTER_KEY, BATCH_KEY, batch_id=b"batch")
    calls: dict[str, Callable[[], object]] = {
        "derive one code": lambda: codec.encode_one(
            5, series=SERIES, series_key=SERIES_KEY, batch_key=BATCH_KEY
        ),
        "normalise a printed code": lambda: codec.normalise(printed),
        "decode a code": lambda: codec.decode(code, series_key=SERIES_KEY),
        "recompute a tag": lambda: codec.tag_of(5, series=SERIES, batch_key=BATCH_KEY),
        "unwrap a batch key": lambda: codec.unwrap_batch_key(MASTER_KEY, wrapped, batch_id=b"batch"),
    }
    derived = ("derive codes in batches", round(_codes_per_second()), "codes/s of CPU time")
    return [derived, *((name, round(_microseconds(call), 1), "µs") for name, call in calls.items())]


def main() -> None:
    for name, figure, unit in rows():
        print(f"{name:<28} {figure:>14,} {unit}")


def _codes_per_second() -> float:
    serials = np.arange(BATCH, dtype=np.int64)
    seconds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        codec.encode(serials, series=SERIES, series_key=SERIES_KEY, batch_key=BATCH_KEY)
        seconds.append(time.process_time() - begun)
    return BATCH / statistics.median(seconds)


def _microseconds(call: Callable[[], object]) -> float:
    timer = timeit.Timer(call, timer=time.process_time)
    return statistics.median(timer.repeat(ROUNDS, CALLS)) / CALLS * 1e6


if __name__ == "__main__":
    main()
