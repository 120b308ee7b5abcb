# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: exact answers, and graphs that do not keep the interface."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import segnet_ros
from segnet_ros.inference.engine.golden import check_engine, read_golden
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model, file_sha256, load_model

openvino = pytest.importorskip("openvino", reason="needs openvino: pip install 'segnet_ros[cpu]'")
onnx = pytest.importorskip("onnx", reason="needs onnx: pip install 'segnet_ros[train]'")

from segnet_ros.inference.openvino_core import openvino_core  # noqa: E402
from segnet_ros.inference.openvino_runtime import OpenVinoRuntime  # noqa: E402

Change = Callable[[Any], None]
_SHIPPED = Path(segnet_ros.__path__[0]).parent / "engines" / "segnet_light_camvid"


@pytest.fixture
def model(channel_model: Path) -> Model:
    return load_model(channel_model)


def _noise(seed: int, levels: int = 256) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, levels, (12, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("levels", [256, 2], ids=["all values", "many ties"])
def test_answers_are_exact(model: Model, levels: int) -> None:
    runtime = OpenVinoRuntime(model)
    for seed in range(5):
        image = _noise(seed, levels)
        prediction = runtime.infer(image)
        assert prediction.labels.dtype == prediction.confidence.dtype == np.uint8
        np.testing.assert_array_equal(prediction.labels, image.argmax(axis=2))
        np.testing.assert_array_equal(prediction.confidence, image.max(axis=2))


def test_padded_rows_are_read(model: Model) -> None:
    image = np.random.default_rng(4).integers(0, 256, (12, 20, 3), dtype=np.uint8)[:, 2:18]
    prediction = OpenVinoRuntime(model).infer(image)
    np.testing.assert_array_equal(prediction.labels, image.argmax(axis=2))


def test_an_answer_outlives_the_next_frame(model: Model) -> None:
    runtime = OpenVinoRuntime(model)
    first, second = _noise(1), _noise(2)
    answer = runtime.infer(first)
    runtime.infer(second)
    runtime.close()
    np.testing.assert_array_equal(answer.labels, first.argmax(axis=2))
    np.testing.assert_array_equal(answer.confidence, first.max(axis=2))


def test_many_frames_are_answered_in_order(model: Model) -> None:
    images = [_noise(seed) for seed in range(4)]
    runtime = OpenVinoRuntime(model)
    predictions = list(runtime.infer_all(iter(images)))
    assert len(predictions) == 4
    for image, prediction in zip(images, predictions, strict=True):
        np.testing.assert_array_equal(prediction.labels, image.argmax(axis=2))
    assert list(runtime.infer_all([])) == []


def test_description_names_version_device_and_precision(model: Model) -> None:
    native = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = "bf16" if "BF16" in native else "f32"
    version = openvino.__version__.split("-")[0]
    assert OpenVinoRuntime(model).description == f"OpenVINO {version} CPU {precision}"


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((16, 12, 3), np.uint8), "uint8 (16, 12, 3)"),
        (np.zeros((1, 16, 3), np.uint8), "uint8 (1, 16, 3)"),
        (np.zeros((12, 16), np.uint8), "uint8 (12, 16)"),
        (np.zeros((12, 16, 3), np.float32), "float32 (12, 16, 3)"),
    ],
)
def test_another_picture_is_refused(model: Model, image: npt.NDArray[np.uint8], found: str) -> None:
    runtime = OpenVinoRuntime(model)
    with pytest.raises(InferenceError) as caught:
        runtime.infer(image)
    assert str(caught.value) == f"the network got {found}; expected uint8 (12, 16, 3)"


def test_a_failing_library_is_reported(model: Model) -> None:
    runtime = OpenVinoRuntime(model)

    class FailingRequest:
        def infer(self) -> None:
            msg = "Exception from core.cpp:1:\n  out of memory\n\n"
            raise RuntimeError(msg)

    runtime._request = FailingRequest()
    with pytest.raises(InferenceError) as caught:
        runtime.infer(_noise(0))
    assert str(caught.value) == "OpenVINO failed: out of memory"


def test_other_networks_have_no_uncertainty(model: Model) -> None:
    assert OpenVinoRuntime(model).infer(_noise(0)).uncertainty is None


def _add_uncertainty(graph: Any) -> None:
    """The darkest channel's value."""
    helper = onnx.helper
    uint8 = onnx.TensorProto.UINT8
    graph.node.append(helper.make_node("ReduceMin", ["pixels"], ["least"], axes=[3], keepdims=0))
    graph.node.append(helper.make_node("Cast", ["least"], ["uncertainty"], to=uint8))
    graph.output.append(helper.make_tensor_value_info("uncertainty", uint8, [1, 12, 16]))


def test_third_output_is_the_uncertainty(model: Model, tmp_path: Path) -> None:
    runtime = OpenVinoRuntime(_write(model, tmp_path, _add_uncertainty))
    first, second = _noise(1), _noise(2)
    prediction = runtime.infer(first)
    runtime.infer(second)
    assert prediction.uncertainty is not None
    assert prediction.uncertainty.dtype == np.uint8
    np.testing.assert_array_equal(prediction.uncertainty, first.min(axis=2))
    np.testing.assert_array_equal(prediction.labels, first.argmax(axis=2))
    np.testing.assert_array_equal(prediction.confidence, first.max(axis=2))


def _make_uncertainty_float(graph: Any) -> None:
    _add_uncertainty(graph)
    graph.node[-1].attribute[0].i = onnx.TensorProto.FLOAT
    graph.output[2].type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def _write(model: Model, folder: Path, change: Change) -> Model:
    graph = onnx.load(model.graph)
    change(graph.graph)
    onnx.checker.check_model(graph)
    path = folder / "model.onnx"
    onnx.save(graph, path)
    return dataclasses.replace(model, folder=folder, sha256=file_sha256(path))


