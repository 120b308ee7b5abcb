# SPDX-License-Identifier: Apache-2.0
"""Genuine parsing and building by TensorRT-RTX, which needs no GPU for either.

What is built here was not executed. How other versions are called is test_tensorrt_versions.py's.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segnet_ros.inference.engine import builder
from segnet_ros.inference.engine.builder import BuiltEngine, build_engine
from segnet_ros.inference.engine.layers import LayerCount
from segnet_ros.inference.engine.tensorrt_api import TensorRt, find_tensorrt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install 'segnet_ros[train]'")
for package in ("tensorrt_rtx_libs", "tensorrt_rtx_bindings"):
    if find_spec(package) is None:
        pytest.skip(f"needs {package}: pip install 'segnet_ros[rtx]'", allow_module_level=True)

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

ENGINES = Path(__file__).resolve().parents[3] / "engines"
SIZE = 32


def _ignore(phase: str, fraction: float | None) -> None:
    pass


@pytest.fixture(scope="module")
def api() -> TensorRt:
    return find_tensorrt()


def _build(api: TensorRt, graph: Any, batch: int = 1, listener: Any = _ignore) -> BuiltEngine:
    content = graph if isinstance(graph, bytes) else graph.SerializeToString()
    return build_engine(api, content, "fp16", batch, b"", listener)


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs, [output], name=f"{kind}_{output}", **attributes)


def _convolution(source: str, weight: str, target: str) -> Any:
    return _node("Conv", [source, weight], target, pads=[1, 1, 1, 1])


def _weight(name: str, *shape: int) -> Any:
    values = np.random.default_rng(len(name)).normal(0, 0.1, shape)
    return numpy_helper.from_array(values.astype(np.float16), name)


def _graph(
    nodes: Sequence[Any] | None = None,
    weights: Sequence[Any] = (),
    image: Sequence[Any] = ("batch", SIZE, SIZE, 3),
    name: str = "image",
    outputs: Sequence[str] = ("labels", "confidence"),
    dtype: int = TensorProto.UINT8,
) -> Any:
    """Two convolutions, or other nodes, between bytes and bytes."""
    made = helper.make_graph(
        _pair() if nodes is None else nodes,
        "test",
        [helper.make_tensor_value_info(name, dtype, image)],
        [helper.make_tensor_value_info(output, TensorProto.UINT8, None) for output in outputs],
        weights or [_weight("first", 16, 3, 3, 3), _weight("second", 16, 16, 3, 3)],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


def _pair(between: Sequence[Any] = (), source: str = "x", weight: str = "second") -> list[Any]:
    return [
        _node("Cast", ["image"], "float", to=TensorProto.FLOAT16),
        _node("Transpose", ["float"], "planes", perm=[0, 3, 1, 2]),
        _convolution("planes", "first", "sums"),
        _node("Relu", ["sums"], "x"),
        *between,
        _convolution(source, weight, "y"),
        _node("Cast", ["y"], "labels", to=TensorProto.UINT8),
        _node("Cast", ["x"], "confidence", to=TensorProto.UINT8),
    ]


def _quantized(kind: int) -> Any:
    """The second convolution between explicit quantisations."""
    steps = [
        _node("QuantizeLinear", [name, "scale", "zero"], f"{name}_q") for name in ("x", "second")
    ] + [
        _node("DequantizeLinear", [f"{name}_q", "scale", "zero"], f"{name}_d")
        for name in ("x", "second")
    ]
    scale = numpy_helper.from_array(np.float16(0.02), "scale")
    zero = helper.make_tensor("zero", kind, [], [0])
    weights = [_weight("first", 16, 3, 3, 3), _weight("second", 16, 16, 3, 3), scale, zero]
    return _graph(_pair(steps, "x_d", "second_d"), weights)


def test_a_static_engine_lists_what_it_consists_of(api: TensorRt) -> None:
    engine = _build(api, _graph())
    assert isinstance(engine.plan, bytes)
    assert len(engine.plan) > 10_000
    # Other kernels: bytes to planes, and the two maps to bytes.
    assert engine.layers == LayerCount({"fp16": 2}, 3)
    assert engine.timing_cache == b""


@pytest.mark.parametrize(("kind", "name"), [("INT8", "int8"), ("FLOAT8E4M3FN", "fp8")])
def test_a_quantised_convolution_is_built_as_one(api: TensorRt, kind: str, name: str) -> None:
    engine = _build(api, _quantized(getattr(TensorProto, kind)))
    assert engine.layers.convolutions == {"fp16": 1, name: 1}


def test_float_graphs_are_not_taken_for_fp16(api: TensorRt) -> None:
    nodes = _pair()
    nodes[0].attribute[0].i = TensorProto.FLOAT
    weights = [_weight("first", 16, 3, 3, 3), _weight("second", 16, 16, 3, 3)]
    wide = [numpy_helper.from_array(numpy_helper.to_array(w).astype("f"), w.name) for w in weights]
    assert _build(api, _graph(nodes, wide)).layers.convolutions == {"fp32": 2}


@pytest.mark.parametrize(
    ("batch", "smallest", "best"),
    [(1, [1, SIZE, SIZE, 3], [1, SIZE, SIZE, 3]), (4, [1, SIZE, SIZE, 3], [4, SIZE, SIZE, 3])],
)
def test_batch(
    api: TensorRt, batch: int, smallest: list[int], best: list[int], monkeypatch: Any
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(api.log, "add", lambda message, is_error: lines.append(message))
    _build(api, _graph(), batch)
    said = "\n".join(lines).replace(" ", "")
    shapes = f"MinShape:{smallest},OptShape:{best},MaxShape:{best},".replace(" ", "")
    assert f"{{{shapes}" in said


def test_the_same_graph_has_the_same_convolutions_in_batches(api: TensorRt) -> None:
    assert _build(api, _graph(), 4).layers.convolutions == {"fp16": 2}


def test_a_graph_of_fixed_batch_is_built_for_that_batch_only(api: TensorRt) -> None:
    fixed = _graph(image=(1, SIZE, SIZE, 3))
    assert _build(api, fixed).layers.convolutions == {"fp16": 2}
    with pytest.raises(InferenceError, match=r"fixed to batch 1.*up to 4.*use --batch 1"):
        _build(api, fixed, 4)


def test_progress_is_told_in_phases(api: TensorRt) -> None:
    heard: list[tuple[str, float | None]] = []
    _build(api, _graph(), listener=lambda *moment: heard.append(moment))
    assert heard[:2] == [("parse", None), ("build", None)]
    done: dict[str, float] = {}
    for phase, fraction in heard[2:]:
        assert fraction is not None
        assert fraction == 0.0 or done[phase] < fraction <= 1.0
        done[phase] = fraction
    # RTX does not report the last of its steps.
    assert done["Building engine"] > 0.5


@pytest.mark.parametrize("moment", [1, 2, 3, 10])
def test_a_listener_that_raises_ends_the_build(api: TensorRt, moment: int) -> None:
    heard: list[str] = []

    def listener(phase: str, fraction: float | None) -> None:
        heard.append(phase)
        if len(heard) == moment:
            msg = f"after {phase}"
            raise TimeoutError(msg)

    with pytest.raises(TimeoutError, match=r"^after "):
        _build(api, _graph(), listener=listener)
    assert len(heard) == moment
    assert _build(api, _graph()).layers == LayerCount({"fp16": 2}, 3)


INTERRUPTED = """
import signal, sys
from pathlib import Path
from segnet_ros.inference.engine.builder import build_engine
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt

