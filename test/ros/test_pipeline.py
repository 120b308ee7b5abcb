"""Frames through genuine publishers of a node that nobody spins."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rclpy
from peer import image
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from test_node_diagnostics import ENGINE

from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.taxonomy import own_taxonomy
from segnet_ros.ros.books import Books
from segnet_ros.ros.labelling import Labelling, LoadedModel
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.pipeline import Pipeline

LOST = "CUDA error 700 (an illegal memory access); restart the program"
GREY = np.full((12, 16, 3), 9, np.uint8)


class GpuSegmenter(Segmenter):
    """Answers on the CPU, tells a GPU's timings, and fails as a runtime does that lost its GPU."""

    is_lost = False
    batches: list[int]

    @property
    def engine(self) -> EngineStatus:
        return replace(
            ENGINE, timings={"h2d": 0.25, "compute": 5.5}, failure=LOST if self.is_lost else ""
        )

    def segment(self, image):
        self.batches = [*getattr(self, "batches", []), 1]
        if self.is_lost:
            raise InferenceError(LOST)
        return super().segment(image)

    def segment_all(self, images):
        images = list(images)
        self.batches = [*getattr(self, "batches", []), len(images)]
        return super().segment_all(images)


def labelling(segmenter: Segmenter, version: int = 1, threshold: float = 0.0) -> Labelling:
    model = LoadedModel(segmenter, "channel")
    return Labelling.create(model, own_taxonomy(segmenter.model), threshold, version)


class Rig:
    """A node with a pipeline."""

    def __init__(self, model: Path, **parameters) -> None:
        self.context = rclpy.Context()
        self.context.init(args=[])
        # Not the name of the node under test elsewhere: rclpy keeps lifecycle services for a while.
        self.node = LifecycleNode(
            "pipeline",
            context=self.context,
            parameter_overrides=[Parameter(name, value=v) for name, v in parameters.items()],
        )
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.settings = NodeParameters(self.node)
        self.settings.declare_cameras()
        self.segmenter = GpuSegmenter(model)
        self.pipeline = Pipeline(self.node, labelling(self.segmenter), self.settings)

    def start(self) -> None:
        # Nobody listens to this node, so that the cameras are not subscribed: frames are handed in.
        self.pipeline.start()

    def submit(self, count: int = 1, camera: str = "") -> None:
        """One after the other, so that none is superseded."""
        for _ in range(count):
            self.pipeline.cameras[camera]._receive(image(GREY, "rgb8"))
            self.wait(lambda: not self.books(camera).pending)

    def wait(self, condition) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.001)

    def books(self, camera: str = "") -> Books:
        return self.pipeline.books(camera)

    def close(self) -> None:
        self.pipeline.stop()
        self.pipeline.close()
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.shutdown()


@pytest.fixture
def rig(own_domain: None, channel_model: Path) -> Iterator[Rig]:
    rig = Rig(channel_model)
    yield rig
    rig.close()


def test_the_stages_of_a_frame(rig: Rig):
    rig.start()
    rig.submit(2)
    stages = rig.pipeline.cameras[""].log.latency.percentiles_ms()
    assert list(stages) == [
        "age", "wait", "decode", "resize", "infer", "gpu h2d", "gpu compute", "publish", "total",
    ]  # fmt: skip
    assert stages["gpu h2d"] == pytest.approx((0.25,) * 4)
    assert stages["gpu compute"] == pytest.approx((5.5,) * 4)
    parts = [stages[stage][0] for stage in ("decode", "resize", "infer", "publish")]
    assert 0 < sum(parts) <= 2 * stages["total"][3]


def test_a_lost_gpu_fails_every_frame_and_hangs_nothing(rig: Rig):
    rig.start()
    rig.submit()
    rig.segmenter.is_lost = True
    rig.submit(4)
    log = rig.pipeline.cameras[""].log
    assert (log.failures_in_a_row, log.last_error) == (4, LOST)
    rig.segmenter.is_lost = False
    rig.submit()
    assert (log.failures_in_a_row, log.last_error) == (0, LOST)
    rig.pipeline.stop()
    assert rig.books() == Books(received=6, published=2, failed=4)


def test_frames_of_several_cameras_share_an_inference(own_domain: None, channel_model: Path):
    rig = Rig(channel_model, cameras=["front", "left"], batch_size=4, batch_window=0.5)
    try:
        rig.start()
        for _ in range(3):
            for camera in ("front", "left"):
                rig.pipeline.cameras[camera]._receive(image(GREY, "rgb8"))
            rig.wait(lambda: not rig.books("front").pending and not rig.books("left").pending)
        assert 2 in rig.segmenter.batches
        for camera in ("front", "left"):
            assert rig.books(camera) == Books(received=3, published=3)
    finally:
        rig.close()


def test_one_cameras_bad_image_fails_alone(own_domain: None, channel_model: Path):
    rig = Rig(channel_model, cameras=["front", "left"], batch_size=2, batch_window=0.5)
    try:
        rig.start()
        rig.pipeline.cameras["left"]._receive(image(GREY, "nonsense"))
        rig.submit(camera="front")
        rig.wait(lambda: rig.books("left").failed == 1)
        front, left = (rig.pipeline.cameras[name].log for name in ("front", "left"))
        assert (front.failures_in_a_row, left.failures_in_a_row) == (0, 1)
        assert "nonsense" in left.last_error
        assert rig.books("front") == Books(received=1, published=1)
    finally:
        rig.close()


def test_an_exchange_waits_for_nothing_and_frees_the_old_model_later(rig: Rig, channel_model: Path):
    rig.start()
    rig.submit()
    old = rig.pipeline.labelling
    with old.model.in_use:  # a frame is in work
        new = labelling(GpuSegmenter(channel_model), version=2)
        rig.pipeline.exchange(new)
        assert rig.pipeline.labelling is new
        assert rig.pipeline._announced is old
    rig.submit()
    assert rig.pipeline._announced is new
    assert new.model.segmenter.batches == [1]
    assert old.model.segmenter.batches == [1]
    old.model.retire()


def test_an_exchange_is_announced_at_once_while_nothing_is_in_work(rig: Rig):
    rig.start()
    new = replace(rig.pipeline.labelling, version=2)
    rig.pipeline.exchange(new)
    assert rig.pipeline._announced is new


def test_a_threshold_turns_uncertain_pixels_into_unlabelled(rig: Rig):
    rig.start()
    future = rig.pipeline.cameras[""].capture.request()
    rig.pipeline.exchange(labelling(rig.segmenter, 2, threshold=0.5))
    rig.submit()
    # What is saved are the model's own labels.
    captured = future.result()
    assert np.unique(captured.labels).tolist() == [0]
    assert np.unique(captured.confidence).tolist() == [9]
    shown = rig.pipeline.labelling.published(rig.segmenter.segment(GREY))
    assert np.unique(shown.labels).tolist() == [255]
    assert np.unique(shown.color).tolist() == [0]


def test_frames_older_than_max_age_are_stale(rig: Rig):
    rig.settings._check([Parameter("max_age", value=1.0)])
    rig.start()
    rig.pipeline.cameras[""]._receive(image(GREY, "rgb8", stamp=(1000, 0)))
    rig.wait(lambda: rig.books().stale == 1)
    assert rig.books() == Books(received=1, stale=1)


def test_a_request_for_a_frame_ends_when_the_node_stops(rig: Rig):
    rig.start()
    future = rig.pipeline.cameras[""].capture.request()
    rig.pipeline.stop()
    assert future.done()
    assert future.result() is None
