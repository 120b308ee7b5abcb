# SPDX-License-Identifier: Apache-2.0
"""Make the frames whose labels every engine of a model must repeat."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segnet_ros.inference.engine.golden import GoldenFrames, Pixels
from segnet_ros.inference.files import replacing
from segnet_ros.inference.model import ModelFile, file_sha256
from segnet_ros.training.graph_labels import Labeller

GOLDEN = "golden.npz"


def make_golden(images: Sequence[Pixels], reference: Labeller) -> GoldenFrames:
    """Label pictures, uint8 [H, W, 3] RGB each, as model.onnx does in float32."""
    return GoldenFrames(np.stack(images), np.stack([reference(image) for image in images]))


def save_golden(golden: GoldenFrames, folder: Path) -> ModelFile:
    """Write what `read_golden` reads; the same frames give the same bytes."""
    with replacing(folder / GOLDEN) as partial:
        np.savez_compressed(partial, images=golden.images, labels=golden.labels)
    return ModelFile(GOLDEN, file_sha256(folder / GOLDEN))


def label_agreement(golden: GoldenFrames, labeller: Labeller) -> float:
    """Share of the golden frames' pixels that get the golden label, 0..1."""
    answers = np.stack([labeller(image) for image in golden.images])
    return float(np.mean(answers == golden.labels))
