# SPDX-License-Identifier: Apache-2.0
"""Keypoints and counts, learned from rendered streets and asked of streets never seen."""

import copy
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from segnet_ros.inference.openvino_core import openvino_core
from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.simulation.layout import Thing
from segnet_ros.training.errors import TrainingError
from segnet_ros.training.models.point_heads import DensityNetwork, HeatmapNetwork
from segnet_ros.training.models.segnet_basic import SegNetBasic
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.models.switches import MaskSwitching
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.points import PointFrame, peaks
from segnet_ros.training.train_points import predict, train_points

SIZE = (96, 64)
SLOTS = 7
HEIGHTS = {"beacon": 2.78, "traffic_light": 2.92}
"""Metres from the ground to the middle of the globe, and of the signal head."""


class PostStreet(StreetDrive):
    """A street cleared of all but posts: beacons and traffic lights 7 to 12 m ahead."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, SIZE)
        self.seed = seed

    def things(self, index: int) -> list[Thing]:
        rng = np.random.default_rng((self.seed, index))
        taken = rng.random(SLOTS) < rng.random()
        return [self._post(index, slot, rng) for slot in np.nonzero(taken)[0]]

    def point_frame(self, index: int) -> PointFrame:
        """The frame, and the points of every kind that are in sight."""
        things, shown = self.instances(index)
        points: dict[str, list[tuple[float, float]]] = {kind: [] for kind in HEIGHTS}
        for place, thing in enumerate(things):
            top = np.array([(thing.x, HEIGHTS[thing.kind], thing.s)])
            x, y = self.camera(index).project(top)[0]
            column, row = round(x), round(y)
            inside = 0 <= column < SIZE[0] and 0 <= row < SIZE[1]
            if inside and shown[row, column] == place:
                points[thing.kind].append((x, y))
        return PointFrame(self.frame(index)[0], list(points.values()))

    def _post(self, index: int, slot: int, rng: np.random.Generator) -> Thing:
        camera = self.camera(index)
        depth = rng.uniform(7, 12)
        across = (slot + rng.uniform(0.2, 0.8)) / SLOTS - 0.5
        x = camera.x + across * depth - float(camera.bend(camera.s + depth))
        kind = str(rng.choice(list(HEIGHTS)))
        return Thing(kind, x, camera.s + depth, 1, int(rng.integers(1 << 20)))


def render(seeds: range, per_street: int) -> list[PointFrame]:
    streets = map(PostStreet, seeds)
    return [street.point_frame(61 * k) for street in streets for k in range(per_street)]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def known() -> list[PointFrame]:
    return render(range(20), per_street=8)


@pytest.fixture(scope="module")
def unseen() -> list[PointFrame]:
    return render(range(1000, 1010), per_street=5)


class Mirrored(Sequence[PointFrame]):
    """Augments as a user's own sequence may: a frame is drawn anew whenever it is asked for."""

    def __init__(self, frames: Sequence[PointFrame]) -> None:
        self.frames = frames
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> PointFrame:
        image, kinds = self.frames[index]
        if self.rng.random() < 0.5:
            return self.frames[index]
        return PointFrame(image[:, ::-1], [[(SIZE[0] - 1 - x, y) for x, y in p] for p in kinds])


@pytest.fixture(scope="module")
def heatmap_network(known: list[PointFrame]) -> HeatmapNetwork:
    torch.manual_seed(0)
    network = HeatmapNetwork(SegNetBasic(2, kernel_size=3, width=16))
    losses = train_points(network, Mirrored(known), steps=400, learning_rate=1.2e-2)
    assert np.mean(losses[-20:]) < 0.3 * np.mean(losses[:20])
    return network


def hits(wanted: Sequence[object], offered: Sequence[object]) -> int:
    """How many of the wanted points have one of the offered ones within 2 px."""
    first, second = (np.asarray(points, float).reshape(-1, 2) for points in (wanted, offered))
    distances = np.linalg.norm(first[:, None] - second[None], axis=2)
    return int((distances.min(axis=1, initial=np.inf) <= 2).sum())


def test_heat_maps_peak_within_two_pixels_of_keypoints_never_seen(
    heatmap_network: HeatmapNetwork, unseen: list[PointFrame]
) -> None:
    points = near = peaks_found = true = 0
    for frame in unseen:
        for heatmap, wanted in zip(
            predict(heatmap_network, frame.image), frame.points, strict=True
        ):
            found = [peak[:2] for peak in peaks(heatmap, 0.4)]
            points, near = points + len(wanted), near + hits(wanted, found)
            peaks_found, true = peaks_found + len(found), true + hits(found, wanted)
    assert points > 120
    assert near / points > 0.9
    assert true / peaks_found > 0.8


