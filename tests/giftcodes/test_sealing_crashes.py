"""A worker may die, come late or come twice at any moment: the sealed file is the same."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from giftcodes.sealing import SealedFile
from tests.giftcodes.sealing_case import CHUNKS, Crash, chunk_ends, chunks_written, resumed, sealed_at_once
from tests.giftcodes.sealing_child import (
    all_content,
    opened,
)


@pytest.mark.parametrize("done", range(CHUNKS + 1))
@pytest.mark.parametrize("torn", [0, 1, 50_000])
def test_a_file_resumed_at_any_chunk_over_a_torn_one_is_the_same(
    tmp_path: Path, uninterrupted: bytes, done: int, torn: int
) -> None:
    path = tmp_path / "sealed.zip"
    offset = chunk_ends(path)[done]
    os.truncate(path, offset)
    with path.open("ab") as rest:
        rest.write(random.Random(done).randbytes(torn))
    resumed(path, done=done, offset=offset)
    assert path.read_bytes() == uninterrupted


def test_what_a_torn_write_left_beyond_the_end_is_cut_off(tmp_path: Path, uninterrupted: bytes) -> None:
    path = tmp_path / "sealed.zip"
    end = chunk_ends(path)[-1]
    with path.open("ab") as rest:
        rest.write(b"left over" * 100_000)
    resumed(path, done=CHUNKS, offset=end)
    assert path.read_bytes() == uninterrupted


def test_a_crash_at_any_system_call_leaves_a_file_that_resumes_to_the_same(
    tmp_path: Path, uninterrupted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls_survived = 0
    while _crashes_at(calls_survived, tmp_path / f"{calls_survived}.zip", uninterrupted, monkeypatch):
        calls_survived += 1
    assert calls_survived > 4 * CHUNKS


def _crashes_at(call: int, path: Path, wanted: bytes, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Seal with a crash in the middle of that call, then resume; False if there were not so many calls."""
    ends: list[int] = []
    crashed = False
    with monkeypatch.context() as patched:
        _crash_after(call, patched)
        try:
            with opened(path) as sealed:
                ends.extend(chunks_written(sealed))
                sealed.finish(ends[-1], expected=all_content(CHUNKS))
        except Crash:
            crashed = True
    with opened(path) as sealed:
        start = sealed.data_offset
    resumed(path, done=len(ends), offset=[start, *ends][-1])
    assert path.read_bytes() == wanted
    return crashed


