# SPDX-License-Identifier: Apache-2.0

import copy
import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import yaml
from onnx import TensorProto, numpy_helper
from torch import nn

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.evaluation.metrics import confusion_matrix, scores
from segnet_ros.inference.engine.golden import read_golden
from segnet_ros.inference.files import write_image
from segnet_ros.inference.model import load_model
from segnet_ros.inference.openvino_core import openvino_core
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.training import export as exporting
from segnet_ros.training.checkpoint import CheckpointError, save_weights
from segnet_ros.training.engine_graph import engine_graph
from segnet_ros.training.export import ExportError, deployable, export, label_agreement, write_onnx
from segnet_ros.training.graph_labels import engine_labels
from segnet_ros.training.models import ARCHITECTURES, build_model
from segnet_ros.training.models.bayesian_segnet import BayesianSegNet
from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.deconvnet import DeconvNet
from segnet_ros.training.models.segnet import SegNet
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.trained import load_trained

CLASSES = len(CAMVID.classes)
CLASSES_JSON = json.dumps([asdict(item) for item in CAMVID.classes])
TINY = partial(SegNetLight, widths=(6, 8, 8), depths=(1, 2, 1))
FAMILY = {
    "segnet": partial(SegNet, widths=(4, 6, 8), depths=(2, 1, 2)),
    "segnet_basic": partial(SegNetBasic, kernel_size=3, width=8),
    "segnet_light": TINY,
}
BAYESIAN = {
    "bayesian_segnet": partial(BayesianSegNet, widths=(4, 6, 8, 8), depths=(1, 1, 2, 1)),
    "bayesian_segnet_basic": partial(BayesianSegNetBasic, kernel_size=3, width=8),
}
ODD = (75, 53)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)
    monkeypatch.setitem(ARCHITECTURES, "tiny_bayesian", BAYESIAN["bayesian_segnet_basic"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def randomize(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give batch norm something to fold, and the scores differences that decide."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, std=fan_in**-0.5, generator=generator)
            nn.init.normal_(module.bias, std=0.1, generator=generator)  # type: ignore[arg-type]
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2.0, generator=generator)
            nn.init.normal_(module.bias, std=0.3, generator=generator)
            nn.init.normal_(module.running_mean, std=0.3, generator=generator)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0, generator=generator)  # type: ignore[arg-type]
    nn.init.normal_(network.classifier.weight, std=1.0, generator=generator)  # type: ignore[union-attr,arg-type]
    return network.eval()


def save_tiny(path: Path, **recipe: Any) -> Path:
    return _save(path, TINY, {"architecture": "tiny", "epochs": 2} | recipe)


def save_tiny_bayesian(path: Path) -> Path:
    return _save(path, BAYESIAN["bayesian_segnet_basic"], {"architecture": "tiny_bayesian"})


def _save(path: Path, architecture: Any, recipe: dict[str, Any]) -> Path:
    metadata = {"recipe": json.dumps(recipe), "classes": CLASSES_JSON}
    save_weights(path, randomize(architecture(CLASSES)), metadata)
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "weights.safetensors")


