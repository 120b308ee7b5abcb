# SPDX-License-Identifier: Apache-2.0
"""A TensorRT engine on the GPU, and the contexts that run it."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from segnet_ros.inference.engine.buffers import device_memory
from segnet_ros.inference.engine.cuda import Cuda
from segnet_ros.inference.engine.interface import INPUT, check_interface
from segnet_ros.inference.engine.tensorrt_api import TensorRt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model


class DeviceEngine:
    """An engine, with one piece of memory for intermediate results that its contexts share.

    Contexts must therefore run one after the other. They share the memory because every captured
    graph needs a context of its own, whose addresses and shapes never change again.

    Args:
        api: The TensorRT that built the plan.
        cuda: The runtime API.
        owned: Frees everything when closed.
        plan: Content of an engine file, which must be trusted: it holds code for the GPU.
        model: What it was built from.
        batch: What it was built for.
        cuda_graphs: Whether TensorRT-RTX, which captures CUDA graphs itself, is to do so.

    Attributes:
        outputs: Names of the outputs, see `check_interface`.
        memory: Bytes of GPU memory for intermediate results.

    Raises:
        InferenceError: TensorRT refuses the plan, it is another model's, or memory is short.

    """

    def __init__(
        self,
        api: TensorRt,
        cuda: Cuda,
        owned: ExitStack,
        plan: bytes,
        model: Model,
        batch: int,
        cuda_graphs: bool,
    ) -> None:
        self._api = api
        self._engine = _deserialize(api, plan, model)
        owned.callback(self._forget)
        self.outputs = check_interface(self._engine, api.module, model, batch)
        width, height = model.size
        self._frame = (height, width, 3)
        self._config = _runtime_config(self._engine, api.module, cuda_graphs)
        self.memory = _memory_size(self._engine)
        self._memory = device_memory(cuda, owned, self.memory)

    @property
    def makes_graphs(self) -> bool:
        """Whether TensorRT captures CUDA graphs itself, as TensorRT-RTX does."""
        return self._config is not None

    def create_context(self, count: int, addresses: Mapping[str, int]) -> Any:
        """An IExecutionContext for a number of frames at fixed addresses.

        Args:
            count: Frames per inference.
            addresses: The GPU's, by name of the input and the outputs, multiples of 256.

        Raises:
            InferenceError: TensorRT refuses.

        """
        context = self._new_context()
        if context is None:
            raise InferenceError(self._refusal("a context"))
        if not self._prepare(context, (count, *self._frame), addresses):
            raise InferenceError(self._refusal(f"inputs and outputs of {count} frames"))
        return context

    def enqueue(self, context: Any, stream: int) -> None:
        """Queue an inference.

        Raises:
            InferenceError: TensorRT refuses.

        """
        if not context.execute_async_v3(stream):
            raise InferenceError(self._refusal("an inference"))

    def _new_context(self) -> Any:
        if self._config is not None:
            return self._engine.create_execution_context(self._config)
        strategies = getattr(self._api.module, "ExecutionContextAllocationStrategy", None)
        if strategies is not None:
            return self._engine.create_execution_context(strategies.USER_MANAGED)
        return self._engine.create_execution_context_without_device_memory()

    def _prepare(self, context: Any, shape: tuple[int, ...], addresses: Mapping[str, int]) -> bool:
        _give_memory(context, self._memory, self.memory)
        placed = [context.set_tensor_address(name, place) for name, place in addresses.items()]
        try:
            sized = context.set_input_shape(INPUT, shape) and not context.infer_shapes()
        except RuntimeError:  # TensorRT has logged why
            return False
        return sized and all(placed)

    def _refusal(self, what: str) -> str:
        return f"{self._api.name} refuses {what}: {self._api.log.last_errors}; restart the program"

    def _forget(self) -> None:
        # TensorRT frees an object when nothing in Python refers to it any more.
        self._engine = self._config = None


def _deserialize(api: TensorRt, plan: bytes, model: Model) -> Any:
    api.log.clear()
    try:
        runtime = api.module.Runtime(api.logger)
    except (TypeError, RuntimeError):  # pybind11: a factory returned nullptr
        runtime = None
    if hasattr(runtime, "engine_host_code_allowed"):
        runtime.engine_host_code_allowed = False
    engine = runtime and runtime.deserialize_cuda_engine(plan)
    if engine is None:
        msg = (
            f"{api.name} cannot load the engine of {model.name}: {api.log.last_errors}; "
            "`segnet doctor` checks the machine, `segnet build-engine --rebuild` builds it anew"
        )
        raise InferenceError(msg)
    return engine


def _runtime_config(engine: Any, module: Any, cuda_graphs: bool) -> Any:
    """TensorRT-RTX's settings of contexts; None where contexts have none that matter."""
    if not hasattr(module, "CudaGraphStrategy"):
        return None
    strategies = module.CudaGraphStrategy
    config = engine.create_runtime_config()
    config.set_execution_context_allocation_strategy(
        module.ExecutionContextAllocationStrategy.USER_MANAGED
    )
    # It replaces kernels while running, so only it knows when a capture is valid.
    config.cuda_graph_strategy = (
        strategies.WHOLE_GRAPH_CAPTURE if cuda_graphs else strategies.DISABLED
    )
    # Otherwise every context would compile the same kernels again.
    config.set_runtime_cache(config.create_runtime_cache())
    return config


def _memory_size(engine: Any) -> int:
    if hasattr(engine, "device_memory_size_v2"):
        return int(engine.device_memory_size_v2)
    return int(engine.device_memory_size)


def _give_memory(context: Any, address: int, size: int) -> None:
    if hasattr(context, "set_device_memory"):
        context.set_device_memory(address, size)
    else:
        context.device_memory = address
