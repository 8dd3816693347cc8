"""The sealed file: what recipients can open, what survives crashes, and what is never believed."""

import errno
import hashlib
import io
import os
import random
import resource
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pyzipper
from Cryptodome.Cipher import AES
from Cryptodome.Util import Counter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giftcodes import sealing
from giftcodes.sealing import Keystream, SealedFile, SealedZip, SealMismatch, ZipRecords, make_passphrase
from tests.giftcodes.sealing_child import (
    MODIFIED_AT,
    NAME,
    PASSPHRASE,
    SALT,
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


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("uninterrupted") / "sealed.zip"
    sealed_at_once(path)
    return path.read_bytes()


def test_another_zip_program_unpacks_exactly_the_content(tmp_path: Path) -> None:
    sealed_at_once(tmp_path / "sealed.zip")
    assert unpacked(tmp_path / "sealed.zip") == WHOLE


def test_the_sums_and_sizes_told_are_those_of_content_and_file(tmp_path: Path) -> None:
    finished = sealed_at_once(tmp_path / "sealed.zip")
    on_disk = (tmp_path / "sealed.zip").read_bytes()
    assert finished == SealedFile(
        hashlib.sha256(WHOLE).hexdigest(), hashlib.sha256(on_disk).hexdigest(), len(WHOLE), len(on_disk)
    )


def test_the_listing_shows_one_aes_member_of_the_right_size_and_time(tmp_path: Path) -> None:
    finished = sealed_at_once(tmp_path / "sealed.zip")
    with zipfile.ZipFile(tmp_path / "sealed.zip") as archive:
        (member,) = archive.infolist()
    assert (member.filename, member.file_size, member.CRC) == (NAME, finished.content_bytes, 0)
    assert (member.compress_type, member.date_time) == (99, (2026, 11, 3, 12, 34, 56))


def test_the_local_header_tells_the_same_as_the_directory(uninterrupted: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(uninterrupted)) as archive:
        (member,) = archive.infolist()
    fields = struct.unpack_from("<4s5H3L2H", uninterrupted)
    name_length, extra_length = fields[9:]
    assert fields[:4] == (b"PK\3\4", member.extract_version, member.flag_bits, member.compress_type)
    assert uninterrupted[30 : 30 + name_length] == NAME.encode()
    extra = uninterrupted[30 + name_length : 30 + name_length + extra_length]
    assert struct.unpack_from("<HHQQ", extra) == (1, 16, member.file_size, member.compress_size)
    assert extra == member.extra


def test_no_word_of_the_content_stands_in_the_file(uninterrupted: bytes) -> None:
    assert b"channel" in WHOLE
    assert b"channel" not in uninterrupted


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("content", [b"", b"x", b"a" * 3_000_000, random.Random(3).randbytes(600_001)])
def test_content_of_any_kind_at_any_level_comes_back(tmp_path: Path, level: int, content: bytes) -> None:
    path = tmp_path / "sealed.zip"
    with SealedZip(
        path, name=NAME, passphrase=PASSPHRASE, salt=SALT, modified_at=MODIFIED_AT, level=level
    ) as sealed:
        end = sealed.write_chunk(sealed.data_offset, [content])
        sealed.finish(end, expected=[content])
    assert unpacked(path) == content


def test_a_file_without_any_chunk_is_an_empty_csv(tmp_path: Path) -> None:
    with opened(tmp_path / "sealed.zip") as sealed:
        sealed.finish(sealed.data_offset, expected=[])
    assert unpacked(tmp_path / "sealed.zip") == b""


def test_how_a_chunk_is_cut_into_pieces_changes_nothing(tmp_path: Path, uninterrupted: bytes) -> None:
    with opened(tmp_path / "sealed.zip") as sealed:
        offset = sealed.data_offset
        for chunk in all_content(CHUNKS):
            view = memoryview(chunk)
            offset = sealed.write_chunk(offset, [view[:1], b"", view[1:77_777], view[77_777:]])
        sealed.finish(offset, expected=[WHOLE[:5], WHOLE[5:900_000], memoryview(WHOLE)[900_000:]])
    assert (tmp_path / "sealed.zip").read_bytes() == uninterrupted


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


def test_finishing_again_gives_the_same_file_and_sums(tmp_path: Path, uninterrupted: bytes) -> None:
    path = tmp_path / "sealed.zip"
    end = chunk_ends(path)[-1]
    first = resumed(path, done=CHUNKS, offset=end)
    assert resumed(path, done=CHUNKS, offset=end) == first
    assert path.read_bytes() == uninterrupted


def test_a_wrong_passphrase_opens_nothing(tmp_path: Path) -> None:
    sealed_at_once(tmp_path / "sealed.zip")
    with pytest.raises(RuntimeError, match="Bad password"):
        unpacked(tmp_path / "sealed.zip", passphrase=PASSPHRASE.lower())


@pytest.mark.parametrize(
    ("passphrase", "salt"), [("0000-0000-0000-0000-0000", SALT), (PASSPHRASE, bytes(range(1, 17)))]
)
def test_a_worker_with_other_keys_is_refused_and_touches_nothing(
    tmp_path: Path, uninterrupted: bytes, passphrase: str, salt: bytes
) -> None:
    path = tmp_path / "sealed.zip"
    sealed_at_once(path)
    with pytest.raises(SealMismatch, match="other keys"):
        opened(path, passphrase=passphrase, salt=salt)
    assert path.read_bytes() == uninterrupted


@pytest.mark.parametrize("where", [0, 0.1, 0.5, 0.9])
def test_a_changed_byte_is_found_when_finishing(tmp_path: Path, where: float) -> None:
    path = tmp_path / "sealed.zip"
    ends = chunk_ends(path)
    _flip(path, ends[0] + int(where * (ends[-1] - ends[0])), mask=0xFF)
    damaged = path.read_bytes()
    with pytest.raises(SealMismatch):
        resumed(path, done=CHUNKS, offset=ends[-1])
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("where", [0, 0.1, 0.5, 0.9])
def test_a_byte_changed_after_finishing_is_found_by_the_recipient(tmp_path: Path, where: float) -> None:
    path = tmp_path / "sealed.zip"
    ends = chunk_ends(path)
    resumed(path, done=CHUNKS, offset=ends[-1])
    _flip(path, ends[0] + int(where * (ends[-1] - ends[0])), mask=0xFF)
    with pytest.raises((pyzipper.BadZipFile, zlib.error)):
        unpacked(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_bit_ever_reaches_a_recipient(tmp_path: Path, data: st.DataObject) -> None:
    path, content = tmp_path / "small.zip", b"1000000001,1234-5678-9012-3456\r\n" * 20
    path.unlink(missing_ok=True)
    with opened(path) as sealed:
        end = sealed.write_chunk(sealed.data_offset, [content])
        place = data.draw(st.integers(sealed.data_offset, end - 1))
        _flip(path, place, mask=1 << data.draw(st.integers(0, 7)))
        try:
            sealed.finish(end, expected=[content])
        except SealMismatch:
            return
    assert unpacked(path) == content  # the bit was padding between two blocks


def _flip(path: Path, place: int, *, mask: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        old = file.read(1)[0]
        file.seek(place)
        file.write(bytes([old ^ mask]))


@pytest.mark.parametrize(
    "expected",
    [WHOLE[:-1], WHOLE + b"x", WHOLE[:-1] + b"x", b"x" + WHOLE[1:], b""],
    ids=["shorter", "longer", "other end", "other start", "nothing"],
)
def test_a_file_with_other_content_than_expected_is_never_finished(tmp_path: Path, expected: bytes) -> None:
    path = tmp_path / "sealed.zip"
    end = chunk_ends(path)[-1]
    before = path.read_bytes()
    with opened(path) as sealed, pytest.raises(SealMismatch):
        sealed.finish(end, expected=[expected])
    assert path.read_bytes() == before


def test_a_stream_that_ends_before_its_file_does_is_never_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "sealed.zip") as sealed:
        monkeypatch.setattr(zlib, "Z_FULL_FLUSH", zlib.Z_FINISH)
        end = sealed.write_chunk(sealed.data_offset, [WHOLE])
        with pytest.raises(SealMismatch, match="end"):
            sealed.finish(end, expected=[WHOLE])


@pytest.mark.parametrize("done", range(CHUNKS))
def test_finishing_too_early_spoils_nothing(tmp_path: Path, uninterrupted: bytes, done: int) -> None:
    path = tmp_path / "sealed.zip"
    ends = chunk_ends(path)
    with opened(path) as sealed, pytest.raises(SealMismatch):
        sealed.finish(ends[done], expected=all_content(CHUNKS))
    resumed(path, done=CHUNKS, offset=ends[-1])
    assert path.read_bytes() == uninterrupted


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_file_whose_last_chunk_lacks_its_end_is_never_finished(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "sealed.zip"
    end = chunk_ends(path)[-1]
    with opened(path) as sealed, pytest.raises(SealMismatch):
        sealed.finish(end - cut, expected=all_content(CHUNKS))


def test_a_lost_file_is_noticed_on_resuming_and_can_be_made_again(
    tmp_path: Path, uninterrupted: bytes
) -> None:
    path = tmp_path / "sealed.zip"
    ends = chunk_ends(path)
    path.unlink()
    with pytest.raises(SealMismatch, match="shorter"):
        resumed(path, done=2, offset=ends[2])
    with pytest.raises(SealMismatch, match="shorter"):
        resumed(path, done=CHUNKS, offset=ends[-1])
    resumed(path, done=0, offset=ends[0])
    assert path.read_bytes() == uninterrupted


def test_an_offset_within_the_header_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "sealed.zip") as sealed, pytest.raises(ValueError, match="header"):
        sealed.write_chunk(sealed.data_offset - 1, [b"x"])
    with opened(tmp_path / "sealed.zip") as sealed, pytest.raises(ValueError, match="header"):
        sealed.finish(sealed.data_offset - 1, expected=[])


def test_a_disk_that_is_full_stops_the_worker_and_the_file_resumes(
    tmp_path: Path, uninterrupted: bytes
) -> None:
    path, ends = tmp_path / "sealed.zip", []
    with opened(path) as sealed, room_for(len(uninterrupted) // 2):
        ends.append(sealed.data_offset)
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            ends.extend(chunks_written(sealed))
    assert 1 < len(ends) <= CHUNKS
    resumed(path, done=len(ends) - 1, offset=ends[-1])
    assert path.read_bytes() == uninterrupted


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: writes stop short, then fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_only_the_owner_may_read_the_file_even_if_it_stood_there_before(tmp_path: Path) -> None:
    path = tmp_path / "sealed.zip"
    path.touch(mode=0o666)
    path.chmod(0o666)
    for made_before in (True, False):
        if not made_before:
            path.unlink()
        opened(path).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_put_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "sealed.zip").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic"):
        opened(tmp_path / "sealed.zip")
    assert (tmp_path / "target").read_bytes() == b"precious"


def test_memory_stays_small_whatever_the_size_of_the_file(tmp_path: Path) -> None:
    def streamed() -> Iterator[bytes]:
        return (chunk_content(number, size=1_000_000) for number in range(40))

    tracemalloc.start()
    try:
        with opened(tmp_path / "sealed.zip") as sealed:
            offset = sealed.data_offset
            for chunk in streamed():
                offset = sealed.write_chunk(offset, [chunk])
            finished = sealed.finish(offset, expected=streamed())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert finished.content_bytes == 40_000_000
    assert peak < 6_000_000


@pytest.mark.parametrize("position", [0, 1, 15, 16, 17, 262_143, 2**32 - 5, 2**36 + 3, 2**40])
@pytest.mark.parametrize("count", [0, 1, 31, 700_001])
def test_the_keystream_is_that_of_another_library_from_any_byte_on(position: int, count: int) -> None:
    key, text = bytes(range(32)), random.Random(count).randbytes(count)
    skipped = position % 16
    counter = Counter.new(128, initial_value=1 + position // 16, little_endian=True)
    wanted = AES.new(key, AES.MODE_CTR, counter=counter).encrypt(bytes(skipped) + text)[skipped:]
    assert Keystream(key).apply(text, position=position) == wanted


@pytest.mark.parametrize("packed", [100, 2**32 - 2, 2**32 - 1, 2**32, 7_000_000_000])
def test_sizes_past_four_gigabytes_are_read_back_by_another_zip_program(tmp_path: Path, packed: int) -> None:
    path, records = tmp_path / "sparse.zip", ZipRecords(NAME, MODIFIED_AT)
    header, content = records.local_header(), packed * 5
    directory_offset = len(header) + packed
    with path.open("wb") as file:  # the data is a hole: it takes no room
        file.write(header)
        file.seek(records.sizes_offset)
        file.write(records.sizes(packed=packed, content=content))
        file.seek(directory_offset)
        file.write(records.directory(offset=directory_offset, packed=packed, content=content))
    with zipfile.ZipFile(path) as archive:
        (member,) = archive.infolist()
    assert (member.compress_size, member.file_size, member.header_offset) == (packed, content, 0)
    assert header[records.sizes_offset : records.sizes_offset + 16] == bytes(16)


def test_a_chunk_past_four_gigabytes_is_written_where_it_belongs(tmp_path: Path) -> None:
    path, far = tmp_path / "sealed.zip", 5_000_000_000
    with opened(path) as sealed:
        os.truncate(path, far)
        end = sealed.write_chunk(far, [b"content"])
        position = far - sealed.data_offset
    with path.open("rb") as file:
        file.seek(far)
        sealed_bytes = file.read()
    assert len(sealed_bytes) == end - far
    keys = hashlib.pbkdf2_hmac("sha1", PASSPHRASE.encode(), SALT, 1000, 66)
    counter = Counter.new(128, initial_value=1 + position // 16, little_endian=True)
    skipped = position % 16
    plain = AES.new(keys[:32], AES.MODE_CTR, counter=counter).decrypt(bytes(skipped) + sealed_bytes)[skipped:]
    assert zlib.decompressobj(-15).decompress(plain) == b"content"


@pytest.mark.parametrize(
    "name", ["", "../x.csv", "a/b.csv", ".csv", "x" * 101, "バッチ.csv", "a b.csv", "a\n"]
)
def test_a_name_that_could_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        SealedZip(tmp_path / "x", name=name, passphrase=PASSPHRASE, salt=SALT, modified_at=MODIFIED_AT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("year", [1979, 2108])
def test_a_time_that_a_zip_cannot_hold_is_refused(year: int) -> None:
    with pytest.raises(ValueError, match="times"):
        ZipRecords(NAME, datetime(year, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("salt", [b"", bytes(15), bytes(17)])
def test_a_salt_of_another_length_is_refused(tmp_path: Path, salt: bytes) -> None:
    with pytest.raises(ValueError, match="salt"):
        opened(tmp_path / "sealed.zip", salt=salt)


@pytest.mark.parametrize(
    ("secret", "passphrase"),
    [
        (bytes(13), "0000-0000-0000-0000-0000"),
        (b"\xff" * 13, "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ"),
        (b"\xff" * 12 + b"\xf0", "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ"),
        (bytes(12) + b"\x10", "0000-0000-0000-0000-0001"),
        (bytes.fromhex("00443214c74254b635cf84653a56d7c675be77df"), "0123-4567-89AB-CDEF-GHJK"),
    ],
)
def test_a_passphrase_is_the_first_hundred_bits_in_letters(secret: bytes, passphrase: str) -> None:
    assert make_passphrase(secret) == passphrase


@given(
    secrets=st.sets(st.binary(min_size=13, max_size=13).map(lambda secret: secret[:12] + b"\0"), min_size=2)
)
def test_other_secrets_make_other_passphrases_without_confusable_letters(secrets: set[bytes]) -> None:
    passphrases = {make_passphrase(secret) for secret in secrets}
    assert len(passphrases) == len(secrets)
    assert not set("ILOU") & set("".join(passphrases))


def test_a_secret_below_a_hundred_bits_makes_no_passphrase() -> None:
    with pytest.raises(ValueError, match="13 bytes"):
        make_passphrase(bytes(12))


def test_no_error_text_tells_content_or_passphrase(tmp_path: Path) -> None:
    path = tmp_path / "sealed.zip"
    end = chunk_ends(path)[-1]
    with opened(path) as sealed, pytest.raises(SealMismatch) as refusal:
        sealed.finish(end, expected=[b"1234-5678-9012-3456"])
    told = f"{refusal.value!r} {sealed!r} {sealing.SealMismatch.code}"
    assert PASSPHRASE not in told
    assert "1234" not in told