def run_onnx(path: Path, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
    result = openvino_core().compile_model(str(path), "CPU", hints)(image[None])
    return result["labels"][0], result["confidence"][0]


def run_bayesian_onnx(path: Path, image: np.ndarray) -> list[np.ndarray]:
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
    result = openvino_core().compile_model(str(path), "CPU", hints)(image[None])
    return [result[name][0] for name in ("labels", "confidence", "uncertainty")]


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@cache
def picture(size: tuple[int, int], seed: int = 5) -> np.ndarray:
    return StreetDrive(seed, size).frame(3)[0]


@pytest.mark.parametrize("size", [(64, 48), ODD], ids=str)
@pytest.mark.parametrize("architecture", FAMILY)
def test_file_gives_pytorchs_labels_and_confidence(
    architecture: str, size: tuple[int, int], tmp_path: Path
) -> None:
    deployed = deployable(randomize(FAMILY[architecture](CLASSES)), Normalization())
    write_onnx(deployed, size, tmp_path / "model.onnx")
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    for image in (picture(size), noise):
        labels, confidence = run_onnx(tmp_path / "model.onnx", image)
        with torch.inference_mode():
            expected = [answer[0].numpy() for answer in deployed(torch.from_numpy(image)[None])]
        assert labels.dtype == confidence.dtype == np.uint8
        assert labels.shape == confidence.shape == (size[1], size[0])
        assert len(np.unique(labels)) > 3  # the comparison means something
        assert np.ptp(confidence) > 50
        # Another order of additions may flip a switch: a few pixels, not more.
        assert (labels == expected[0]).mean() > 0.998
        assert np.mean(np.abs(confidence - expected[1].astype(int)) <= 1) > 0.998


@pytest.mark.parametrize("size", [(64, 48), ODD], ids=str)
@pytest.mark.parametrize("architecture", BAYESIAN)
def test_bayesian_file_gives_pytorchs_answers(
    architecture: str, size: tuple[int, int], tmp_path: Path
) -> None:
    deployed = deployable(randomize(BAYESIAN[architecture](CLASSES)), Normalization(), samples=5)
    write_onnx(deployed, size, tmp_path / "model.onnx")
    image = picture(size)
    answers = run_bayesian_onnx(tmp_path / "model.onnx", image)
    with torch.inference_mode():
        expected = [answer[0].numpy() for answer in deployed(torch.from_numpy(image)[None])]
    for answer, reference in zip(answers, expected, strict=True):
        assert answer.dtype == np.uint8
        assert answer.shape == reference.shape == (size[1], size[0])
        assert np.ptp(reference) > 3  # the comparison means something
    assert (answers[0] == expected[0]).mean() > 0.998
    for answer, reference in zip(answers[1:], expected[1:], strict=True):
        # Another order of additions may flip a switch: a few pixels, not more.
        assert np.mean(np.abs(answer - reference.astype(int)) <= 1) > 0.995
    assert np.ptp(expected[2]) > 50
    # The second frame finds the same masks.
    again = run_bayesian_onnx(tmp_path / "model.onnx", image)
    assert all(np.array_equal(a, b) for a, b in zip(answers, again, strict=True))


def test_bayesian_answers_of_known_samples() -> None:
    network = BAYESIAN["bayesian_segnet_basic"](CLASSES).eval()
    deployed = deployable(network, Normalization(), samples=2)
    probability = torch.zeros(2, CLASSES, 1, 3)
    probability[:, 4, 0, 0] = 1.0  # agreed
    probability[0, 2, 0, 1] = probability[1, 9, 0, 1] = 1.0  # as far apart as can be
    probability[0, 3, 0, 2], probability[0, 5, 0, 2] = 0.9, 0.1
    probability[1, 3, 0, 2], probability[1, 5, 0, 2] = 0.7, 0.3
    deployed._probability = lambda image: probability  # type: ignore[method-assign]
    labels, confidence, uncertainty = deployed(torch.zeros(1, 1, 3, 3, dtype=torch.uint8))
    assert labels[0, 0].tolist() == [4, 2, 3]
    assert confidence[0, 0].tolist() == [255, 128, 204]
    # sqrt(1/4 + 1/4) and sqrt(0.01 + 0.01), each 255 times
    assert uncertainty[0, 0].tolist() == [0, 180, 36]


@pytest.mark.parametrize("architecture", [*FAMILY, "deconvnet"])
def test_folding_and_switching_keep_the_scores(architecture: str) -> None:
    # DeconvNet's transposed convolutions have batch norm to fold, too.
    deconvnet = partial(DeconvNet, widths=(4, 4, 6, 6, 6), fc_width=8)
    network = randomize({**FAMILY, "deconvnet": deconvnet}[architecture](CLASSES))
    image = torch.rand(1, 3, 29, 38, generator=torch.Generator().manual_seed(1))
    folded = exporting._fold_batch_norm(copy.deepcopy(network))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    with torch.inference_mode():
        before, after = network(image), folded(image)
    assert before.std() > 0.3
    assert torch.allclose(before, after, atol=1e-4)


def test_deployed_network_is_the_trained_one_rounded_to_half_precision(weights: Path) -> None:
    network = load_trained(weights).network
    reference = copy.deepcopy(network).eval()
    deployed = deployable(network, Normalization())
    image = torch.from_numpy(picture((64, 48)))[None]
    with torch.inference_mode():
        probability = torch.softmax(reference(Normalization()(image)), 1)
        labels, confidence = deployed(image)
    assert (labels == probability.argmax(1)).float().mean() > 0.98
    close = (confidence.float() / 255 - probability.amax(1)).abs() < 0.02
    assert close.float().mean() > 0.98
    for parameter in deployed.parameters():
        assert torch.equal(parameter, parameter.half().float())


def test_exporting_leaves_the_network_alone() -> None:
    network = randomize(TINY(CLASSES))
    before = copy.deepcopy(network.state_dict())
    switching = network.switching
    deployable(network, Normalization())
    assert network.switching is switching
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())