# Shells start background processes, which tests may be, with the signal ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
api = find_tensorrt()
building = []

def interrupt(message, is_error):
    if building:
        building.clear()
        signal.raise_signal(signal.SIGINT)

def listener(phase, fraction):
    if fraction is not None:
        building.append(phase)

api.log.add = interrupt

try:
    build_engine(api, Path(sys.argv[1]).read_bytes(), "fp16", 1, b"", listener)
except KeyboardInterrupt:
    print("interrupted", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def test_ctrl_c_within_tensorrts_callbacks_ends_the_build(tmp_path: Path) -> None:
    # In a process of its own: signals are its whole process's.
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(_graph().SerializeToString())
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, graph], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("interrupted True\n", 0), done.stderr


def test_builds_of_one_process_take_turns(api: TensorRt) -> None:
    heard: list[str] = []
    engines: list[BuiltEngine] = []

    def build() -> None:
        engines.append(_build(api, _graph(), listener=lambda phase, fraction: heard.append(phase)))

    thread = threading.Thread(target=build)
    with builder._TURN:
        thread.start()
        while not heard:
            time.sleep(0.01)
        assert set(heard) == {"wait for another build of this process"}
    thread.join()
    assert engines[0].layers == LayerCount({"fp16": 2}, 3)


def test_waiting_for_another_build_can_be_given_up(api: TensorRt) -> None:
    def listener(phase: str, fraction: float | None) -> None:
        raise TimeoutError(phase)

    with builder._TURN, pytest.raises(TimeoutError, match="wait for another build"):
        _build(api, _graph(), listener=listener)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[: len(content) // 2], "Failed to parse the ONNX model"),
        (lambda content: b"", "maps nothing to nothing; expected image UINT8"),
        (lambda content: b"hello" * 100, "maps nothing to nothing; expected image UINT8"),
    ],
    ids=["truncated", "empty", "something else"],
)
def test_a_damaged_graph(api: TensorRt, damage: Callable[[bytes], bytes], reason: str) -> None:
    with pytest.raises(InferenceError, match=reason):
        _build(api, damage(_graph().SerializeToString()))


