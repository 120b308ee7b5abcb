# SPDX-License-Identifier: Apache-2.0
"""ONNX graph to TensorRT engine."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from segnet_ros.inference.engine.kernel_timings import attach_timing_cache, read_timing_cache
from segnet_ros.inference.engine.layers import LayerCount, count_layers
from segnet_ros.inference.engine.progress_monitor import attach_monitor, can_be_stopped
from segnet_ros.inference.engine.tensorrt_api import (
    TensorRt,
    build_flags,
    create_builder,
    create_config,
    create_network,
    parse_graph,
    target_this_gpu,
)
from segnet_ros.inference.engine.watch import PhaseListener, Watch, interruptible
from segnet_ros.inference.errors import InferenceError

__all__ = ["BuiltEngine", "PhaseListener", "build_engine"]

INPUT = "image"
OUTPUTS = ("labels", "confidence")
_ANY = -1
# Builds in one process share TensorRT's logger and would disturb each other's measured kernels.
_TURN = threading.Lock()
_WAITING_STEP = 0.2


@dataclass(frozen=True)
class BuiltEngine:
    """What a build gives.

    Attributes:
        plan: The serialised engine.
        layers: What it consists of.
        timing_cache: For the next build on the same GPU; empty where TensorRT keeps none.

    """

    plan: bytes
    layers: LayerCount
    timing_cache: bytes


def build_engine(
    api: TensorRt,
    graph: bytes,
    precision: str,
    batch: int,
    timing_cache: bytes,
    progress: PhaseListener,
    on_gpu: bool = False,
) -> BuiltEngine:
    """Build an engine. Takes seconds to minutes; other Python threads run meanwhile.

    Args:
        api: From `find_tensorrt`.
        graph: ONNX with all its weights: `image` uint8 [batch, H, W, 3] to `labels`, `confidence`
            and, of Bayesian networks, `uncertainty`, all uint8.
        precision: What the graph was made for: fp16, int8 or fp8.
        batch: 1 fixes it; more takes 1 to that many frames at once, and is fastest with all.
        timing_cache: Of an earlier build, or empty; an unusable one is ignored.
        progress: Told what is going on. An exception that it raises ends the build and is raised
            here. So does Ctrl-C in the main thread, as soon as TensorRT completes a step; where its
            version cannot be stopped (8.6), Ctrl-C ends the process.
        on_gpu: Whether there is a GPU, which the engine is then for.

    Raises:
        InferenceError: the graph is no such graph, or TensorRT refuses it or fails.

    """
    flags = build_flags(api, precision)
    with _turn(progress):
        api.log.clear()
        api.log.layers.clear()
        progress("parse", None)
        builder = create_builder(api)
        network = create_network(api, builder)
        # Kept, for the network points into its weights.
        parser = parse_graph(api, network, graph)
        _check_interface(api, network)
        config = create_config(api, builder, precision)
        if on_gpu:
            target_this_gpu(api, config)
        _set_batch(builder, network, config, batch)
        attach_timing_cache(api, config, timing_cache)
        wish = f"{precision} engine for batch {batch} with {', '.join(flags)}"
        plan = _build(api, builder, network, config, wish, progress)
        del parser
        return BuiltEngine(
            plan, count_layers(api, network, precision), read_timing_cache(api, config)
        )


@contextmanager
def _turn(progress: PhaseListener) -> Iterator[None]:
    while not _TURN.acquire(timeout=_WAITING_STEP):
        progress("wait for another build of this process", None)
    try:
        yield
    finally:
        _TURN.release()


def _check_interface(api: TensorRt, network: Any) -> None:
    byte = api.module.DataType.UINT8
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    maps = {tensor.name for tensor in outputs if tensor.dtype == byte}
    if len(inputs) != 1 or not _is_image(inputs[0], byte) or not maps.issuperset(OUTPUTS):
        msg = (
            f"the graph maps {_in_words(inputs)} to {_in_words(outputs)}; expected {INPUT} UINT8 "
            f"[batch, height, width, 3] to UINT8 {' and '.join(OUTPUTS)}; export the model again"
        )
        raise InferenceError(msg)


def _is_image(tensor: Any, byte: Any) -> bool:
    shape = list(tensor.shape)
    sized = len(shape) == 4 and min(shape[1:]) > 0
    return tensor.name == INPUT and tensor.dtype == byte and sized and shape[-1] == 3


def _in_words(tensors: Sequence[Any]) -> str:
    words = [f"{tensor.name} {tensor.dtype.name} {list(tensor.shape)}" for tensor in tensors]
    return ", ".join(words) or "nothing"


def _set_batch(builder: Any, network: Any, config: Any, batch: int) -> None:
    image = network.get_input(0)
    held, *frame = image.shape
    if held != _ANY and (held, batch) != (1, 1):
        msg = (
            f"the graph is fixed to batch {held}, as Bayesian networks are, but an engine for up "
            f"to {batch} frames is asked for; use --batch {held}"
        )
        raise InferenceError(msg)
    if batch == 1:
        image.shape = (1, *frame)
        return
    profile = builder.create_optimization_profile()
    profile.set_shape(INPUT, (1, *frame), (batch, *frame), (batch, *frame))
    config.add_optimization_profile(profile)


def _build(
    api: TensorRt, builder: Any, network: Any, config: Any, wish: str, progress: PhaseListener
) -> bytes:
    watch = Watch(progress)
    attach_monitor(api, config, watch)
    progress("build", None)
    with interruptible(watch, can_be_stopped(api)):
        plan = builder.build_serialized_network(network, config)
    if watch.failure is not None:
        raise watch.failure
    if plan is None:
        msg = (
            f"{api.name} cannot build the {wish}: {api.log.last_errors}; export the model again, "
            "or let `segnet doctor` check this machine"
        )
        raise InferenceError(msg)
    return bytes(plan)