def test_labels_and_confidence_of_known_probabilities(tmp_path: Path) -> None:
    network = TINY(CLASSES)
    probabilities = torch.full((CLASSES,), 0.04)
    probabilities[7] = 0.6
    nn.init.zeros_(network.classifier.weight)
    with torch.no_grad():
        network.classifier.bias.copy_(probabilities.log())
    write_onnx(deployable(network, Normalization()), (64, 48), tmp_path / "model.onnx")
    labels, confidence = run_onnx(tmp_path / "model.onnx", picture((64, 48)))
    assert np.unique(labels).tolist() == [7]
    assert np.unique(confidence).tolist() == [153]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    write_onnx(deployable(randomize(TINY(CLASSES)), Normalization()), ODD, path)
    return onnx.load(path)


def test_graph_takes_bytes_and_gives_bytes(graph: onnx.ModelProto) -> None:
    ports = {
        port.name: (port.type.tensor_type.elem_type, [d.dim_value for d in dims])
        for port in (*graph.graph.input, *graph.graph.output)
        for dims in [port.type.tensor_type.shape.dim]
    }
    assert ports == {
        "image": (TensorProto.UINT8, [1, 53, 75, 3]),
        "labels": (TensorProto.UINT8, [1, 53, 75]),
        "confidence": (TensorProto.UINT8, [1, 53, 75]),
    }
    assert [item.version for item in graph.opset_import] == [17]


def test_graph_holds_no_indices_and_no_batch_normalization(graph: onnx.ModelProto) -> None:
    nodes = graph.graph.node
    forbidden = {"MaxUnpool", "BatchNormalization", "NonZero", "NonMaxSuppression", "TopK"}
    forbidden |= {"GatherND", "GatherElements", "Scatter", "ScatterND", "ScatterElements"}
    assert {node.op_type for node in nodes} & forbidden == set()
    makers = {name: node.op_type for node in nodes for name in node.output}
    # Sizes are picked out of shapes; pixels are not.
    assert {makers[n.input[0]] for n in nodes if n.op_type == "Gather"} <= {"Shape"}
    pools = [node for node in nodes if node.op_type == "MaxPool"]
    # Three stages, two poolings each (the values, and the scores of tied cells); no indices.
    assert [len(node.output) for node in pools] == [1] * 6


