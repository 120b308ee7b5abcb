# SPDX-License-Identifier: Apache-2.0
"""TensorRT's runtime without a GPU, over `simulated_cuda`, and a machine made of both.

Its one network is that of the `channel_model` fixture: label = index of the brightest channel,
confidence = that channel's value, uncertainty = the darkest channel's value. A plan is JSON.
"""

import enum
import json
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from simulated_cuda import CallError, SimulatedCuda

from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.cuda import Cuda
from segnet_ros.inference.engine.fingerprint import fingerprint_of
from segnet_ros.inference.engine.gpu import Gpu
from segnet_ros.inference.engine.machine import Machine
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.tensorrt_api import TensorRt
from segnet_ros.inference.model import (
    EngineGraph,
    Model,
    ModelFile,
    SegmentationClass,
    file_sha256,
)

SIZE = (16, 12)
LAYERS = "26 convolutions in fp16, 13 other kernels"
MEMORY = 1000
FRAME_MILLISECONDS = 2.0
GPU = Gpu("Simulated GPU", "9.0", "580.95", "13.0", 1 << 30, integrated=False)


class DataType(enum.Enum):
    UINT8 = 1
    FLOAT = 2


class TensorIOMode(enum.Enum):
    INPUT = 1
    OUTPUT = 2


class AllocationStrategy(enum.Enum):
    STATIC = 0
    USER_MANAGED = 2


class CudaGraphStrategy(enum.Enum):
    DISABLED = 0
    WHOLE_GRAPH_CAPTURE = 1


class ILogger:
    ERROR, INTERNAL_ERROR = 1, 0


class SimulatedTensorRt:
    """Stands in for the module of TensorRT 10; `generation` makes it 8 or RTX.

    Attributes:
        refusals: How many calls of `execute_async_v3` fail from now on.
        faults: Error codes with which the next kernels end.
        trouble: What contexts refuse: "context", "address", "shape", "tensors" or "sizes".
        can_be_recorded: Whether its work can be captured.
        wrong_share: Share of the pixels that get another label.
        loads: Plans that were deserialised.
        alive: Contexts, engines and runtimes that exist; those that do not are in `cuda.freed`.
    """

    DataType = DataType
    TensorIOMode = TensorIOMode
    ILogger = ILogger
    NetworkDefinitionCreationFlag = SimpleNamespace(EXPLICIT_BATCH=0, STRONGLY_TYPED=1)
    BuilderFlag = SimpleNamespace()

    def __init__(self, cuda: SimulatedCuda, generation: str = "10") -> None:
        self.cuda = cuda
        self.generation = generation
        self.refusals = 0
        self.faults: list[int] = []
        self.trouble = ""
        self.can_be_recorded = True
        self.wrong_share = 0.0
        self.loads = 0
        self.alive: weakref.WeakSet[Any] = weakref.WeakSet()
        self.configs: list[Any] = []
        if generation != "8":
            self.ExecutionContextAllocationStrategy = AllocationStrategy
        if generation == "RTX":
            self.CudaGraphStrategy = CudaGraphStrategy

    def watch(self, thing: Any) -> None:
        self.alive.add(thing)
        weakref.finalize(thing, self.cuda.freed.append, type(thing).__name__)

    def Runtime(self, logger: Any) -> "SimulatedRuntime":  # noqa: N802 - the name is TensorRT's
        return SimulatedRuntime(self, logger)


class SimulatedRuntime:
    def __init__(self, module: SimulatedTensorRt, logger: Any) -> None:
        module.watch(self)
        self._module = module
        self._logger = logger
        self.engine_host_code_allowed = True

    def deserialize_cuda_engine(self, plan: bytes) -> Any:
        assert self.engine_host_code_allowed is False
        try:
            facts = json.loads(plan)
        except ValueError:
            self._logger.log(ILogger.ERROR, "the plan is\nno plan")
            return None
        self._module.loads += 1
        kinds = {"8": OldEngine, "10": SimulatedEngine, "RTX": RtxEngine}
        return kinds[self._module.generation](self, self._module, facts)


