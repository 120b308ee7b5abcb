# SPDX-License-Identifier: Apache-2.0
"""What an exception means, in words for the log and the diagnostics."""

import re

from rclpy.exceptions import ParameterException

from segnet_ros.inference.errors import InferenceError
from segnet_ros.messages.image_conversion import ImageConversionError

_SELF_EXPLAINING = (InferenceError, ImageConversionError, ParameterException)

# Of Python, C++, rclpy (twice), OpenCV, POSIX.
_OUT_OF_MEMORY = re.compile(
    r"start new thread|bad_alloc|unable to create \w+__Sequence|Unable to convert call argument"
    r"|Insufficient memory|pthread_create"
)


def in_words(error: Exception) -> str:
    """One line; foreign exceptions by their type, those of memory that runs out with a remedy."""
    text = _text(error)
    if not isinstance(error, MemoryError) and not _OUT_OF_MEMORY.search(text):
        return text
    return f"out of memory ({text}): end other programs, or raise the limit of this process"


def _text(error: Exception) -> str:
    # Humble's ParameterException shows a tuple as its text.
    shown = " ".join(map(str, error.args)) if isinstance(error, ParameterException) else str(error)
    text = " ".join(shown.split())
    if isinstance(error, _SELF_EXPLAINING):
        return text
    return ": ".join(filter(None, [type(error).__name__, text]))
