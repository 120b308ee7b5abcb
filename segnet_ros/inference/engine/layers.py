# SPDX-License-Identifier: Apache-2.0
"""What was really built: the layers of a finished engine, by TensorRT's own account."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segnet_ros.inference.engine.tensorrt_api import (
    TensorRt,
    allowed_precisions,
    is_strongly_typed,
)

_KIND = re.compile(r"LayerType: (?P<detailed>[^,]+),|Layer\((?P<brief>\w+)\):")
_INPUT_TYPE = re.compile(
    r"(?:Datatype: [^},]*?|[(\[])\b(Half|FP16|Float|FP32|Int8|FP8|BFloat16|BF16)\b"
)
_PRECISIONS = {
    "half": "fp16", "fp16": "fp16", "float": "fp32", "fp32": "fp32", "int8": "int8", "fp8": "fp8",
    "bfloat16": "bf16", "bf16": "bf16",
}  # fmt: skip
_NO_KERNELS = {"wait", "signal", "shape_call", "NoOp", "Constant"}
"""Layers that TensorRT lists but that put no work on the GPU."""


@dataclass(frozen=True)
class LayerCount:
    """How an engine computes.

    Attributes:
        convolutions: Their number by the type of their input, such as {"fp16": 26}.
        other_kernels: Number of everything else, mostly fused; None if TensorRT told nothing.

    """

    convolutions: Mapping[str, int]
    other_kernels: int | None

    @property
    def in_words(self) -> str:
        """Such as "26 convolutions in fp16, 13 other kernels"."""
        counts = sorted(self.convolutions.items(), key=lambda item: -item[1])
        words = [f"{_plural(count, 'convolution')} in {kind}" for kind, count in counts]
        words = words or ["no convolution"]
        if self.other_kernels is None:
            return ", ".join(words) + "; TensorRT listed no kernels"
        return ", ".join([*words, _plural(self.other_kernels, "other kernel")])


def count_layers(api: TensorRt, network: Any, precision: str) -> LayerCount:
    """Count what a build has just listed in the log; what it did not list, by the network."""
    listed = listed_layers(api.log.layers)
    if listed.convolutions:
        return listed
    typed = Counter(_typed_convolutions(api.module, network))
    if not typed:
        return listed
    if is_strongly_typed(api):
        return LayerCount(typed, None)
    return LayerCount({_choice(allowed_precisions(api, precision)): typed.total()}, None)


def listed_layers(lines: Iterable[str]) -> LayerCount:
    """Count the layers that lines of TensorRT's log describe, in any version's form."""
    convolutions: Counter[str] = Counter()
    others = 0
    for line in lines:
        match = _KIND.search(line)
        if match is None or match[match.lastgroup or 0] in _NO_KERNELS:
            continue
        if _is_convolution(match[match.lastgroup or 0]):
            convolutions[_input_precision(line[match.end() :])] += 1
        else:
            others += 1
    return LayerCount(convolutions, others)


def _is_convolution(kind: str) -> bool:
    # TensorRT's compiler calls them correlations, the older tactics CaskConvolution and the like.
    return kind == "correlation" or "conv" in kind.lower()


def _input_precision(text: str) -> str:
    match = _INPUT_TYPE.search(text)
    return _PRECISIONS[match[1].lower()] if match else "an unknown type"


def _typed_convolutions(module: Any, network: Any) -> Iterator[str]:
    """Input type of each convolution; that of a quantised one stands before its dequantisation."""
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    quantized = {
        layer.get_output(0).name: layer.get_input(0).dtype
        for layer in layers
        if layer.type == module.LayerType.DEQUANTIZE
    }
    for layer in layers:
        if layer.type == module.LayerType.CONVOLUTION:
            tensor = layer.get_input(0)
            name = quantized.get(tensor.name, tensor.dtype).name
            yield _PRECISIONS.get(name.lower(), name)


def _choice(flags: tuple[str, ...]) -> str:
    """What a builder that chooses the types itself may have chosen."""
    return f"{', '.join(flag.lower() for flag in reversed(flags))} or fp32"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
