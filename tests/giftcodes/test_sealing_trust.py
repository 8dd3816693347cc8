"""What is never believed: changed bytes, other keys, other content, and a disk that is full."""

import errno
import os
import resource
import stat
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pyzipper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giftcodes.sealing import SealMismatch
from tests.giftcodes.sealing_case import (
    CHUNKS,
    WHOLE,
    chunk_ends,
    chunks_written,
    resumed,
    sealed_at_once,
    unpacked,
)
from tests.giftcodes.sealing_child import (
    PASSPHRASE,
    SALT,
    all_content,
    chunk_content,
    opened,
)


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
