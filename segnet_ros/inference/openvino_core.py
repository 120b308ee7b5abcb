# SPDX-License-Identifier: Apache-2.0
"""OpenVINO's entry, once per process."""

from functools import cache

import openvino


@cache
def openvino_core() -> openvino.Core:
    """The process's only Core, kept for its life.

    A Core gives the calling thread a signal stack of its own, and brings the former one back when
    it ends. Of two that end in the order of their making, the second brings back the first one's,
    which is freed by then; the next signal that Python handles on it ends the process by SIGSEGV.
    """
    return openvino.Core()
