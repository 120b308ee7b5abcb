# SPDX-License-Identifier: Apache-2.0
"""Class weights and the loss that training minimises."""

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from segnet_ros.datasets.frames import DatasetError
from segnet_ros.training.distributed import mean_over_processes

LossNormalization = Literal["valid_pixels", "weights"]

Criterion = Callable[[Tensor, Tensor], Tensor]
"""From logits, float [N, classes, H, W], and labels, int64 [N, H, W], to a loss."""


def class_weights(
    labels: Iterable[npt.NDArray[np.uint8]], classes: int, power: float = 1.0
) -> Tensor:
    """Median-frequency weights of the classes in label images.

    Args:
        labels: uint8 [H, W] each; values from `classes` on count for the image, not as a class.
        classes: Number of classes.
        power: See `median_frequency_weights`.

    Returns:
        float32 [classes].

    Raises:
        DatasetError: no pixel has a class.

    """
    pixels = torch.zeros(classes, dtype=torch.int64)
    image_pixels = torch.zeros(classes, dtype=torch.int64)
    for image in labels:
        counts = torch.from_numpy(np.bincount(image.ravel(), minlength=classes)[:classes])
        pixels += counts
        image_pixels += (counts > 0) * image.size
    if not pixels.any():
        msg = "nothing to learn from the training frames: every label is void"
        raise DatasetError(msg)
    return median_frequency_weights(pixels, image_pixels, power)


def median_frequency_weights(pixels: Tensor, image_pixels: Tensor, power: float = 1.0) -> Tensor:
    """Median-frequency balancing (Eigen and Fergus, arXiv 1411.4734; SegNet, section 3.2).

    The frequency of a class is its pixel count over the pixels of the images that contain it;
    its weight is the median of the frequencies over its own.

    Args:
        pixels: int64 [classes], pixels of each class in the training set.
        image_pixels: int64 [classes], all pixels of the images in which the class occurs.
        power: Exponent of the ratio; 1 is the paper's, 0.5 tempers the balance.

    Returns:
        float32 [classes]; 0 for a class that never occurs.

    """
    present = pixels > 0
    frequency = pixels.double() / image_pixels.double().clamp(min=1)
    median = frequency[present].quantile(0.5)
    weights = torch.where(present, (median / frequency) ** power, torch.zeros_like(frequency))
    return weights.float()


def weighted_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    void: int,
    normalization: LossNormalization = "valid_pixels",
) -> Tensor:
    """Cross-entropy, weighted by class, averaged over the labelled pixels.

    Divided by their number, as Caffe does, a batch without rare classes weighs less. Divided by the
    sum of their weights, as PyTorch does, it is scaled up; on CamVid with the paper's weights the
    loss, and with it what a learning rate means, is then about twice as large.

    Where several processes share a batch, the divisor is the mean over their shares: the mean of
    their losses and of their gradients is that of the whole batch.

    Args:
        logits: float [N, classes, H, W].
        labels: int64 [N, H, W]; `void` is ignored.
        weights: float32 [classes].
        void: The label to ignore.
        normalization: What the sum is divided by.

    """
    total = F.cross_entropy(
        logits.float(), labels, weight=weights, ignore_index=void, reduction="sum"
    )
    labelled = labels != void
    # Without picking the labelled pixels out, for which the CPU would wait for the GPU.
    counted = weights[labels * labelled] * labelled if normalization == "weights" else labelled
    divisor = mean_over_processes(counted.sum().float())
    return total / divisor.clamp(min=torch.finfo(torch.float32).tiny)
