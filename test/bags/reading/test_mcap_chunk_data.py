# SPDX-License-Identifier: Apache-2.0

import random
import zlib

import lz4.frame
import pytest
import zstandard

from segnet_ros.bags.reading.byte_source import UnreadableError
from segnet_ros.bags.reading.mcap_chunk_data import decompress, decompress_cut
from segnet_ros.bags.reading.mcap_records import ChunkHead

CONTENT = random.Random(1).randbytes(200_000) + b"text" * 20_000
PACKERS = {"": bytes, "zstd": zstandard.compress, "lz4": lz4.frame.compress}


def head(compression: str, crc: int = zlib.crc32(CONTENT), size: int = len(CONTENT)) -> ChunkHead:
    return ChunkHead(0, 0, size, crc, compression, 0, 0)


@pytest.mark.parametrize("compression", PACKERS)
def test_chunk_is_decompressed_and_checked(compression: str) -> None:
    packed = memoryview(PACKERS[compression](CONTENT))
    data, checked = decompress(head(compression), packed)
    assert (data, checked) == (CONTENT, True)
    data, checked = decompress(head(compression, crc=0), packed)
    assert (data, checked) == (CONTENT, False)
    with pytest.raises(UnreadableError, match="checksum is wrong"):
        decompress(head(compression, crc=1), packed)


def test_zstd_without_a_size_is_decompressed() -> None:
    packer = zstandard.ZstdCompressor(write_content_size=False)
    data, _ = decompress(head("zstd"), memoryview(packer.compress(CONTENT)))
    assert data == CONTENT


def test_size_of_a_damaged_chunk_does_not_take_all_memory() -> None:
    with pytest.raises(UnreadableError, match="size is wrong"):
        decompress(head("zstd", size=2**60), memoryview(zstandard.compress(CONTENT)))


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize("change", ["cut", "garbage"])
def test_damaged_data_are_told(compression: str, change: str) -> None:
    packed = PACKERS[compression](CONTENT)
    packed = packed[:-20] if change == "cut" else b"\xff" * 30 + packed[30:]
    with pytest.raises(UnreadableError, match="cannot be decompressed"):
        decompress(head(compression), memoryview(packed))


def test_unknown_compression_is_told() -> None:
    with pytest.raises(UnreadableError, match="compressed with 'brotli', not zstd or lz4"):
        decompress(head("brotli"), memoryview(CONTENT))


@pytest.mark.parametrize("compression", PACKERS)
def test_begin_of_a_cut_chunk_is_had(compression: str) -> None:
    packed = memoryview(PACKERS[compression](CONTENT))[:190_000]
    data = decompress_cut(head(compression), packed)
    assert 120_000 < len(data) <= 190_000
    assert data == CONTENT[: len(data)]


def test_nothing_is_had_of_an_unknown_compression() -> None:
    assert decompress_cut(head("brotli"), memoryview(CONTENT)) == b""
