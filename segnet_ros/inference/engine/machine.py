# SPDX-License-Identifier: Apache-2.0
"""What a TensorRT runtime stands on."""

from dataclasses import dataclass

from segnet_ros.inference.engine.cuda import Cuda, load_cuda
from segnet_ros.inference.engine.gpu import Gpu, find_gpu, why_no_gpu
from segnet_ros.inference.engine.jetson import Jetson, find_jetson
from segnet_ros.inference.engine.tensorrt_api import TensorRt, find_tensorrt
from segnet_ros.inference.errors import InferenceError


@dataclass(frozen=True)
class Machine:
    """A machine that can run engines.

    Attributes:
        api: TensorRT.
        gpu: What CUDA uses.
        jetson: None if it is no Jetson.
        cuda: CUDA's runtime API.

    """

    api: TensorRt
    gpu: Gpu
    jetson: Jetson | None
    cuda: Cuda


def find_machine() -> Machine:
    """Look at the machine at hand.

    Raises:
        InferenceError: TensorRT or the GPU is missing.

    """
    api = find_tensorrt()
    gpu = find_gpu()
    if gpu is None:
        msg = f"the tensorrt runtime has no GPU: {why_no_gpu()}"
        raise InferenceError(msg)
    return Machine(api, gpu, find_jetson(), load_cuda())
