# SPDX-License-Identifier: Apache-2.0
"""~/save_frame: the next frame of every camera into files, for later labelling."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from std_srvs.srv import Trigger

from segnet_ros.ros.background import in_thread
from segnet_ros.ros.frame_capture import CapturedFrame
from segnet_ros.ros.frame_saver import FrameSaveError, FrameSaver
from segnet_ros.ros.parameters import NodeParameters
from segnet_ros.ros.pipeline import Pipeline


class FrameService:
    """Serves ~/save_frame while the node is active.

    Args:
        node: Serves.
        settings: The node's.
        pipeline: Gives what takes frames; None while the node is not configured.

    """

    def __init__(
        self,
        node: LifecycleNode,
        settings: NodeParameters,
        pipeline: Callable[[], Pipeline | None],
    ) -> None:
        self._node = node
        self._settings = settings
        self._pipeline = pipeline
        self._saver = FrameSaver()
        # A coroutine that waits must not keep the node's other callbacks from running.
        node.create_service(
            Trigger, "~/save_frame", self._serve, callback_group=ReentrantCallbackGroup()
        )

    async def _serve(self, _request: Trigger.Request, response: Trigger.Response) -> Any:
        pipeline = self._pipeline()
        if pipeline is None or not pipeline.is_active:
            response.message = "the node is not active; configure and activate it first"
            return response
        waiting = {camera: camera.capture.request() for camera in pipeline.cameras.values()}
        pipeline.follow_listeners()
        frames = [await future for future in waiting.values()]
        silent = [camera.topic for camera, frame in zip(waiting, frames, strict=True) if not frame]
        saved, _ = in_thread(
            self._node.executor,
            "save frame",
            lambda: self._save([frame for frame in frames if frame]),
            daemon=False,  # or the node's end would leave half a set of files
        )
        try:
            files = await saved
        except FrameSaveError as error:
            response.message = str(error)
            return response
        response.success = not silent
        response.message = _answer(files, silent, pipeline.is_active)
        return response

    def _save(self, frames: Sequence[CapturedFrame]) -> list[Path]:
        folder = self._settings.frames_folder
        return [path for frame in frames for path in self._saver.save(folder, *_content(frame))]


def _content(frame: CapturedFrame) -> tuple[Any, ...]:
    stamp = frame.header.stamp
    facts = {
        "stamp": {"sec": stamp.sec, "nanosec": stamp.nanosec},
        "frame_id": frame.header.frame_id,
        "topic": frame.topic,
        **frame.facts,
    }
    return frame.camera or "camera", frame.image, frame.labels, frame.confidence, facts


def _answer(files: Sequence[Path], silent: Sequence[str], is_active: bool) -> str:
    parts = []
    if files:
        parts.append(f"saved {', '.join(map(str, files))}")
    if silent:
        reason = "/diagnostics says why" if is_active else "the node was deactivated meanwhile"
        parts.append(f"no labels came of {', '.join(silent)}: {reason}")
    return "; ".join(parts)