def _crash_after(calls: int, patched: pytest.MonkeyPatch) -> None:
    left = iter(range(calls))
    write, sync, cut = os.pwrite, os.fsync, os.ftruncate

    def write_half(fd: int, data: memoryview, offset: int) -> int:
        if next(left, None) is None:
            write(fd, data[: len(data) // 2], offset)
            raise Crash
        return write(fd, data, offset)

    def sync_or_crash(fd: int) -> None:
        if next(left, None) is None:
            raise Crash
        sync(fd)

    def cut_or_crash(fd: int, length: int) -> None:
        if next(left, None) is None:
            raise Crash
        cut(fd, length)

    patched.setattr(os, "pwrite", write_half)
    patched.setattr(os, "fsync", sync_or_crash)
    patched.setattr(os, "ftruncate", cut_or_crash)


def test_a_worker_killed_at_random_moments_finishes_the_same_file(tmp_path: Path) -> None:
    chunks, seed = 30, random.SystemRandom().randrange(10**6)
    print("seed", seed)
    delays = random.Random(seed)
    deaths = [_exit_code(tmp_path, chunks, kill_after=delays.uniform(0, 0.05)) for _ in range(10)]
    assert -signal.SIGKILL in deaths
    assert _exit_code(tmp_path, chunks) == 0
    reference = tmp_path / "reference"
    reference.mkdir()
    assert _exit_code(reference, chunks) == 0
    assert (tmp_path / "sealed.zip").read_bytes() == (reference / "sealed.zip").read_bytes()
    assert (tmp_path / "result").read_text() == (reference / "result").read_text()


def _exit_code(folder: Path, chunks: int, *, kill_after: float | None = None) -> int:
    command = [sys.executable, "-m", "tests.giftcodes.sealing_child", str(folder), str(chunks)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        if kill_after is not None:
            time.sleep(kill_after)
            child.kill()
    return child.returncode


def test_a_chunk_written_twice_is_written_once(tmp_path: Path, uninterrupted: bytes) -> None:
    with opened(tmp_path / "sealed.zip") as sealed:
        offset = sealed.data_offset
        for chunk in all_content(CHUNKS):
            assert sealed.write_chunk(offset, [chunk]) == sealed.write_chunk(offset, [chunk])
            offset = sealed.write_chunk(offset, [chunk])
        sealed.finish(offset, expected=all_content(CHUNKS))
    assert (tmp_path / "sealed.zip").read_bytes() == uninterrupted


def test_a_system_that_takes_few_bytes_at_a_time_makes_the_same_file(
    tmp_path: Path, uninterrupted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: write(fd, data[:1_000], offset))
    sealed_at_once(tmp_path / "sealed.zip")
    assert (tmp_path / "sealed.zip").read_bytes() == uninterrupted


def test_two_workers_in_the_middle_of_the_same_chunk_do_no_harm(tmp_path: Path, uninterrupted: bytes) -> None:
    path = tmp_path / "sealed.zip"
    with opened(path) as one, opened(path) as other:

        def pieces_with_the_other_between(offset: int, chunk: bytes) -> Iterator[bytes]:
            yield chunk[:200_000]
            other.write_chunk(offset, [chunk])
            yield chunk[200_000:]

        offset = one.data_offset
        for chunk in all_content(CHUNKS):
            offset = one.write_chunk(offset, pieces_with_the_other_between(offset, chunk))
        one.finish(offset, expected=all_content(CHUNKS))
        other.finish(offset, expected=all_content(CHUNKS))
    assert path.read_bytes() == uninterrupted


def test_workers_at_once_from_start_to_end_make_one_file(tmp_path: Path, uninterrupted: bytes) -> None:
    path, gate = tmp_path / "sealed.zip", threading.Barrier(4, timeout=10)
    results: list[SealedFile] = []

    def work() -> None:
        gate.wait()
        results.append(sealed_at_once(path))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    assert len(set(results)) == 1
    assert path.read_bytes() == uninterrupted


def test_a_worker_that_comes_late_changes_nothing_in_a_finished_file(
    tmp_path: Path, uninterrupted: bytes
) -> None:
    path = tmp_path / "sealed.zip"
    sealed_at_once(path)
    with opened(path) as late:
        assert path.read_bytes() == uninterrupted
        *_, end = chunks_written(late)
        assert path.read_bytes() == uninterrupted
        late.finish(end, expected=all_content(CHUNKS))
    assert path.read_bytes() == uninterrupted


def test_a_worker_held_up_while_opening_does_not_undo_what_others_finished(
    tmp_path: Path, uninterrupted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sync = tmp_path / "sealed.zip", os.fsync

    def the_others_are_faster(fd: int) -> None:
        monkeypatch.setattr(os, "fsync", sync)
        sealed_at_once(path)
        assert path.read_bytes() == uninterrupted

    monkeypatch.setattr(os, "fsync", the_others_are_faster)
    opened(path).close()
    assert path.read_bytes() == uninterrupted


@pytest.mark.parametrize("kept", [0, 1, 40, 60, 90])
def test_a_header_of_which_a_crash_left_holes_is_completed(
    tmp_path: Path, uninterrupted: bytes, kept: int
) -> None:
    path = tmp_path / "sealed.zip"
    ends = chunk_ends(path)
    header = path.read_bytes()[: ends[0]]
    path.write_bytes(bytes(kept) + header[kept:])
    resumed(path, done=0, offset=ends[0])
    assert path.read_bytes() == uninterrupted
