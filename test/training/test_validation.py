# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segnet_ros.datasets.frames import LabelledFrame
from segnet_ros.datasets.taxonomy import VOID, Taxonomy
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.training import device
from segnet_ros.training.validation import comparison, predict, validate

CPU = torch.device("cpu")
CLASSES = (
    SegmentationClass("red", (200, 10, 20)),
    SegmentationClass("green", (30, 210, 40)),
    SegmentationClass("blue", (50, 60, 220)),
)
TAXONOMY = Taxonomy("channels", CLASSES, {0: 0, 1: 1, 2: 2, 9: VOID})


class BrightestChannel(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        assert not self.training
        return image


@pytest.fixture(autouse=True)
def _float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: False)


def frame(folder: Path, height: int) -> LabelledFrame:
    """Red above blue, half each; the labels say red above, void, blue below, green at the end."""
    rgb = np.zeros((height, 6, 3), np.uint8)
    rgb[: height // 2, :, 0] = 255
    rgb[height // 2 :, :, 2] = 255
    labels = np.zeros((height, 6), np.uint8)
    labels[height // 2 :] = 2
    labels[height // 2] = 9
    labels[-1] = 1
    made = LabelledFrame(folder / f"{height}.png", folder / f"{height}_label.png", "a", TAXONOMY)
    cv2.imwrite(str(made.image_path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(made.label_path), labels)
    return made


def test_prediction_is_the_most_likely_class() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    image[..., 1] = 0
    image[:, 3, 0], image[:, 3, 2] = 250, 5
    image[:, 4, 0], image[:, 4, 2] = 5, 250
    labels = predict(BrightestChannel(), image, CPU)
    assert labels.dtype == np.uint8
    assert labels[:, 3].tolist() == [0] * 5
    assert labels[:, 4].tolist() == [2] * 5


def test_frames_of_any_size_are_scored_together(tmp_path: Path) -> None:
    frames = [frame(tmp_path, 8), frame(tmp_path, 12)]
    result = validate(BrightestChannel(), frames, CPU)
    # Rows: red 4 + 6, all found; blue 2 + 4, all found; green 1 + 1, taken for blue.
    assert result.iou.tolist() == pytest.approx([1.0, 0.0, 6 / 8])
    assert result.global_accuracy == pytest.approx(16 / 18)
    assert result.class_accuracy == pytest.approx(2 / 3)


def test_comparison_shows_picture_labels_and_prediction(tmp_path: Path) -> None:
    picture = comparison(BrightestChannel(), frame(tmp_path, 8), CPU)
    assert picture.shape == (8, 18, 3)
    left, middle, right = picture[:, 0], picture[:, 6], picture[:, 12]
    assert left.tolist() == [[255, 0, 0]] * 4 + [[0, 0, 255]] * 4
    red, green, blue = (list(item.color) for item in CLASSES)
    assert middle.tolist() == [red] * 4 + [[0, 0, 0]] + [blue] * 2 + [green]
    assert right.tolist() == [red] * 4 + [blue] * 4
