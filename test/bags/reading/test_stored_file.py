# SPDX-License-Identifier: Apache-2.0

import tempfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
import zstandard

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.reading.byte_source import UnreadableError
from segnet_ros.bags.reading.mcap_file import McapFile
from segnet_ros.bags.reading.sqlite_file import SqliteFile
from segnet_ros.bags.reading.stored_file import StoredFile, open_file
from segnet_ros.bags.recorded import Fault

KINDS = {
    "/image": "sensor_msgs/msg/Image",
    "/imu": "sensor_msgs/msg/Imu",
    "/text": "std_msgs/msg/String",
}


@pytest.fixture
def scratch(tmp_path: Path) -> Callable[[], Path]:
    def make() -> Path:
        return Path(tempfile.mkdtemp(dir=tmp_path))

    return make


@pytest.fixture(params=["mcap", "db3"])
def path(request: pytest.FixtureRequest, tmp_path: Path, drive, write_mcap, write_db3) -> Path:
    write = write_mcap if request.param == "mcap" else write_db3
    return write(tmp_path / f"bag.{request.param}", drive)


def messages(file: StoredFile) -> list[object]:
    return list(file.messages(KINDS, 0, 2**62))


@pytest.mark.parametrize("name", ["bag.mcap", "bag.db3", "bag", "bag.bin"])
def test_storage_is_known_by_the_content(path: Path, in_time, scratch, name: str) -> None:
    renamed = path.rename(path.with_name(name))
    file, faults = open_file(str(renamed), scratch)
    assert isinstance(file, McapFile if path.suffix == ".mcap" else SqliteFile)
    assert (messages(file), faults) == (in_time, [])
    file.close()


@pytest.mark.parametrize("name", ["bag{}.zstd", "bag{}"])
def test_compressed_file_is_unpacked(path: Path, in_time, scratch, name: str) -> None:
    packed = path.parent / "packed" / name.format(path.suffix)
    packed.parent.mkdir()
    packed.write_bytes(zstandard.compress(path.read_bytes()))
    file, faults = open_file(str(packed), scratch)
    assert (messages(file), faults) == (in_time, [])


def test_damage_to_the_compression_is_a_fault(path: Path, in_time, scratch) -> None:
    content = path.read_bytes()
    half = len(content) // 8192 * 4096
    frames = zstandard.compress(content[:half]) + zstandard.compress(content[half:])
    path.write_bytes(frames[:-3])
    packed = path.rename(path.with_name(f"{path.name}.zstd"))
    file, faults = open_file(str(packed), scratch)
    assert faults == [Fault(f"{packed.name}: its compressed data are cut off")]
    assert any(item in in_time for item in messages(file))


def test_file_of_a_store_is_read_like_any_other(path: Path, in_time, scratch) -> None:
    fsspec.filesystem("memory").pipe_file(f"/stored/{path.name}", path.read_bytes())
    file, faults = open_file(f"memory://stored/{path.name}", scratch)
    assert (messages(file), faults) == (in_time, [])
    # What SQLite reads has to be a file of this machine.
    assert len(list(path.parent.glob("tmp*"))) == (path.suffix == ".db3")


def test_damaged_first_bytes_do_not_hide_an_mcap_file(
    tmp_path: Path, drive, in_time, write_mcap, scratch
) -> None:
    path = write_mcap(tmp_path / "bag.mcap", drive)
    path.write_bytes(b"\0" * 8 + path.read_bytes()[8:])
    file, _ = open_file(str(path), scratch)
    assert messages(file) == in_time


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("bag.mcap", b"", "it is empty"),
        ("bag.db3", b"", "it is empty"),
        ("old.bag", b"#ROSBAG V2.0\n", "it is a ROS 1 recording"),
        ("old.mcap", b"#ROSBAG V2.0\n", "it is a ROS 1 recording"),
        ("notes.txt", b"not a recording", "it is neither mcap nor sqlite3"),
        ("bag.db3", b"not a recording", "file is not a database"),
        ("bag.mcap.zstd", b"not compressed", "its compressed data are damaged"),
    ],
)
def test_what_is_no_recording_is_told(
    tmp_path: Path, scratch, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        open_file(str(tmp_path / name), scratch)


def test_missing_room_for_a_copy_is_told(path: Path) -> None:
    path.write_bytes(zstandard.compress(path.read_bytes()))

    def no_room() -> Path:
        raise OSError(28, "No space left on device")

    with pytest.raises(BagError, match=r"copy in the temporary folder \(No space left.*Set TMPDIR"):
        open_file(str(path), no_room)
