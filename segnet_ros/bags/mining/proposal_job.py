# SPDX-License-Identifier: Apache-2.0
"""Label chosen frames of recordings, for people to correct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.bags.labels.provenance import provenance
from segnet_ros.bags.last_recording import LastRecording
from segnet_ros.bags.message_types import typestore
from segnet_ros.bags.pictures import Picture, read_pictures
from segnet_ros.bags.places import base_name
from segnet_ros.bags.recorded import COMPRESSED_IMAGE_TYPE
from segnet_ros.bags.windows import Window
from segnet_ros.bags.work import Advance, Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segnet_ros.bags.mining.mining import ScoredFrame
    from segnet_ros.bags.model_choice import ModelChoice
    from segnet_ros.bags.recording import Recording

Pixels = npt.NDArray[np.uint8]

_PNG_SIGNATURE = b"\x89PNG"


@dataclass(frozen=True, eq=False)
class Proposal:
    """A picture and what a model takes it for. Can be pickled.

    Attributes:
        content: The picture as a file: as recorded if it was compressed, otherwise a PNG.
        suffix: Of that file: ".jpg" or ".png".
        labels: uint8 [H, W] at the picture's size, class ids; 255 where the model is unsure.
        made_by: Where the labels come from; see `provenance`.

    """

    content: bytes
    suffix: str
    labels: Pixels
    made_by: dict[str, str]


def tasks_of(frames: Sequence[ScoredFrame]) -> list[Task]:
    """One for each frame: the nanosecond it was recorded in, with its place as the index."""
    return [
        Task(frame.bag, Window(index, frame.time_ns, frame.time_ns + 1))
        for index, frame in enumerate(frames)
    ]


@dataclass(frozen=True)
class ProposalJob:
    """Does `tasks_of`; None of a frame that cannot be read any more.

    Attributes:
        model: Its threshold says which labels are unsure.
        frames: To be labelled.

    """

    model: ModelChoice
    frames: tuple[ScoredFrame, ...]

    def start(self) -> ProposalWorker:
        """Load the model in this process.

        Raises:
            InferenceError: it cannot be used.

        """
        return ProposalWorker(self)


class ProposalWorker:
    """Labels one frame after the other. See `Worker`."""

    def __init__(self, job: ProposalJob) -> None:
        self._frames = job.frames
        self._labelling = job.model.load()
        self._recordings = LastRecording()

    def work(self, task: Task, advance: Advance) -> Outcome[Proposal | None]:
        """See `Worker.work`."""
        wanted = self._frames[task.window.index]
        recording = self._recordings.open(task.bag)
        picture = _find(recording, wanted, task.window)
        advance(1)
        if picture is None:
            return Outcome(task, 1, (), None)
        return Outcome(task, 1, (), self._proposal(picture, recording))

    def _proposal(self, picture: Picture, recording: Recording) -> Proposal:
        (segmentation,) = self._labelling.segment_all([picture.image])
        kind = recording.topics[picture.message.topic].type
        content, suffix = picture_file(picture, kind)
        labels = self._labelling.published(segmentation).labels
        made_by = provenance(self._labelling, base_name(recording.location), {})
        return Proposal(content, suffix, labels, made_by)

    def close(self) -> None:
        """Free the model and the recording."""
        self._recordings.close()
        self._labelling.model.retire()


def _find(recording: Recording, wanted: ScoredFrame, window: Window) -> Picture | None:
    for item in read_pictures(recording, [wanted.topic], window):
        if isinstance(item, Picture) and item.stamp_ns == wanted.stamp_ns:
            return item
    return None


def picture_file(picture: Picture, kind: str) -> tuple[bytes, str]:
    """A recorded picture as a file.

    Args:
        picture: As decoded.
        kind: Type of its message.

    Returns:
        Content and suffix. Of a compressed image the very bytes, unless who opens them as a file
        sees other pixels: a picture that EXIF turns does not fit its labels any more. A PNG
        otherwise.

    """
    if kind == COMPRESSED_IMAGE_TYPE:
        message: Any = typestore().deserialize_cdr(memoryview(picture.message.cdr), kind)
        content = bytes(message.data)
        seen = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        if seen is not None and np.array_equal(seen, picture.image[..., ::-1]):
            return content, ".png" if content.startswith(_PNG_SIGNATURE) else ".jpg"
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR))
    return encoded.tobytes(), ".png"
