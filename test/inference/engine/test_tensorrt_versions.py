# SPDX-License-Identifier: Apache-2.0
"""Building with every supported version's bindings, by strict stand-ins of them.

`tensorrt_api/*.json` holds the public attributes of the classes that we use, as introspected from
NVIDIA's bindings of that version; only `name` and `value`, which pybind11 puts everywhere, are left
out. A stand-in has exactly these attributes: reading or setting any other is an AttributeError.
Executing is not stood in for; which attributes that may read is checked against the tables.
"""

import ast
import json
from collections.abc import Callable
from enum import IntEnum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import segnet_ros.inference.engine
from segnet_ros.inference.engine.builder import BuiltEngine, build_engine
from segnet_ros.inference.engine.layers import LayerCount
from segnet_ros.inference.engine.tensorrt_api import Flavour, TensorRt, build_flags
from segnet_ros.inference.errors import InferenceError

Table = dict[str, list[str]]
FOLDER = Path(__file__).parent / "tensorrt_api"
TABLES: dict[str, Table] = {
    path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))
}
RTX = "rtx-1.7.1.116"
STRONG = ["10.3.0", "10.13.3.9", "11.4.0.106", RTX]
ENUMS = (
    "NetworkDefinitionCreationFlag", "BuilderFlag", "ComputeCapability", "PreviewFeature",
    "ProfilingVerbosity", "DataType", "LayerType",
)  # fmt: skip
CONVOLUTION = "Name: c, LayerType: CaskConvolution, Inputs: [ { Name: x, Format/Datatype: Half }]"


class StandIn:
    """A TensorRT of one version, and what was done to it."""

    def __init__(self, version: str) -> None:
        self.table = TABLES[version]
        self.touched: set[tuple[str, str]] = set()
        self.network_flags: set[str] = set()
        self.builder_flags: list[str] = []
        self.features: list[tuple[str, bool]] = []
        self.targets: list[tuple[Any, int]] = []
        self.caches: list[bytes] = []
        self.paths: list[str] = []
        self.profiles: list[tuple[Any, ...]] = []
        self.config: Any = None
        self.image: Any = None
        self.listing = CONVOLUTION
        self.dtype = "HALF"
        self.module = self._module(version)

    def api(self) -> TensorRt:
        flavour: Flavour = "TensorRT-RTX" if self.module.__version__ == RTX else "TensorRT"
        return TensorRt(self.module, flavour, self.module.__version__)

    def _module(self, version: str) -> Any:
        known = [name for name in ENUMS if name in self.table]
        classes: dict[str, Any] = {name: IntEnum(name, self.table[name], start=0) for name in known}
        enums = SimpleNamespace(**classes)
        behaviours = {
            "Builder": _builder(self, enums),
            "IBuilderConfig": _builder_config(self),
            "OnnxParser": _parser(self, enums),
            "IHostMemory": {"__bytes__": lambda memory: b"plan"},
            "ILogger": {"ERROR": "ERROR", "INTERNAL_ERROR": "INTERNAL_ERROR"},
        }
        for name in self.table.keys() - classes.keys():
            classes[name] = self._class(name, behaviours.get(name, {}))
        self.classes = classes
        return SimpleNamespace(__version__=version, **classes)

    def _class(self, name: str, behaviour: dict[str, Any]) -> Any:
        known = {*self.table[name], "name"}
        touched = self.touched

        def get(instance: Any, key: str) -> Any:
            if not key.startswith("_"):
                touched.add((name, key))
            return object.__getattribute__(instance, key)

        def put(instance: Any, key: str, value: Any) -> None:
            if not key.startswith("_") and key not in known:
                msg = f"{name} has no attribute {key}"
                raise AttributeError(msg)
            touched.add((name, key))
            object.__setattr__(instance, key, value)

        own = {key: made for key, made in behaviour.items() if key in known or key[0] == "_"}
        return type(name, (), own | {"__getattribute__": get, "__setattr__": put})

    def make(self, kind: str, **values: Any) -> Any:
        """An object of a class; it has those of the values that its version's has."""
        made = self.classes[kind]()
        known = {*self.table[kind], "name"}
        made.__dict__.update({key: value for key, value in values.items() if key in known})
        return made

    def tensor(self, name: str, dtype: str, shape: tuple[int, ...]) -> Any:
        return self.make("ITensor", name=name, dtype=self.module.DataType[dtype], shape=shape)


