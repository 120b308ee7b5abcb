# SPDX-License-Identifier: Apache-2.0

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import DatasetError, LabelledFrame
from segnet_ros.training import device
from segnet_ros.training.dry_run import dry_run
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.recipe import Recipe
from segnet_ros.training.transforms import Augmentation

CLASSES = len(CAMVID.classes)


def plain(classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, classes, 1))


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "plain", plain)
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: False)


def recipe(**changes: object) -> Recipe:
    values = {"epochs": 6, "batch_size": 2, "augmentation": Augmentation(crop=(16, 8))}
    return Recipe("plain", **(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def frames(tmp_path: Path) -> list[LabelledFrame]:
    """Five 20x10 frames, half sky and half road; the last one is all sky."""
    made = []
    for number in range(5):
        frame = LabelledFrame(tmp_path / f"{number}.png", tmp_path / f"{number}_l.png", "a", CAMVID)
        cv2.imwrite(str(frame.image_path), np.full((10, 20, 3), 40 * number, np.uint8))
        labels = np.zeros((10, 20), np.uint8)
        labels[5 if number < 4 else 10 :] = 3
        cv2.imwrite(str(frame.label_path), labels)
        made.append(frame)
    return made


def test_costs_of_a_network_small_enough_to_count(
    frames: list[LabelledFrame], tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    estimate = dry_run(recipe(balance_power=1.0), frames, workers=0)
    assert estimate.size == (16, 8)
    parameters = (3 * 9 + 1) * 4 + (4 + 1) * CLASSES
    assert estimate.parameters == parameters
    assert estimate.macs == 16 * 8 * (3 * 9 * 4 + 4 * CLASSES)
    assert estimate.steps == 3 * 6
    assert estimate.seconds_per_step > 0
    # Sky 0.6 of five frames, road 0.5 of the four that show it; the median is 0.55.
    weights = {name: weight for name, weight in estimate.class_weights.items() if weight}
    assert weights == pytest.approx({"Sky": 0.55 / 0.6, "Road": 0.55 / 0.5})
    memory = estimate.memory
    assert memory["weights, average and gradients"] == 3 * 4 * parameters
    # Two moments per weight, and a count of steps for each of four tensors.
    assert memory["optimizer"] == 4 * (2 * parameters + 4)
    assert memory["decoded frames (RAM)"] == 5 * 20 * 10 * 4
    assert sorted(tmp_path.iterdir()) == before


def test_activations_are_what_the_backward_pass_needs(frames: list[LabelledFrame]) -> None:
    pixels = 2 * 16 * 8
    # Input, ReLU's output and the logarithms of the probabilities, all float32; labels are small.
    least = 4 * pixels * (3 + 4 + CLASSES)
    activations = dry_run(recipe(), frames, workers=0).memory["activations"]
    assert least <= activations < 1.6 * least
    more = dry_run(recipe(batch_size=4), frames, workers=0).memory["activations"]
    assert more == pytest.approx(2 * activations, rel=0.01)


def test_report_says_it_in_words(frames: list[LabelledFrame]) -> None:
    text = str(dry_run(recipe(augmentation=None), frames, workers=0))
    assert "plain: 0.00 M parameters" in text
    assert "multiply-accumulates per 20x10 frame" in text
    assert "5 training frames, 11 classes with the weights Sky " in text
    assert "18 steps, 0:00:0" in text


def test_optimizer_without_moments_costs_less(frames: list[LabelledFrame]) -> None:
    sgd = dry_run(recipe(optimizer="sgd"), frames, workers=0)
    assert sgd.memory["optimizer"] == 4 * sgd.parameters


def test_what_training_would_refuse_is_refused(tmp_path: Path) -> None:
    frame = LabelledFrame(tmp_path / "none.png", tmp_path / "none_l.png", "a", CAMVID)
    with pytest.raises(DatasetError, match=r"none.png cannot be read"):
        dry_run(recipe(), [frame])


def test_initial_weights_are_loaded_as_training_would(
    frames: list[LabelledFrame], tmp_path: Path
) -> None:
    from segnet_ros.training.checkpoint import save_weights

    network = plain(CLASSES)
    with torch.no_grad():
        network[0].bias.fill_(math.pi)  # type: ignore[index]
    save_weights(tmp_path / "w.safetensors", network, {})
    estimate = dry_run(recipe(), frames, tmp_path / "w.safetensors", workers=0)
    assert list(estimate.started_from) == [f"{tmp_path / 'w.safetensors'}: loaded everything"]
    assert str(estimate).startswith(f"{tmp_path / 'w.safetensors'}: loaded everything\n")