def test_bayesian_graph_is_small_and_draws_nothing_at_random(tmp_path: Path) -> None:
    network = randomize(BAYESIAN["bayesian_segnet_basic"](CLASSES))
    write_onnx(deployable(network, Normalization(), samples=6), ODD, tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    ports = [(p.name, [d.dim_value for d in p.type.tensor_type.shape.dim]) for p in graph.output]
    assert ports == [(name, [1, 53, 75]) for name in ("labels", "confidence", "uncertainty")]
    kinds = {node.op_type for node in graph.node}
    random = {"RandomUniform", "RandomUniformLike", "RandomNormal", "Bernoulli", "Multinomial"}
    assert kinds & (random | {"Dropout", "BatchNormalization"}) == set()
    masks = [t for t in graph.initializer if t.name.endswith("_words")]
    # pool3, pool4, decoder 4, decoder 3: six samples of eight maps.
    cells = sum(6 * 8 * places for places in (7 * 10, 4 * 5, 7 * 10, 14 * 19))
    assert len(masks) == 4
    assert sum(len(t.raw_data) for t in masks) < cells / 5
    largest = [node.attribute[0].t for node in graph.node if node.op_type == "Constant"]
    assert all(np.prod(t.dims) < 256 for t in largest if t.data_type == TensorProto.BOOL)


def test_kernels_are_stored_in_half_precision_and_lose_nothing(graph: onnx.ModelProto) -> None:
    network = deployable(randomize(TINY(CLASSES)), Normalization())
    kernels = [p.detach().numpy() for p in network.parameters() if p.numel() >= 256]
    stored = [
        numpy_helper.to_array(tensor)
        for tensor in graph.graph.initializer
        if tensor.data_type == TensorProto.FLOAT16
    ]
    assert len(kernels) >= 4
    assert len(stored) >= len(kernels)
    for kernel in kernels:
        assert any(np.array_equal(kernel, s) for s in stored if s.shape == kernel.shape)
    for tensor in graph.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            assert numpy_helper.to_array(tensor).size < 256, tensor.name


def test_model_folder_holds_every_fact(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "my_model"
    model = export(weights, folder, (64, 48), {"training_data": "CamVid train", "miou": 0.5})
    facts = yaml.safe_load((folder / "model.yaml").read_text())
    assert facts == {
        "format": 1,
        "name": "my_model",
        "architecture": "tiny",
        "input": {"width": 64, "height": 48},
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        "classes": [{"name": item.name, "color": list(item.color)} for item in CAMVID.classes],
        "recipe": {"architecture": "tiny", "epochs": 2},
        "agreement_with_pytorch": model.details["agreement_with_pytorch"],
        "training_data": "CamVid train",
        "miou": 0.5,
        "engine_graphs": {"fp16": asdict(model.engine_graphs["fp16"])},
        "golden": asdict(model.golden),
    }
    assert 0.999 <= facts["agreement_with_pytorch"] <= 1.0
    assert model.folder == folder
    assert load_model(folder).sha256 == model.sha256
    files = ["golden.npz", "model.onnx", "model.yaml", "model_fp16.onnx"]
    assert sorted(path.name for path in folder.iterdir()) == files
    assert [path.name for path in folder.parent.iterdir()] == ["my_model"]


def test_exported_model_runs_in_the_segmenter(weights: Path, tmp_path: Path) -> None:
    export(weights, tmp_path / "model", (64, 48), {})
    network = load_trained(weights).network
    image = picture((64, 48))
    with torch.inference_mode():
        expected = network.eval()(Normalization()(torch.from_numpy(image)[None]))[0].argmax(0)
    with Segmenter(tmp_path / "model") as segmenter:
        labels = segmenter.segment(image).labels
    # The runtime may compute in bfloat16.
    assert (labels == expected.numpy()).mean() > 0.8


def test_exported_bayesian_model_tells_its_uncertainty(tmp_path: Path) -> None:
    weights = save_tiny_bayesian(tmp_path / "weights.safetensors")
    model = export(weights, tmp_path / "model", (64, 48), {}, samples=3)
    assert model.details["samples"] == 3
    assert load_model(tmp_path / "model").details["samples"] == 3
    trained = load_trained(weights)
    deployed = deployable(trained.network, trained.normalization, samples=3)
    image = picture((64, 48))
    with torch.inference_mode():
        expected = deployed(torch.from_numpy(image)[None])[2][0].numpy()
    with Segmenter(tmp_path / "model") as segmenter:
        uncertainty = segmenter.segment(image).uncertainty
    assert uncertainty is not None
    # The runtime may compute in bfloat16.
    assert np.mean(np.abs(uncertainty - expected.astype(int))) < np.std(expected) / 2
    assert np.corrcoef(uncertainty.ravel(), expected.ravel())[0, 1] > 0.8


def test_bayesian_model_is_sampled_eight_times_by_default(tmp_path: Path) -> None:
    weights = save_tiny_bayesian(tmp_path / "weights.safetensors")
    assert export(weights, tmp_path / "model", (64, 48), {}).details["samples"] == 8


def test_samples_of_other_models_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="4 samples are asked of a network that has nothing"):
        export(weights, tmp_path / "model", (64, 48), {}, samples=4)
    assert not (tmp_path / "model").exists()


def test_older_model_is_replaced_as_a_whole(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "model"
    export(weights, folder, (64, 48), {"miou": 0.1})
    (folder / "left_over.txt").write_text("old")
    export(weights, folder, (80, 48), {})
    assert load_model(folder).size == (80, 48)
    assert "miou" not in load_model(folder).details
    assert not (folder / "left_over.txt").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_graph_that_differs_from_pytorch_is_refused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models" / "model"
    export(weights, folder, (64, 48), {})
    before = snapshot(folder)

    def write_other_weights(deployed: Any, size: tuple[int, int], path: Path) -> None:
        other = copy.deepcopy(deployed)
        nn.init.normal_(other.network.classifier.weight)
        write_onnx(other, size, path)

    monkeypatch.setattr(exporting, "write_onnx", write_other_weights)
    with pytest.raises(ExportError, match=r"label on \d+\.\d+% of the pixels; expected 99\.9%"):
        export(weights, folder, (64, 48), {})
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_engine_graph_that_is_too_bad_is_refused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models" / "model"
    export(weights, folder, (64, 48), {})
    before = snapshot(folder)

    def answer_nothing(deployed: Any, size: tuple[int, int]) -> onnx.ModelProto:
        other = copy.deepcopy(deployed)
        nn.init.constant_(other.network.classifier.weight, float("nan"))
        return engine_graph(other, size)

    monkeypatch.setattr(exporting, "engine_graph", answer_nothing)
    message = (
        r"the fp16 graph reaches mIoU 0\.00% on 8 rendered frames, model.onnx \d\.\d\d%; expected"
    )
    with pytest.raises(ExportError, match=message):
        export(weights, folder, (64, 48), {})
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_engine_graph_is_measured_on_given_frames(weights: Path, tmp_path: Path) -> None:
    labels = (np.arange(48 * 64).reshape(48, 64) // 300).astype(np.uint8)
    write_image(tmp_path / "data" / "val" / "a_0.png", picture((64, 48)))
    write_image(tmp_path / "data" / "valannot" / "a_0.png", labels)
    model = export(weights, tmp_path / "model", (64, 48), {}, data=tmp_path / "data")
    graph = model.engine_graphs["fp16"]
    assert graph.frames == "CamVid val, 1 frames"
    predicted, _ = run_onnx(tmp_path / "model" / "model.onnx", picture((64, 48)))
    expected = scores(confusion_matrix(labels, predicted, CLASSES)).miou
    assert graph.reference_miou == pytest.approx(expected, abs=2e-6)
    assert graph.miou == pytest.approx(expected, abs=0.005)


def test_golden_labels_are_the_models(weights: Path, tmp_path: Path) -> None:
    model = export(weights, tmp_path / "model", (64, 48), {})
    golden = read_golden(model)
    assert golden.images.shape == (3, 48, 64, 3)
    for seed, (image, labels) in enumerate(zip(golden.images, golden.labels, strict=True)):
        assert np.array_equal(image, StreetDrive(seed, (64, 48)).frame(10 * seed)[0])
        assert np.array_equal(labels, run_onnx(tmp_path / "model" / "model.onnx", image)[0])
    content = (tmp_path / "model" / "model_fp16.onnx").read_bytes()
    same = [
        engine_labels(content)(x) == y for x, y in zip(golden.images, golden.labels, strict=True)
    ]
    assert model.engine_graphs["fp16"].agreement == round(float(np.mean(same)), 6)
    assert 0.9 < np.mean(same) < 1.0


def test_refused_first_export_leaves_nothing(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "label_agreement", lambda *arguments: 0.998)
    with pytest.raises(ExportError, match=r"on 99\.80% of the pixels; .*nothing was written"):
        export(weights, tmp_path / "models" / "model", (64, 48), {})
    assert list((tmp_path / "models").iterdir()) == []


def test_agreement_is_the_share_of_equal_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = deployable(randomize(TINY(CLASSES)), Normalization())
    write_onnx(deployed, (64, 48), tmp_path / "model.onnx")
    assert label_agreement(deployed, tmp_path / "model.onnx", (64, 48)) > 0.999
    original = exporting._pytorch_labels

    def with_an_odd_quarter(*arguments: Any) -> np.ndarray:
        labels = original(*arguments)
        labels[:24, :32] = 200
        return labels

    monkeypatch.setattr(exporting, "_pytorch_labels", with_an_odd_quarter)
    agreement = label_agreement(deployed, tmp_path / "model.onnx", (64, 48))
    assert agreement == pytest.approx(0.75, abs=0.001)


def test_folder_that_is_no_model_is_not_replaced(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "holiday.jpg").write_text("precious")
    with pytest.raises(ExportError, match=r"photos has content but no model.yaml"):
        export(weights, folder, (64, 48), {})
    assert snapshot(folder) == {"holiday.jpg": b"precious"}


def test_empty_folder_may_be_filled(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    export(weights, tmp_path / "model", (64, 48), {})
    assert load_model(tmp_path / "model").name == "model"


def test_export_is_quiet(weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(weights, tmp_path / "model", ODD, {})
    assert capfd.readouterr() == ("", "")


def test_too_small_size_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="size is 32x24 pixels; expected at least 64x48"):
        export(weights, tmp_path / "model", (32, 24), {})
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ('{"architecture": "no_such_net"}', "'no_such_net' is not one of"),
        ('{"epochs": 3}', "'architecture'"),
        ("[1, 2]", "cannot use"),
        ("{broken", "cannot use"),
        ('{"architecture": ["segnet"]}', "cannot use"),
    ],
)
def test_weights_with_an_unusable_recipe_are_refused(
    tmp_path: Path, recipe: str, message: str
) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, TINY(CLASSES), {"recipe": recipe, "classes": CLASSES_JSON})
    with pytest.raises(CheckpointError, match=f"carry facts that this version .*{message}"):
        export(path, tmp_path / "model", (64, 48), {})


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = save_tiny(tmp_path / "weights.safetensors", architecture="segnet_basic_3x3")
    with pytest.raises(CheckpointError, match="are of another network"):
        export(path, tmp_path / "model", (64, 48), {})


def test_untouched_architectures_can_be_deployed() -> None:
    # The real layouts, not the thin ones above, on the smallest of pictures.
    for architecture in ("segnet_basic_3x3", "segnet_light"):
        deployed = deployable(build_model(architecture, CLASSES), Normalization())
        with torch.inference_mode():
            labels, confidence = deployed(torch.zeros(1, 24, 32, 3, dtype=torch.uint8))
        assert labels.shape == confidence.shape == (1, 24, 32)
        # Nearly equal scores at the start of training: about one in eleven.
        assert 20 <= confidence.float().mean() <= 40
