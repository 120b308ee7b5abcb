# SPDX-License-Identifier: Apache-2.0
"""All cameras' frames through one engine: decoded, segmented, published, and counted."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import plain
from segnet_ros.inference.labelling import Labelling
from segnet_ros.inference.rendering import Rendering, Style
from segnet_ros.inference.segmenter import Segmentation
from segnet_ros.messages.model_info import model_info
from segnet_ros.ros.books import Books, Outcome
from segnet_ros.ros.camera import Camera
from segnet_ros.ros.camera_subscription import CameraMessage, decode
from segnet_ros.ros.failure import in_words
from segnet_ros.ros.frame_capture import CapturedFrame
from segnet_ros.ros.frame_scheduler import FrameScheduler, Job
from segnet_ros.ros.health import CameraHealth
from segnet_ros.ros.image_reader import ImageReader
from segnet_ros.ros.label_info import label_info, label_info_type
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.watchdog import EXIT_HANGS, Watchdog, where

_LOST_PERIOD = 5.0
_STEADY = Clock(clock_type=ClockType.STEADY_TIME)


@dataclass(frozen=True)
class _Frame:
    """A job whose image is decoded; times in seconds."""

    job: Job[CameraMessage]
    camera: Camera
    image: npt.NDArray[np.uint8]
    age: float
    started: float
    decode: float


class Pipeline:
    """What exists between configure and cleanup.

    Args:
        node: Publishes the outputs.
        labelling: What to publish; its model is freed by `close`.
        settings: The node's; the live ones are read anew for every frame.
        tell_hang: Told, in the watchdog's thread, what hangs; the process ends when it returns.

    Attributes:
        cameras: By name.
        is_active: Between start and stop.

    """

    def __init__(
        self,
        node: LifecycleNode,
        labelling: Labelling,
        settings: NodeParameters,
        tell_hang: Callable[[str], None],
    ) -> None:
        self._node = node
        self._settings = settings
        self._tell_hang = tell_hang
        self._labelling = labelling
        self._announced: Labelling | None = None
        self._announcing = threading.Lock()
        self.is_active = False
        self._reader = ImageReader(node.context, self._lose)
        names = settings.cameras
        self._scheduler: FrameScheduler[CameraMessage] = FrameScheduler(
            names,
            self._process,
            self._fail,
            # Other runtimes than TensorRT take one frame at a time: waiting would gain nothing.
            batch=settings.engine.batch if labelling.model.segmenter.engine else 1,
            window=settings.number("batch_window"),
        )
        self._watchdog = Watchdog(
            lambda: settings.number("watchdog"), lambda: self._scheduler.in_work, self._hang
        )
        self.cameras: Mapping[str, Camera] = {
            name: Camera(
                node,
                name,
                settings,
                self._reader,
                partial(self._scheduler.submit, name),
                partial(self._scheduler.give_up_waiting, name),
            )
            for name in names
        }
        self._offer_uncertainty()
        self.limit()

    @property
    def labelling(self) -> Labelling:
        """What frames from now on are published as."""
        return self._labelling

    def start(self) -> None:
        """Begin to work; the node's publishers are active."""
        self.is_active = True
        self._announced = None
        self._announce()
        self._scheduler.start()
        self._watchdog.start()
        for camera in self.cameras.values():
            camera.open()

    def stop(self) -> None:
        """Stop listening and finish the frames in work."""
        self.is_active = False
        for camera in self.cameras.values():
            camera.close()
        self._scheduler.stop()
        # Last: what is in work may hang.
        self._watchdog.stop()

    def close(self) -> None:
        """Withdraw the outputs and free the model; must be stopped."""
        self._reader.close()
        for camera in self.cameras.values():
            camera.withdraw()
        self._labelling.model.retire()

    def exchange(self, labelling: Labelling) -> None:
        """Publish something else from the next frame on; in the executor's thread."""
        old, self._labelling = self._labelling, labelling
        self._offer_uncertainty()
        # While a frame is in work, its labels go out first; the worker announces afterwards.
        if old.model.in_use.acquire(blocking=False):
            try:
                self._announce(labelling)
            finally:
                old.model.in_use.release()

    def limit(self) -> None:
        """Take over the cameras' priorities and rates."""
        for name in self.cameras:
            self._scheduler.limit(
                name,
                priority=self._settings.priority(name),
                max_rate=self._settings.max_rate(name),
            )

    def follow_listeners(self) -> None:
        """For rclpy without matched events; and for requests that waited too long."""
        for camera in self.cameras.values():
            camera.capture.expire()
            camera.follow_listeners()

    def forget(self) -> None:
        """The time went back."""
        self._scheduler.give_up_waiting()
        for camera in self.cameras.values():
            camera.forget()

    def books(self, camera: str) -> Books:
        """What became of a camera's frames."""
        return self._scheduler.books(camera)

    def health(self, state: str) -> list[CameraHealth]:
        """A snapshot of every camera."""
        return [
            camera.health(state, self.books(name), self._scheduler.seconds_since_submission(name))
            for name, camera in self.cameras.items()
        ]

    def _process(self, jobs: Sequence[Job[CameraMessage]]) -> None:
        """Some frames, in the worker's thread."""
        with self._borrowed() as labelling:
            self._announce(labelling)
            frames = [frame for job in jobs if (frame := self._open(job)) is not None]
            if frames:
                self._segment(frames, labelling)
        self._announce()

    @contextmanager
    def _borrowed(self) -> Iterator[Labelling]:
        """The labelling of today; its model is not freed meanwhile."""
        while True:
            labelling = self._labelling
            with labelling.model.in_use:
                if labelling is self._labelling:
                    yield labelling
                    return

    def _open(self, job: Job[CameraMessage]) -> _Frame | None:
        camera, message = self.cameras[job.camera], job.frame
        started = time.perf_counter()
        age = camera.log.age(message)
        if 0 < self._settings.number("max_age") < age:
            job.settle(Outcome.STALE)
            return None
        try:
            image = decode(message)
        except Exception as error:  # noqa: BLE001  # a camera's bad image is no other camera's trouble
            job.settle(Outcome.FAILED)
            self._fail(error, [job])
            return None
        camera.log.image = f"{image.shape[1]}x{image.shape[0]} {_encoding(message)}"
        return _Frame(job, camera, image, age, started, time.perf_counter() - started)

    def _segment(self, frames: Sequence[_Frame], labelling: Labelling) -> None:
        """Those that an exception keeps from being published are booked as failed."""
        try:
            answers = labelling.segment_all([frame.image for frame in frames])
            for frame, segmentation in zip(frames, answers, strict=True):
                self._publish(frame, segmentation, labelling)
                frame.job.settle(Outcome.PUBLISHED)
        except Exception as error:  # noqa: BLE001  # the camera is told, the node goes on
            self._fail(error, [frame.job for frame in frames if frame.job.outcome is None])

    def _publish(self, frame: _Frame, own: Segmentation, labelling: Labelling) -> None:
        camera, header = frame.camera, frame.job.frame.header
        segmented = time.perf_counter()
        published = labelling.published(own)
        shown = Rendering(published, self._style(labelling))
        camera.outputs.publish(shown, header, camera.calibration)
        finished = time.perf_counter()
        stages = {
            "age": frame.age,
            "wait": frame.job.waited,
            "decode": frame.decode,
            "resize": own.resize_seconds,
            "infer": own.infer_seconds,
            **_gpu_seconds(labelling),
            "publish": finished - segmented,
            "total": finished - frame.started,
        }
        age = camera.log.age(frame.job.frame)
        camera.log.published(stages, age, self._settings.number("deadline"))
        if camera.capture.wanted:
            camera.capture.offer(_captured(frame, own, labelling))
        camera.look(shown, labelling.model.segmenter.model.size)

    def _hang(self, batch: int, seconds: float) -> bool:
        """The work on a batch hangs; false if it came to its end after all."""
        place = where(self._scheduler.thread)
        jobs = self._scheduler.abandon(batch)
        if jobs:
            hang = (
                f"{len(jobs)} frame(s) in work for {seconds:.1f} s: "
                f"{self._labelling.model.segmenter.runtime} hangs or is too slow, in {place}; the "
                f"process ends with exit code {EXIT_HANGS}, and launch's respawn:=true starts it "
                "again; a larger parameter watchdog would wait longer"
            )
            self._fail(InferenceError(hang), jobs)
            self._tell_hang(hang)
        return bool(jobs)

    def _style(self, labelling: Labelling) -> Style:
        settings = self._settings
        return Style(
            settings.text("label_size") == "network",
            settings.number("overlay_alpha"),
            labelling.legend if settings.flag("overlay_legend") else None,
        )

    def _announce(self, labelling: Labelling | None = None) -> None:
        """Tell what labels mean from now on: that of today, unless another one is given."""
        with self._announcing:
            labelling = labelling or self._labelling
            if labelling is self._announced:
                return
            self._announced = labelling
            segmenter, taxonomy = labelling.model.segmenter, labelling.taxonomy
            facts = model_info(
                segmenter.model,
                taxonomy,
                threshold=labelling.threshold,
                runtime=segmenter.runtime,
                version=labelling.version,
            )
            kind = label_info_type()
            header = Header(stamp=self._node.get_clock().now().to_msg())
            names = label_info(kind, taxonomy, labelling.threshold, header) if kind else None
            for camera in self.cameras.values():
                camera.restart_health(taxonomy)
                camera.outputs.announce(facts, names)

    def _offer_uncertainty(self) -> None:
        if self._labelling.model.segmenter.bayesian:
            for camera in self.cameras.values():
                camera.outputs.offer_uncertainty(self.is_active)

    def _lose(self, error: Exception) -> None:
        self._node.get_logger().error(
            f"image lost: {in_words(error)}",
            throttle_duration_sec=_LOST_PERIOD,
            # By the system's time nothing would be said after that went back.
            throttle_time_source_type=_STEADY,
        )

    def _fail(self, error: Exception, jobs: Sequence[Job[CameraMessage]]) -> None:
        for job in jobs:
            log = self.cameras[job.camera].log
            # The logger's own throttle would let one camera's errors hide another's.
            if log.failed(error):
                camera = f"camera {job.camera}: " if job.camera else ""
                self._node.get_logger().error(f"{camera}frame dropped: {log.last_error}")


def _encoding(message: CameraMessage) -> str:
    return plain(getattr(message, "encoding", "") or getattr(message, "format", ""))


def _gpu_seconds(labelling: Labelling) -> dict[str, float]:
    """What of "infer" the GPU did, by its own clock."""
    engine = labelling.model.segmenter.engine
    timings = engine.timings if engine else {}
    return {f"gpu {stage}": 1e-3 * duration for stage, duration in timings.items()}


def _captured(frame: _Frame, own: Segmentation, labelling: Labelling) -> CapturedFrame:
    model = labelling.model.segmenter.model
    return CapturedFrame(
        camera=frame.camera.name,
        topic=frame.camera.topic,
        header=frame.job.frame.header,
        image=frame.image,
        labels=own.labels,
        confidence=own.confidence,
        facts={
            "model": model.name,
            "sha256": model.sha256,
            "classes": [c.name for c in model.classes],
        },
    )
