# SPDX-License-Identifier: Apache-2.0
"""What engines need of a machine, put together; each part is tested by itself."""

import pytest
from simulated_cuda import SimulatedCuda
from simulated_tensorrt import GPU, SimulatedTensorRt

from segnet_ros.inference.engine import cuda as cuda_module
from segnet_ros.inference.engine import machine
from segnet_ros.inference.engine.cuda import load_cuda
from segnet_ros.inference.engine.jetson import Jetson
from segnet_ros.inference.engine.machine import find_machine
from segnet_ros.inference.engine.tensorrt_api import TensorRt
from segnet_ros.inference.errors import InferenceError

CUDART = SimulatedCuda()
API = TensorRt(SimulatedTensorRt(CUDART), "TensorRT", "10.3.0")
JETSON = Jetson("36.4.3", "MAXN")


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Jetson with TensorRT."""
    monkeypatch.setattr(machine, "find_tensorrt", lambda: API)
    monkeypatch.setattr(machine, "find_gpu", lambda: GPU)
    monkeypatch.setattr(machine, "find_jetson", lambda: JETSON)
    monkeypatch.setattr(cuda_module, "import_cudart", lambda: CUDART)


def test_a_machine_that_has_everything() -> None:
    found = find_machine()
    assert (found.api, found.gpu, found.jetson) == (API, GPU, JETSON)
    address = found.cuda.call("cudaMalloc", 64)
    assert CUDART.held == {"device": 1}
    found.cuda.call("cudaFree", address)


def test_without_a_gpu_the_cause_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_gpu", lambda: None)
    monkeypatch.setattr(machine, "why_no_gpu", lambda: "no NVIDIA driver is loaded; install it")
    with pytest.raises(InferenceError) as caught:
        find_machine()
    assert str(caught.value) == (
        "the tensorrt runtime has no GPU: no NVIDIA driver is loaded; install it"
    )


def test_without_cuda_python_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        msg = "No module named 'cuda'"
        raise ImportError(msg)

    monkeypatch.setattr(cuda_module, "import_cudart", refuse)
    with pytest.raises(InferenceError) as caught:
        load_cuda()
    assert str(caught.value) == (
        "the Python package cuda-python cannot be imported (No module named 'cuda'); "
        "run `pip install 'segnet_ros[gpu]'`"
    )
