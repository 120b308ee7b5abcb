# SPDX-License-Identifier: Apache-2.0
"""Frames through genuine publishers of a node that nobody spins."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rclpy
from peer import image
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from rclpy.time import Time
from test_node_diagnostics import ENGINE

from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.labelling import Labelling, LoadedModel
from segnet_ros.inference.segmenter import Segmenter
from segnet_ros.inference.taxonomy import own_taxonomy
from segnet_ros.ros import watchdog
from segnet_ros.ros.books import Books
from segnet_ros.ros.clock_watch import ClockWatch
from segnet_ros.ros.outputs import Outputs
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.pipeline import Pipeline

LOST = "CUDA error 700 (an illegal memory access); restart the program"
NOW = 1000  # by the simulated clock, seconds
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


class CpuSegmenter(GpuSegmenter):
    """Has no engine."""

    engine = None  # type: ignore[assignment]


def labelling(segmenter: Segmenter, version: int = 1, threshold: float = 0.0) -> Labelling:
    model = LoadedModel(segmenter, "channel")
    return Labelling.create(model, own_taxonomy(segmenter.model), threshold, version)


class Rig:
    """A node with a pipeline."""

    def __init__(self, model: Path, kind: type[GpuSegmenter] = GpuSegmenter, **parameters) -> None:
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
        self.segmenter = kind(model)
        self.hangs: list[str] = []
        self.pipeline = Pipeline(
            self.node, labelling(self.segmenter), self.settings, self.hangs.append
        )

    def start(self) -> None:
        # Nobody listens to this node, so that the cameras are not subscribed: frames are handed in.
        self.pipeline.start()

    def submit(self, count: int = 1, camera: str = "") -> None:
        """One after the other, so that none is superseded."""
        for _ in range(count):
            self.pipeline.cameras[camera]._receive(image(GREY, "rgb8"))
            self.settle()

    def arrive(self, seconds: int, camera: str = "", picture: np.ndarray = GREY) -> None:
        """A message with that stamp comes from the camera; nothing is waited for."""
        self.pipeline.cameras[camera]._arrive(image(picture, "rgb8", stamp=(seconds, 0)))

    def settle(self) -> None:
        """Until nothing is in work and nothing waits."""
        self.wait(lambda: not any(self.books(c).pending for c in self.pipeline.cameras))

    @contextmanager
    def worker_held(self, camera: str = "") -> Iterator[None]:
        """A frame of the camera is in work all the time; what comes meanwhile has to wait."""
        with self.pipeline.labelling.model.in_use:
            self.arrive(NOW, camera)
            slot = self.pipeline._scheduler._slots[camera]
            self.wait(lambda: slot.waiting is None)
            yield
        self.settle()

    def set(self, name: str, value) -> None:
        """A live parameter."""
        assert self.settings._check([Parameter(name, value=value)]).successful

    def tick(self, seconds: float) -> None:
        """As /clock does."""
        clock = self.node.get_clock()
        clock.set_ros_time_override(Time(seconds=seconds, clock_type=clock.clock_type))

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
def make(own_domain: None, channel_model: Path) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def made(*arguments, **parameters) -> Rig:
        rigs.append(Rig(channel_model, *arguments, **parameters))
        rigs[-1].start()
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.close()


@pytest.fixture
def rig(own_domain: None, channel_model: Path) -> Iterator[Rig]:
    rig = Rig(channel_model)
    yield rig
    rig.close()


@pytest.fixture
def labelled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Camera and stamp of every frame whose labels went out."""
    seen: list[tuple[str, int]] = []

    def note(self, shown, header, calibration) -> None:
        seen.append((self._prefix.strip("~/"), header.stamp.sec))

    monkeypatch.setattr(Outputs, "publish", note)
    return seen


def test_the_stages_of_a_frame(rig: Rig) -> None:
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


def test_a_lost_gpu_fails_every_frame_and_hangs_nothing(rig: Rig) -> None:
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


