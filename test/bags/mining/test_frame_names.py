# SPDX-License-Identifier: Apache-2.0
"""File names of frames, and the recording in them."""

import re
from pathlib import Path

import pytest

from segnet_ros.bags.mining.frame_names import BAG_RULE, bag_names, frame_names
from segnet_ros.bags.mining.frame_scores import FrameScores
from segnet_ros.bags.mining.mining import ScoredFrame


def _frame(bag: str, topic: str, time_ns: int, stamp_ns: int) -> ScoredFrame:
    return ScoredFrame(bag, topic, time_ns, stamp_ns, FrameScores(1, 0), b"")


def test_bag_camera_and_stamp() -> None:
    topics = {"/front_left/image_raw", "/robot/rear/image_raw/compressed"}
    frames = [_frame("x/drive_01", topic, 5, 17) for topic in sorted(topics)]
    names = frame_names(frames, {"x/drive_01": topics})
    assert names == ["drive_01_front-left_17", "drive_01_robot-rear_17"]
    for name in names:
        found = re.search(BAG_RULE, name)
        assert found is not None
        assert found[1] == "drive_01"


def test_a_single_camera_is_called_camera() -> None:
    (name,) = frame_names(
        [_frame("drive.mcap", "/front/image", 5, 17)], {"drive.mcap": {"/front/image"}}
    )
    assert name == "drive_camera_17"


def test_equal_stamps_are_told_apart_by_time() -> None:
    frames = [_frame("drive", "/image", time, stamp) for time, stamp in ((5, 0), (6, 0), (7, 1))]
    names = frame_names(frames, {"drive": {"/image"}})
    assert names == ["drive_camera_0-5", "drive_camera_0-6", "drive_camera_1"]
    found = re.search(BAG_RULE, names[0])
    assert found is not None
    assert found[1] == "drive"


@pytest.mark.parametrize(
    ("bags", "names"),
    [
        (["a/one", "b/two.mcap"], ["one", "two"]),
        (["cars/a/drive", "cars/b/drive"], ["a-drive", "b-drive"]),
        (["s3://fleet/7/drive_1", "s3://fleet/8/drive_1.db3.zstd"], ["7-drive_1", "8-drive_1"]),
        (["my drive (2)"], ["my-drive-2"]),
        (["Straße_1"], ["Straße_1"]),
    ],
)
def test_names_of_recordings(bags: list[str], names: list[str]) -> None:
    assert bag_names(bags) == dict(zip(bags, names, strict=True))


def test_recordings_that_cannot_be_told_apart(tmp_path: Path) -> None:
    bags = [str(tmp_path / name) for name in ("a b", "a+b")]
    assert sorted(bag_names(bags).values()) == ["bag0", "bag1"]
