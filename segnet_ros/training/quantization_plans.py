# SPDX-License-Identifier: Apache-2.0
"""Which convolutions to quantise: as many as accuracy allows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from segnet_ros.training.graph_labels import Pixels, Reference, engine_labels
from segnet_ros.training.quantized_graph import Plan, convolutions, quantized_graph


@dataclass(frozen=True)
class Subject:
    """What is to be quantised.

    Attributes:
        graph: FP16-typed.
        ranges: See `quantized_graph`.
        images: What sensitivity is measured on, uint8 [H, W, 3] each.
        reference: Tells which labels are right.

    """

    graph: bytes
    ranges: Mapping[str, float]
    images: Sequence[Pixels]
    reference: Reference

    def damage(self, plan: Plan) -> float:
        """Share of the labels that a plan changes."""
        labels = engine_labels(quantized_graph(self.graph, self.ranges, plan))
        return float(np.mean([labels(x) != self.reference.labels(x) for x in self.images]))


def plans(precision: str, subject: Subject) -> Iterator[Plan]:
    """Ever more careful plans, the fastest first; each leaves something to quantise.

    One scale for all weights of a convolution comes before one per channel: TensorRT-RTX 1.7
    adds bias, ReLU and rounding to FP16 to the former's kernel, while the latter writes float32
    for another kernel, which moves 1.6 times the memory.
    """
    names = convolutions(onnx.load_from_string(subject.graph))
    yield Plan(precision)
    yield Plan(precision, per_channel=True)
    # What the camera sees and what the scores say: no later layer evens out errors there.
    ends = {names[0], names[-1]}
    others = [name for name in names if name not in ends]
    if others:
        yield Plan(precision, per_channel=True, kept=ends)
    alone = {name: Plan(precision, per_channel=True, kept=set(names) - {name}) for name in others}
    damages = {name: subject.damage(plan) for name, plan in alone.items()}
    worst_first = sorted(others, key=damages.__getitem__, reverse=True)
    count = 1
    while count < len(others):
        yield Plan(precision, per_channel=True, kept=ends.union(worst_first[:count]))
        count *= 2