def test_a_hang_is_booked_and_told_before_the_process_ends(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    monkeypatch.setattr(watchdog, "end_hanging_process", told.set)
    rig = make(cameras=["front", "left"])
    leave = threading.Event()
    segment = rig.segmenter.segment
    monkeypatch.setattr(rig.segmenter, "segment", lambda image: leave.wait(20) and segment(image))
    rig.set("watchdog", 0.2)
    rig.arrive(1, "front")
    rig.wait(lambda: rig.pipeline._scheduler.in_work)
    rig.arrive(2, "front")
    rig.arrive(3, "left")
    assert told.wait(20)
    # What comes while others get to know is not lost from the books.
    rig.arrive(4, "left")
    assert rig.books("front") == Books(received=2, superseded=1, failed=1)
    assert rig.books("left") == Books(received=2, superseded=2)
    [hang] = rig.hangs
    assert re.fullmatch(
        r"1 frame\(s\) in work for \d+\.\d s: OpenVINO \S+ CPU \w+ hangs or is too slow, in "
        r"labelling.py:\d+ segment_all; the process ends with exit code 70, and launch's "
        r"respawn:=true starts it again; a larger parameter watchdog would wait longer",
        hang,
    )
    log = rig.pipeline.cameras["front"].log
    assert (log.failures_in_a_row, log.last_error) == (1, hang)
    assert rig.pipeline.cameras["left"].log.failures_in_a_row == 0
    leave.set()


def test_a_batch_that_ended_while_the_watchdog_made_up_its_mind_is_no_hang(rig: Rig) -> None:
    rig.start()
    rig.submit()
    rig.wait(lambda: not rig.pipeline._scheduler.in_work)
    assert rig.pipeline._hang(batch=1, seconds=10.2) is False
    assert rig.hangs == []
    rig.submit()  # the worker still works
    assert rig.books() == Books(received=2, published=2)


def test_frames_of_several_cameras_share_an_inference(
    own_domain: None, channel_model: Path
) -> None:
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


def test_answers_of_one_inference_go_to_their_own_cameras(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int, list[int], list[int]]] = []

    def note(self, shown, header, calibration) -> None:
        labels, confidence = np.unique(shown.labels), np.unique(shown.confidence)
        camera = self._prefix.strip("~/")
        seen.append((camera, header.stamp.sec, labels.tolist(), confidence.tolist()))

    monkeypatch.setattr(Outputs, "publish", note)
    names = ["front", "left", "right"]
    rig = make(cameras=names, batch_size=3, batch_window=0.0)
    with rig.worker_held("front"):
        for channel, camera in enumerate(names):
            picture = np.zeros((12 + channel, 16, 3), np.uint8)
            picture[..., channel] = 100 + channel
            rig.arrive(1 + channel, camera, picture)
    assert rig.segmenter.batches[-1] == 3
    assert sorted(seen[1:]) == [
        ("front", 1, [0], [100]), ("left", 2, [1], [101]), ("right", 3, [2], [102]),
    ]  # fmt: skip


def test_a_camera_that_nobody_wants_any_more_gives_up_its_own_frame_only(make, labelled) -> None:
    rig = make(cameras=["front", "left", "right"])
    with rig.worker_held("front"):
        for camera in ("left", "right"):
            rig.arrive(1, camera)
        rig.pipeline.cameras["left"]._gone()
        assert rig.books("left") == Books(received=1, superseded=1)
        assert rig.books("right") == Books(received=1, pending=1)
    assert labelled == [("front", NOW), ("right", 1)]


def test_one_cameras_bad_image_fails_alone(own_domain: None, channel_model: Path) -> None:
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


def test_an_exchange_waits_for_nothing_and_frees_the_old_model_later(
    rig: Rig, channel_model: Path
) -> None:
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


def test_a_frame_that_waits_for_its_model_gets_the_one_exchanged_meanwhile(
    rig: Rig, channel_model: Path
) -> None:
    rig.start()
    old = rig.pipeline.labelling
    new = labelling(GpuSegmenter(channel_model), version=2)
    with rig.worker_held():
        time.sleep(0.05)  # the worker has begun to wait, or will find the new one at once
        rig.pipeline.exchange(new)
    assert not hasattr(old.model.segmenter, "batches")
    assert new.model.segmenter.batches == [1]
    assert rig.books() == Books(received=1, published=1)
    old.model.retire()