def test_density_counts_things_never_seen(
    known: list[PointFrame], unseen: list[PointFrame]
) -> None:
    def in_one_kind(frames: Sequence[PointFrame]) -> list[PointFrame]:
        return [PointFrame(image, [[*one, *other]]) for image, (one, other) in frames]

    torch.manual_seed(0)
    network = DensityNetwork(SegNetLight(1, widths=(16, 24, 32, 32), depths=(1, 1, 2, 2)))
    train_points(network, Mirrored(in_one_kind(known)), steps=500, learning_rate=1.6e-2)
    counts = np.array([predict(network, frame.image).sum() for frame in unseen])
    wanted = np.array([len(frame.points[0]) for frame in in_one_kind(unseen)])
    assert counts.sum() == pytest.approx(wanted.sum(), rel=0.1)
    # Whoever always answers the mean gets the total right, too, but not the frames.
    always_mean = np.abs(wanted - wanted.mean()).mean()
    assert np.abs(counts - wanted).mean() < 0.4 * always_mean


def test_exported_heat_maps_are_pytorchs(
    heatmap_network: HeatmapNetwork, unseen: list[PointFrame], tmp_path: Path
) -> None:
    exported = copy.deepcopy(heatmap_network)
    for module in exported.modules():
        if hasattr(module, "switching"):
            module.switching = MaskSwitching()
    example = torch.zeros(1, SIZE[1], SIZE[0], 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            nn.Sequential(Normalization(), exported),
            (example,),
            str(tmp_path / "heatmaps.onnx"),
            opset_version=17,
            dynamo=False,
        )
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
    graph = openvino_core().compile_model(str(tmp_path / "heatmaps.onnx"), "CPU", hints)
    for frame in unseen[:5]:
        heat = graph(frame.image[None])[0][0]
        assert heat.max() > 0.4
        np.testing.assert_allclose(heat, predict(heatmap_network, frame.image), atol=1e-3)


def tiny(kinds: int) -> SegNetBasic:
    torch.manual_seed(0)
    return SegNetBasic(kinds, kernel_size=3, width=4)


def grey(width: int = 16, kinds: int = 1) -> PointFrame:
    return PointFrame(np.full((12, width, 3), 90, np.uint8), [[(3.0, 4.0)]] * kinds)


def test_same_seeds_give_the_same_network(known: list[PointFrame]) -> None:
    networks = []
    for seed in (1, 1, 2):
        networks.append(DensityNetwork(tiny(2)))
        train_points(networks[-1], known[:6], steps=3, batch_size=2, seed=seed)
    first, same, other = (predict(network, known[0].image) for network in networks)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    assert not networks[0].training


def test_learning_goes_where_the_points_are() -> None:
    image = np.full((16, 24, 3), 60, np.uint8)
    image[4:7, 17:20] = 230
    network = HeatmapNetwork(tiny(1))
    train_points(network, [PointFrame(image, [[(18.0, 5.0)]])], steps=120, learning_rate=1e-2)
    (peak,) = peaks(predict(network, image)[0], 0.5)
    assert peak[:2] == pytest.approx((18.0, 5.0), abs=0.5)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "no frames to learn from"),
        ([grey(kinds=3)], "a frame has 3 kinds of points; the network answers 1"),
        ([grey(), grey(width=20)], r"shapes \(12, 16, 3\), \(12, 20, 3\); expected one"),
        ([PointFrame(np.zeros((12, 16), np.uint8), [[]])], r"uint8 \[12, 16\]; expected uint8"),
        ([PointFrame(np.zeros((12, 16, 3)), [[]])], r"is float64 \[12, 16, 3\]; expected uint8"),
    ],
)  # fmt: skip
def test_frames_that_cannot_be_learned_from_are_refused(
    frames: list[PointFrame], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        train_points(HeatmapNetwork(tiny(1)), frames, steps=2)


def test_density_that_died_is_reported() -> None:
    network = tiny(1)
    nn.init.constant_(network.classifier.bias, -9.0)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="0 at every pixel for good; lower learning_rate"):
        train_points(DensityNetwork(network), [grey()], steps=2)


def test_loss_that_is_no_number_is_reported() -> None:
    network = tiny(1)
    nn.init.constant_(network.classifier.bias, np.nan)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="the loss is nan; lower learning_rate"):
        train_points(DensityNetwork(network), [grey()], steps=2)
