# SPDX-License-Identifier: Apache-2.0

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")

import numpy as np
from rclpy.exceptions import ParameterException

from segnet_ros.inference.errors import InferenceError
from segnet_ros.messages.image_conversion import ImageConversionError
from segnet_ros.ros.failure import in_words

SHORTAGES = [
    MemoryError(),
    MemoryError("std::bad_alloc"),
    RuntimeError("can't start new thread"),
    RuntimeError("unable to create uint8__Sequence ros_message"),
    RuntimeError("Unable to convert call argument '0' to Python object"),
    RuntimeError("pthread_create failed: Resource temporarily unavailable"),
    InferenceError("OpenVINO failed: std::bad_alloc"),
    Exception("OpenCV(4.10) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9"),
]
REMEDY = "): end other programs, or raise the limit of this process"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InferenceError("no engine"), "no engine"),
        (ImageConversionError("a short step"), "a short step"),
        (ParameterException("no number", "front.priority"), "no number: front.priority"),
        (KeyError("x"), "KeyError: 'x'"),
        (RuntimeError("two\n  lines"), "RuntimeError: two lines"),
        (ValueError(), "ValueError"),
    ],
)
def test_ours_explain_themselves_and_others_are_named(error: Exception, words: str) -> None:
    assert in_words(error) == words


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: str(error)[:20])
def test_a_lack_of_memory_is_called_by_its_name(error: Exception) -> None:
    words = in_words(error)
    assert words.startswith("out of memory (")
    assert words.endswith(REMEDY)
    assert str(error) in words


def test_numpys_lack_of_memory_is_one() -> None:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**62, np.uint8)
    assert in_words(caught.value).startswith("out of memory (")
