# SPDX-License-Identifier: Apache-2.0
"""Network output to camera size, and to the classes that are published."""

import math
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.inference.runtime import Prediction
from segnet_ros.inference.taxonomy import Taxonomy


def relabel(prediction: Prediction, taxonomy: Taxonomy, threshold: float) -> Prediction:
    """Give labels their published ids, and take away those that are too uncertain.

    Args:
        prediction: With the model's ids. It is not altered.
        taxonomy: Made for that model.
        threshold: Pixels with a lower confidence, 0..1, become 255 (unlabelled); 0 keeps all.

    Returns:
        The same with published ids; confidence and uncertainty are unchanged. It is the given
        object if these are the model's own classes and every label is kept.

    """
    # Names are empty for the model's own classes only.
    labels = cv2.LUT(prediction.labels, taxonomy.ids) if taxonomy.name else prediction.labels
    least = math.ceil(threshold * 255)
    if least > 0:
        # 255 where uncertain, which together with any label gives 255. An assignment through a mask
        # takes fifteen times as long, a fresh array for the answer twice.
        inverse = cv2.THRESH_BINARY_INV
        _, uncertain = cv2.threshold(prediction.confidence, least - 1, 255, inverse)
        labels = cv2.bitwise_or(labels, uncertain, dst=uncertain)
    if labels is prediction.labels:
        return prediction
    return replace(prediction, labels=np.asarray(labels, dtype=np.uint8))


def resize_labels(labels: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Bring a map of ids or confidences to another size without inventing values.

    Args:
        labels: uint8 [H, W].
        size: (width, height) in pixels.

    Returns:
        uint8 [height, width]; each pixel is that of the nearest network pixel's centre.

    """
    width, height = size
    if labels.shape == (height, width):
        return labels
    # NEAREST would take the pixel left of the centre and shift the map by up to half a pixel.
    resized = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=np.uint8)
