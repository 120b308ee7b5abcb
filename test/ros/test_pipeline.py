"""Frames through genuine publishers of a node that nobody spins."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rclpy
from peer import image
from rclpy.lifecycle import LifecycleNode
from test_diagnostics import ENGINE

from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.ros.newest_frame_worker import Books
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.pipeline import Pipeline

LOST = "CUDA error 700 (an illegal memory access); restart the program"


class GpuSegmenter(Segmenter):
    """Answers on the CPU, tells a GPU's timings, and fails as a runtime does that lost its GPU."""

    is_lost = False

    @property
    def engine(self) -> EngineStatus:
        return replace(
            ENGINE, timings={"h2d": 0.25, "compute": 5.5}, failure=LOST if self.is_lost else ""
        )

    def segment(self, image):
        if self.is_lost:
            raise InferenceError(LOST)
        return super().segment(image)


@pytest.fixture
def pipeline(own_domain: None, channel_model: Path) -> Iterator[Pipeline]:
    context = rclpy.Context()
    context.init(args=[])
    # Not the name of the node under test elsewhere: rclpy keeps lifecycle services for a while.
    node = LifecycleNode("pipeline", context=context)
    pipeline = Pipeline(node, GpuSegmenter(channel_model), NodeParameters(node))
    yield pipeline
    pipeline.worker.stop()
    pipeline.close()
    node.destroy_node()
    context.shutdown()


def submit(pipeline: Pipeline, count: int) -> None:
    """One after the other, so that none is superseded."""
    pixels = np.zeros((12, 16, 3), np.uint8)
    for _ in range(count):
        before = pipeline.worker.books
        pipeline.worker.submit(image(pixels, "rgb8"))
        while pipeline.worker.books.pending or pipeline.worker.books == before:
            pass


def test_the_gpus_own_times_are_stages(pipeline: Pipeline):
    pipeline.worker.start()
    submit(pipeline, 2)
    stages = pipeline.latency.percentiles_ms()
    assert list(stages) == [
        "age", "decode", "resize", "infer", "gpu h2d", "gpu compute", "publish", "total",
    ]  # fmt: skip
    assert stages["gpu h2d"] == pytest.approx((0.25,) * 3)
    assert stages["gpu compute"] == pytest.approx((5.5,) * 3)


def test_a_lost_gpu_fails_every_frame_and_hangs_nothing(pipeline: Pipeline):
    pipeline.worker.start()
    submit(pipeline, 1)
    pipeline.segmenter.is_lost = True
    submit(pipeline, 4)
    assert pipeline.failures_in_a_row == 4
    assert pipeline.last_error == LOST
    pipeline.worker.stop()
    assert pipeline.worker.books == Books(received=5, published=1, failed=4)


def test_a_frame_that_succeeds_ends_the_row(pipeline: Pipeline):
    pipeline.worker.start()
    pipeline.segmenter.is_lost = True
    submit(pipeline, 2)
    assert pipeline.failures_in_a_row == 2
    pipeline.segmenter.is_lost = False
    submit(pipeline, 1)
    assert pipeline.failures_in_a_row == 0
    assert pipeline.last_error == LOST
