# SPDX-License-Identifier: Apache-2.0

import errno
import os

import cv2
import numpy as np
import pytest

from segnet_ros.commands.exhausted_memory import exhausted_memory
from segnet_ros.inference.errors import InferenceError


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:138] can't allocate memory: you tried"),
        RuntimeError("can't start new thread"),
        RuntimeError("Exception from src/inference/src/dev/plugin.cpp:59:\nstd::bad_alloc"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        cv2.error("(-4:Insufficient memory) Failed to allocate 24000000000 bytes"),
        caused(InferenceError("openvino is not installed"), ImportError("failed to map segment")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_librarys_way_to_say_it(error: Exception) -> None:
    said = exhausted_memory(error)
    assert said.startswith("memory is exhausted (")
    assert said.endswith(
        "end other programs, raise the limit (ulimit -v, the container's), or give smaller pictures"
    )
    assert "\n" not in said


def test_numpy_says_how_much_it_wanted() -> None:
    with pytest.raises(MemoryError) as caught:
        np.zeros((2**29, 2**30))
    assert "(Unable to allocate 4.00 EiB for an array" in exhausted_memory(caught.value)


@pytest.mark.parametrize("error", [ValueError("memory"), OSError(errno.ENOSPC, "No space left")])
def test_other_errors_are_none(error: Exception) -> None:
    assert not exhausted_memory(error)


def test_a_long_text_is_cut() -> None:
    assert len(exhausted_memory(MemoryError("x" * 10**6))) < 400
