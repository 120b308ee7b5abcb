"""Network output to camera size."""

import cv2
import numpy as np
import numpy.typing as npt


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