def test_an_image_lost_on_its_way_is_logged(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    rig.pipeline._reader._report(ValueError("the message is cut off"))
    assert "[pipeline]: image lost: ValueError: the message is cut off" in capfd.readouterr().err


def test_an_exchange_is_announced_at_once_while_nothing_is_in_work(rig: Rig) -> None:
    rig.start()
    new = replace(rig.pipeline.labelling, version=2)
    rig.pipeline.exchange(new)
    assert rig.pipeline._announced is new


def test_a_threshold_turns_uncertain_pixels_into_unlabelled(rig: Rig) -> None:
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


def test_frames_older_than_max_age_are_stale(rig: Rig) -> None:
    rig.set("max_age", 1.0)
    rig.start()
    rig.pipeline.cameras[""]._receive(image(GREY, "rgb8", stamp=(1000, 0)))
    rig.wait(lambda: rig.books().stale == 1)
    assert rig.books() == Books(received=1, stale=1)


def test_a_request_for_a_frame_ends_when_the_node_stops(rig: Rig) -> None:
    rig.start()
    future = rig.pipeline.cameras[""].capture.request()
    rig.pipeline.stop()
    assert future.done()
    assert future.result() is None


def test_runtimes_that_take_one_frame_at_a_time_wait_for_no_batch(make) -> None:
    rig = make(CpuSegmenter, cameras=["front", "left"], batch_size=2, batch_window=0.5)
    for _ in range(4):
        for camera in ("front", "left"):
            rig.arrive(NOW, camera)
        rig.settle()
    assert rig.segmenter.batches == [1] * 8
    for camera in ("front", "left"):
        assert rig.books(camera) == Books(received=4, published=4)


def test_the_newest_frame_wins(make, labelled) -> None:
    rig = make()
    with rig.worker_held():
        for stamp in range(1, 8):
            rig.arrive(stamp)
            assert rig.books() == Books(received=1 + stamp, superseded=stamp - 1, pending=2)
    assert labelled == [("", NOW), ("", 7)]
    assert rig.books() == Books(received=8, published=2, superseded=6)


def test_priorities_hold_from_the_next_frame_on(make, labelled) -> None:
    rig = make(cameras=["front", "left", "right"])
    with rig.worker_held("front"):
        for stamp, camera in enumerate(("left", "front", "right"), 1):
            rig.arrive(stamp, camera)
        rig.set("right.priority", 2)
        rig.set("front.priority", 1)
        rig.pipeline.limit()
    assert labelled == [("front", NOW), ("right", 3), ("front", 2), ("left", 1)]


def test_rate_limits_hold_from_the_next_frame_on(make, labelled) -> None:
    rig = make(cameras=["front", "left"])
    rig.set("left.max_rate", 0.001)
    rig.pipeline.limit()
    for stamp in range(5):
        rig.arrive(stamp, "front")
        rig.arrive(stamp, "left")
        rig.wait(lambda: not rig.books("front").pending)
    rig.wait(lambda: rig.books("left").published)
    assert rig.books("front") == Books(received=5, published=5)
    left = rig.books("left")
    assert (left.published, left.superseded + left.pending) == (1, 4)
    rig.set("left.max_rate", 0.0)
    rig.pipeline.limit()
    rig.settle()
    assert labelled[-1] == ("left", 4)


def test_a_frame_may_become_stale_while_it_waits(make, labelled) -> None:
    rig = make(cameras=["front", "left"], use_sim_time=True, max_age=1.0)
    rig.tick(NOW)
    with rig.worker_held("front"):
        rig.arrive(NOW, "left")
        rig.tick(NOW + 2)
        rig.arrive(NOW + 1, "front")
    assert rig.books("left") == Books(received=1, stale=1)
    # The held one is looked at when the model is free, and then too old as well.
    assert rig.books("front") == Books(received=2, stale=1, published=1)
    assert labelled == [("front", NOW + 1)]


def test_frames_from_before_the_time_went_back_are_given_up(make, labelled) -> None:
    rig = make(cameras=["front", "left"], use_sim_time=True, max_age=1.0)
    watch = ClockWatch(rig.node, rig.pipeline.forget)
    rig.tick(NOW)
    for camera in ("front", "left"):
        rig.arrive(NOW, camera)
        rig.settle()
    looked = [rig.pipeline.cameras[c] for c in ("front", "left")]
    assert all(camera.images.values and camera.labels.values for camera in looked)
    with rig.worker_held("front"):
        rig.arrive(NOW + 1, "front")
        rig.arrive(NOW + 1, "left")
        rig.tick(10)
        assert rig.books("left") == Books(received=2, published=1, superseded=1)
        assert rig.books("front") == Books(received=3, published=1, superseded=1, pending=1)
        assert not any(camera.images.values or camera.labels.values for camera in looked)
        rig.arrive(10, "front")
        rig.arrive(8, "left")  # older than max_age by the new time
    assert watch.jumps == 1
    assert labelled[2:] == [("front", NOW), ("front", 10)]
    assert rig.books("front") == Books(received=4, published=3, superseded=1)
    assert rig.books("left") == Books(received=3, published=1, superseded=1, stale=1)


def test_stamps_that_go_back_restart_that_cameras_health(make) -> None:
    rig = make(cameras=["front", "left"])
    front, left = (rig.pipeline.cameras[c] for c in ("front", "left"))
    for camera in ("front", "left"):
        rig.arrive(NOW, camera)
        rig.settle()
    before = left.images.values
    with rig.worker_held("left"):
        rig.arrive(10, "front")
        assert not front.images.values
        assert not front.labels.values
        assert left.images.values is before
    assert (front.log.stamps_went_back, left.log.stamps_went_back) == (1, 0)
    assert rig.books("front") == Books(received=2, published=2)


def test_every_cameras_failures_are_logged(make, capfd: pytest.CaptureFixture[str]) -> None:
    rig = make(cameras=["front", "left"])
    for camera in ("front", "left", "front", "left"):
        rig.pipeline.cameras[camera]._arrive(image(GREY, f"nonsense_{camera}"))
        rig.settle()
    told = capfd.readouterr().err
    for camera in ("front", "left"):
        assert told.count(f"camera {camera}: frame dropped: ") == 1
        assert f"nonsense_{camera}" in told
        assert rig.books(camera) == Books(received=2, failed=2)


def test_books_go_on_over_a_pause(make, labelled) -> None:
    rig = make(cameras=["front", "left"])
    for round_ in range(1, 4):
        rig.arrive(round_, "front")
        rig.settle()
        rig.pipeline.stop()
        rig.arrive(round_, "left")  # a message that was on its way
        rig.pipeline.start()
    assert rig.books("front") == Books(received=3, published=3)
    assert rig.books("left") == Books(received=3, superseded=3)
    assert labelled == [("front", 1), ("front", 2), ("front", 3)]
