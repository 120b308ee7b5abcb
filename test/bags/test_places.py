# SPDX-License-Identifier: Apache-2.0
"""Where recordings lie: paths, URLs, and what is found there."""

from pathlib import Path

import fsspec
import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import (
    base_name,
    disk_errors,
    exists,
    file_sizes,
    find_bags,
    is_url,
    join,
    local_path,
    put_file,
    read_text,
    remove_file,
    unused_path,
    write_text,
)

STORE = "memory://places"


@pytest.fixture(autouse=True)
def _empty_store() -> None:
    fsspec.filesystem("memory").store.clear()


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("s3://drives/out", True),
        ("memory://x", True),
        ("out", False),
        ("/data/out", False),
        ("file:///data/out", False),
    ],
)
def test_only_stores_need_fsspec(location: str, url: bool) -> None:
    assert is_url(location) is url


def test_a_file_url_is_the_path_it_names() -> None:
    assert local_path("file:///data/out") == "/data/out"
    assert local_path("data/out") == "data/out"
    assert local_path("s3://data/out") == "s3://data/out"


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("s3://drives/out/", "out"),
        ("memory://out", "out"),
        ("/data/out/", "out"),
        ("/data/x/../out", "out"),
        ("file:///data/out", "out"),
    ],
)
def test_base_name(location: str, name: str) -> None:
    assert base_name(location) == name


def test_the_folder_one_stands_in_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert base_name(".") == tmp_path.name


def test_join() -> None:
    assert join("s3://drives/", "a.mcap") == "s3://drives/a.mcap"
    assert join("out", "a.mcap") == "out/a.mcap"


def test_unused_paths_differ_and_are_hidden(tmp_path: Path) -> None:
    paths = {unused_path(tmp_path, "a.mcap") for _ in range(50)}
    assert len(paths) == 50
    assert all(path.parent == tmp_path for path in paths)
    assert all(path.name.startswith(".") and path.name.endswith("-a.mcap") for path in paths)


def test_a_store_gives_back_what_was_put(tmp_path: Path) -> None:
    write_text(f"{STORE}/a.txt", "grün")
    (tmp_path / "b.bin").write_bytes(b"12345")
    put_file(tmp_path / "b.bin", f"{STORE}/b.bin")
    assert read_text(f"{STORE}/a.txt") == "grün"
    assert file_sizes(STORE) == {"a.txt": 5, "b.bin": 5}
    assert exists(f"{STORE}/a.txt")
    remove_file(f"{STORE}/a.txt")
    assert not exists(f"{STORE}/a.txt")
    assert file_sizes(STORE) == {"b.bin": 5}


def test_no_folder_has_no_files() -> None:
    assert file_sizes(STORE) == {}


def test_what_a_store_says_becomes_one_error() -> None:
    with pytest.raises(BagError, match=r"memory://places/none cannot be reached"):
        read_text(f"{STORE}/none")


def test_an_unknown_protocol_is_told() -> None:
    with pytest.raises(BagError, match=r"nosuch://x cannot be reached .*nosuch"):
        exists("nosuch://x")


def test_disk_errors_name_the_place_and_the_reason() -> None:
    full = r"^out cannot be written \(No space left on device\)"
    with pytest.raises(BagError, match=full), disk_errors("out"):
        raise OSError(28, "No space left on device")


def _bag(folder: Path, file: str = "metadata.yaml") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text("")


def test_a_recording_is_found_itself(tmp_path: Path) -> None:
    _bag(tmp_path / "a")
    _bag(tmp_path / "bare", "x.db3")
    assert find_bags(str(tmp_path / "a")) == [str(tmp_path / "a")]
    assert find_bags(f"{tmp_path}/bare/") == [str(tmp_path / "bare")]
    assert find_bags(str(tmp_path / "bare" / "x.db3")) == [str(tmp_path / "bare" / "x.db3")]


def test_recordings_below_a_folder_are_found_in_order(tmp_path: Path) -> None:
    for name in ("monday/b", "monday/a", "friday"):
        _bag(tmp_path / name)
    _bag(tmp_path / "compressed", "x.mcap.zstd")
    _bag(tmp_path / "friday" / "inside")  # part of a recording, none by itself
    _bag(tmp_path / ".out.partial" / "bag")
    _bag(tmp_path / "notes", "readme.txt")
    found = [f"{tmp_path}/{name}" for name in ("compressed", "friday", "monday/a", "monday/b")]
    assert find_bags(str(tmp_path)) == found
    assert find_bags(f"file://{tmp_path}") == [f"file://{name}" for name in found]


def test_recordings_below_a_url_are_found() -> None:
    write_text(f"{STORE}/b/metadata.yaml", "")
    write_text(f"{STORE}/a/deep/metadata.yaml", "")
    write_text(f"{STORE}/c/x.txt", "")
    assert find_bags(STORE) == [f"{STORE}/a/deep", f"{STORE}/b"]
    assert find_bags(f"{STORE}/b/") == [f"{STORE}/b"]


def test_relative_paths_stay_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _bag(tmp_path / "drives" / "a")
    monkeypatch.chdir(tmp_path)
    assert find_bags("drives") == ["drives/a"]


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="does not exist"):
        find_bags(str(tmp_path / "none"))


def test_a_folder_without_recordings_is_an_error(tmp_path: Path) -> None:
    _bag(tmp_path / "notes", "readme.txt")
    with pytest.raises(BagError, match=r"holds no recording; expected .*metadata\.yaml"):
        find_bags(str(tmp_path))
