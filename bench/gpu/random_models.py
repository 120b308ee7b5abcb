# SPDX-License-Identifier: Apache-2.0
"""Model folders of any size whose networks were never trained, made where they are measured."""

from pathlib import Path

import numpy as np
import onnx
from networks import CLASSES, random_network

from segnet_ros.inference.files import replacing
from segnet_ros.inference.model import (
    EngineGraph,
    Model,
    ModelFile,
    SegmentationClass,
    file_sha256,
)
from segnet_ros.training.deployed import DeployedNetwork
from segnet_ros.training.engine_graph import engine_graph
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.quantized_graph import Plan, quantized_graph

_GOLDEN = "golden.npz"
_PASSES_ANY_GATE = 0.0
# Of feature maps after He et al.'s initialisation: not all of them zero or cut off in eight bits.
_USUAL_RANGE = 4.0


def random_model(architecture: str, size: tuple[int, int], precision: str, work: Path) -> Model:
    """A model with one engine graph; made once per folder.

    Args:
        architecture: Of the network.
        size: (width, height) of its input, pixels.
        precision: Of the graph.
        work: Where its folder is.

    """
    width, height = size
    folder = work / f"{architecture}_{width}x{height}"
    graph = _stored_graph(architecture, size, precision, folder)
    golden = folder / _GOLDEN
    if not golden.exists():
        with replacing(golden) as partial:
            _write_golden(partial, size)
    return Model(
        name=folder.name,
        architecture=architecture,
        size=size,
        classes=[SegmentationClass(str(k), (k, k, k)) for k in range(CLASSES)],
        sha256="",
        folder=folder,
        engine_graphs={precision: _described(graph)},
        golden=ModelFile(golden.name, file_sha256(golden)),
    )


def _stored_graph(architecture: str, size: tuple[int, int], precision: str, folder: Path) -> Path:
    path = folder / f"model_{precision}.onnx"
    if not path.exists():
        if precision == "fp16":
            content = _fp16_graph(architecture, size)
        else:
            plain = _stored_graph(architecture, size, "fp16", folder)
            content = _quantized(plain.read_bytes(), precision)
        with replacing(path) as partial:
            partial.write_bytes(content)
    return path


def _fp16_graph(architecture: str, size: tuple[int, int]) -> bytes:
    deployed = DeployedNetwork(random_network(architecture), Normalization()).eval()
    content: bytes = engine_graph(deployed, size).SerializeToString()
    return content


def _quantized(graph: bytes, precision: str) -> bytes:
    nodes = onnx.load_from_string(graph).graph.node
    inputs = [node.input[0] for node in nodes if node.op_type == "Conv"]
    return quantized_graph(graph, dict.fromkeys(inputs, _USUAL_RANGE), Plan(precision))


def _write_golden(path: Path, size: tuple[int, int]) -> None:
    """The runtime wants a frame to run; what random weights make of it proves nothing."""
    width, height = size
    images = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
    np.savez_compressed(path, images=images, labels=images[..., 0])


def _described(path: Path) -> EngineGraph:
    return EngineGraph(
        file=path.name,
        sha256=file_sha256(path),
        agreement=_PASSES_ANY_GATE,
        frames="none",
        miou=0.0,
        reference_miou=0.0,
    )
