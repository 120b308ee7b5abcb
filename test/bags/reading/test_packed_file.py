# SPDX-License-Identifier: Apache-2.0

import tempfile
from pathlib import Path

import pytest
import zstandard

from segnet_ros.bags.reading.bag_metadata import FileSpan
from segnet_ros.bags.reading.packed_file import PackedFile
from segnet_ros.bags.recorded import Fault, RecordedMessage

KINDS = {"/image": "sensor_msgs/msg/Image", "/imu": "sensor_msgs/msg/Imu"}
Parts = tuple[list[PackedFile], list[list[RecordedMessage]], list[PackedFile]]


@pytest.fixture
def parts(tmp_path: Path, in_time, write_mcap, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Three compressed files, their messages, and those that are unpacked."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    messages = [message for message in in_time if message.topic in KINDS]
    contents = [messages[:50], messages[50:100], messages[100:]]
    unpacked: list[PackedFile] = []
    files = []
    for number, content in enumerate(contents):
        path = write_mcap(tmp_path / f"bag_{number}.mcap", content)
        packed = path.with_name(f"{path.name}.zstd")
        packed.write_bytes(zstandard.compress(path.read_bytes()))
        span = FileSpan(content[0].time_ns, content[-1].time_ns + 1, len(content))
        files.append(PackedFile(str(packed), span, unpacked))
    return files, contents, unpacked


def folders() -> int:
    return len(list(Path(tempfile.gettempdir()).iterdir()))


def read(file: PackedFile) -> list[object]:
    return list(file.messages(KINDS, 0, 2**62))


def test_only_the_file_that_is_read_is_unpacked(parts: Parts) -> None:
    files, contents, unpacked = parts
    assert (unpacked, folders()) == ([], 0)
    for file, content in zip(files, contents, strict=True):
        assert read(file) == read(file) == content
        assert (unpacked, folders()) == ([file], 1)
    assert read(files[0]) == contents[0]
    files[0].close()
    assert (unpacked, folders()) == ([], 0)


def test_file_stays_while_somebody_reads_it(parts: Parts) -> None:
    files, contents, unpacked = parts
    first = files[0].messages(KINDS, 0, 2**62)
    assert next(first) == contents[0][0]
    assert read(files[1]) == contents[1]
    assert unpacked == files[:2]
    assert list(first) == contents[0][1:]
    assert read(files[2]) == contents[2]
    assert unpacked == files[2:]


def test_topics_are_those_of_the_file(parts: Parts) -> None:
    files, _, _ = parts
    assert files[0].topics["/image"].type == "sensor_msgs/msg/Image"


def test_window_is_a_part(parts: Parts) -> None:
    files, contents, _ = parts
    start, stop = contents[0][10].time_ns, contents[0][20].time_ns
    assert list(files[0].messages(KINDS, start, stop)) == contents[0][10:20]


def test_unreadable_file_is_a_fault_at_its_begin(parts: Parts, tmp_path: Path) -> None:
    files, contents, _ = parts
    (tmp_path / "bag_0.mcap.zstd").write_bytes(b"no compressed data")
    start = files[0].start_ns
    (fault,) = read(files[0])
    assert isinstance(fault, Fault)
    assert (fault.topic, fault.time_ns, fault.lost) == ("", start, len(contents[0]))
    assert fault.reason.startswith("bag_0.mcap.zstd cannot be read: its compressed data are dam")
    assert list(files[0].messages(KINDS, start + 1, 2**62)) == []
    assert files[0].topics == {}


def test_damage_without_a_time_has_that_of_the_file(parts: Parts, tmp_path: Path) -> None:
    files, contents, _ = parts
    cut = (tmp_path / "bag_0.mcap").read_bytes()[:-3000]
    (tmp_path / "bag_0.mcap.zstd").write_bytes(zstandard.compress(cut))
    fault, *messages = read(files[0])
    assert isinstance(fault, Fault)
    assert fault.time_ns == files[0].start_ns
    assert "it has no end" in fault.reason
    assert set(messages) <= set(contents[0])


def test_times_that_the_metadata_does_not_tell_are_told(parts: Parts) -> None:
    files, contents, unpacked = parts
    first, last = contents[0][5].time_ns, contents[0][9].time_ns
    file = PackedFile(files[0]._location, FileSpan(first, last + 1, 5), unpacked)
    fault, *messages = read(file)
    assert fault == Fault(
        "bag_0.mcap.zstd has messages outside of the time that metadata.yaml tells", "", first
    )
    assert messages == contents[0][5:10]
