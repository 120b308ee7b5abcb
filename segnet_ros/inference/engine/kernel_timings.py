# SPDX-License-Identifier: Apache-2.0
"""TensorRT's timing cache: how long kernels took in earlier builds on the same GPU."""

from typing import Any

from segnet_ros.inference.engine.tensorrt_api import TensorRt


def attach_timing_cache(api: TensorRt, config: Any, content: bytes) -> None:
    """Let a builder use and extend an earlier build's timings; unusable ones start afresh."""
    if not _times_kernels(api):
        return
    for candidate in (content, b""):
        timings = config.create_timing_cache(candidate)
        if timings is not None and config.set_timing_cache(timings, False):  # noqa: FBT003
            return


def read_timing_cache(api: TensorRt, config: Any) -> bytes:
    """The timings after a build; empty where there are none."""
    timings = config.get_timing_cache() if _times_kernels(api) else None
    return b"" if timings is None else bytes(timings.serialize())


def _times_kernels(api: TensorRt) -> bool:
    # TensorRT-RTX has the functions too; they do nothing and warn.
    return api.flavour == "TensorRT"
