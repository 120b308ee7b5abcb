# SPDX-License-Identifier: Apache-2.0
"""Regression: of how many kernels TensorRT-RTX makes each network.

Counted as it builds, without executing anything. A kernel more means that a form of the graph is no
longer fused: every one writes and reads a whole feature map.
"""

from functools import cache
from importlib.util import find_spec

import pytest
import torch

from segnet_ros.inference.engine.builder import build_engine
from segnet_ros.inference.engine.layers import LayerCount
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt
from segnet_ros.training.deployed import DeployedNetwork
from segnet_ros.training.engine_graph import engine_graph
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.normalization import Normalization

for package in ("tensorrt_rtx_libs", "tensorrt_rtx_bindings"):
    if find_spec(package) is None:
        pytest.skip(f"needs {package}: pip install 'segnet_ros[rtx]'", allow_module_level=True)

SIZE = (480, 360)
CLASSES = 11


@cache
def _graph(architecture: str) -> bytes:
    torch.manual_seed(0)
    deployed = DeployedNetwork(ARCHITECTURES[architecture](CLASSES), Normalization())
    graph: bytes = engine_graph(deployed, SIZE).SerializeToString()
    return graph


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize(
    ("architecture", "convolutions", "others"),
    [
        # Bytes to planes, a kernel per pooling but the last, which is one with the first unpooling,
        # the other unpoolings, and one from the scores to both maps.
        ("segnet", 26, 1 + 4 + 1 + 4 + 1),
        ("segnet_light", 13, 1 + 4 + 1 + 4 + 1),
        ("segnet_basic", 9, 1 + 3 + 1 + 3 + 1),
    ],
)
def test_kernels(architecture: str, convolutions: int, others: int, batch: int) -> None:
    api = find_tensorrt()
    built = build_engine(api, _graph(architecture), "fp16", batch, b"", lambda phase, done: None)
    assert built.layers == LayerCount({"fp16": convolutions}, others)
