# SPDX-License-Identifier: Apache-2.0

from contextlib import ExitStack
from pathlib import Path

import pytest
import zstandard

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.reading.bag_files import described_topics, open_files
from segnet_ros.bags.reading.bag_layout import Layout
from segnet_ros.bags.reading.bag_metadata import BagMetadata, FileSpan
from segnet_ros.bags.reading.packed_file import PackedFile
from segnet_ros.bags.recorded import Fault


def metadata(*names: str) -> BagMetadata:
    spans = {name: FileSpan(0, 10, 5) for name in names}
    return BagMetadata([f"{name}.zstd" for name in names], {}, spans, "")


@pytest.fixture
def path(tmp_path: Path, drive, write_mcap) -> Path:
    path: Path = write_mcap(tmp_path / "bag.mcap", drive)
    (tmp_path / "bag.mcap.zstd").write_bytes(zstandard.compress(path.read_bytes()))
    (tmp_path / "empty.mcap").touch()
    return path


def test_files_are_opened_in_their_order(path: Path) -> None:
    with ExitStack() as held:
        files, faults = open_files(Layout([str(path), f"{path}.zstd"]), "bag", held)
    assert len(files) == 2
    assert faults == []


def test_unreadable_file_among_others_is_a_fault(path: Path) -> None:
    layout = Layout([str(path.with_name("empty.mcap")), str(path)], faults=[Fault("before")])
    with ExitStack() as held:
        files, faults = open_files(layout, "bag", held)
    assert len(files) == 1
    assert faults == [Fault("before"), Fault("empty.mcap cannot be read: it is empty")]


def test_nothing_readable_is_refused(path: Path) -> None:
    layout = Layout([str(path.with_name("empty.mcap"))] * 2)
    expected = r"bag cannot be read as a rosbag2 recording \(it is empty\); expected .*mcap recover"
    with ExitStack() as held, pytest.raises(BagError, match=expected):
        open_files(layout, "bag", held)


def test_recording_of_no_files_is_empty() -> None:
    assert open_files(Layout([]), "bag", ExitStack()) == ([], [])


def test_compressed_file_waits_only_if_its_times_are_told(path: Path) -> None:
    with ExitStack() as held:
        (file,), _ = open_files(Layout([f"{path}.zstd"], metadata("bag.mcap")), "bag", held)
        assert isinstance(file, PackedFile)
        (file,), _ = open_files(Layout([f"{path}.zstd"], metadata("other.mcap")), "bag", held)
        assert not isinstance(file, PackedFile)
        (file,), _ = open_files(Layout([str(path)], metadata("bag.mcap")), "bag", held)
        assert not isinstance(file, PackedFile)


def test_topics_of_compressed_files_are_those_of_the_first_readable_one(path: Path) -> None:
    broken = path.with_name("broken.mcap.zstd")
    broken.write_bytes(b"nothing")
    layout = Layout([str(broken), f"{path}.zstd"], metadata("broken.mcap", "bag.mcap"))
    with ExitStack() as held:
        files, _ = open_files(layout, "bag", held)
        (topics,) = described_topics(files, "bag")
        assert sorted(topics) == ["/image", "/imu", "/text"]
        with pytest.raises(BagError, match=r"bag cannot be read .* \(broken\.mcap\.zstd cannot"):
            described_topics(files[:1], "bag")