def _builder(trt: StandIn, enums: Any) -> dict[str, Any]:
    def start(builder: Any, logger: Any) -> None:
        builder._logger = logger

    def create_network(builder: Any, flags: int) -> Any:
        known = enums.NetworkDefinitionCreationFlag
        trt.network_flags = {flag.name for flag in known if flags >> flag & 1}
        return trt.make("INetworkDefinition", num_inputs=0, num_outputs=0, num_layers=0)

    def create_builder_config(builder: Any) -> Any:
        trt.config = trt.make("IBuilderConfig")
        return trt.config

    def create_optimization_profile(builder: Any) -> Any:
        return trt.make("IOptimizationProfile", set_shape=lambda *sh: trt.profiles.append(sh))

    def build_serialized_network(builder: Any, network: Any, config: Any) -> Any:
        builder._logger.log("VERBOSE", trt.listing)
        monitor = config.__dict__.get("progress_monitor")
        if monitor is not None:
            monitor.phase_start("tune", None, 2)
            if not all(monitor.step_complete("tune", step) for step in range(2)):
                return None
            monitor.phase_finish("tune")
        return trt.make("IHostMemory")

    return {"__init__": start} | {
        made.__name__: made
        for made in (
            create_network,
            create_builder_config,
            create_optimization_profile,
            build_serialized_network,
        )
    }


def _builder_config(trt: StandIn) -> dict[str, Any]:
    def create_timing_cache(config: Any, content: bytes) -> Any:
        if content == b"broken":
            return None
        timings = trt.make("ITimingCache", serialize=lambda: content + b" and more")
        timings._content = content
        return timings

    def set_timing_cache(config: Any, timings: Any, ignore_mismatch: bool) -> bool:
        trt.caches.append(timings._content)
        return ignore_mismatch or bool(timings._content != b"other GPU")

    return {
        "set_flag": lambda config, flag: trt.builder_flags.append(flag.name),
        "set_compute_capability": lambda config, *target: trt.targets.append(target),
        "set_preview_feature": lambda config, one, on: trt.features.append((one.name, on)),
        "add_optimization_profile": lambda config, profile: 0,
        "create_timing_cache": create_timing_cache,
        "set_timing_cache": set_timing_cache,
        "get_timing_cache": lambda config: create_timing_cache(config, trt.caches[-1]),
    }


def _parser(trt: StandIn, enums: Any) -> dict[str, Any]:
    def start(parser: Any, network: Any, logger: Any) -> None:
        parser._network = network

    def parse(parser: Any, graph: bytes, path: str) -> bool:
        trt.paths.append(path)
        trt.image = trt.tensor("image", "UINT8", (-1, 360, 480, 3))
        outputs = [trt.tensor(name, "UINT8", (-1, 1, 8, 8)) for name in ("labels", "confidence")]
        inputs = [trt.tensor("x", trt.dtype, (-1, 64, 8, 8))]
        layers = [
            trt.make("ILayer", type=enums.LayerType.CONVOLUTION, get_input=inputs.__getitem__)
        ]
        parser._network.__dict__.update(
            num_inputs=1, get_input=[trt.image].__getitem__,
            num_outputs=2, get_output=outputs.__getitem__,
            num_layers=1, get_layer=layers.__getitem__,
        )  # fmt: skip
        return True

    return {"__init__": start, "parse": parse}


def _build(
    trt: StandIn,
    precision: str = "fp16",
    batch: int = 1,
    cache: bytes = b"",
    listener: Callable[[str, float | None], None] = lambda phase, fraction: None,
) -> BuiltEngine:
    return build_engine(trt.api(), b"graph", precision, batch, cache, listener)


