"""Class weights and the loss that training minimises."""

import torch
import torch.nn.functional as F
from torch import Tensor


def median_frequency_weights(pixels: Tensor, image_pixels: Tensor, power: float = 1.0) -> Tensor:
    """Median-frequency balancing (Eigen and Fergus, arXiv 1411.4734; SegNet, section 4.1).

    The frequency of a class is its pixel count over the pixels of the images that contain it;
    its weight is the median of the frequencies over its own.

    Args:
        pixels: int64 [classes], pixels of each class in the training set.
        image_pixels: int64 [classes], all pixels of the images in which the class occurs.
        power: Exponent of the ratio; 0.5 tempers the balance.

    Returns:
        float32 [classes]; 0 for a class that never occurs.
    """
    present = pixels > 0
    frequency = pixels.double() / image_pixels.double().clamp(min=1)
    median = frequency[present].quantile(0.5)
    weights = torch.where(present, (median / frequency) ** power, torch.zeros_like(frequency))
    return weights.float()


def weighted_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor, void: int) -> Tensor:
    """Cross-entropy, weighted by class, averaged over the labelled pixels.

    The divisor is the number of labelled pixels, as in Caffe, and not the sum of their weights, as
    in PyTorch: a batch without rare classes then weighs less instead of being scaled up.

    Args:
        logits: float [N, classes, H, W].
        labels: int64 [N, H, W]; `void` is ignored.
        weights: float32 [classes].
        void: The label to ignore.
    """
    total = F.cross_entropy(
        logits.float(), labels, weight=weights, ignore_index=void, reduction="sum"
    )
    return total / (labels != void).sum().clamp(min=1)
