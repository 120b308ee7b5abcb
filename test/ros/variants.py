# SPDX-License-Identifier: Apache-2.0
"""Other models than `channel_model`, and taxonomies: for tests of what changes in a node."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from segnet_ros.inference.model import (
    GRAPH,
    SegmentationClass,
    file_sha256,
    load_model,
    save_description,
)

DARKEST = (
    SegmentationClass("pit", (1, 2, 3)),
    SegmentationClass("moss", (4, 5, 6)),
    SegmentationClass("ice", (7, 8, 9)),
)


def copied(model: Path, folder: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(model, folder))


def darkest_model(channel_model: Path, folder: Path) -> Path:
    """`channel_model` the other way round: for an image `x`, `x.argmin(2)` and `x.min(2)`."""
    copied(channel_model, folder)
    change_graph(folder, _ask_for_the_least)
    save_description(replace(load_model(folder), classes=DARKEST))
    return folder


def slowly_loading_model(channel_model: Path, folder: Path, layers: int = 700) -> Path:
    """`channel_model` with layers that change nothing, which takes OpenVINO a second to compile."""
    copied(channel_model, folder)
    change_graph(folder, lambda graph: _prolong(graph, layers))
    return folder


def unloadable_model(channel_model: Path, folder: Path) -> Path:
    """A sound folder with a graph that no runtime takes."""
    copied(channel_model, folder)
    change_graph(folder, lambda graph: setattr(graph.node[1].attribute[0], "i", 7))  # no such axis
    return folder


def change_graph(folder: Path, change: Callable[[Any], None]) -> None:
    """Alter the ONNX graph, and the description with it; the model takes its folder's name."""
    import onnx

    model = load_model(folder)
    onnx_model = onnx.load(folder / GRAPH)
    change(onnx_model.graph)
    onnx.save(onnx_model, folder / GRAPH)
    save_description(replace(model, name=folder.name, sha256=file_sha256(folder / GRAPH)))


def rename_classes(folder: Path, *names: str) -> None:
    """Let a model's classes have other names."""
    model = load_model(folder)
    classes = [replace(old, name=new) for old, new in zip(model.classes, names, strict=True)]
    save_description(replace(model, classes=classes))


def write_taxonomy(
    path: Path,
    classes: Mapping[str, Sequence[str]],
    unlabelled: Sequence[str] = (),
    threshold: float = 0.0,
) -> Path:
    """A taxonomy with the file's name: published class and what it is made of."""
    entries = [
        {"name": name, "color": [10 * place, 20, 30], "cost": place, "from": [*sources]}
        for place, (name, sources) in enumerate(classes.items())
    ]
    facts = {"name": path.stem, "confidence_threshold": threshold, "classes": entries}
    path.write_text(yaml.safe_dump({**facts, "unlabelled": [*unlabelled]}))
    return path


def _ask_for_the_least(graph: Any) -> None:
    for node in graph.node:
        opposite = {"ArgMax": "ArgMin", "ReduceMax": "ReduceMin"}
        node.op_type = opposite.get(node.op_type, node.op_type)


def _prolong(graph: Any, layers: int) -> None:
    from onnx import helper

    first, *others = graph.node
    names = ["start", *(f"pixels{number}" for number in range(layers - 1)), first.output[0]]
    first.output[0] = names[0]
    chain = [helper.make_node("Relu", [a], [b]) for a, b in pairwise(names)]
    del graph.node[:]
    graph.node.extend([first, *chain, *others])
