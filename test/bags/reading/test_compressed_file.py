# SPDX-License-Identifier: Apache-2.0

import random
from pathlib import Path

import pytest
import zstandard

from segnet_ros.bags.reading.byte_source import UnreadableError, open_bytes
from segnet_ros.bags.reading.compressed_file import MAGIC, unpack, unpack_message

CONTENT = random.Random(1).randbytes(400_000)


def unpacked(folder: Path, data: bytes) -> bytes:
    (folder / "packed").write_bytes(data)
    unpack(open_bytes(str(folder / "packed")), folder / "unpacked")
    return (folder / "unpacked").read_bytes()


def test_file_of_one_or_more_frames_is_unpacked(tmp_path: Path) -> None:
    packed = zstandard.compress(CONTENT)
    assert packed.startswith(MAGIC)
    assert unpacked(tmp_path, packed) == CONTENT
    assert unpacked(tmp_path, packed + zstandard.compress(b"more")) == CONTENT + b"more"


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_what_comes_before_damage_is_kept(tmp_path: Path, damage: str) -> None:
    packed = bytearray(zstandard.compress(CONTENT))
    if damage == "cut":
        del packed[300_000:]
    else:
        packed[270_000:] = b"\xff" * 50
    with pytest.raises(UnreadableError, match="its compressed data are"):
        unpacked(tmp_path, bytes(packed))
    kept = (tmp_path / "unpacked").read_bytes()
    assert 260_000 < len(kept) < 300_000
    assert kept[:260_000] == CONTENT[:260_000]


def test_message_is_unpacked_whole_or_not_at_all() -> None:
    packed = zstandard.compress(CONTENT)
    assert unpack_message(packed) == CONTENT
    with pytest.raises(UnreadableError, match="is cut off"):
        unpack_message(packed[:-1])
    with pytest.raises(UnreadableError, match="is damaged"):
        unpack_message(MAGIC + b"\xff" * 50)
