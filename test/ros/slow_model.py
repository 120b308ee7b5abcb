# SPDX-License-Identifier: Apache-2.0
"""A model that takes its time: for tests of what happens while frames wait."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from segnet_ros.inference.model import GRAPH, file_sha256, load_model, save_description


def slow_model(channel_model: Path, folder: Path, times: int = 128) -> Path:
    """The `channel_model` with its picture enlarged `times` and shrunk again: the same answers.

    At 128 times an inference takes tens of milliseconds, in which a camera easily sends more.
    """
    import onnx
    from onnx import helper, numpy_helper

    folder.mkdir()
    graph = onnx.load(channel_model / GRAPH)
    first = graph.graph.node[0]
    assert list(first.output) == ["pixels"]
    first.output[0] = "small"
    scales = numpy_helper.from_array(np.array([1, 1, times, times], np.float32), "scales")
    graph.graph.initializer.append(scales)
    enlarge = [
        helper.make_node("Transpose", ["small"], ["channels"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "Resize", ["channels", "", "scales"], ["large"], mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        ),
        helper.make_node(
            "MaxPool", ["large"], ["pooled"], kernel_shape=[times, times], strides=[times, times]
        ),
        helper.make_node("Transpose", ["pooled"], ["pixels"], perm=[0, 2, 3, 1]),
    ]  # fmt: skip
    nodes = [first, *enlarge, *graph.graph.node[1:]]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.checker.check_model(graph)
    onnx.save(graph, folder / GRAPH)
    save_description(
        replace(
            load_model(channel_model),
            name=folder.name,
            sha256=file_sha256(folder / GRAPH),
            folder=folder,
        )
    )
    return folder
