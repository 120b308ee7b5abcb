# SPDX-License-Identifier: Apache-2.0
"""Frames on the disk: pixels, names, and nothing left of a failure."""

import json
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from segnet_ros.ros.frame_saver import FrameSaveError, FrameSaver

FACTS = {
    "stamp": {"sec": 1_700_000_000, "nanosec": 42},
    "frame_id": "front_camera",
    "topic": "/front/image",
    "classes": [{"id": 0, "name": "Straße"}],
}
NAME = "1700000000000000042_front"
PARTS = (".png", "_label.png", "_confidence.png", ".json")

random = np.random.default_rng(1)
IMAGE = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
LABELS = random.integers(0, 12, (24, 32), dtype=np.uint8)
LABELS[3, 4] = 255
CONFIDENCE = random.integers(0, 256, (24, 32), dtype=np.uint8)


def save(folder: Path, camera: str = "front", labels: np.ndarray = LABELS, **facts) -> list[Path]:
    return FrameSaver().save(folder, camera, IMAGE, labels, CONFIDENCE, FACTS | facts)


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_frame_is_a_set_of_four_files(tmp_path) -> None:
    folder = tmp_path / "new" / "frames"
    paths = save(folder)
    assert paths == [folder / f"{NAME}{part}" for part in PARTS]
    picture, labels, confidence, facts = paths
    np.testing.assert_array_equal(read(picture)[..., ::-1], IMAGE)
    np.testing.assert_array_equal(read(labels), LABELS)
    np.testing.assert_array_equal(read(confidence), CONFIDENCE)
    assert json.loads(facts.read_text(encoding="utf-8")) == FACTS
    assert "Straße" in facts.read_text(encoding="utf-8")
    assert sorted(folder.iterdir()) == sorted(paths)


def test_names_sort_by_time(tmp_path) -> None:
    late = save(tmp_path, stamp={"sec": 100, "nanosec": 5})
    early = save(tmp_path, stamp={"sec": 9, "nanosec": 999_999_999})
    assert early[0].name == "0000000009999999999_front.png"
    assert early[0] < late[0]


def test_nothing_is_overwritten(tmp_path) -> None:
    first, second, third = (save(tmp_path, labels=np.full_like(LABELS, n)) for n in range(3))
    assert [path.name for path in second] == [f"{NAME}-2{part}" for part in PARTS]
    assert third[3].name == f"{NAME}-3.json"
    for number, paths in enumerate((first, second, third)):
        assert (read(paths[1]) == number).all()


@pytest.mark.parametrize("part", PARTS)
def test_a_name_of_which_one_file_is_left_is_not_used_again(tmp_path, part) -> None:
    left = tmp_path / f"{NAME}{part}"
    left.write_text("mine")
    assert save(tmp_path)[0].name == f"{NAME}-2.png"
    assert left.read_text() == "mine"


def test_cameras_whose_names_meet_do_not_mix(tmp_path) -> None:
    front, label = save(tmp_path), save(tmp_path, "front_label")
    assert front[1].name == f"{NAME}_label.png"
    assert label[0].name == f"{NAME}_label-2.png"
    np.testing.assert_array_equal(read(front[1]), LABELS)


def test_simultaneous_frames_all_arrive(tmp_path) -> None:
    with ThreadPoolExecutor(8) as threads:
        sets = list(
            threads.map(lambda n: save(tmp_path, labels=np.full_like(LABELS, n)), range(24))
        )
    assert len({path for paths in sets for path in paths}) == 4 * 24
    assert [int(read(paths[1]).max()) for paths in sets] == list(range(24))


def test_folder_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FrameSaveError) as error:
        save(tmp_path / "file" / "frames")
    assert "\n" not in str(error.value)
    assert f"{tmp_path / 'file' / 'frames'} cannot be written (Not a directory)" in str(error.value)
    assert "frames_folder" in str(error.value)


def test_nothing_is_left_of_a_frame_that_does_not_fit(tmp_path) -> None:
    noise = random.integers(0, 256, (400, 400), dtype=np.uint8)
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(FrameSaveError, match=r"\(File too large\); let frames_folder"):
            save(tmp_path, labels=noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_facts_that_json_cannot_hold_leave_nothing(tmp_path) -> None:
    with pytest.raises(TypeError):
        save(tmp_path, topic=IMAGE)
    assert list(tmp_path.iterdir()) == []


def test_facts_are_written_last(tmp_path) -> None:
    times = [path.stat().st_mtime_ns for path in save(tmp_path)]
    assert max(times) == times[3]


def test_what_a_killed_process_left_is_removed(tmp_path) -> None:
    (tmp_path / f".partial-{NAME}.png").write_bytes(b"half of a pic")
    (tmp_path / ".hidden").write_text("mine")
    paths = save(tmp_path)
    assert paths[0].name == f"{NAME}.png"
    assert sorted(tmp_path.iterdir()) == sorted([*paths, tmp_path / ".hidden"])


def test_no_file_has_its_name_before_all_are_whole(tmp_path, monkeypatch) -> None:
    """What is killed at any moment leaves whole files, or none, under their names."""
    seen = []

    def look(descriptor: int) -> None:
        seen.append(sorted(path.name for path in tmp_path.iterdir()))

    monkeypatch.setattr("segnet_ros.ros.frame_saver.os.fsync", look)
    save(tmp_path)
    hidden = [f".partial-{NAME}{part}" for part in PARTS]
    assert seen == [sorted(hidden[:count]) for count in (1, 2, 3, 4)]
