# SPDX-License-Identifier: Apache-2.0
"""Trained weights as a `Predictor`: PyTorch's own answer, without an export."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.preprocessing import resize_image
from segnet_ros.inference.runtime import Prediction
from segnet_ros.training.deployed import DeployedBayesianNetwork, DeployedNetwork
from segnet_ros.training.monte_carlo import SAMPLES, is_bayesian
from segnet_ros.training.trained import Trained, load_trained


@dataclass(frozen=True)
class TrainedModel:
    """Facts about the weights.

    Attributes:
        name: Folder and name of their file, as `mine/weights.safetensors`.
        classes: In order of their ids.

    """

    name: str
    classes: tuple[SegmentationClass, ...]


class TorchSegmenter:
    """A trained network in float32, on a GPU (TF32 convolutions) if there is one. Not thread-safe.

    Weights know no size, and every picture is segmented at its own. An exported model answers alike
    where the pictures have its size; others it resizes first, and then scores differently.

    Args:
        weights: Safetensors of `segnet train`.

    Raises:
        CheckpointError: the weights cannot be used.

    """

    def __init__(self, weights: Path) -> None:
        trained = load_trained(weights)
        self.model = TrainedModel(
            f"{weights.resolve().parent.name}/{weights.name}", trained.classes
        )
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._deployed = _deployed(trained).to(
            self._device,
            memory_format=torch.channels_last,  # type: ignore[call-overload]
        )

    @property
    def runtime(self) -> str:
        """Library, version, device and precision in one line."""
        version = torch.__version__.split("+")[0]
        device = torch.cuda.get_device_name() if self._device.type == "cuda" else "CPU"
        return f"PyTorch {version} {device} f32"

    def segment(self, image: npt.NDArray[np.uint8]) -> Prediction:
        """Segment one picture, uint8 [H, W, 3] RGB of any size, at its own size.

        Raises:
            InferenceError: it is no such picture.

        """
        pixels = resize_image(image, (image.shape[1], image.shape[0]))
        with torch.inference_mode():
            batch = torch.from_numpy(pixels[None]).to(self._device)
            answers = self._deployed(batch)
        return Prediction(*(answer[0].cpu().numpy() for answer in answers))


def _deployed(trained: Trained) -> DeployedNetwork:
    if is_bayesian(trained.network):
        return DeployedBayesianNetwork(trained.network, trained.normalization, SAMPLES)
    return DeployedNetwork(trained.network, trained.normalization)
