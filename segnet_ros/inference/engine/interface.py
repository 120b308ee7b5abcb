# SPDX-License-Identifier: Apache-2.0
"""What an engine must take and give to be run for a model."""

from collections.abc import Iterator
from typing import Any

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model

INPUT = "image"
_OUTPUTS = ("labels", "confidence", "uncertainty")
_OPTIONAL = {"uncertainty"}


def check_interface(engine: Any, module: Any, model: Model, batch: int) -> tuple[str, ...]:
    """Compare an engine's inputs and outputs with what a model of that size has.

    Args:
        engine: ICudaEngine.
        module: The TensorRT that made it.
        model: Its model.
        batch: Frames per inference at most.

    Returns:
        Names of the outputs: labels, confidence and, of a Bayesian network, uncertainty.

    Raises:
        InferenceError: a tensor is missing or superfluous, or has another direction, type or shape.

    """
    found = dict(_tensors(engine, module))
    outputs = tuple(name for name in _OUTPUTS if name in found or name not in _OPTIONAL)
    expected = dict(_expected(module, model, batch, outputs))
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            msg = (
                f"the engine of {model.name}: {name} is {found.get(name, 'absent')}; expected "
                f"{expected.get(name, 'no such tensor')}; export the model and build it again"
            )
            raise InferenceError(msg)
    return outputs


def _tensors(engine: Any, module: Any) -> Iterator[tuple[str, str]]:
    """Every tensor's description by name."""
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        shape = tuple(engine.get_tensor_shape(name))
        is_input = engine.get_tensor_mode(name) == module.TensorIOMode.INPUT
        varies = is_input and shape[:1] == (-1,)
        most = int(engine.get_tensor_profile_shape(name, 0)[-1][0]) if varies else None
        mode = "input" if is_input else "output"
        yield name, f"{mode} {_in_words(engine.get_tensor_dtype(name), shape, most)}"


def _expected(
    module: Any, model: Model, batch: int, outputs: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    width, height = model.size
    frames, most = (1, None) if batch == 1 else (-1, batch)
    uint8 = module.DataType.UINT8
    yield INPUT, f"input {_in_words(uint8, (frames, height, width, 3), most)}"
    for name in outputs:
        yield name, f"output {_in_words(uint8, (frames, 1, height, width), None)}"


def _in_words(kind: Any, shape: tuple[int, ...], most: int | None) -> str:
    words = f"{kind.name} {list(shape)}"
    return words if most is None else f"{words} of at most {most} frames"
