# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segnet_ros.inference.engine.golden import GoldenFrames, read_golden
from segnet_ros.inference.model import ModelFile, file_sha256, load_model
from segnet_ros.training.golden import label_agreement, make_golden, save_golden
from segnet_ros.training.graph_labels import Reference


@pytest.fixture
def golden(channel_model: Path) -> GoldenFrames:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 12, 16, 3), np.uint8)
    return make_golden(list(pictures), Reference(channel_model / "model.onnx").labels)


def test_labels_are_those_of_the_model(golden: GoldenFrames) -> None:
    assert golden.images.shape == (3, 12, 16, 3)
    assert golden.labels.dtype == np.uint8
    assert np.array_equal(golden.labels, golden.images.argmax(3))


def test_golden_frames_are_read_back(
    golden: GoldenFrames, channel_model: Path, tmp_path: Path
) -> None:
    written = save_golden(golden, tmp_path)
    assert written == ModelFile("golden.npz", file_sha256(tmp_path / "golden.npz"))
    model = replace(load_model(channel_model), folder=tmp_path, golden=written)
    again = read_golden(model)
    assert np.array_equal(again.images, golden.images)
    assert np.array_equal(again.labels, golden.labels)


def test_same_frames_give_the_same_bytes(golden: GoldenFrames, tmp_path: Path) -> None:
    first = save_golden(golden, tmp_path)
    assert save_golden(golden, tmp_path / "again").sha256 == first.sha256


def test_agreement_is_the_share_of_equal_labels(golden: GoldenFrames) -> None:
    def left_half_unlabelled(image: np.ndarray) -> np.ndarray:
        labels = image.argmax(2).astype(np.uint8)
        labels[:, :8] = 255
        return labels

    assert label_agreement(golden, left_half_unlabelled) == 0.5
    assert label_agreement(golden, lambda image: image.argmax(2).astype(np.uint8)) == 1.0
