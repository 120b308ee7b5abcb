# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
import pytest

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.datasets.taxonomy import VOID
from segnet_ros.training.training_frames import TrainingFrames
from segnet_ros.training.transforms import Augmentation

PLAIN = Augmentation(
    crop=(8, 6), scale=(1.0, 1.0), brightness=0.0, gamma=1.0, color=0.0, flip=False
)
LIVELY = Augmentation(crop=(8, 6), scale=(0.7, 1.5))


def write_frame(folder: Path, number: int, label: int | None = None) -> LabelledFrame:
    """A 8x6 picture, red everywhere `number`, with noise in green, and one label (its number)."""
    rgb = np.random.default_rng(number).integers(0, 255, (6, 8, 3), np.uint8)
    rgb[..., 0] = number
    frame = LabelledFrame(folder / f"a_{number}.png", folder / f"a_{number}_label.png", "a", CAMVID)
    cv2.imwrite(str(frame.image_path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    labels = np.full((6, 8), number if label is None else label, np.uint8)
    cv2.imwrite(str(frame.label_path), labels)
    return frame


@pytest.fixture
def frames(tmp_path: Path) -> list[LabelledFrame]:
    return [write_frame(tmp_path, number) for number in range(4)]


def test_items_are_the_frames_in_order_as_rgb(frames: list[LabelledFrame]) -> None:
    dataset = TrainingFrames(frames, PLAIN, seed=0)
    assert len(dataset) == 4
    for number in range(4):
        image, labels = dataset[0, number]
        assert (image[..., 0] == number).all()
        assert (labels == number).all()


def test_frame_depends_on_seed_epoch_and_index_alone(frames: list[LabelledFrame]) -> None:
    first, second = (TrainingFrames(frames, LIVELY, seed=7) for _ in range(2))
    drawn = {}
    for key in ((epoch, index) for epoch in (0, 1) for index in range(4)):
        drawn[key] = first[key]
    # The other way round, as a resumed run or another worker may ask for them.
    for key, (image, labels) in reversed(drawn.items()):
        assert np.array_equal(second[key][0], image)
        assert np.array_equal(second[key][1], labels)


def test_seed_epoch_and_index_each_change_the_frame(tmp_path: Path) -> None:
    frame = write_frame(tmp_path, 3)

    def draw(seed: int, epoch: int, index: int) -> bytes:
        return TrainingFrames([frame, frame], LIVELY, seed)[epoch, index][0].tobytes()

    assert len({draw(0, 0, 0), draw(1, 0, 0), draw(0, 1, 0), draw(0, 0, 1)}) == 4


def test_area_outside_the_frame_is_void(frames: list[LabelledFrame]) -> None:
    shrunk = Augmentation(crop=(8, 6), scale=(0.5, 0.5))
    _, labels = TrainingFrames(frames, shrunk, seed=0)[0, 2]
    assert set(np.unique(labels)) == {2, VOID}
    assert (labels == 2).sum() == 4 * 3


def test_labels_are_not_augmented(frames: list[LabelledFrame]) -> None:
    labels = list(TrainingFrames(frames, LIVELY, seed=0).labels())
    assert [(item.shape, np.unique(item).tolist()) for item in labels] == [
        ((6, 8), [number]) for number in range(4)
    ]


def test_pictures_are_read_once(frames: list[LabelledFrame]) -> None:
    dataset = TrainingFrames(frames, PLAIN, seed=0)
    for frame in frames:
        frame.image_path.unlink()
    assert (dataset[0, 3][0][..., 0] == 3).all()


def test_unreadable_frame_is_reported(tmp_path: Path) -> None:
    frame = write_frame(tmp_path, 0)
    frame.image_path.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"a_0.png cannot be decoded"):
        TrainingFrames([frame], PLAIN, seed=0)


def test_without_augmentation_frames_stay_as_they_are(frames: list[LabelledFrame]) -> None:
    dataset = TrainingFrames(frames, None, seed=0)
    assert dataset.size == (8, 6)
    for epoch, index in ((0, 1), (5, 1), (5, 3)):
        stored = cv2.imread(str(frames[index].image_path))
        assert stored is not None
        image, labels = dataset[epoch, index]
        assert np.array_equal(image, stored[..., ::-1])
        assert (labels == index).all()


def test_without_augmentation_all_frames_must_have_one_size(tmp_path: Path) -> None:
    frames = [write_frame(tmp_path, number) for number in range(2)]
    for path in (frames[1].image_path, frames[1].label_path):
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert pixels is not None
        cv2.imwrite(str(path), pixels[:, :7])
    with pytest.raises(DatasetError, match=r"a_1.png is 7x6, .*a_0.png 8x6; .*with a crop"):
        TrainingFrames(frames, None, seed=0)
    assert TrainingFrames(frames, PLAIN, seed=0).size == (8, 6)


def test_decoded_frames_are_counted_in_bytes(frames: list[LabelledFrame]) -> None:
    assert TrainingFrames(frames, PLAIN, seed=0).nbytes == 4 * 8 * 6 * (3 + 1)
