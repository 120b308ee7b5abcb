# SPDX-License-Identifier: Apache-2.0
"""TensorRT: which of NVIDIA's two products, and its version."""

import platform

from segnet_ros.doctor.areas import TENSORRT
from segnet_ros.doctor.finding import Finding, from_error
from segnet_ros.doctor.gpu import has_gpu
from segnet_ros.doctor.surroundings import Surroundings
from segnet_ros.inference.engine.gpu import find_gpu
from segnet_ros.inference.engine.jetson import find_jetson
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt, tensorrt_installed
from segnet_ros.inference.errors import InferenceError


def check(here: Surroundings) -> list[Finding]:
    """Load TensorRT's bindings."""
    if not tensorrt_installed():
        return [_missing(here)]
    try:
        api = find_tensorrt()
    except InferenceError as error:
        return [from_error(TENSORRT, "warning", error)]
    if find_gpu() is None:
        return [Finding(TENSORRT, "note", f"{api.name}; without a GPU it runs no engine")]
    return [Finding(TENSORRT, "ok", api.name)]


def _missing(here: Surroundings) -> Finding:
    if not has_gpu(here):
        return Finding(TENSORRT, "note", "not installed; only NVIDIA GPUs use it")
    return Finding(TENSORRT, "warning", "not installed, so the GPU cannot be used", _remedy(here))


def _remedy(here: Surroundings) -> str:
    if find_jetson(here.root) is not None:
        return (
            "`sudo apt install python3-libnvinfer` (JetPack's own); a virtual environment sees it "
            "only if created with --system-site-packages"
        )
    gpu = find_gpu()
    # The wheels for the driver's CUDA; the newest ones need the newest driver.
    wheels = f"tensorrt-cu{gpu.cuda.partition('.')[0]}" if gpu else "tensorrt"
    if platform.machine() == "x86_64":
        return (
            f"`pip install {wheels}`; on GeForce and RTX cards `pip install 'segnet_ros[rtx]'` "
            "is an alternative"
        )
    return f"`pip install {wheels}`"
