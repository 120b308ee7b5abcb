# SPDX-License-Identifier: Apache-2.0

import errno
import os
from pathlib import Path

import fsspec
import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.reading.byte_source import ByteSource, UnreadableError, open_bytes

CONTENT = bytes(range(256)) * 4


@pytest.fixture(params=["path", "file", "memory"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> ByteSource:
    """The same bytes as a file of this machine and in an object store."""
    path = tmp_path / "bag.mcap"
    path.write_bytes(CONTENT)
    if request.param == "memory":
        fsspec.filesystem("memory").pipe_file("/read/bag.mcap", CONTENT)
        return open_bytes("memory://read/bag.mcap")
    return open_bytes(str(path) if request.param == "path" else f"file://{path}")


def test_any_part_can_be_read(source: ByteSource) -> None:
    assert source.size == 1024
    assert source.read(1000, 10) == CONTENT[1000:1010]
    assert source.read(3, 5) == CONTENT[3:8]
    assert source.read(1020, 2**62) == CONTENT[1020:]
    assert source.read(2000, 5) == b""
    source.close()


def test_borrowed_bytes_are_those_asked_for(source: ByteSource) -> None:
    assert bytes(source.borrow(0, 1024)) == CONTENT
    assert bytes(source.borrow(7, 4)) == CONTENT[7:11]
    with pytest.raises(UnreadableError, match="the file ends"):
        source.borrow(1000, 25)
    source.close()


def test_closing_twice_is_harmless(source: ByteSource) -> None:
    source.close()
    source.close()


@pytest.mark.parametrize("location", ["/nowhere/bag.mcap", "memory://nowhere/bag.mcap"])
def test_missing_file_is_told(location: str) -> None:
    with pytest.raises(BagError, match=r"bag\.mcap cannot be opened \(there is no such file\); ex"):
        open_bytes(location)


def test_disk_error_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "")

    (tmp_path / "bag").write_bytes(CONTENT)
    source = open_bytes(str(tmp_path / "bag"))
    monkeypatch.setattr(os, "pread", fail)
    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(UnreadableError, match="Input/output error at byte 3"):
        source.read(3, 4)
    with pytest.raises(UnreadableError, match="Input/output error at byte 5"):
        source.borrow(5, 4)


def test_store_that_stops_answering_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("memory").pipe_file("/read/gone.mcap", CONTENT)
    source = open_bytes("memory://read/gone.mcap")

    def fail(_: int) -> None:
        msg = "timed out"
        raise TimeoutError(msg)

    monkeypatch.setattr(source._file, "seek", fail)  # type: ignore[attr-defined]
    with pytest.raises(BagError, match=r"gone\.mcap cannot be read any more \(timed out\); expect"):
        source.read(3, 4)
