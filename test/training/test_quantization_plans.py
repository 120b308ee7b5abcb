# SPDX-License-Identifier: Apache-2.0

from itertools import islice

import numpy as np
import pytest
from onnx import helper

from segnet_ros.training import quantization_plans
from segnet_ros.training.quantization_plans import Subject, plans
from segnet_ros.training.quantized_graph import Plan


def graph(convolutions: int) -> bytes:
    nodes = [
        helper.make_node("Conv", [f"x{k}", f"w{k}"], [f"x{k + 1}"]) for k in range(convolutions)
    ]
    content: bytes = helper.make_model(helper.make_graph(nodes, "g", [], [])).SerializeToString()
    return content


DAMAGES = {"w1": 0.3, "w2": 0.2, "w3": 0.9, "w4": 0.1, "w5": 0.5, "w6": 0.01}


class Damaged(Subject):
    """Tells the known damage of quantising one convolution alone."""

    def damage(self, plan: Plan) -> float:
        assert plan.per_channel
        (quantized,) = {f"w{k}" for k in range(8)} - set(plan.kept)
        return DAMAGES[quantized]


def subject(convolutions: int) -> Damaged:
    return Damaged(graph(convolutions), {}, [], None)


def test_plans_grow_ever_more_careful() -> None:
    found = [(p.precision, p.per_channel, sorted(p.kept)) for p in plans("int8", subject(8))]
    assert found == [
        ("int8", False, []),
        ("int8", True, []),
        ("int8", True, ["w0", "w7"]),
        ("int8", True, ["w0", "w3", "w7"]),
        ("int8", True, ["w0", "w3", "w5", "w7"]),
        ("int8", True, ["w0", "w1", "w2", "w3", "w5", "w7"]),
    ]


def test_something_is_always_quantised() -> None:
    assert [sorted(p.kept) for p in plans("fp8", subject(2))] == [[], []]


def test_damage_is_measured_only_if_it_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Damaged, "damage", lambda self, plan: pytest.fail("measured"))
    assert len(list(islice(plans("int8", subject(8)), 3))) == 3


def test_damage_is_the_share_of_changed_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [np.full((2, 5, 3), value, np.uint8) for value in (1, 2)]

    class Reference:
        def labels(self, image: np.ndarray) -> np.ndarray:
            return image[..., 0]

    def labels_of(graph: bytes) -> object:
        assert graph == b"quantized"
        # Right about the first picture and about three of the second one's ten pixels.
        return lambda image: np.where(np.arange(10).reshape(2, 5) < 3, image[..., 0], 1)

    monkeypatch.setattr(quantization_plans, "quantized_graph", lambda *arguments: b"quantized")
    monkeypatch.setattr(quantization_plans, "engine_labels", labels_of)
    assert Subject(b"", {}, pictures, Reference()).damage(Plan("int8")) == 0.35
