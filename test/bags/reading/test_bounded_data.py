# SPDX-License-Identifier: Apache-2.0
"""Compressed data that hold more than memory does."""

import lz4.frame
import pytest
import zstandard

from segnet_ros.bags.reading import bounded_data
from segnet_ros.bags.reading.bounded_data import DamagedDataError, decompress_lz4, decompress_zstd

DATA = bytes(range(256)) * 500


def _unsized(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(content)


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_data, "MOST_BYTES", len(DATA) - 1)


def test_data_come_back() -> None:
    assert decompress_zstd(zstandard.compress(DATA)) == DATA
    assert decompress_zstd(_unsized(DATA)) == DATA
    assert decompress_lz4(lz4.frame.compress(DATA)) == DATA


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("packed", [zstandard.compress(DATA), _unsized(DATA)], ids=["sized", "not"])
def test_zstd_bombs_are_refused(packed: bytes) -> None:
    with pytest.raises(DamagedDataError, match="it holds more than 127999 bytes"):
        decompress_zstd(packed)


@pytest.mark.usefixtures("small_limit")
def test_lz4_bombs_are_refused() -> None:
    with pytest.raises(DamagedDataError, match="it holds more than 127999 bytes"):
        decompress_lz4(lz4.frame.compress(DATA))


def test_a_claimed_size_is_not_taken() -> None:
    """A frame's header of eight bytes: single segment, and a size of 2^62."""
    header = b"\x28\xb5\x2f\xfd\xe0" + (2**62).to_bytes(8, "little")
    with pytest.raises(DamagedDataError, match="it holds more than 268435456 bytes"):
        decompress_zstd(header + bytes(100))


@pytest.mark.parametrize("packed", [zstandard.compress(DATA), _unsized(DATA)], ids=["sized", "not"])
def test_what_is_cut_off_is_told(packed: bytes) -> None:
    with pytest.raises(DamagedDataError, match="it is cut off"):
        decompress_zstd(packed[:-9])
    with pytest.raises(DamagedDataError, match="it is cut off"):
        decompress_lz4(lz4.frame.compress(DATA)[:-9])


def test_a_window_of_gigabytes_is_refused() -> None:
    frame = b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(20)
    with pytest.raises(zstandard.ZstdError):
        decompress_zstd(frame)