class SimulatedEngine:
    device_memory_size_v2 = MEMORY

    def __init__(self, runtime: Any, module: SimulatedTensorRt, facts: dict[str, Any]) -> None:
        module.watch(self)
        self.runtime = runtime  # as pybind11 does: what was made from it keeps it alive
        self.module = module
        self.facts = facts

    @property
    def num_io_tensors(self) -> int:
        return len(self.facts["tensors"])

    def get_tensor_name(self, index: int) -> str:
        return list(self.facts["tensors"])[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode[self.facts["tensors"][name]["mode"]]

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType[self.facts["tensors"][name]["dtype"]]

    def get_tensor_shape(self, name: str) -> list[int]:
        return self.facts["tensors"][name]["shape"]

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[list[int]]:
        assert profile == 0
        _, *rest = self.facts["tensors"][name]["shape"]
        return [[1, *rest], [self.facts["batch"], *rest], [self.facts["batch"], *rest]]

    def create_execution_context(self, strategy: Any) -> Any:
        assert strategy == AllocationStrategy.USER_MANAGED
        return None if self.module.trouble == "context" else SimulatedContext(self)


class OldEngine(SimulatedEngine):
    device_memory_size = MEMORY
    device_memory_size_v2 = property()  # no such attribute

    def create_execution_context_without_device_memory(self) -> Any:
        return OldContext(self)


class RtxEngine(SimulatedEngine):
    def create_runtime_config(self) -> Any:
        config = RtxConfig()
        self.module.configs.append(config)
        return config

    def create_execution_context(self, config: Any) -> Any:
        assert config.strategy == AllocationStrategy.USER_MANAGED
        return SimulatedContext(self)


class RtxConfig:
    cuda_graph_strategy = CudaGraphStrategy.DISABLED
    strategy = AllocationStrategy.STATIC
    cache: object = None

    def set_execution_context_allocation_strategy(self, strategy: AllocationStrategy) -> None:
        self.strategy = strategy

    def create_runtime_cache(self) -> object:
        return object()

    def set_runtime_cache(self, cache: object) -> bool:
        self.cache = cache
        return True


class SimulatedContext:
    """Remembers whether it was changed since it ran: a recording of it is invalid then."""

    def __init__(self, engine: SimulatedEngine) -> None:
        engine.module.watch(self)
        self._engine = engine
        self._addresses: dict[str, int] = {}
        self._shape: tuple[int, ...] = ()
        self._memory = 0
        self._changes = 0
        self._has_run = False

    def set_device_memory(self, address: int, size: int) -> None:
        assert size == MEMORY
        self._set_memory(address)

    def _set_memory(self, address: int) -> None:
        self._engine.module.cuda.device_view(address, MEMORY)
        self._memory = address

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._changes += 1
        self._addresses[name] = address
        if self._engine.module.trouble == "address" and name == "labels":
            return False
        return name in self._engine.facts["tensors"] and address % 256 == 0

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._changes += 1
        self._shape = shape
        _, *rest = self._engine.facts["tensors"][name]["shape"]
        fits = shape[0] <= self._engine.facts["batch"] and list(shape[1:]) == rest
        return fits and self._engine.module.trouble != "shape"

    def infer_shapes(self) -> list[str]:
        if self._engine.module.trouble == "sizes":
            msg = "sizes cannot be inferred"
            raise RuntimeError(msg)
        if self._engine.module.trouble == "tensors":
            return ["image"]
        return [name for name in self._engine.facts["tensors"] if name not in self._addresses]

    def execute_async_v3(self, stream: int) -> bool:
        module, cuda = self._engine.module, self._engine.module.cuda
        if module.refusals:
            module.refusals -= 1
            return False
        if cuda.is_recording(stream):
            assert self._has_run, "TensorRT must have run once before it is recorded"
            if not module.can_be_recorded:
                cuda.spoil_recording(stream)
                return False
        self._has_run = True
        changes, me = self._changes, weakref.ref(self)

        def run() -> None:
            context = me()
            assert context is not None, "a context was freed before its work was done"
            assert context._changes == changes, "a context was changed after it was recorded"
            context._infer()

        cuda.queue(stream, "compute", run, FRAME_MILLISECONDS * self._shape[0])
        return True

    def _infer(self) -> None:
        module, count = self._engine.module, self._shape[0]
        if module.faults:
            raise CallError(module.faults.pop(0))
        module.cuda.device_view(self._memory, MEMORY)[:] = 1
        pixels = module.cuda.device_view(self._addresses["image"], int(np.prod(self._shape)))
        images = pixels.reshape(self._shape)
        area = SIZE[0] * SIZE[1]
        is_wrong = (np.arange(area) < area * module.wrong_share).reshape(images.shape[1:3])
        answers = {
            "labels": np.where(is_wrong, 3, images.argmax(axis=3)),
            "confidence": images.max(axis=3),
            "uncertainty": images.min(axis=3),
        }
        for name in self._addresses.keys() & answers.keys():
            view = module.cuda.device_view(self._addresses[name], count * area)
            view[:] = answers[name].ravel()


class OldContext(SimulatedContext):
    set_device_memory = property()  # no such attribute
    device_memory = property(None, SimulatedContext._set_memory)


def plan_of(batch: int = 1, outputs: tuple[str, ...] = ("labels", "confidence")) -> dict[str, Any]:
    """An engine file's content, before it is made JSON."""
    width, height = SIZE
    frames = 1 if batch == 1 else -1
    tensors = {"image": {"mode": "INPUT", "dtype": "UINT8", "shape": [frames, height, width, 3]}}
    for name in outputs:
        tensors[name] = {"mode": "OUTPUT", "dtype": "UINT8", "shape": [frames, 1, height, width]}
    return {"batch": batch, "tensors": tensors}


def channel_model_with_golden_frames(folder: Path) -> Model:
    """A model of which only what engines need is there."""
    width, height = SIZE
    images = np.random.default_rng(7).integers(0, 256, (3, height, width, 3), np.uint8)
    np.savez(folder / "golden.npz", images=images, labels=images.argmax(axis=3).astype(np.uint8))
    colors = ((200, 10, 20), (30, 210, 40), (50, 60, 220))
    return Model(
        name="channel",
        architecture="brightest_channel",
        size=SIZE,
        classes=tuple(SegmentationClass(str(color), color) for color in colors),
        sha256="0" * 64,
        folder=folder,
        engine_graphs={"fp16": EngineGraph("model_fp16.onnx", "1" * 64, 0.99, "none", 0.7, 0.7)},
        golden=ModelFile("golden.npz", file_sha256(folder / "golden.npz")),
    )


class SimulatedMachine:
    """A machine with a built engine in its cache.

    Args:
        folder: For the model and the cache.
        batch: Of the engine.
        outputs: Of the engine.
        generation: Of TensorRT: 8, 10 or RTX.
        integrated: Whether the GPU shares the host's memory.
        plan: Other content of the engine file.
    """

    def __init__(
        self,
        folder: Path,
        batch: int = 1,
        outputs: tuple[str, ...] = ("labels", "confidence"),
        generation: str = "10",
        integrated: bool = False,
        plan: bytes | None = None,
    ) -> None:
        self.cuda = SimulatedCuda()
        self.tensorrt = SimulatedTensorRt(self.cuda, generation)
        flavour: Any = "TensorRT-RTX" if generation == "RTX" else "TensorRT"
        gpu = replace(GPU, integrated=integrated)
        api = TensorRt(self.tensorrt, flavour, "10.3.0")
        self.machine = Machine(api, gpu, None, Cuda(self.cuda, patience=0.02))
        self.model = channel_model_with_golden_frames(folder)
        self.options = EngineOptions(batch=batch, cache=folder / "cache")
        sha256 = self.model.engine_graphs["fp16"].sha256
        fingerprint = fingerprint_of(sha256, api, gpu, None, "fp16", batch)
        content = json.dumps(plan_of(batch, outputs)).encode() if plan is None else plan
        EngineCache(self.options.cache).store(fingerprint, "channel", content, LAYERS, 1.0)