@pytest.mark.parametrize(
    ("version", "precision", "network", "builder", "features"),
    [
        ("8.6.0", "fp16", ["EXPLICIT_BATCH"], ["FP16"], ["PROFILE_SHARING_0806"]),
        ("8.6.0", "int8", ["EXPLICIT_BATCH"], ["FP16", "INT8"], ["PROFILE_SHARING_0806"]),
        ("10.3.0", "int8", ["EXPLICIT_BATCH", "STRONGLY_TYPED"], [], []),
        ("10.13.3.9", "int8", ["EXPLICIT_BATCH", "STRONGLY_TYPED"], [], []),
        ("11.4.0.106", "fp8", ["STRONGLY_TYPED"], [], []),
        (RTX, "fp8", ["STRONGLY_TYPED"], ["REQUIRE_USER_ALLOCATION"], []),
    ],
)
def test_flags(
    version: str, precision: str, network: list[str], builder: list[str], features: list[str]
) -> None:
    trt = StandIn(version)
    assert _build(trt, precision).plan == b"plan"
    assert trt.network_flags == set(network)
    assert trt.builder_flags == builder
    assert trt.features == [(feature, True) for feature in features]
    assert build_flags(trt.api(), precision) == (*network, *builder, *features)


@pytest.mark.parametrize("version", TABLES)
@pytest.mark.parametrize("on_gpu", [True, False])
def test_rtx_builds_for_the_gpu_at_hand(version: str, on_gpu: bool) -> None:
    trt = StandIn(version)
    build_engine(trt.api(), b"graph", "fp16", 1, b"", lambda phase, done: None, on_gpu)
    if version == RTX and on_gpu:
        assert trt.targets == [(trt.module.ComputeCapability.CURRENT, 0)]
        assert trt.config.num_compute_capabilities == 1
    else:
        assert trt.targets == []


@pytest.mark.parametrize("version", TABLES)
def test_layers_are_asked_for_in_detail(version: str) -> None:
    trt = StandIn(version)
    assert _build(trt).layers == LayerCount({"fp16": 1}, 0)
    assert trt.config.profiling_verbosity is trt.module.ProfilingVerbosity.DETAILED


@pytest.mark.parametrize("version", TABLES)
def test_a_silent_log_leaves_the_network_to_tell(version: str) -> None:
    trt = StandIn(version)
    trt.listing, trt.dtype = "", "FLOAT"
    told = {"fp16 or fp32": 1} if version == "8.6.0" else {"fp32": 1}
    assert _build(trt).layers == LayerCount(told, None)


@pytest.mark.parametrize("version", STRONG)
def test_progress_is_reported(version: str) -> None:
    heard: list[tuple[str, float | None]] = []
    _build(StandIn(version), listener=lambda *moment: heard.append(moment))
    assert heard == [
        ("parse", None), ("build", None), ("tune", 0.0), ("tune", 0.5), ("tune", 1.0),
    ]  # fmt: skip


def test_8_6_reports_two_phases_and_has_no_monitor() -> None:
    trt = StandIn("8.6.0")
    heard: list[tuple[str, float | None]] = []
    _build(trt, listener=lambda *moment: heard.append(moment))
    assert heard == [("parse", None), ("build", None)]
    assert ("IBuilderConfig", "progress_monitor") not in trt.touched


@pytest.mark.parametrize("version", STRONG)
def test_a_listener_that_raises_ends_the_build(version: str) -> None:
    def listener(phase: str, fraction: float | None) -> None:
        if fraction == 0.5:
            msg = "enough"
            raise TimeoutError(msg)

    with pytest.raises(TimeoutError, match="enough"):
        _build(StandIn(version), listener=listener)


def test_8_6_builds_no_fp8() -> None:
    with pytest.raises(InferenceError, match=r"TensorRT 8\.6\.0 cannot build fp8.*TensorRT 10"):
        _build(StandIn("8.6.0"), "fp8")


