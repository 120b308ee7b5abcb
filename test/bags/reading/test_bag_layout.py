# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import fsspec
import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.reading.bag_layout import find_layout


def metadata(*names: str, compression: str = "") -> str:
    mode = "file" if compression else ""
    return (
        f"rosbag2_bagfile_information:\n  relative_file_paths: [{', '.join(names)}]\n"
        f"  compression_format: '{compression}'\n  compression_mode: '{mode}'\n"
    )


def fill(folder: Path, *names: str, described: str | None = None) -> str:
    for name in names:
        (folder / name).touch()
    if described is not None:
        (folder / "metadata.yaml").write_text(described)
    return str(folder)


def names(files: object) -> list[str]:
    assert isinstance(files, list)
    return [Path(file).name for file in files]


def test_file_is_a_recording_by_itself(tmp_path: Path) -> None:
    path = fill(tmp_path, "bag.mcap") + "/bag.mcap"
    layout = find_layout(path)
    assert (layout.files, layout.metadata, layout.faults) == ([path], None, ())


def test_metadata_gives_the_files_and_their_order(tmp_path: Path) -> None:
    described = metadata("bag_1.mcap", "old/bag_0.mcap")
    location = fill(tmp_path, "bag_0.mcap", "bag_1.mcap", "bag_2.mcap", described=described)
    layout = find_layout(location)
    assert layout.files == [f"{location}/bag_1.mcap", f"{location}/bag_0.mcap"]
    assert layout.metadata is not None
    assert layout.faults == []


def test_without_metadata_files_come_in_natural_order(tmp_path: Path) -> None:
    location = fill(tmp_path, "b_10.mcap", "b_2.mcap", "b_1.mcap.zstd", ".b_3.mcap", "notes.txt")
    assert names(find_layout(location).files) == ["b_1.mcap.zstd", "b_2.mcap", "b_10.mcap"]


def test_half_compressed_file_is_not_read_twice(tmp_path: Path) -> None:
    location = fill(tmp_path, "b_0.db3", "b_0.db3.zstd", "b_1.db3.zstd")
    assert names(find_layout(location).files) == ["b_0.db3", "b_1.db3.zstd"]


@pytest.mark.parametrize(
    ("named", "there"), [("b.db3", "b.db3.zstd"), ("b.db3.zstd", "b.db3"), ("x/b.db3", "b.db3")]
)
def test_file_is_found_before_and_after_its_compression(
    tmp_path: Path, named: str, there: str
) -> None:
    layout = find_layout(fill(tmp_path, there, described=metadata(named)))
    assert names(layout.files) == [there]
    assert layout.faults == []


def test_missing_file_is_a_fault(tmp_path: Path) -> None:
    described = metadata("b_0.mcap", "b_1.mcap")
    layout = find_layout(fill(tmp_path, "b_1.mcap", described=described))
    assert names(layout.files) == ["b_1.mcap"]
    assert [fault.reason for fault in layout.faults] == [
        "b_0.mcap is missing, which metadata.yaml names"
    ]


def test_recording_without_any_of_its_files_is_refused(tmp_path: Path) -> None:
    location = fill(tmp_path, "other.mcap", described=metadata("b_0.mcap"))
    with pytest.raises(BagError, match=r"has none of the files .* expected b_0\.mcap\. Copy"):
        find_layout(location)


def test_metadata_of_a_killed_recorder_names_no_file(tmp_path: Path) -> None:
    layout = find_layout(fill(tmp_path, "b_0.mcap", described=metadata()))
    assert names(layout.files) == ["b_0.mcap"]
    assert layout.faults == []


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe\xfa", b"[1,"])
def test_damaged_metadata_is_a_fault(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metadata.yaml").write_bytes(content)
    layout = find_layout(fill(tmp_path, "b_2.mcap", "b_1.mcap"))
    assert names(layout.files) == ["b_1.mcap", "b_2.mcap"]
    assert layout.metadata is None
    (fault,) = layout.faults
    assert fault.reason.startswith("metadata.yaml is damaged: ")


def test_foreign_compression_is_refused(tmp_path: Path) -> None:
    location = fill(tmp_path, "b.mcap.lz4", described=metadata("b.mcap.lz4", compression="lz4"))
    with pytest.raises(BagError, match=r"is compressed with lz4; expected zstd or none\. Conv"):
        find_layout(location)


def test_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="nowhere does not exist; expected a rosbag2 recording"):
        find_layout(str(tmp_path / "nowhere"))
    with pytest.raises(BagError, match="holds 1 entries, none of them recorded; expected"):
        find_layout(fill(tmp_path, "image.png"))


def test_folder_of_a_store_is_read_like_any_other() -> None:
    files = fsspec.filesystem("memory")
    files.pipe_file("/layout/b_1.mcap", b"")
    files.pipe_file("/layout/b_0.mcap", b"")
    files.pipe_file("/layout/metadata.yaml", metadata("b_0.mcap", "b_1.mcap").encode())
    layout = find_layout("memory://layout")
    assert layout.files == ["memory://layout/b_0.mcap", "memory://layout/b_1.mcap"]
    assert find_layout("memory://layout/b_1.mcap").files == ["memory://layout/b_1.mcap"]
    with pytest.raises(BagError, match="memory://nothing holds 0 entries"):
        find_layout("memory://nothing")
