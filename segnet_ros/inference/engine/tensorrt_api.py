# SPDX-License-Identifier: Apache-2.0
"""TensorRT's Python bindings: 8.6, 10, 11 and TensorRT-RTX, told apart by what they have."""

from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from segnet_ros.inference.engine.tensorrt_log import Log, create_logger
from segnet_ros.inference.errors import InferenceError

Flavour = Literal["TensorRT", "TensorRT-RTX"]

_BINDINGS: tuple[tuple[str, Flavour], ...] = (
    ("tensorrt", "TensorRT"),
    ("tensorrt_rtx", "TensorRT-RTX"),
    ("tensorrt_rtx_bindings", "TensorRT-RTX"),
)
_LOADERS = {"tensorrt_rtx_bindings": "tensorrt_rtx_libs"}
"""Modules that load a wheel's shared libraries, which the bindings then find in the process."""

# Below a file no folder can be, so weights beside the graph are never found: see `parse_graph`.
_NOWHERE = "/dev/null/graph.onnx"


@dataclass(frozen=True)
class TensorRt:
    """Bindings that are loaded.

    Attributes:
        module: The Python module.
        flavour: Which of NVIDIA's two products.
        version: In full, such as 10.13.3.9.
        log: What `logger` has kept.

    """

    module: Any
    flavour: Flavour
    version: str
    log: Log = field(default_factory=Log, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Such as TensorRT-RTX 1.7.1.116."""
        return f"{self.flavour} {self.version}"

    @cached_property
    def logger(self) -> Any:
        """The ILogger of every builder, parser and runtime.

        There is one, because TensorRT keeps to the first while anything made with it lives.
        """
        return create_logger(self.module, self.log)


def tensorrt_installed() -> bool:
    """Whether bindings seem to be installed; nothing is imported."""
    return any(_is_module(name) for name, _ in _BINDINGS)


@cache
def find_tensorrt() -> TensorRt:
    """Load the bindings of this machine: TensorRT's, else TensorRT-RTX's.

    Raises:
        InferenceError: none can be loaded.

    """
    failures = []
    for name, flavour in _BINDINGS:
        try:
            module = _load(name)
        except Exception as error:  # noqa: BLE001  # each wheel's loading fails in its own way
            failures.append(f"{name}: {error}")
        else:
            return TensorRt(module, flavour, module.__version__)
    msg = (
        f"TensorRT cannot be loaded ({'; '.join(failures)}); on a Jetson install JetPack's "
        "python3-libnvinfer and create the virtual environment with --system-site-packages; "
        "elsewhere `pip install tensorrt`, or for TensorRT-RTX `pip install 'segnet_ros[rtx]'`"
    )
    raise InferenceError(msg)


def _is_module(name: str) -> bool:
    spec = find_spec(name)
    return spec is not None and spec.origin is not None  # a folder of that name has no origin


def _load(name: str) -> Any:
    if name in _LOADERS:
        import_module(_LOADERS[name])
    return import_module(name)


def build_flags(api: TensorRt, precision: str) -> tuple[str, ...]:
    """Names of the flags that an engine of a precision is built with.

    Raises:
        InferenceError: these bindings cannot build that precision.

    """
    return (*network_flags(api), *builder_flags(api, precision), *preview_features(api))


def network_flags(api: TensorRt) -> tuple[str, ...]:
    """Flags of a network whose types are the graph's own, wherever there is a choice."""
    known = api.module.NetworkDefinitionCreationFlag
    return tuple(flag for flag in ("EXPLICIT_BATCH", "STRONGLY_TYPED") if hasattr(known, flag))


def is_strongly_typed(api: TensorRt) -> bool:
    """Whether every tensor has the type that the graph gives it."""
    return "STRONGLY_TYPED" in network_flags(api)


def builder_flags(api: TensorRt, precision: str) -> tuple[str, ...]:
    """What the builder must be allowed, and what it must keep to.

    Raises:
        InferenceError: these bindings cannot build that precision.

    """
    # TensorRT-RTX wants to know ahead that its contexts work in our memory.
    known = api.module.BuilderFlag
    kept = (flag for flag in ("REQUIRE_USER_ALLOCATION",) if hasattr(known, flag))
    return (*allowed_precisions(api, precision), *kept)


def preview_features(api: TensorRt) -> tuple[str, ...]:
    """What later versions always do: here, several contexts for one optimisation profile."""
    return () if is_strongly_typed(api) else ("PROFILE_SHARING_0806",)


def allowed_precisions(api: TensorRt, precision: str) -> tuple[str, ...]:
    """Those of a builder that chooses the types itself."""
    if is_strongly_typed(api):
        return ()
    if precision == "fp8":
        msg = (
            f"{api.name} cannot build fp8 engines: it has no strongly typed networks; "
            "use --precision fp16 or int8, or TensorRT 10 or later"
        )
        raise InferenceError(msg)
    return ("FP16", "INT8") if precision == "int8" else ("FP16",)


def create_builder(api: TensorRt) -> Any:
    """A Builder.

    Raises:
        InferenceError: TensorRT does not start, as without a GPU.

    """
    try:
        return api.module.Builder(api.logger)
    except (TypeError, RuntimeError) as error:  # pybind11: a factory returned nullptr
        msg = (
            f"{api.name} cannot start its builder: {api.log.last_errors}; `segnet doctor` says "
            "what this machine lacks"
        )
        raise InferenceError(msg) from error


def create_network(api: TensorRt, builder: Any) -> Any:
    """An empty INetworkDefinition with `network_flags`."""
    known = api.module.NetworkDefinitionCreationFlag
    mask = sum(1 << int(getattr(known, flag)) for flag in network_flags(api))
    return builder.create_network(mask)


def create_config(api: TensorRt, builder: Any, precision: str) -> Any:
    """An IBuilderConfig with its part of `build_flags`; its builder lists the engine's layers."""
    config = builder.create_builder_config()
    for flag in builder_flags(api, precision):
        config.set_flag(getattr(api.module.BuilderFlag, flag))
    for name in preview_features(api):
        feature = getattr(api.module.PreviewFeature, name)
        config.set_preview_feature(feature, True)  # noqa: FBT003  # TensorRT's own parameters
    config.profiling_verbosity = api.module.ProfilingVerbosity.DETAILED
    return config


def target_this_gpu(api: TensorRt, config: Any) -> None:
    """Build for the GPU at hand, where several kinds are built for otherwise.

    TensorRT-RTX's own choice is for GeForce and RTX cards.
    """
    if hasattr(api.module, "ComputeCapability"):
        config.num_compute_capabilities = 1
        config.set_compute_capability(api.module.ComputeCapability.CURRENT, 0)


def parse_graph(api: TensorRt, network: Any, graph: bytes) -> Any:
    """Read an ONNX graph into a network.

    Returns:
        The parser: it owns the weights and must live until the engine is built.

    Raises:
        InferenceError: TensorRT refuses the graph.

    """
    parser = api.module.OnnxParser(network, api.logger)
    # Given no path, it would take weights from files of the working folder, which nobody verified.
    if not parser.parse(graph, _NOWHERE):
        msg = (
            f"{api.name} refuses the graph: {_why_refused(parser, api.log)}; "
            "export the model again (into one file; weights beside it are not read)"
        )
        raise InferenceError(msg)
    return parser


def _why_refused(parser: Any, log: Log) -> str:
    error = parser.get_error(0) if parser.num_errors else None
    if error is None or error.node() < 0:  # about the file, which the log says more about
        return log.last_errors
    reason = " ".join(error.desc().split())
    if not hasattr(error, "node_name"):
        return f"node {error.node()}: {reason}"
    return f"node {error.node_name()!r} ({error.node_operator()}): {reason}"
