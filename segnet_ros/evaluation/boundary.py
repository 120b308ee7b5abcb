# SPDX-License-Identifier: Apache-2.0
"""The boundary measure BF of the SegNet paper, after Csurka et al. (BMVC 2013).

A class's boundary in a map is the set of pixels whose 2x2 block (itself, right, below, diagonal)
holds both that class and something else; the border of the picture is none. Precision is the share
of the predicted boundary that lies within the tolerance of the true one, recall the share of the
true boundary that lies within the tolerance of the predicted one, distances being Euclidean
between pixel centres. F1 is their harmonic mean. BF is the mean of F1 over the classes of a frame,
then over frames.

What counts, per frame:

- A class with a boundary in the labels is scored, with 0 if its boundary is not predicted at all.
- A class without one is not: NaN. A class that is only predicted therefore costs nothing itself;
  it costs where it breaks up the boundaries of the others.
- Void is no region: a block that touches it holds no boundary in either map, so predictions on
  void change nothing.

The script that the SegNet authors published differs from their paper and from Csurka et al.:

- It pairs boundary pixels one to one, where many may match the same pixel here. That is stricter:
  about 8 points lower for `segnet_light_camvid` on CamVid's val.
- It counts the outline of void (0.2 points higher there; copying void into the prediction, as
  others do, would give 5 points for nothing).
- It averages over classes that are only predicted too, as 0.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

TOLERANCE = 0.0075
"""Of the picture's diagonal: 4.5 pixels at 480x360."""

_Mask = npt.NDArray[np.uint8]
_BLOCK = np.ones((2, 2), np.uint8)


def boundary_f1(
    truth: npt.NDArray[np.uint8], predicted: npt.NDArray[np.uint8], classes: int
) -> npt.NDArray[np.float64]:
    """Compare the boundaries of every class in one frame.

    Args:
        truth: uint8 [H, W]; ids of `classes` and above are void.
        predicted: uint8 [H, W]; ids of `classes` and above belong to no class.
        classes: Number of classes.

    Returns:
        float64 [classes], 0..1; NaN for a class whose boundary the labels do not show.

    """
    disk = _disk(TOLERANCE * math.hypot(*truth.shape))
    labelled = np.asarray(cv2.erode(_mask(truth < classes), _BLOCK, anchor=(0, 0)), np.uint8)
    f1 = np.full(classes, np.nan)
    for index in np.unique(truth[truth < classes]):
        expected = _boundary(truth == index, labelled)
        if expected.any():
            f1[index] = _f1(expected, _boundary(predicted == index, labelled), disk)
    return f1


def _boundary(region: npt.NDArray[np.bool_], labelled: _Mask) -> _Mask:
    outline = cv2.morphologyEx(_mask(region), cv2.MORPH_GRADIENT, _BLOCK, anchor=(0, 0))
    return np.asarray(cv2.bitwise_and(outline, labelled), np.uint8)


def _f1(expected: _Mask, found: _Mask, disk: _Mask) -> float:
    """The mask of an absent boundary matches nothing: precision and recall are 0 then."""
    x, y, width, height = cv2.boundingRect(cv2.bitwise_or(expected, found))
    window = np.s_[y : y + height, x : x + width]
    recall = _share_near(expected[window], found[window], disk)
    precision = _share_near(found[window], expected[window], disk)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _share_near(points: _Mask, targets: _Mask, disk: _Mask) -> float:
    near = cv2.bitwise_and(points, cv2.dilate(targets, disk))
    return cv2.countNonZero(near) / max(1, cv2.countNonZero(points))


def _disk(radius: float) -> _Mask:
    """Dilating by all offsets up to the radius is the exact test of the Euclidean distance."""
    reach = np.arange(-int(radius), int(radius) + 1)
    return _mask(np.hypot(*np.meshgrid(reach, reach)) <= radius)


def _mask(condition: npt.NDArray[np.bool_]) -> _Mask:
    return condition.astype(np.uint8)
