# SPDX-License-Identifier: Apache-2.0
"""Does the confidence keep its promise? Expected calibration error (Guo et al., ICML 2017)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 15
_LEVELS = 256
_CERTAIN = 255


@dataclass(frozen=True)
class ReliabilityBin:
    """Pixels of similar confidence; one bar of a reliability diagram.

    Attributes:
        low: Confidence above which the bin begins, 0..1; the first bin also holds 0.
        high: Highest confidence of the bin.
        pixels: Number of labelled pixels.
        confidence: Their mean confidence, 0..1; NaN without pixels.
        accuracy: Share of them that are right; NaN without pixels.

    """

    low: float
    high: float
    pixels: int
    confidence: float
    accuracy: float


def confidence_histogram(
    truth: npt.NDArray[np.uint8],
    predicted: npt.NDArray[np.uint8],
    confidence: npt.NDArray[np.uint8],
    classes: int,
) -> npt.NDArray[np.int64]:
    """Count labelled pixels by what the network promised and what it kept.

    Args:
        truth: uint8, any shape; ids of `classes` and above are void and not counted.
        predicted: uint8, the same shape.
        confidence: uint8, the same shape; 255 = certain.
        classes: Number of classes.

    Returns:
        int64 [2, 256]: wrong pixels and right ones of every confidence. Histograms of frames add
        up, and bins of any width can be made of them without loss.

    """
    labelled = truth < classes
    right = (predicted == truth)[labelled]
    cells = confidence[labelled].astype(np.int64) + _LEVELS * right
    return np.bincount(cells, minlength=2 * _LEVELS).reshape(2, _LEVELS)


def reliability(histogram: npt.NDArray[np.int64]) -> list[ReliabilityBin]:
    """Gather a `confidence_histogram` into `BINS` bins of equal width."""
    levels = np.arange(_LEVELS)
    # Whole numbers: 15 divides 255, so confidences lie exactly on the edges between bins.
    bin_of = np.maximum(-(-levels * BINS // _CERTAIN) - 1, 0)
    counts = histogram.sum(axis=0)
    pixels, promised, right = (
        np.bincount(bin_of, weights, BINS) for weights in (counts, counts * levels, histogram[1])
    )
    with np.errstate(invalid="ignore"):
        confidence, accuracy = promised / _CERTAIN / pixels, right / pixels
    return [
        ReliabilityBin(
            low=index / BINS,
            high=(index + 1) / BINS,
            pixels=int(pixels[index]),
            confidence=float(confidence[index]),
            accuracy=float(accuracy[index]),
        )
        for index in range(BINS)
    ]


def expected_calibration_error(histogram: npt.NDArray[np.int64]) -> float:
    """Mean over pixels of the gap between confidence and accuracy of their bin, 0..1.

    Returns:
        NaN without a pixel.

    """
    bins = [item for item in reliability(histogram) if item.pixels]
    total = sum(item.pixels for item in bins)
    gaps = sum(item.pixels * abs(item.accuracy - item.confidence) for item in bins)
    return gaps / total if total else float("nan")
