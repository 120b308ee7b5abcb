# SPDX-License-Identifier: Apache-2.0
"""Weights in PyTorch give what the model folder made of them gives."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F

from segnet_ros.datasets.frames import LabelledFrame, read_frame
from segnet_ros.datasets.taxonomy import VOID, Taxonomy
from segnet_ros.evaluation.evaluate import evaluate
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import write_image
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.training import export as exporting
from segnet_ros.training.checkpoint import CheckpointError, save_weights
from segnet_ros.training.deployed import DeployedNetwork
from segnet_ros.training.export import deployable, export
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.rendered_frames import Frame
from segnet_ros.training.torch_segmenter import TorchSegmenter
from segnet_ros.training.trained import load_trained

TINY = partial(SegNetLight, widths=(6, 8, 8), depths=(1, 2, 1))
SIZE = (96, 72)
# Sky; buildings, trees and poles; ground; what moves. Small classes would turn on single pixels.
GROUPS = Taxonomy(
    name="groups",
    classes=tuple(
        SegmentationClass(name, (index, 2 * index, 3 * index))
        for index, name in enumerate(("sky", "standing", "ground", "moving"))
    ),
    class_of={0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 1, 6: 1, 7: 1, 8: 3, 9: 3, 10: 3, 11: VOID},
)


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, "tiny", TINY)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledFrame]:
    folder = tmp_path_factory.mktemp("frames")
    drive = StreetDrive(0, SIZE)
    found = []
    for index in range(6):
        paths = folder / f"{index}.png", folder / f"{index}_labels.png"
        for path, pixels in zip(paths, drive.frame(10 * index), strict=True):
            write_image(path, pixels)
        found.append(LabelledFrame(*paths, f"drive_{index // 3}", GROUPS))
    return found


@pytest.fixture(scope="module")
def weights(frames: Sequence[LabelledFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few seconds of training: sure of most pixels, as every model worth comparing is."""
    images, labels = (np.stack(column) for column in zip(*map(read_frame, frames), strict=True))
    inputs = Normalization()(torch.from_numpy(images))
    torch.manual_seed(0)
    network = TINY(len(GROUPS.classes))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(60):
        loss = F.cross_entropy(network(inputs), torch.from_numpy(labels).long(), ignore_index=VOID)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    path = tmp_path_factory.mktemp("runs") / "mine" / "weights.safetensors"
    facts = {"recipe": {"architecture": "tiny"}, "classes": [asdict(c) for c in GROUPS.classes]}
    save_weights(path, network, {name: json.dumps(fact) for name, fact in facts.items()})
    return path


def _noise(width: int, height: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)


def test_answers_as_the_exported_graph_does(weights: Path, frames: Sequence[LabelledFrame]) -> None:
    trained = load_trained(weights)
    deployed = DeployedNetwork(trained.network, trained.normalization)
    segmenter = TorchSegmenter(weights)
    for image in (read_frame(frames[0])[0], _noise(75, 53)):
        answer = segmenter.segment(image)
        with torch.inference_mode():
            labels, confidence = deployed(torch.from_numpy(image[None]))
        np.testing.assert_array_equal(answer.labels, labels[0])
        assert np.abs(answer.confidence.astype(int) - confidence[0].numpy()).max() <= 1
        assert answer.labels.dtype == answer.confidence.dtype == np.uint8
        assert answer.labels.shape == answer.confidence.shape == image.shape[:2]
        assert len(np.unique(answer.labels)) > 2
        assert np.ptp(answer.confidence) > 50


def test_bayesian_weights_sample_as_their_export_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = partial(BayesianSegNetBasic, kernel_size=3, width=8)
    monkeypatch.setitem(ARCHITECTURES, "bayesian", small)
    torch.manual_seed(2)
    network = ARCHITECTURES["bayesian"](len(GROUPS.classes))
    torch.nn.init.normal_(network.get_submodule("classifier").weight)
    facts = {"recipe": {"architecture": "bayesian"}, "classes": [asdict(c) for c in GROUPS.classes]}
    path = tmp_path / "weights.safetensors"
    save_weights(path, network, {name: json.dumps(fact) for name, fact in facts.items()})
    image = _noise(32, 24)
    answer = TorchSegmenter(path).segment(image)
    trained = load_trained(path)
    with torch.inference_mode():
        expected = deployable(trained.network, trained.normalization)(torch.from_numpy(image[None]))
    assert answer.uncertainty is not None
    assert answer.uncertainty.mean() > 10
    answers = (answer.labels, answer.confidence, answer.uncertainty)
    for ours, exported in zip(answers, expected, strict=True):
        # The export rounds its weights to half precision.
        assert np.mean(np.abs(ours.astype(int) - exported[0].numpy()) <= 1) > 0.95


def test_facts(weights: Path) -> None:
    segmenter = TorchSegmenter(weights)
    assert segmenter.model.name == "mine/weights.safetensors"
    assert segmenter.model.classes == GROUPS.classes
    version = torch.__version__.split("+")[0]
    assert segmenter.runtime.startswith(f"PyTorch {version} ")
    assert segmenter.runtime.endswith(" f32")


def test_rows_may_be_padded(weights: Path) -> None:
    segmenter = TorchSegmenter(weights)
    wide = _noise(80, 48)
    view = wide[:, 8:72]
    np.testing.assert_array_equal(
        segmenter.segment(view).labels, segmenter.segment(view.copy()).labels
    )


def test_scores_are_those_of_the_exported_model(
    weights: Path,
    frames: Sequence[LabelledFrame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Rendering the frames of its own check takes most of the time of an export this small.
    monkeypatch.setattr(exporting, "rendered_frames", lambda size: [Frame(*read_frame(frames[0]))])
    export(weights, tmp_path / "model", SIZE, {})
    with Segmenter(tmp_path / "model") as segmenter:
        exported = evaluate(segmenter, frames)
    trained = evaluate(TorchSegmenter(weights), frames)
    assert 0.5 < trained.miou < 0.99
    for name in ("global_accuracy", "class_accuracy", "miou", "fwiou", "bf", "ece"):
        assert getattr(trained, name) == pytest.approx(getattr(exported, name), abs=1e-3), name
    assert trained.model == "mine/weights.safetensors"
    assert trained.sequences.keys() == {"drive_0", "drive_1"}


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32)], ids=["grey", "float"]
)
def test_other_pictures_are_refused(weights: Path, image: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(InferenceError, match=r"expected uint8 \(height, width, 3\), RGB"):
        TorchSegmenter(weights).segment(image)


def test_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.safetensors cannot be read"):
        TorchSegmenter(tmp_path / "none.safetensors")
