# SPDX-License-Identifier: Apache-2.0
"""A folder of one's own, two classes, from its YAML file to weights that know their classes."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from segnet_ros.datasets.layouts import find_frames
from segnet_ros.inference.files import write_image
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.training.checkpoint import read_metadata
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.recipe import Recipe
from segnet_ros.training.train import train
from segnet_ros.training.trained import load_trained
from segnet_ros.training.transforms import Augmentation

CLASSES = (SegmentationClass("drivable", (0, 170, 80)), SegmentationClass("obstacle", (220, 0, 9)))
DESCRIPTION = """
name: Yard
images: images/{split}/{name}.jpg
labels: masks/{split}/{name}.png
classes:
  - {name: drivable, value: [1, 2], color: [0, 170, 80]}
  - {name: obstacle, value: 0, color: [220, 0, 9]}
void: 255
"""


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(ARCHITECTURES, "tiny", partial(SegNetLight, widths=(6, 8), depths=(1, 1)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def description(tmp_path: Path) -> Path:
    """Bright ground below a dark wall; every second mask is a palette PNG, as in VOC."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")
    for number in range(4):
        values = np.zeros((48, 64), np.uint8)
        values[20 + number :, :32], values[20 + number :, 32:], values[:2] = 1, 2, 255
        gray = np.where((values == 1) | (values == 2), 200, 30).astype(np.uint8)
        write_image(tmp_path / f"images/train/a_{number}.jpg", np.dstack(3 * [gray]))
        mask = image.fromarray(values, mode="P" if number % 2 else "L")
        if number % 2:
            mask.putpalette(768 * [5])
        (tmp_path / "masks/train").mkdir(parents=True, exist_ok=True)
        mask.save(tmp_path / f"masks/train/a_{number}.png")
    (tmp_path / "yard.yaml").write_text(DESCRIPTION)
    return tmp_path / "yard.yaml"


def test_weights_know_the_classes_of_the_yaml(description: Path, tmp_path: Path) -> None:
    frames = find_frames(description, "train")
    assert len(frames) == 4
    augmentation = Augmentation(crop=(48, 32), scale=(1.0, 1.0))
    recipe = Recipe("tiny", epochs=1, batch_size=2, augmentation=augmentation)
    weights = train(recipe, frames, [], tmp_path / "run")
    assert json.loads(read_metadata(weights)["classes"]) == [
        {"name": "drivable", "color": [0, 170, 80]},
        {"name": "obstacle", "color": [220, 0, 9]},
    ]
    trained = load_trained(weights)
    assert trained.classes == CLASSES
    with torch.inference_mode():
        scores = trained.network(
            trained.normalization(torch.zeros(1, 48, 64, 3, dtype=torch.uint8))
        )
    assert scores.shape == (1, 2, 48, 64)
    assert torch.isfinite(scores).all()