@pytest.mark.parametrize("version", TABLES)
def test_batch(version: str) -> None:
    one, four = StandIn(version), StandIn(version)
    _build(one, batch=1)
    _build(four, batch=4)
    assert (one.image.shape, one.profiles) == ((1, 360, 480, 3), [])
    assert four.image.shape == (-1, 360, 480, 3)
    assert four.profiles == [("image", (1, 360, 480, 3), (4, 360, 480, 3), (4, 360, 480, 3))]


@pytest.mark.parametrize("version", TABLES)
def test_weights_are_never_taken_from_the_working_folder(version: str) -> None:
    trt = StandIn(version)
    _build(trt)
    assert [Path(path).parent for path in trt.paths] == [Path("/dev/null")]


@pytest.mark.parametrize("version", [version for version in TABLES if version != RTX])
@pytest.mark.parametrize(
    ("given", "attached"),
    [(b"", [b""]), (b"old", [b"old"]), (b"broken", [b""]), (b"other GPU", [b"other GPU", b""])],
)
def test_timing_cache(version: str, given: bytes, attached: list[bytes]) -> None:
    trt = StandIn(version)
    assert _build(trt, cache=given).timing_cache == attached[-1] + b" and more"
    assert trt.caches == attached


def test_rtx_has_timing_functions_that_are_not_called() -> None:
    trt = StandIn(RTX)
    assert _build(trt, cache=b"old").timing_cache == b""
    assert not [key for _, key in trt.touched if "timing" in key]


