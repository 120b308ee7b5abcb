# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import yaml
from numpy.lib.stride_tricks import sliding_window_view

from segnet_ros.cli import main
from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.sun_rgbd import SUN_RGBD
from segnet_ros.inference.model import SegmentationClass, file_sha256, load_model
from segnet_ros.inference.openvino_core import openvino_core
from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.training.caffe.classes import usual_classes
from segnet_ros.training.caffe.conversion import import_caffe
from segnet_ros.training.caffe.proto import CaffeImportError
from segnet_ros.training.checkpoint import read_metadata
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.trained import load_trained

DEPTHS = (2, 2, 3, 3, 3)
WIDTHS = (5, 4, 4, 3, 3)
WIDTH = 5
CENTRAL = ("pool3", "pool4", "pool5", "conv5_1_D", "conv4_1_D", "conv3_1_D")
PASCAL = ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3", "pool5", *CENTRAL[3:], "conv2_1_D")
BASIC = ("pool3", "pool4", "conv_decode4", "conv_decode3")
BN, DROPOUT, LRN = 45, 108, 118

Array = npt.NDArray[Any]
Blobs = Mapping[str, Sequence[Array]]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    networks: dict[str, Any] = ARCHITECTURES
    for name in ("segnet", "bayesian_segnet", "bayesian_segnet_camvid"):
        monkeypatch.setitem(networks, name, partial(networks[name], widths=WIDTHS))
    for name in ("segnet_basic", "segnet_basic_lrn", "bayesian_segnet_basic_lrn"):
        monkeypatch.setitem(networks, name, partial(networks[name], width=WIDTH))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# The authors' networks, as NumPy computes them from the blobs in double precision.


def convolve(x: Array, weights: Array, biases: Array) -> Array:
    """Stride 1, zero padding that keeps the size."""
    side = weights.shape[2]
    margin = side // 2
    padded = np.pad(x, ((0, 0), (margin, margin), (margin, margin)))
    windows = sliding_window_view(padded, (side, side), axis=(1, 2))
    sums: Array = np.einsum("ihwyx,oiyx->ohw", windows, weights, optimize=True)
    return sums + biases[:, None, None]


def layer(x: Array, blobs: Blobs, name: str) -> Array:
    scale, shift = (blob.reshape(-1, 1, 1) for blob in blobs[f"{name}_bn"])
    return convolve(x, *blobs[name]) * scale + shift


def relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def pool(x: Array) -> tuple[Array, Array]:
    """Maxima of 2x2 windows, cut off at odd edges, and their flat places; the first one wins."""
    channels, height, width = x.shape
    maxima = np.full((channels, -(-height // 2), -(-width // 2)), -np.inf)
    places = np.zeros(maxima.shape, int)
    for y in range(height):
        for column in range(width):
            better = x[:, y, column] > maxima[:, y // 2, column // 2]
            maxima[better, y // 2, column // 2] = x[better, y, column]
            places[better, y // 2, column // 2] = y * width + column
    return maxima, places


def unpool(x: Array, places: Array, size: tuple[int, ...]) -> Array:
    spread = np.zeros((len(x), size[0] * size[1]))
    np.put_along_axis(spread, places.reshape(len(x), -1), x.reshape(len(x), -1), axis=1)
    return spread.reshape(len(x), *size)


def response_norm(x: Array, size: int = 5, alpha: float = 1e-4, beta: float = 0.75) -> Array:
    squares = np.pad(x**2, ((size // 2, size // 2), (0, 0), (0, 0)))
    sums = np.stack([squares[k : k + size].sum(0) for k in range(len(x))])
    return x / (1 + alpha / size * sums) ** beta


def deep_scores(x: Array, blobs: Blobs, classifier: str) -> Array:
    memory = []
    for stage, depth in enumerate(DEPTHS, start=1):
        for k in range(1, depth + 1):
            x = relu(layer(x, blobs, f"conv{stage}_{k}"))
        size = x.shape[1:]
        x, places = pool(x)
        memory.append((stage, depth, places, size))
    for stage, depth, places, size in reversed(memory):
        x = unpool(x, places, size)
        for k in range(depth, 0, -1):
            if f"conv{stage}_{k}_D_bn" in blobs:
                x = relu(layer(x, blobs, f"conv{stage}_{k}_D"))
    return convolve(x, *blobs[classifier])


def basic_scores(x: Array, blobs: Blobs, classifier: str) -> Array:
    memory = []
    for stage in range(1, 5):
        x = relu(layer(x, blobs, f"conv{stage}"))
        size = x.shape[1:]
        x, places = pool(x)
        memory.append((stage, places, size))
    for stage, places, size in reversed(memory):
        x = layer(unpool(x, places, size), blobs, f"conv_decode{stage}")
    return convolve(x, *blobs[classifier])


# The files of the authors' zoo, with few maps and random values.


def deep_shapes(classifier: str, classes: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    before = 3
    for stage, (depth, width) in enumerate(zip(DEPTHS, WIDTHS, strict=True), start=1):
        for k in range(1, depth + 1):
            shapes[f"conv{stage}_{k}"] = (width, before, 3, 3)
            before = width
    for stage in range(5, 0, -1):
        width, narrower = WIDTHS[stage - 1], WIDTHS[max(stage - 2, 0)]
        for k in range(DEPTHS[stage - 1], 0, -1):
            shapes[f"conv{stage}_{k}_D"] = (narrower if k == 1 else width, width, 3, 3)
    if classifier == "conv1_1_D":
        del shapes["conv1_1_D"]
    return shapes | {classifier: (classes, WIDTHS[0], 3, 3)}


def basic_shapes(classifier: str, classes: int) -> dict[str, tuple[int, ...]]:
    encoder = {f"conv{stage}": (WIDTH, WIDTH, 7, 7) for stage in range(1, 5)}
    decoder = {f"conv_decode{stage}": (WIDTH, WIDTH, 7, 7) for stage in range(4, 0, -1)}
    first: dict[str, tuple[int, ...]] = {"conv1": (WIDTH, 3, 7, 7)}
    return encoder | first | decoder | {classifier: (classes, WIDTH, 1, 1)}


def random_blobs(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, list[Array]]:
    """Weights in float32; scales undo the range 0..255, and batch norm has other shapes."""
    random = np.random.default_rng(7)
    blobs: dict[str, list[Array]] = {}
    *normed, _ = shapes
    for name in shapes:
        outputs, *window = shapes[name]
        blobs[name] = [
            random.normal(0, np.prod(window) ** -0.5, shapes[name]),
            random.normal(0, 0.2, outputs),
        ]
        if name in normed:
            scale = 0.02 if name == normed[0] else 1.0
            blobs[f"{name}_bn"] = [
                random.uniform(0.7, 1.9, (1, outputs, 1, 1)) * scale,
                random.normal(0.1, 0.3, (1, outputs, 1, 1)),
            ]
    return {name: [item.astype(np.float32) for item in both] for name, both in blobs.items()}


class Zoo:
    """One file of the zoo.

    Args:
        classifier: Name of its last convolution.
        classes: Of its labels.
        drops: Bottoms of the dropout layers.
        basic: SegNet-Basic, else SegNet.
        norm: Whether a response norm comes first.
    """

    def __init__(
        self,
        classifier: str,
        classes: int,
        drops: Sequence[str] = (),
        basic: bool = False,
        norm: bool = False,
    ) -> None:
        self.classifier, self.classes, self.drops = classifier, classes, drops
        self.basic, self.norm = basic, norm
        self.blobs = random_blobs((basic_shapes if basic else deep_shapes)(classifier, classes))

    def layers(self, caffe: Any) -> list[dict[str, Any]]:
        """What `CaffeWriter.layer` takes, in an order in which the layers could run."""
        norm = caffe.integer(1, 5) + caffe.real(2, 1e-4) + caffe.real(3, 0.75)
        layers: list[dict[str, Any]] = [{"name": "data", "kind": "Input", "bottom": "data"}]
        if self.norm:
            layers.append(
                {"name": "norm", "kind": "LRN", "bottom": "data", "parameters": {LRN: norm}}
            )
        for name, blobs in self.blobs.items():
            kind = "BN" if name.endswith("_bn") else "Convolution"
            mode = {BN: caffe.integer(3, 1)} if kind == "BN" else {}
            bottom = name.removesuffix("_bn")
            layers.append(
                {"name": name, "kind": kind, "bottom": bottom, "blobs": blobs, "parameters": mode}
            )
        half = {DROPOUT: caffe.real(1, 0.5)}
        for place in self.drops:
            drop = {"name": f"{place}_drop", "kind": "Dropout", "bottom": place}
            layers.append(drop | {"parameters": half})
        return layers

    def write(self, path: Path, caffe: Any, form: str = "layer") -> Path:
        path.write_bytes(b"".join(getattr(caffe, form)(**facts) for facts in self.layers(caffe)))
        return path

    def scores(self, image: Array) -> Array:
        """Scores [classes, H, W] of uint8 [H, W, 3] RGB."""
        x = image[..., ::-1].transpose(2, 0, 1).astype(np.float64)
        x = response_norm(x) if self.norm else x
        return (basic_scores if self.basic else deep_scores)(x, self.blobs, self.classifier)


WEBDEMO = Zoo("conv1_1_D", 12)
SUN = Zoo("conv1_1_D", 38, CENTRAL)
BAYESIAN = Zoo("conv1_1_D", 11, CENTRAL)
PASCAL_VOC = Zoo("conv1_1_D", 21, PASCAL)
BAYESIAN_CAMVID = Zoo("camvid", 11, CENTRAL)
BASIC_CAMVID = Zoo("dense_softmax_inner_prod", 11, basic=True, norm=True)
BAYESIAN_BASIC = Zoo("dense_softmax_inner_prod", 11, BASIC, basic=True, norm=True)
PLAIN_BASIC = Zoo("conv_classifier", 4, basic=True)
ZOO = {
    "segnet": WEBDEMO,
    "bayesian_segnet": BAYESIAN,
    "bayesian_segnet_camvid": BAYESIAN_CAMVID,
    "segnet_basic_lrn": BASIC_CAMVID,
    "bayesian_segnet_basic_lrn": BAYESIAN_BASIC,
    "segnet_basic": PLAIN_BASIC,
}


def picture(height: int, width: int) -> Array:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scores_of(weights: Path, image: Array) -> Array:
    trained = load_trained(weights)
    with torch.inference_mode():
        batch = trained.normalization(torch.from_numpy(image[None]))
        return np.asarray(trained.network(batch)[0])


@pytest.mark.parametrize("form", ["layer", "v1_layer"])
@pytest.mark.parametrize("architecture", ZOO)
def test_imported_network_scores_as_the_original(
    architecture: str, form: str, caffe: Any, tmp_path: Path
) -> None:
    zoo = ZOO[architecture]
    source = zoo.write(tmp_path / "net.caffemodel", caffe, form)
    imported = import_caffe(source, tmp_path / "net.safetensors")
    assert imported.architecture == architecture
    assert len(imported.classes) == zoo.classes
    image = picture(37, 22)  # Odd at three of five poolings.
    expected = zoo.scores(image)
    assert expected.std() > 0.1
    actual = scores_of(tmp_path / "net.safetensors", image)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)


def test_other_dropout_leaves_the_plain_network(caffe: Any, tmp_path: Path) -> None:
    source = PASCAL_VOC.write(tmp_path / "net.caffemodel", caffe)
    imported = import_caffe(source, tmp_path / "net.safetensors")
    assert imported.architecture == "segnet"
    image = picture(32, 32)
    actual = scores_of(tmp_path / "net.safetensors", image)
    np.testing.assert_allclose(actual, PASCAL_VOC.scores(image), rtol=0, atol=1e-4)


def test_weights_file_states_its_facts(caffe: Any, tmp_path: Path) -> None:
    source = BASIC_CAMVID.write(tmp_path / "net.caffemodel", caffe)
    imported = import_caffe(source, tmp_path / "out" / "net.safetensors")
    assert imported.classes == CAMVID.classes
    facts = read_metadata(tmp_path / "out" / "net.safetensors")
    assert json.loads(facts["recipe"]) == {
        "architecture": "segnet_basic_lrn", "source": "net.caffemodel",
        "source_sha256": file_sha256(source),
    }  # fmt: skip
    trained = load_trained(tmp_path / "out" / "net.safetensors")
    assert trained.classes == CAMVID.classes
    red = torch.tensor([[[[200, 20, 2]]]], dtype=torch.uint8)
    assert trained.normalization(red).flatten().tolist() == [2, 20, 200]


def test_unlabelled_output_of_sun_is_dropped(caffe: Any, tmp_path: Path) -> None:
    source = SUN.write(tmp_path / "net.caffemodel", caffe)
    imported = import_caffe(source, tmp_path / "net.safetensors")
    assert imported.classes == SUN_RGBD.classes
    image = picture(37, 22)
    actual = scores_of(tmp_path / "net.safetensors", image)
    np.testing.assert_allclose(actual, SUN.scores(image)[1:], rtol=0, atol=1e-4)


def import_altered(tmp_path: Path, caffe: Any, **blobs: list[Array] | None) -> None:
    """Import the web demo's file with some layers replaced, added, or left out."""
    zoo = Zoo(WEBDEMO.classifier, WEBDEMO.classes)
    kept = WEBDEMO.blobs | blobs
    zoo.blobs = {name: value for name, value in kept.items() if value is not None}
    source = zoo.write(tmp_path / "net.caffemodel", caffe)
    import_caffe(source, tmp_path / "net.safetensors")


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("altered", "message"),
    [
        (
            {"conv3_2": None},
            "missing layers: conv3_2; unknown layers: none",
        ),
        ({"conv3_2_bn": None}, r"after them \(conv1_bn\): conv3_2, conv1_1_D; expected"),
        ({"conv3_2": None, "conv3_2_bn": None}, "missing layers: conv3_2, conv3_2_bn; unknown"),
        (
            {"conv3_4": [zeros(4, 4, 3, 3), zeros(4)], "conv3_4_bn": [zeros(4), zeros(4)]},
            "missing layers: none; unknown layers: conv3_4, conv3_4_bn",
        ),
        (
            {"conv2_1": [zeros(4, 5, 5, 5), zeros(4)]},
            r"conv2_1 has a blob of shape \(4, 5, 5, 5\) with 500 values; expected \(4, 5, 3, 3\)",
        ),
        ({"conv2_1": [zeros(5, 4, 3, 3), zeros(4)]}, r"shape \(5, 4, 3, 3\) with 180 values"),
        ({"conv2_1_bn": [zeros(1, 5, 1, 1), zeros(4)]}, r"conv2_1_bn has .* expected \(4,\)"),
        ({"conv2_1": [zeros(4, 5, 3, 3)]}, "conv2_1 has 1 blobs; expected weight and bias"),
        ({"conv2_1_bn": [zeros(4)] * 3}, "conv2_1_bn has 3 blobs; expected weight and bias"),
        (
            {"conv2_1_bn": [zeros(4) + np.float32(np.nan), zeros(4)]},
            "conv2_1_bn holds values that are not finite",
        ),
    ],
)
def test_unfit_layers_are_named(
    altered: dict[str, list[Array] | None], message: str, caffe: Any, tmp_path: Path
) -> None:
    with pytest.raises(CaffeImportError, match=rf"net\.caffemodel: .*{message}"):
        import_altered(tmp_path, caffe, **altered)
    assert not (tmp_path / "net.safetensors").exists()


def test_missing_values_are_refused(caffe: Any, tmp_path: Path) -> None:
    empty = caffe.piece(1, "conv1_2") + caffe.piece(2, "Convolution")
    shape = caffe.piece(7, caffe.piece(1, bytes([5, 5, 3, 3])))
    replaced = caffe.piece(100, empty + caffe.pieces(7, [shape, caffe.blob(zeros(5))]))
    source = WEBDEMO.write(tmp_path / "net.caffemodel", caffe)
    source.write_bytes(source.read_bytes() + replaced)
    with pytest.raises(CaffeImportError, match=r"shape \(5, 5, 3, 3\) with 0 values"):
        import_caffe(source, tmp_path / "net.safetensors")


def test_classes_must_be_as_many_as_scores(caffe: Any, tmp_path: Path) -> None:
    source = WEBDEMO.write(tmp_path / "net.caffemodel", caffe)
    with pytest.raises(CaffeImportError, match="conv1_1_D has 12 outputs, but 11 classes are"):
        import_caffe(source, tmp_path / "net.safetensors", CAMVID.classes)


# segnet import-caffe


def segnet(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.mark.parametrize("architecture", ["segnet", "segnet_basic_lrn"])
def test_import_then_export(
    architecture: str, caffe: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo = ZOO[architecture]
    source = zoo.write(tmp_path / "net.caffemodel", caffe)
    assert segnet("import-caffe", source) == 0
    weights = tmp_path / "net.safetensors"
    printed = capsys.readouterr().out
    assert f"{weights}: {architecture}, {zoo.classes} classes (Sky, Building, Pole, R" in printed
    assert segnet("export", weights, tmp_path / "model", "--size", "75x53") == 0
    model = load_model(tmp_path / "model")
    assert model.architecture == architecture
    assert list(model.classes) == list(usual_classes(zoo.classes))
    assert model.details["agreement_with_pytorch"] >= 0.999
    frame = StreetDrive(0, (75, 53)).frame(0)[0]
    expected = zoo.scores(frame).argmax(0)
    assert len(np.unique(expected)) > 3
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
    compiled = openvino_core().compile_model(str(model.graph), "CPU", hints)
    # The graph's weights are in half precision, which moves labels of so random a network.
    assert np.mean(compiled(frame[None])["labels"][0] == expected) > 0.99


def test_import_with_named_classes(caffe: Any, tmp_path: Path) -> None:
    source = PLAIN_BASIC.write(tmp_path / "net.caffemodel", caffe)
    classes = [{"name": f"kind {k}", "color": [k, 2 * k, 255]} for k in range(4)]
    described = tmp_path / "classes.yaml"
    described.write_text(yaml.safe_dump({"name": "mine", "classes": classes}))
    weights = tmp_path / "mine" / "weights.safetensors"
    assert segnet("import-caffe", source, "--output", weights, "--classes", described) == 0
    found = load_trained(weights).classes
    assert found == tuple(SegmentationClass(f"kind {k}", (k, 2 * k, 255)) for k in range(4))


@pytest.mark.parametrize(
    "described",
    ["classes: 3", "- floor", "", "a: [1", "classes: [{}]", "classes: [floor, floor]", "\x80"],
)
def test_unusable_classes_are_explained(
    described: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "classes.yaml"
    path.write_bytes(described.encode("latin-1"))
    assert segnet("import-caffe", tmp_path / "net.caffemodel", "--classes", path) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"segnet import-caffe: {path} names no classes (")
    assert error.count("\n") == 1


def test_unusable_files_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert segnet("import-caffe", tmp_path / "none.caffemodel") == 1
    assert "No such file" in capsys.readouterr().err
    (tmp_path / "net.caffemodel").write_bytes(b"<html>404</html>")
    assert segnet("import-caffe", tmp_path / "net.caffemodel") == 1
    error = capsys.readouterr().err
    assert error.startswith(f"segnet import-caffe: {tmp_path / 'net.caffemodel'}: the file is no c")
    assert error.count("\n") == 1
