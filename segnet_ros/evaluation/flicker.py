# SPDX-License-Identifier: Apache-2.0
"""Labels that change although the scene does not: temporal consistency along optical flow.

Nobody has to label anything for it: the previous frame's labels are carried along by the motion of
the picture, and a label that differs from what is carried there has flickered.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

_IDS = 256
_SMALLEST = 64
# How far forward and backward flow may miss each other, pixels.
_CONSISTENT = 1.5
# How far warped and seen grey levels may differ, as means of 3x3 pixels.
_ALIKE = 20
# Flow is smooth: around places where it is wrong, it is wrong too. This closes most of the gaps
# through which the rims of moving things would count as flicker.
_AROUND = np.ones((5, 5), np.uint8)
# A pixel that lies between two of the previous frame, up to this far from the middle, may have
# either's label: borders that move by half a pixel do not flicker.
_BETWEEN = 0.25


@dataclass(frozen=True)
class Flicker:
    """How the labels of a frame fit those of the frame before.

    Attributes:
        mask: uint8 [H, W], 255 where the label has changed, 0 elsewhere.
        compared: Pixels whose motion is trusted; the others were hidden, out of the picture, or
            look different now.
        changed: Pixels among them whose label has changed.
        seen: int64 [256], compared pixels by the id that they had.
        kept: int64 [256], those among them that have the same id still.

    """

    mask: Pixels
    compared: int
    changed: int
    seen: Counts
    kept: Counts


class FlowWarp:
    """Where the pixels of a picture were in the previous one, by OpenCV's DIS optical flow.

    The result depends on the pictures alone, not on the number of threads.

    Args:
        previous: uint8 [H, W, 3] RGB.
        image: The picture after it, of the same size.

    Attributes:
        x: float32 [H, W], column in the previous picture, in pixels.
        y: float32 [H, W], row in the previous picture.
        trusted: bool [H, W], whether the pixel was in sight there: the flow back and the flow
            forth agree, and the places look alike.

    """

    def __init__(self, previous: Pixels, image: Pixels) -> None:
        before, after = _grey(previous), _grey(image)
        back, forth = _optical_flow(before, after), _optical_flow(after, before)
        height, width = after.shape
        columns = np.arange(width, dtype=np.float32)
        rows = np.arange(height, dtype=np.float32)[:, None]
        self.x: Floats = np.asarray(back[..., 0] + columns, np.float32)
        self.y: Floats = np.asarray(back[..., 1] + rows, np.float32)
        trusted = self._is_consistent(back, forth) & self._looks_alike(before, after)
        self.trusted = np.asarray(cv2.erode(trusted.view(np.uint8), _AROUND), np.uint8).view(
            np.bool_
        )

    def nearest(self, labels: Pixels) -> Pixels:
        """Carry the previous picture's labels along: uint8 [H, W]; 0 where nothing was in sight."""
        return np.asarray(cv2.remap(labels, self.x, self.y, cv2.INTER_NEAREST), np.uint8)

    def _is_consistent(self, back: Floats, forth: Floats) -> npt.NDArray[np.bool_]:
        outside = (1e6, 1e6)
        returned = cv2.remap(
            forth, self.x, self.y, cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, outside
        )
        missed = cv2.add(back, returned)
        return np.asarray(cv2.magnitude(missed[..., 0], missed[..., 1]) < _CONSISTENT)

    def _looks_alike(self, before: Pixels, after: Pixels) -> npt.NDArray[np.bool_]:
        warped = cv2.remap(before, self.x, self.y, cv2.INTER_LINEAR)
        return np.asarray(cv2.absdiff(cv2.blur(warped, (3, 3)), cv2.blur(after, (3, 3))) < _ALIKE)


def flicker(
    previous_image: Pixels, image: Pixels, previous_labels: Pixels, labels: Pixels
) -> Flicker:
    """Compare the labels of two frames that follow each other.

    Args:
        previous_image: uint8 [H, W, 3] RGB, at the size of the labels.
        image: The frame after it.
        previous_labels: uint8 [H, W], of the previous frame; any ids.
        labels: The same of the frame after it.

    Raises:
        ValueError: the sizes differ.

    """
    _check(previous_image, image, previous_labels, labels)
    warp = FlowWarp(previous_image, image)
    before = warp.nearest(previous_labels)
    changed = _without_borders(warp, previous_labels, labels, (before != labels) & warp.trusted)
    seen = np.bincount(before[warp.trusted], minlength=_IDS)
    return Flicker(
        mask=np.where(changed, np.uint8(255), np.uint8(0)),
        compared=int(seen.sum()),
        changed=int(np.count_nonzero(changed)),
        seen=seen,
        kept=seen - np.bincount(before[changed], minlength=_IDS),
    )


def _without_borders(
    warp: FlowWarp, previous: Pixels, labels: Pixels, differing: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Leave out pixels that lie between two, one of which had the label."""
    rows, columns = np.nonzero(differing)
    height, width = labels.shape
    x, y, wanted = warp.x[rows, columns], warp.y[rows, columns], labels[rows, columns]
    changed = np.ones(len(rows), np.bool_)
    for down in (-_BETWEEN, _BETWEEN):
        row = np.clip(np.rint(y + down), 0, height - 1).astype(np.intp)
        for right in (-_BETWEEN, _BETWEEN):
            column = np.clip(np.rint(x + right), 0, width - 1).astype(np.intp)
            changed &= previous[row, column] != wanted
    differing[rows, columns] = changed
    return differing


def _grey(image: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _optical_flow(before: Pixels, after: Pixels) -> Floats:
    """How far each pixel of the second picture has moved from the first: float32 [H, W, 2]."""
    # The medium preset takes three times as long and finds the same: on 15 Hz CamVid 4.34 %
    # instead of 4.27 % for one model, 3.83 % instead of 3.79 % for another.
    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    # It would pass between the rows of one thread's stripe, but not from stripe to stripe.
    dis.setUseSpatialPropagation(False)
    height, width = after.shape
    flow = dis.calc(_large_enough(after), _large_enough(before), None)
    return np.asarray(flow[:height, :width], np.float32)


def _large_enough(grey: Pixels) -> Pixels:
    """Continue a small picture to the right and down; OpenCV crashes on some of them."""
    down, right = (max(0, _SMALLEST - side) for side in grey.shape)
    if not (down or right):
        return grey
    return np.asarray(cv2.copyMakeBorder(grey, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def _check(*arrays: Pixels) -> None:
    sizes = [array.shape[1::-1] for array in arrays]
    if len(set(sizes)) > 1:
        received = ", ".join(f"{width}x{height}" for width, height in sizes)
        msg = f"pictures and labels of two frames are {received}; expected one size, the labels'"
        raise ValueError(msg)