def test_an_unknown_operator_is_named(api: TensorRt) -> None:
    nodes = [_node("Frobnicate", ["image"], "labels"), _node("Identity", ["image"], "confidence")]
    with pytest.raises(InferenceError, match=r"node 'Frobnicate_labels' .Frobnicate.: .*[Pp]lugin"):
        _build(api, _graph(nodes))


def test_the_parsers_reason_is_given(api: TensorRt) -> None:
    """TensorRT transposes no bytes, which is why the graphs cast first."""
    nodes = [_node("Transpose", ["image"], "labels"), _node("Transpose", ["image"], "confidence")]
    with pytest.raises(InferenceError, match=r"refuses the graph: node 'Transpose_.* type UInt8"):
        _build(api, _graph(nodes))


def test_what_the_builder_refuses_ends_in_one_error(api: TensorRt) -> None:
    """Kernels of a width that does not fit are seen while building only."""
    nodes = _pair([_node("Reshape", ["x", "wrong"], "r")], "r")
    wrong = numpy_helper.from_array(np.array([1, 16, 5, 5], np.int64), "wrong")
    weights = [_weight("first", 16, 3, 3, 3), _weight("second", 16, 16, 3, 3), wrong]
    with pytest.raises(
        InferenceError, match=r"cannot build the fp16 engine for batch 1 with STRON"
    ):
        _build(api, _graph(nodes, weights))
    assert _build(api, _graph()).layers == LayerCount({"fp16": 2}, 3)


def test_weights_outside_the_graph_are_refused(
    api: TensorRt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has verified them, wherever they are: here, in the working folder."""
    graph = _graph()
    tensor = graph.graph.initializer[0]
    (tmp_path / "weights.bin").write_bytes(tensor.raw_data)
    monkeypatch.chdir(tmp_path)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    with pytest.raises(InferenceError, match=r"open file: /dev/null/weights\.bin.*one file"):
        _build(api, graph)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"image": ("batch", SIZE, SIZE, 4)}, r"image UINT8 \[-1, 32, 32, 4\]"),
        ({"image": ("batch", "height", SIZE, 3)}, r"image UINT8 \[-1, -1, 32, 3\]"),
        ({"image": (SIZE, SIZE, 3)}, r"image UINT8 \[32, 32, 3\]"),
        ({"image": None}, r"image UINT8 \[\]"),
        ({"dtype": TensorProto.FLOAT16}, r"image HALF \[-1, 32, 32, 3\]"),
        ({"name": "picture"}, r"picture UINT8 \[-1, 32, 32, 3\]"),
        ({"outputs": ("labels",)}, r"to labels UINT8 \[-1, 32, 32, 3\];"),
    ],
)
def test_another_interface_is_refused(api: TensorRt, change: dict[str, Any], found: str) -> None:
    wanted = {"outputs": ("labels", "confidence")} | change
    source = change.get("name", "image")
    nodes = [_node("Cast", [source], name, to=TensorProto.UINT8) for name in wanted["outputs"]]
    with pytest.raises(InferenceError, match=found + r".*expected image UINT8 \[batch"):
        _build(api, _graph(nodes, **wanted))


@pytest.mark.parametrize("folder", sorted(path.parent for path in ENGINES.glob("*/model.yaml")))
def test_shipped_graphs_become_engines_of_their_precision(api: TensorRt, folder: Path) -> None:
    model = load_model(folder)
    assert {"fp16", "int8"} <= model.engine_graphs.keys()
    for precision, graph in model.engine_graphs.items():
        content = (folder / graph.file).read_bytes()
        engine = build_engine(api, content, precision, 1, b"", _ignore)
        assert engine.layers.convolutions[precision] > 0
        assert engine.layers.convolutions.keys() <= {"fp16", precision}