@pytest.mark.parametrize("version", TABLES)
def test_a_builder_that_does_not_start(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(builder: Any, logger: Any) -> None:
        logger.log("ERROR", "CUDA initialization failure with error: 35")
        msg = "pybind11::init(): factory function returned nullptr"
        raise TypeError(msg)

    trt = StandIn(version)
    monkeypatch.setattr(trt.module.Builder, "__init__", start)
    with pytest.raises(InferenceError, match=r"cannot start its builder: CUDA init.* 35; `segnet"):
        _build(trt)


@pytest.mark.parametrize("version", TABLES)
def test_a_build_that_gives_nothing(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(builder: Any, network: Any, config: Any) -> None:
        for message in ("first", "second", "Error Code 10: no\nimplementation"):
            builder._logger.log("ERROR", message)
        builder._logger.log("WARNING", "a mere warning")

    trt = StandIn(version)
    monkeypatch.setattr(trt.module.Builder, "build_serialized_network", build)
    with pytest.raises(InferenceError, match=r"int8 engine for batch 2 with .*: second; Error Code "
                       "10: no implementation; export"):  # fmt: skip
        _build(trt, "int8", batch=2)


def test_errors_of_an_earlier_build_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    trt = StandIn("10.3.0")
    monkeypatch.setattr(trt.module.Builder, "build_serialized_network", lambda *given: None)
    api = trt.api()
    api.log.add("of an earlier build", is_error=True)
    with pytest.raises(InferenceError, match="it gave no reason"):
        build_engine(api, b"graph", "fp16", 1, b"", lambda phase, fraction: None)


@pytest.mark.parametrize("version", TABLES)
@pytest.mark.parametrize("index", [0, -1], ids=["a node", "the file"])
def test_a_refused_graph(version: str, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    trt = StandIn(version)
    error = trt.make(
        "ParserError", desc=lambda: "no such\nplugin", node=lambda: index,
        node_name=lambda: "pool", node_operator=lambda: "Frobnicate",
    )  # fmt: skip

    def parse(parser: Any, graph: bytes, path: str) -> bool:
        parser.__dict__.update(num_errors=1, get_error=[error].__getitem__)
        return False

    monkeypatch.setattr(trt.module.OnnxParser, "parse", parse)
    reason = (
        "node 0: no such plugin" if version == "8.6.0" else "'pool' .Frobnicate.: no such plugin"
    )
    with pytest.raises(InferenceError, match=reason if index == 0 else "it gave no reason"):
        _build(trt)


def test_stand_ins_are_strict() -> None:
    trt = StandIn("11.4.0.106")
    config = trt.make("IBuilderConfig")
    with pytest.raises(AttributeError):
        config.max_workspace_size = 1
    with pytest.raises(AttributeError):
        _ = config.int8_calibrator
    with pytest.raises(AttributeError):
        _ = trt.module.BuilderFlag.FP16
    with pytest.raises(AttributeError):
        _ = StandIn("8.6.0").module.IProgressMonitor


def test_the_recorded_rtx_is_the_genuine_one() -> None:
    if not (find_spec("tensorrt_rtx_libs") and find_spec("tensorrt_rtx_bindings")):
        pytest.skip("needs tensorrt_rtx_bindings: pip install 'segnet_ros[rtx]'")
    import_module("tensorrt_rtx_libs")
    genuine = import_module("tensorrt_rtx_bindings")
    if genuine.__version__ != RTX.removeprefix("rtx-"):
        pytest.skip(f"the table is of {RTX}, installed is {genuine.__version__}")
    for name, recorded in TABLES[RTX].items():
        public = {key for key in dir(getattr(genuine, name)) if not key.startswith("_")}
        assert public - {"name", "value"} == set(recorded), name
    assert hasattr(genuine.ITensor, "name")


# Names that are TensorRT's in some versions, but in these files also ours.
OURS = {"precision", "DISABLED"}

GUARDS = {
    ("ComputeCapability", True): {
        "ComputeCapability", "num_compute_capabilities", "set_compute_capability", "CURRENT",
    },
    ("CudaGraphStrategy", True): {
        "CudaGraphStrategy", "ExecutionContextAllocationStrategy", "USER_MANAGED",
        "WHOLE_GRAPH_CAPTURE", "create_runtime_cache", "create_runtime_config",
        "cuda_graph_strategy", "set_execution_context_allocation_strategy", "set_runtime_cache",
    },
    ("ExecutionContextAllocationStrategy", True): {"USER_MANAGED"},
    ("ExecutionContextAllocationStrategy", False): {
        "create_execution_context_without_device_memory",
    },
    ("IProgressMonitor", True): {"IProgressMonitor", "progress_monitor"},
    ("device_memory_size_v2", True): {"device_memory_size_v2"},
    ("device_memory_size_v2", False): {"device_memory_size"},
    ("node_name", True): {"node_name", "node_operator"},
    ("set_device_memory", True): {"set_device_memory"},
}  # fmt: skip
"""What not every version has, by what must be present (or absent) wherever it is read."""


def _names(table: Table) -> set[str]:
    return {*table, *(key for keys in table.values() for key in keys)}


@pytest.mark.parametrize("version", TABLES)
def test_guards_keep_from_reading_what_a_version_lacks(version: str) -> None:
    names = _names(TABLES[version])
    for (guard, present), guarded in GUARDS.items():
        assert (guard in names) != present or guarded <= names


@pytest.mark.parametrize(
    "path",
    sorted(Path(segnet_ros.inference.engine.__file__).parent.glob("*.py")),
    ids=lambda path: path.stem,
)
def test_whatever_not_every_version_has_is_guarded(path: Path) -> None:
    every = [_names(table) for table in TABLES.values()]
    text = path.read_text(encoding="utf-8")
    read = {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
    asked = [guarded for (guard, _), guarded in GUARDS.items() if f'"{guard}")' in text
             or f'"{guard}", None)' in text]  # fmt: skip
    assert (read & set().union(*every)) - set.intersection(*every) - OURS <= set().union(*asked)


EXECUTION = {
    "Runtime": ["deserialize_cuda_engine", "engine_host_code_allowed"],
    "ICudaEngine": [
        "create_execution_context", "get_tensor_dtype", "get_tensor_mode", "get_tensor_name",
        "get_tensor_shape", "num_io_tensors",
    ],
    "IExecutionContext": [
        "execute_async_v3", "infer_shapes", "set_input_shape", "set_tensor_address",
    ],
    "TensorIOMode": ["INPUT", "OUTPUT"],
}  # fmt: skip


@pytest.mark.parametrize("version", TABLES)
def test_every_version_executes_in_the_same_way(version: str) -> None:
    for name, needed in EXECUTION.items():
        assert set(needed) <= set(TABLES[version][name])
