# SPDX-License-Identifier: Apache-2.0
"""Models as a node's parameters want them."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from stream import picture
from variants import darkest_model, unloadable_model, write_taxonomy

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model
from segnet_ros.ros import model_loading
from segnet_ros.ros.engine_preparation import EnginePreparation, InterruptedBuildError
from segnet_ros.ros.model_loading import ModelLoader, taxonomy_for
from segnet_ros.ros.parameters import NodeParameters


@pytest.fixture
def context(own_domain: None) -> Iterator[rclpy.Context]:
    context = rclpy.Context()
    context.init(args=[])
    yield context
    context.shutdown()


@pytest.fixture
def node(context: rclpy.Context) -> Iterator[Node]:
    node = Node("loading", context=context)
    yield node
    node.destroy_node()


@pytest.fixture
def loader(node: Node) -> ModelLoader:
    return ModelLoader(node.get_logger(), NodeParameters(node), threading.Event())


def set_parameters(node: Node, **values: Any) -> None:
    parameters = [Parameter(name, value=value) for name, value in values.items()]
    assert node.set_parameters_atomically(parameters).successful


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is asked of a machine with a GPU, in this order."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(model_loading, "resolve_runtime", lambda name: "tensorrt")
    monkeypatch.setattr(
        EnginePreparation, "prepare", lambda self, *given: asked.append(("prepare", *given))
    )
    monkeypatch.setattr(model_loading, "Segmenter", lambda *given: asked.append(("load", *given)))
    return asked


def test_loads_the_folder_that_is_named(loader: ModelLoader, channel_model: Path) -> None:
    with loader.load(str(channel_model)) as segmenter:
        assert segmenter.model.folder == channel_model
        assert segmenter.runtime.startswith("OpenVINO")
        shown = picture(1)
        np.testing.assert_array_equal(segmenter.segment(shown).labels, shown.argmax(2))
    assert loader.engine_build == ""


def test_the_shipped_ones_have_names(loader: ModelLoader, tensorrt: list[tuple[Any, ...]]) -> None:
    loader.load("segnet_light_camvid")
    folders = {entry[1] for entry in tensorrt}
    assert [(folder.parent.name, folder.name) for folder in folders] == [
        ("engines", "segnet_light_camvid")
    ]


def test_an_engine_is_prepared_as_the_parameters_want_it(
    loader: ModelLoader, node: Node, channel_model: Path, tensorrt: list[tuple[Any, ...]]
) -> None:
    set_parameters(node, precision="int8", engine_cache="/kept", build_engine=True, batch_size=3)
    loader.load(str(channel_model))
    wanted = loader._settings.engine
    assert (wanted.precision, wanted.cache, wanted.build, wanted.batch) == (
        "int8", Path("/kept"), True, 3,
    )  # fmt: skip
    assert tensorrt == [
        ("prepare", channel_model, wanted),
        # It would build in this process, where a build can be neither watched nor ended.
        ("load", channel_model, "tensorrt", replace(wanted, build=False)),
    ]


def test_other_runtimes_need_no_engine(
    loader: ModelLoader, node: Node, channel_model: Path, tensorrt: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    asked = []
    monkeypatch.setattr(
        model_loading, "resolve_runtime", lambda name: asked.append(name) or "openvino"
    )
    set_parameters(node, runtime="openvino", build_engine=True)
    loader.load(str(channel_model))
    assert asked == ["openvino"]
    assert [(step, runtime) for step, _, runtime, _ in tensorrt] == [("load", "openvino")]


def test_no_engine_is_built_for_what_does_not_fit(
    loader: ModelLoader, node: Node, channel_model: Path, tmp_path: Path,
    tensorrt: list[tuple[Any, ...]],
) -> None:  # fmt: skip
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    darkest = darkest_model(channel_model, tmp_path / "darkest")
    set_parameters(node, taxonomy=str(names))
    with pytest.raises(InferenceError, match="expected only classes of darkest: pit, moss, ice"):
        loader.load(str(darkest))
    with pytest.raises(InferenceError, match="no model '/nowhere'"):
        loader.load("/nowhere")
    assert tensorrt == []
    loader.load(str(channel_model))
    assert [step for step, *_ in tensorrt] == ["prepare", "load"]


def test_the_runtimes_refusal_comes_through(
    loader: ModelLoader, channel_model: Path, tmp_path: Path
) -> None:
    model = unloadable_model(channel_model, tmp_path / "unloadable")
    with pytest.raises(InferenceError, match=r"cannot load .*model.onnx: .*ArgMax"):
        loader.load(str(model))


def test_a_build_can_be_watched_and_interrupted(
    loader: ModelLoader, channel_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def build(self: EnginePreparation, *given: Any) -> None:
        self.progress = "building fp16"
        seen.append(loader.engine_build)
        self.progress = ""
        msg = "ended"
        raise InterruptedBuildError(msg)

    monkeypatch.setattr(model_loading, "resolve_runtime", lambda name: "tensorrt")
    monkeypatch.setattr(EnginePreparation, "prepare", build)
    with pytest.raises(InterruptedBuildError):
        loader.load(str(channel_model))
    assert seen == ["building fp16"]
    assert loader.engine_build == ""


def test_taxonomies_by_name(
    channel_model: Path, camvid_channel_model: Path, tmp_path: Path
) -> None:
    model, camvid = load_model(channel_model), load_model(camvid_channel_model)
    own = taxonomy_for("", model)
    assert (own.name, own.classes, own.costs) == ("", model.classes, ())
    assert list(own.ids[:4]) == [0, 1, 2, 255]
    names = write_taxonomy(tmp_path / "heat", {"cold": ["blue"], "warm": ["red"]}, ["green"])
    heat = taxonomy_for(str(names), model)
    assert (heat.name, list(heat.ids[:4]), list(heat.costs)) == ("heat", [1, 255, 0, 255], [0, 1])
    driving = taxonomy_for("driving", camvid)
    assert [each.name for each in driving.classes][:2] == ["drivable", "sidewalk"]
    with pytest.raises(InferenceError, match="expected only classes of channel"):
        taxonomy_for("driving", model)
    with pytest.raises(InferenceError, match="no taxonomy 'flying'; expected a YAML file, or one"):
        taxonomy_for("flying", camvid)
