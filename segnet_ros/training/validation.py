# SPDX-License-Identifier: Apache-2.0
"""Scores and pictures of a network on frames at their own size."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from segnet_ros.datasets.frames import LabelledFrame, common_taxonomy, read_frame
from segnet_ros.evaluation.metrics import Scores, confusion_matrix, scores
from segnet_ros.inference.visualization import color_table, colorize
from segnet_ros.training.device import for_network, mixed_precision
from segnet_ros.training.distributed import processes, rank, sum_over_processes
from segnet_ros.training.normalization import Normalization

Pixels = npt.NDArray[np.uint8]


def validate(network: nn.Module, frames: Sequence[LabelledFrame], device: torch.device) -> Scores:
    """Score a network; processes share the frames."""
    classes = len(common_taxonomy(frames).classes)
    total = np.zeros((classes, classes + 1), np.int64)
    for frame in frames[rank() :: processes()]:
        image, labels = read_frame(frame)
        total += confusion_matrix(labels, predict(network, image, device), classes)
    return scores(sum_over_processes(torch.from_numpy(total).to(device)).cpu().numpy())


def predict(network: nn.Module, image: Pixels, device: torch.device) -> Pixels:
    """The most likely class of every pixel, uint8 [H, W], of a picture uint8 [H, W, 3] RGB."""
    network.eval()
    normalization = Normalization().to(device)
    with torch.inference_mode(), mixed_precision(device):
        inputs = normalization(torch.from_numpy(image[None]).to(device))
        logits = network(for_network(inputs))
    return np.asarray(logits[0].argmax(0).to(torch.uint8).cpu().numpy(), np.uint8)


def comparison(network: nn.Module, frame: LabelledFrame, device: torch.device) -> Pixels:
    """Picture, labels and prediction side by side in class colours, uint8 [H, 3 W, 3] RGB."""
    image, labels = read_frame(frame)
    table = color_table(frame.taxonomy.classes)
    painted = (colorize(item, table) for item in (labels, predict(network, image, device)))
    return np.hstack([image, *painted])
