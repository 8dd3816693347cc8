"""The sealed file as its recipients open it, and the pieces that it is made of."""

import hashlib
import io
import os
import random
import struct
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from Cryptodome.Cipher import AES
from Cryptodome.Util import Counter
from hypothesis import given
from hypothesis import strategies as st

from giftcodes import sealing
from giftcodes.sealing import Keystream, SealedFile, SealedZip, SealMismatch, ZipRecords, make_passphrase
from tests.giftcodes.sealing_case import CHUNKS, WHOLE, chunk_ends, sealed_at_once, unpacked
from tests.giftcodes.sealing_child import (
    MODIFIED_AT,
    NAME,
    PASSPHRASE,
    SALT,
    all_content,
    opened,
)


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
