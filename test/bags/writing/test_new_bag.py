# SPDX-License-Identifier: Apache-2.0
"""Recordings that are written at once."""

import errno
import os
from pathlib import Path

import pytest
from rosbags.rosbag2 import Reader

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.recorded import RecordedMessage
from segnet_ros.bags.writing.new_bag import STORAGES, new_bag
from segnet_ros.bags.writing.new_topics import new_topic

TOPIC = new_topic("/chatter", "std_msgs/msg/String")
MESSAGES = [RecordedMessage("/chatter", 10 * index, bytes([index])) for index in range(1, 4)]


def write(folder: Path, storage: str) -> None:
    with new_bag(folder, [TOPIC], storage) as add:
        for message in MESSAGES:
            add(message)
        assert not folder.exists()


def contents(folder: Path) -> list[RecordedMessage]:
    with Reader(folder) as reader:
        return [RecordedMessage(c.topic, time, bytes(cdr)) for c, time, cdr in reader.messages()]


@pytest.mark.parametrize(("storage", "file"), [("mcap", "bag_0.mcap"), ("sqlite3", "bag.db3")])
def test_messages_come_back(tmp_path: Path, storage: str, file: str) -> None:
    write(tmp_path / "bag", storage)
    assert sorted(path.name for path in (tmp_path / "bag").iterdir()) == [file, "metadata.yaml"]
    assert contents(tmp_path / "bag") == MESSAGES
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]
    with Reader(tmp_path / "bag") as reader:
        assert (reader.start_time, reader.end_time, reader.message_count) == (10, 31, 3)


@pytest.mark.parametrize("storage", STORAGES)
def test_the_same_messages_give_the_same_bytes(tmp_path: Path, storage: str) -> None:
    write(tmp_path / "a" / "bag", storage)
    write(tmp_path / "b" / "bag", storage)
    for path in (tmp_path / "a" / "bag").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "bag" / path.name).read_bytes()


@pytest.mark.parametrize("storage", STORAGES)
def test_an_error_leaves_nothing(tmp_path: Path, storage: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        _interrupt(tmp_path / "bag", storage)
    assert list(tmp_path.iterdir()) == []


def _interrupt(folder: Path, storage: str) -> None:
    with new_bag(folder, [TOPIC], storage) as add:
        add(MESSAGES[0])
        raise KeyboardInterrupt


@pytest.mark.parametrize("storage", STORAGES)
def test_a_full_disk_is_one_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BagError, match=r"cannot be written \(No space left on device\)"):
        write(tmp_path / "bag", storage)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("storage", STORAGES)
def test_what_exists_is_not_overwritten(tmp_path: Path, storage: str) -> None:
    (tmp_path / "bag").mkdir()
    with pytest.raises(BagError, match=r"bag exists; expected a new place"):
        write(tmp_path / "bag", storage)
    assert [path.name for path in tmp_path.rglob("*")] == ["bag"]


def test_all_files_reach_the_disk_before_the_folder_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []

    def sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((path.name, (tmp_path / "bag").exists()))

    monkeypatch.setattr(os, "fsync", sync)
    write(tmp_path / "bag", "sqlite3")
    assert sorted(synced[:2]) == [("bag.db3", False), ("metadata.yaml", False)]
    assert synced[2:] == [("bag", False), (tmp_path.name, True)]