def _make_labels_int32(graph: Any) -> None:
    graph.node[2].attribute[0].i = onnx.TensorProto.INT32
    graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT32


def _make_input_float(graph: Any) -> None:
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def _keep_the_channel_axis(graph: Any) -> None:
    attributes = {item.name: item for item in graph.node[3].attribute}
    attributes["keepdims"].i = 1
    graph.output[1].type.tensor_type.shape.dim.add().dim_value = 1


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_make_labels_int32, "labels is i32 [1, 12, 16]; expected u8 [1, 12, 16]"),
        (_make_input_float, "image is f32 [1, 12, 16, 3]; expected u8 [1, 12, 16, 3]"),
        (_make_uncertainty_float, "uncertainty is f32 [1, 12, 16]; expected u8 [1, 12, 16]"),
        (_keep_the_channel_axis, "confidence is u8 [1, 12, 16, 1]; expected u8 [1, 12, 16]"),
    ],
)
def test_other_types_and_shapes(model: Model, tmp_path: Path, change: Change, found: str) -> None:
    other = _write(model, tmp_path, change)
    with pytest.raises(InferenceError) as caught:
        OpenVinoRuntime(other)
    assert str(caught.value) == f"{other.graph}: {found}; export the model again"


def test_another_size_than_described(model: Model) -> None:
    with pytest.raises(InferenceError) as caught:
        OpenVinoRuntime(dataclasses.replace(model, size=(12, 16)))
    assert str(caught.value) == (
        f"{model.graph}: image is u8 [1, 12, 16, 3]; expected u8 [1, 16, 12, 3]; "
        "export the model again"
    )


def _rename(old: str, new: str) -> Change:
    def change(graph: Any) -> None:
        for value in (*graph.input, *graph.output):
            value.name = new if value.name == old else value.name
        for node in graph.node:
            for names in (node.input, node.output):
                names[:] = [new if name == old else name for name in names]

    return change


@pytest.mark.parametrize("name", ["image", "labels", "confidence"])
def test_other_names(model: Model, tmp_path: Path, name: str) -> None:
    other = _write(model, tmp_path, _rename(name, "foreign"))
    with pytest.raises(InferenceError) as caught:
        OpenVinoRuntime(other)
    text = str(caught.value)
    assert text.startswith(f"OpenVINO {openvino.__version__} cannot load {other.graph}: ")
    assert name in text.removeprefix(f"OpenVINO {openvino.__version__} cannot load {other.graph}")
    assert text.endswith("; export the model again")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", f"OpenVINO {openvino.__version__} cannot load "),
        (b"no protobuf at all", "model.onnx is no ONNX graph, or is damaged"),
    ],
)
def test_no_graph(model: Model, tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    sha256 = file_sha256(tmp_path / "model.onnx")
    with pytest.raises(InferenceError) as caught:
        OpenVinoRuntime(dataclasses.replace(model, folder=tmp_path, sha256=sha256))
    text = str(caught.value)
    assert words in text
    assert text.endswith("; export the model again")
    assert "\n" not in text


def test_a_graph_exchanged_since_it_was_verified_is_refused(model: Model, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(model.graph.read_bytes() + b"\0")
    with pytest.raises(InferenceError, match="the file is truncated or was altered"):
        OpenVinoRuntime(dataclasses.replace(model, folder=tmp_path))


def _ask_for_too_much(graph: Any) -> None:
    """Ones in a shape of 2^32 values, of which the outputs know nothing."""
    shape = onnx.numpy_helper.from_array(np.array([1 << 16, 1 << 16], np.int64), "huge")
    graph.initializer.append(shape)
    graph.node.append(onnx.helper.make_node("ConstantOfShape", ["huge"], ["zeros"]))
    graph.node.append(onnx.helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0))
    graph.node.append(onnx.helper.make_node("Cast", ["zero"], ["byte"], to=onnx.TensorProto.UINT8))
    graph.node.append(onnx.helper.make_node("Add", ["labels", "byte"], ["sum"]))
    graph.output[0].name = "sum"


def test_a_graph_that_asks_for_too_much_memory_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match=r"its tensors hold \d+ values") as caught:
        OpenVinoRuntime(_write(model, tmp_path, _ask_for_too_much))
    assert "expected up to 1073741824 for pictures of 16x12" in str(caught.value)


def test_shipped_golden_frames_hold_what_the_shipped_model_says() -> None:
    """The gate of TensorRT engines, with the runtime that runs model.onnx itself."""
    model = load_model(_SHIPPED)
    runtime = OpenVinoRuntime(model)
    golden = read_golden(model)
    assert len(golden.images) >= 3
    check_engine(runtime.infer_all, golden, model, "fp16", 1, runtime.description)
    runtime.close()


CLOSED_IN_ORDER = """
import signal, sys
from pathlib import Path
from segnet_ros.inference.model import load_model
from segnet_ros.inference.openvino_runtime import OpenVinoRuntime

model = load_model(Path(sys.argv[1]))
first, second = OpenVinoRuntime(model), OpenVinoRuntime(model)
first.close()
del first
second.close()
del second
signal.signal(signal.SIGINT, lambda number, frame: print("handled"))
signal.raise_signal(signal.SIGINT)
"""


def test_signals_are_handled_after_models_were_exchanged(channel_model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CLOSED_IN_ORDER, channel_model],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
